"""A bundle that is not exactly what a bundle is: refused, whatever is wrong with it, and nothing of it is kept."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.model_errors import BundleInvalid, DigestMismatch, ModelError
from care_voice.models.bundle import END, header_of
from care_voice.models.bundle_import import import_bundle
from care_voice.models.bundle_reader import BundleReader
from care_voice.models.bundle_writer import export_bundle
from care_voice.models.catalogue import Catalogue
from care_voice.models.intake import Taken
from care_voice.models.store import ModelStore
from support.stores import noise
from support.transfers import Member, contents_of, leftovers, members_of, packed, padded, write_bundle

REFUSALS = {"bundle_invalid", "digest_mismatch"}
MANY = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def bundle(full: ModelStore, tmp_path: Path) -> Path:
    """The models `two` and `visits`."""
    return export_bundle(full, ["two", "visits"], tmp_path / "models.tar").path


@pytest.fixture
def fresh(tmp_path: Path, catalogue: Catalogue) -> Callable[[], ModelStore]:
    return lambda: ModelStore(tmp_path / "stores" / uuid4().hex, catalogue)


def read_all(content: bytes) -> dict[str, bytes]:
    """Read a bundle as it would come from a pipe."""
    reader = BundleReader(io.BytesIO(content), Path("-"))
    found = {member.name: b"".join(reader.read(member)) for member in tuple(reader._ahead)}
    reader.finish()
    return found


def refused(content: bytes) -> str:
    with pytest.raises((BundleInvalid, DigestMismatch)) as caught:
        read_all(content)
    return caught.value.message


def outcome_of(store: ModelStore, bundle: Path) -> Taken | CareVoiceError:
    """What an import comes to: either way nothing unverified is in the store, and nothing is left lying about."""
    try:
        taken: Taken | CareVoiceError = import_bundle(store, bundle)
    except ModelError as error:
        taken = error
    contents_of(store)
    assert leftovers(store) == []
    for blob in (store.directory / "blobs").rglob("*"):
        assert blob.is_dir() or hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    return taken


def test_an_untouched_bundle_is_read_whole(bundle: Path) -> None:
    assert read_all(bundle.read_bytes()) == dict(members_of(bundle)[1:])


def test_a_flipped_bit_anywhere_outside_the_models_is_refused(bundle: Path) -> None:
    """In every byte of index, headers, padding and end."""
    content, contents = bundle.read_bytes(), {data for _, data in members_of(bundle)[1:]}
    inside = [range(start, start + len(data)) for data in contents for start in [content.index(data)]]
    for position in range(len(content)):
        if not any(position in span for span in inside):
            flipped = bytearray(content)
            flipped[position] ^= 1 << (position % 8)
            refused(bytes(flipped))


def test_a_flipped_bit_never_gets_into_a_store(bundle: Path, fresh: Callable[[], ModelStore], tmp_path: Path) -> None:
    content = bundle.read_bytes()

    @MANY
    @given(st.integers(0, len(content) * 8 - 1))
    def check(bit: int) -> None:
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << (bit % 8)
        path = tmp_path / "flipped.tar"
        path.write_bytes(flipped)
        store = fresh()
        taken = outcome_of(store, path)
        errors = [taken] if isinstance(taken, CareVoiceError) else list(taken.refused.values())
        assert {error.code for error in errors} <= REFUSALS
        assert errors
        whole = taken.whole if isinstance(taken, Taken) else ()
        assert set(store.manifest_names()) == set(whole)

    check()


def test_a_bundle_that_ends_early_is_refused_at_every_length(bundle: Path) -> None:
    content = bundle.read_bytes()
    boundaries = [block + near for block in range(0, len(content), 512) for near in (-1, 0, 1)]
    for length in {*range(0, len(content), 1009), *boundaries} & set(range(len(content))):
        refused(content[:length])


def test_a_cut_file_is_refused_before_anything_of_it_is_used(bundle: Path, fresh: Callable[[], ModelStore]) -> None:
    os.truncate(bundle, bundle.stat().st_size - 1)
    store = fresh()
    assert isinstance(outcome_of(store, bundle), BundleInvalid)
    assert not store.directory.exists()


def test_a_cut_pipe_leaves_the_models_that_came_whole(bundle: Path, fresh: Callable[[], ModelStore]) -> None:
    content, store = bundle.read_bytes(), fresh()
    taken = import_bundle(store, io.BytesIO(content[: len(content) - 1100]))
    assert taken.written == ["two"]
    assert [error.code for error in taken.refused.values()] == ["bundle_invalid"]
    assert list(contents_of(store)) == ["two"]
    assert leftovers(store) == []


@pytest.mark.parametrize("more", [b"\0", b"x", bytes(512), bytes(8192), b"x" * 600])
def test_what_follows_the_end_is_refused(bundle: Path, fresh: Callable[[], ModelStore], more: bytes) -> None:
    content = bundle.read_bytes() + more
    assert "something follows" in refused(content)
    store = fresh()
    # Also from a pipe, where the length cannot be compared first: the last model waits for the end.
    assert "visits" in import_bundle(store, io.BytesIO(content)).refused
    assert store.manifest_names() == ["two"]


def _swapped(members: list[Member]) -> list[Member]:
    return [members[0], members[2], members[1], *members[3:]]


def _doubled(members: list[Member]) -> list[Member]:
    return [*members[:2], members[1], *members[2:]]


def _one_more(members: list[Member]) -> list[Member]:
    return [*members, ("extra", b"surprise")]


def _one_more_inside(members: list[Member]) -> list[Member]:
    return [*members[:2], ("blobs/sha256/" + "0" * 64, b"surprise"), *members[2:]]


def _index_last(members: list[Member]) -> list[Member]:
    return [*members[1:], members[0]]


def _renamed(to: str) -> Callable[[list[Member]], list[Member]]:
    return lambda members: [members[0], (to, members[1][1]), *members[2:]]


@pytest.mark.parametrize(
    "change",
    [
        _swapped,
        _doubled,
        _one_more,
        _one_more_inside,
        _index_last,
        lambda members: members[:-1],
        lambda members: members[1:],
        lambda members: members[:1],
        lambda _: [],
        _renamed("../../../etc/cron.d/x"),
        _renamed("/etc/cron.d/x"),
        _renamed("blobs/sha256/../../../x"),
        _renamed("./blobs/sha256/x"),
        _renamed(""),
        lambda members: [members[0], (members[1][0], members[1][1] + b"x"), *members[2:]],
        lambda members: [members[0], (members[1][0], members[1][1][:-1]), *members[2:]],
    ],
)
def test_other_members_than_the_index_names_are_refused(
    bundle: Path, fresh: Callable[[], ModelStore], change: Callable[[list[Member]], list[Member]]
) -> None:
    write_bundle(bundle, change(members_of(bundle)))
    refused(bundle.read_bytes())
    store = fresh()
    outcome_of(store, bundle)
    assert store.manifest_names() == []


def altered(*changes: tuple[int, bytes]) -> Callable[[str, int], bytes]:
    """The right header but for these bytes, with a right checksum."""

    def make(name: str, size: int) -> bytes:
        header = bytearray(header_of(name, size))
        for offset, content in changes:
            header[offset : offset + len(content)] = content
        header[148:156] = b"%06o\0 " % (256 + sum(header[:148]) + sum(header[156:512]))
        return bytes(header)

    return make


def _pax(name: str, size: int) -> bytes:
    """The right header, after an extension that gives the next file another name and size."""
    info = tarfile.TarInfo(name)
    info.size, info.pax_headers = size, {"size": "99999999999999", "path": "../../x", "GNU.sparse.realsize": "1"}
    return info.tobuf(tarfile.PAX_FORMAT)


def _gnu(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


LINK_TO_PASSWD = (157, b"/etc/passwd")
TERABYTE_OF_HOLES = (386, b"%011o\0%011o\0" % (0, 8**10))


@pytest.mark.parametrize(
    "make",
    [
        altered((156, tarfile.SYMTYPE), LINK_TO_PASSWD),
        altered((156, tarfile.LNKTYPE), LINK_TO_PASSWD),
        altered((156, tarfile.CHRTYPE), (329, b"0000001\0"), (337, b"0000005\0")),
        altered((156, tarfile.BLKTYPE), (329, b"0000010\0")),
        altered((156, tarfile.FIFOTYPE)),
        altered((156, tarfile.DIRTYPE)),
        altered((156, tarfile.AREGTYPE)),
        altered((156, tarfile.GNUTYPE_SPARSE), TERABYTE_OF_HOLES),
        altered(LINK_TO_PASSWD),
        altered((100, b"0004755\0")),
        altered((108, b"0001750\0")),
        altered((136, b"00000000001\0")),
        altered((124, b"\x80" + b"\0" * 3 + (10**15).to_bytes(8, "big"))),
        altered((124, b"77777777777\0")),
        altered((124, b"00000000000\0")),
        altered((257, b"ustar  \0")),
        altered((345, b"../../..")),
        altered((511, b"x")),
        _pax,
        _gnu,
    ],
)
def test_a_header_with_any_freedom_is_refused(
    bundle: Path, fresh: Callable[[], ModelStore], make: Callable[[str, int], bytes]
) -> None:
    members = members_of(bundle)
    name, content = members[1]
    start = packed(*members[0]) + make(name, len(content)) + padded(content)
    bundle.write_bytes(start + b"".join(packed(*member) for member in members[2:]) + END)
    store = fresh()
    outcome_of(store, bundle)
    assert store.manifest_names() == []
    refused(bundle.read_bytes())


@pytest.mark.parametrize(
    "size",
    [b"77777777777\0", b"\x80" + b"\xff" * 11, b"-0000000001\0", b" 0000000512 ", b"00000000999\0", bytes(12)],
)
def test_the_size_of_an_index_is_not_believed(size: bytes) -> None:
    refused(altered((124, size))("bundle.json", 512))


def zipped(content: bytes) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bundle.json", content)
    return raw.getvalue()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zipped])
def test_a_bomb_is_not_even_unpacked(
    tmp_path: Path, fresh: Callable[[], ModelStore], pack: Callable[[bytes], bytes], bundle: Path
) -> None:
    for content in (bytes(50_000_000), bundle.read_bytes()):
        bomb = tmp_path / "bomb.tar"
        bomb.write_bytes(pack(content))
        store = fresh()
        error = outcome_of(store, bomb)
        assert isinstance(error, BundleInvalid)
        assert "compressed" in error.message
        assert not store.directory.exists()


@pytest.mark.parametrize("content", [b"", b"x", bytes(512), bytes(4096), b"bundle.json", noise(9, 4096)])
def test_what_is_no_bundle_at_all_is_refused(tmp_path: Path, fresh: Callable[[], ModelStore], content: bytes) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(content)
    assert isinstance(outcome_of(fresh(), path), BundleInvalid)


@pytest.mark.parametrize("what", ["missing", "directory"])
def test_a_path_without_a_file_is_refused(tmp_path: Path, fresh: Callable[[], ModelStore], what: str) -> None:
    path = tmp_path / what
    if what == "directory":
        path.mkdir()
    assert isinstance(outcome_of(fresh(), path), BundleInvalid)


def test_any_bytes_are_refused_and_nothing_else_happens() -> None:
    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=2048))
    def check(content: bytes) -> None:
        refused(content)

    check()
