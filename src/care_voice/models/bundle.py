"""The form of a bundle: models in one file, for places without a network (docs/adr/0006-bundles.md). No I/O here.

A bundle is an uncompressed tar. Its first member is a sealed index, and the index says every byte of every header that
follows. So a reader compares headers and never interprets one: there is no way to put a link, a device, another name or
another size into a bundle.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from care_voice.models.catalogue import CatalogueModel, FileEntry
from care_voice.models.manifest import Manifest
from care_voice.models.sealed import decode_sealed
from care_voice.models.signatures import MAX_SIGNATURE_BYTES

T = TypeVar("T")

FORMAT = "care-voice-bundle/1"
INDEX_NAME = "bundle.json"
INDEX_LIMIT_BYTES = 1024 * 1024
BLOCK_BYTES = 512
END = bytes(2 * BLOCK_BYTES)
"""How a tar ends."""

_FIELDS = struct.Struct("100s8s8s8s12s12s8sc100s6s2s32s32s8s8s155s12x")
_SIZE_OF_INDEX = re.compile(rb"^.{124}([0-7]{11})\0", re.DOTALL)
_LARGEST_FILE_BYTES = 8**11 - 1
_MOST_MODELS = 256
_LONGEST_NAME = 80
_LONGEST_TEXT = 8000
_TRICKY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, which move a terminal's cursor, and those that turn the direction of a text around."""


@dataclass(frozen=True)
class BundledModel:
    """One model: what it is, what the store that it comes from wrote down about it, its signature where it has one."""

    model: CatalogueModel
    manifest: Manifest
    signature: FileEntry | None


@dataclass(frozen=True)
class BundleIndex:
    """What a bundle holds. `created_at` is in UTC, ISO 8601; `tool` is the version of Care Voice that wrote it."""

    format: str
    tool: str
    created_at: str
    models: tuple[BundledModel, ...]


@dataclass(frozen=True)
class Member:
    """A file in the tar: its name there, its size in bytes, its SHA-256."""

    name: str
    size: int
    sha256: str

    @property
    def padding(self) -> int:
        """Zero bytes that fill its last block."""
        return -self.size % BLOCK_BYTES

    @property
    def length(self) -> int:
        """Bytes of header, content and padding."""
        return BLOCK_BYTES + self.size + self.padding


def blob_member(entry: FileEntry) -> Member:
    """The member with the content of a file."""
    return Member(f"blobs/sha256/{entry.sha256}", entry.size, entry.sha256)


def signature_member(entry: FileEntry) -> Member:
    """The member with a signature."""
    return Member(f"signatures/{entry.name}", entry.size, entry.sha256)


def members_of(index: BundleIndex) -> tuple[Member, ...]:
    """All members after the index, in their order: for each model its signature, then what no earlier model had."""

    def each() -> Iterator[Member]:
        for bundled in index.models:
            if bundled.signature is not None:
                yield signature_member(bundled.signature)
            yield from map(blob_member, bundled.model.files)

    return tuple(dict.fromkeys(each()))


def length_of(index_size: int, index: BundleIndex) -> int:
    """The size in bytes of the whole bundle."""
    return Member(INDEX_NAME, index_size, "").length + sum(member.length for member in members_of(index)) + len(END)


def offsets_of(index_size: int, index: BundleIndex) -> Mapping[Member, int]:
    """Where the header of each member begins."""
    offsets, position = {}, Member(INDEX_NAME, index_size, "").length
    for member in members_of(index):
        offsets[member] = position
        position += member.length
    return offsets


def header_of(name: str, size: int) -> bytes:
    """The one header that a file of this name and size has in a bundle: POSIX ustar, root's, readable, of 1970."""
    numbers = (b"0000644\0", b"0000000\0", b"0000000\0", b"%011o\0" % size, b"%011o\0" % 0)
    owner = (b"root", b"root", b"0000000\0", b"0000000\0", b"")

    def packed(checksum: bytes) -> bytes:
        return _FIELDS.pack(name.encode("ascii"), *numbers, checksum, b"0", b"", b"ustar\0", b"00", *owner)

    return packed(b"%06o\0 " % sum(packed(b" " * 8)))


def size_of_index(header: bytes) -> int:
    """The size in bytes that the first header of a bundle gives. Raises ValueError when it is no such header."""
    found = _SIZE_OF_INDEX.match(header)
    size = int(found[1], 8) if found else 0
    if header != header_of(INDEX_NAME, size):
        raise ValueError("it does not begin as a bundle does")
    if not 0 < size <= INDEX_LIMIT_BYTES:
        raise ValueError(f"its index has {size} bytes, and {INDEX_LIMIT_BYTES} at most are read")
    return size


def decode_index(raw: bytes) -> BundleIndex:
    """Read an index, which is trusted in nothing. Raises ValueError, saying what is wrong with it."""
    index = decode_stranger(raw, BundleIndex, FORMAT)
    if fault := fault_of(index):
        raise ValueError(fault)
    return index


@dataclass(frozen=True)
class _Form:
    format: str


def decode_stranger(raw: bytes, kind: type[T], form: str) -> T:
    """Read a sealed index of the format `form` from somebody else. Raises ValueError, saying what is wrong with it."""
    try:
        claimed, value = decode_sealed(raw, _Form), decode_sealed(raw, kind)
    except RecursionError:
        raise ValueError("its index is nested too deeply") from None
    if claimed is not None and claimed.format != form:
        raise ValueError("its index is of another format, of a newer version of Care Voice perhaps")
    if value is None:
        raise ValueError("its index is damaged")
    if _tricky(value):
        raise ValueError("its index holds a text that is too long, or has control characters")
    return value


def _tricky(value: object) -> bool:
    """Whether a text in it is not fit to be shown to people, in terminals."""
    return any(len(text) > _LONGEST_TEXT or _TRICKY.search(text) for text in _texts(msgspec.to_builtins(value)))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for each in pair for text in _texts(each))
    elif isinstance(value, list | tuple):
        yield from (text for each in value for text in _texts(each))


def fault_of(index: BundleIndex) -> str:
    """What makes an index one that no exact bundle can be written or read by; empty when nothing does."""
    names = [bundled.model.name for bundled in index.models]
    if not 0 < len(names) <= _MOST_MODELS:
        return f"it must hold between 1 and {_MOST_MODELS} models, not {len(names)}"
    if len(set(names)) < len(names):
        return "it holds two models of one name"
    sizes = {member.name: member.size for member in members_of(index)}
    if any(sizes[member.name] != member.size for member in members_of(index)):
        return "it gives one file two sizes"
    each = ((fault_of_model(bundled.model, bundled.manifest), _fault_of_signature(bundled)) for bundled in index.models)
    return next((fault for faults in each for fault in faults if fault), "")


def fault_of_model(model: CatalogueModel, manifest: Manifest) -> str:
    """What makes a definition and a manifest unfit to be passed on together; empty when nothing does."""
    files = [entry.name for entry in model.files]
    if len(model.name) > _LONGEST_NAME or any(len(name) > _LONGEST_NAME for name in files):
        return f"a name in it is longer than {_LONGEST_NAME} characters"
    if not files or len(set(files)) < len(files):
        return f"the files of {model.name} are not named, or one is named twice"
    if max(entry.size for entry in model.files) > _LARGEST_FILE_BYTES:
        return f"a file of {model.name} is larger than {_LARGEST_FILE_BYTES} bytes"
    if _tricky(model):
        return f"a text about {model.name} is too long, or has control characters"
    return "" if manifest.describes(model) else f"the manifest of {model.name} describes other files"


def _fault_of_signature(bundled: BundledModel) -> str:
    signature, name = bundled.signature, bundled.model.name
    if signature is None or (signature.name == f"{name}.sig" and signature.size <= MAX_SIGNATURE_BYTES):
        return ""
    return f"the signature of {name} has another name, or a size that no signature has"
