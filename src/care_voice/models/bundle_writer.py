"""Write installed models into one file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

import care_voice
from care_voice.domain.model_errors import BundleInvalid, TargetUnwritable
from care_voice.models.bundle import (
    END,
    FORMAT,
    INDEX_LIMIT_BYTES,
    INDEX_NAME,
    BundledModel,
    BundleIndex,
    Member,
    blob_member,
    decode_index,
    header_of,
    length_of,
    signature_member,
)
from care_voice.models.encryption import SUFFIX, encrypting, recipients_of
from care_voice.models.landing import Landing, landing, require_space
from care_voice.models.outgoing import Outgoing, names_or_all, outgoing, read_blob
from care_voice.models.progress import CancelToken, ProgressCallback, Watch
from care_voice.models.sealed import encode_sealed
from care_voice.models.staging import try_lock
from care_voice.models.store import ModelStore
from care_voice.models.streams import Sink
from care_voice.models.times import utc_now


@dataclass(frozen=True)
class Exported:
    """A bundle that was written and read back: where, what it holds, its size in bytes and its SHA-256."""

    path: Path
    models: tuple[str, ...]
    size: int
    sha256: str


def export_bundle(
    store: ModelStore,
    names: Sequence[str],
    target: Path,
    *,
    recipients: Sequence[str] = (),
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    created_at: str | None = None,
) -> Exported:
    """Write models, all that are installed where none is named, into `target`. With `recipients`, public
    keys of age or SSH, it is encrypted, and `.age` is added to its name.

    `created_at` is the time in the index, now where it is None: apart from it and from encryption, the same models give
    the same bytes. A file that was there before stays until the new one is whole.

    Raises UnknownCatalogueModel, ModelNotInstalled, ModelDamaged, SignatureInvalid, InvalidParameter, DiskFull,
    TargetUnwritable, PullCancelled, and BundleInvalid when something does not fit into a bundle.
    """
    keys = recipients_of(recipients)
    if keys and target.suffix != SUFFIX:
        target = target.with_name(target.name + SUFFIX)
    models = [outgoing(store, name) for name in names_or_all(store, names)]
    index = _index_of(models, created_at or utc_now())
    raw = _encoded(index, target)
    watch = Watch(models[0].model.name, progress, cancel)
    with _beside(target, length_of(len(raw), index)) as place:
        with encrypting(place, keys) as sink:
            _write(store, models, raw, sink, watch)
        size = place.size
        place.keep(target, lambda done: watch.report("verifying", target.name, done, size))
    return Exported(target, tuple(each.model.name for each in models), size, place.sha256)


def _index_of(models: Sequence[Outgoing], created_at: str) -> BundleIndex:
    bundled = (BundledModel(each.model, each.manifest, each.signature_entry) for each in models)
    return BundleIndex(FORMAT, f"care-voice {care_voice.__version__}", created_at, tuple(bundled))


def _encoded(index: BundleIndex, target: Path) -> bytes:
    """The index in bytes, which a reader would take."""
    raw = encode_sealed(index)
    if len(raw) > INDEX_LIMIT_BYTES:
        raise BundleInvalid(path=target, why=f"its index would have {len(raw)} bytes; export fewer models at a time")
    try:
        decode_index(raw)
    except ValueError as error:
        raise BundleInvalid(path=target, why=str(error)) from error
    return raw


def _write(store: ModelStore, models: Sequence[Outgoing], raw: bytes, sink: Sink, watch: Watch) -> None:
    """Write the tar. Raises ModelDamaged as soon as a file turns out not to be what the index says."""
    _write_small(Member(INDEX_NAME, len(raw), ""), raw, sink)
    written: set[Member] = set()
    for each in models:
        if each.signature is not None and each.signature_entry is not None:
            _write_small(signature_member(each.signature_entry), each.signature, sink)
        for entry in each.model.files:
            member = blob_member(entry)
            if member not in written:
                written.add(member)
                sink.write(header_of(member.name, member.size))
                for chunk in read_blob(store, each.model.name, entry, watch):
                    sink.write(chunk)
                sink.write(bytes(member.padding))
    sink.write(END)


def _write_small(member: Member, content: bytes, sink: Sink) -> None:
    sink.write(header_of(member.name, member.size) + content + bytes(member.padding))


@contextmanager
def _beside(target: Path, needed_bytes: int) -> Iterator[Landing]:
    """Write under a temporary name in the same directory.

    The name is always the same, and locked: what a killed export left is written over by the next one.
    """
    if target.is_dir():
        raise TargetUnwritable(path=target, why="it is a directory")
    if not target.parent.is_dir():
        # Made by nobody here: it is where a disk is to be mounted, as often as not.
        raise TargetUnwritable(path=target, why="there is no such directory")
    part = target.with_name(f".{target.name}.part")
    lock = FileLock(part, preserve_lock_file=True)
    try:
        # A file system without locks, or one that cannot be written: the writing tells which.
        with suppress(OSError):
            if not try_lock(lock):
                raise TargetUnwritable(path=target, why="another process is writing it")
        with landing(part) as place:
            require_space(target.parent, needed_bytes)
            yield place
    finally:
        lock.release()
