"""Bundles and streams that are encrypted: to whom they should be, and an error for everybody and everything else."""

from __future__ import annotations

import errno
import io
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pyrage
import pytest

from care_voice.domain.errors import InvalidParameter
from care_voice.domain.model_errors import BundleInvalid, DecryptionFailed, DiskFull, ModelDamaged
from care_voice.models.bundle_import import import_bundle
from care_voice.models.bundle_writer import export_bundle
from care_voice.models.encryption import decrypting, encrypt, encrypting, identities_of, recipients_of
from care_voice.models.landing import Landing, landing
from care_voice.models.store import ModelStore
from care_voice.models.streams import read_up_to
from support.stores import files_below
from support.transfers import Key, contents_of, flip, leftovers, new_key


@pytest.fixture
def key(tmp_path: Path) -> Key:
    return new_key(tmp_path / "key.txt")


@pytest.fixture
def bundle(full: ModelStore, tmp_path: Path, key: Key) -> Path:
    """Encrypted, with the model `visits`."""
    return export_bundle(full, ["visits"], tmp_path / "models.tar", recipients=[key.recipient]).path


@pytest.fixture(autouse=True)
def no_thread_stays() -> object:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_an_encrypted_bundle_arrives(bundle: Path, full: ModelStore, other: ModelStore, key: Key) -> None:
    assert bundle.name == "models.tar.age"
    assert b"visits" not in bundle.read_bytes()
    import_bundle(other, bundle, identities=[key.identity]).require()
    assert contents_of(other) == {"visits": contents_of(full)["visits"]}


def test_age_itself_opens_it(bundle: Path, full: ModelStore, key: Key, tmp_path: Path) -> None:
    plain = export_bundle(full, ["visits"], tmp_path / "plain.tar").path
    (identity,) = identities_of([key.identity])
    opened = pyrage.decrypt(bundle.read_bytes(), [identity])
    assert len(opened) == plain.stat().st_size
    assert opened[4096:] == plain.read_bytes()[4096:]


def test_every_recipient_can_open_it(full: ModelStore, other: ModelStore, tmp_path: Path, key: Key) -> None:
    second = new_key(tmp_path / "second.txt")
    target = tmp_path / "both.age"
    bundle = export_bundle(full, ["two"], target, recipients=[key.recipient, second.recipient]).path
    assert bundle == target
    for each in (key, second):
        import_bundle(other, bundle, identities=[each.identity]).require()
        other.remove("two")


def test_ssh_keys_do_as_well(full: ModelStore, other: ModelStore, tmp_path: Path) -> None:
    private = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(private)], check=True)
    public = private.with_suffix(".pub").read_text(encoding="ascii")
    bundle = export_bundle(full, ["two"], tmp_path / "x.tar", recipients=[public]).path
    import_bundle(other, bundle, identities=[private]).require()
    assert set(contents_of(other)) == {"two"}


def test_an_encrypted_file_comes_from_a_pipe_too(bundle: Path, other: ModelStore, key: Key) -> None:
    import_bundle(other, io.BytesIO(bundle.read_bytes()), identities=[key.identity]).require()
    assert set(contents_of(other)) == {"visits"}


def refusal(store: ModelStore, bundle: Path | BinaryIO, *identities: Path) -> str:
    with pytest.raises(DecryptionFailed) as caught:
        import_bundle(store, bundle, identities=identities).require()
    assert store.manifest_names() == []
    assert files_below(store.directory / "blobs") == []
    assert leftovers(store) == []
    return caught.value.message


def test_without_a_key_it_says_what_is_missing(bundle: Path, other: ModelStore) -> None:
    assert "it is encrypted, and no private key was given" in refusal(other, bundle)
    assert not other.directory.exists()


def test_another_key_does_not_fit(bundle: Path, other: ModelStore, tmp_path: Path) -> None:
    assert "none of the private keys given fits" in refusal(other, bundle, new_key(tmp_path / "other.txt").identity)


@pytest.mark.parametrize("at", ["start", "header", "middle", "end"])
def test_damage_is_refused(bundle: Path, other: ModelStore, key: Key, at: str) -> None:
    size = bundle.stat().st_size
    flip(bundle, {"start": 40, "header": 100, "middle": size // 2, "end": size - 1}[at])
    assert "damaged or cut off" in refusal(other, bundle, key.identity) or at in {"start", "header"}


def test_every_length_short_of_the_whole_is_refused(bundle: Path, other: ModelStore, key: Key) -> None:
    """Also where a piece of the encryption ends, so that what is left is well-formed."""
    content = bundle.read_bytes()
    header = content.index(b"\n--- ") + 1 + content[content.index(b"\n--- ") + 1 :].index(b"\n") + 1
    pieces = [header + 16 + n * (65536 + 16) for n in range(len(content) // 65536 + 1)]
    for length in sorted({*pieces, 22, 30, header, header + 5, len(content) - 1, len(content) - 16, len(content) // 2}):
        if length < len(content):
            cut = io.BytesIO(content[:length])
            refusal(other, cut, key.identity)
            bundle.write_bytes(content[:length])
            with pytest.raises((DecryptionFailed, BundleInvalid)):
                import_bundle(other, bundle, identities=[key.identity]).require()


def test_what_follows_is_refused(bundle: Path, other: ModelStore, key: Key) -> None:
    bundle.write_bytes(bundle.read_bytes() + b"x")
    refusal(other, bundle, key.identity)


@pytest.mark.parametrize("size", [70_000, 3_000_000])
def test_a_header_without_an_end_is_not_read_into_memory(
    tmp_path: Path, other: ModelStore, key: Key, size: int
) -> None:
    path = tmp_path / "endless.age"
    path.write_bytes(b"age-encryption.org/v1\n-> X25519 " + b"A" * size)
    assert "its header has no end" in refusal(other, path, key.identity)


def test_an_encrypted_file_that_holds_no_bundle_is_refused(tmp_path: Path, other: ModelStore, key: Key) -> None:
    path = tmp_path / "letter.age"
    path.write_bytes(pyrage.encrypt(b"a letter" * 9000, list(recipients_of([key.recipient]))))
    with pytest.raises(BundleInvalid, match="does not begin as a bundle does"):
        import_bundle(other, path, identities=[key.identity])


@pytest.mark.parametrize("text", ["", "age1", "age1xyz", "AGE-SECRET-KEY-1X", "ssh-dss AAAA", "ssh-ed25519 nothing"])
def test_what_is_no_public_key_is_refused(full: ModelStore, tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidParameter, match="recipient"):
        export_bundle(full, ["two"], tmp_path / "x.tar", recipients=[text])
    assert not list(tmp_path.glob("*.age"))


@pytest.mark.parametrize(
    "content", [b"", b"# nothing\n", b"AGE-SECRET-KEY-1XYZ\n", b"\xff\xfe", b"-----BEGIN X-----\n"]
)
def test_what_is_no_private_key_is_refused_and_not_repeated(
    bundle: Path, other: ModelStore, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "no.txt"
    path.write_bytes(content)
    with pytest.raises(InvalidParameter, match=r"no\.txt") as caught:
        import_bundle(other, bundle, identities=[path])
    assert "XYZ" not in caught.value.message


def test_a_locked_ssh_key_is_refused(bundle: Path, other: ModelStore, tmp_path: Path) -> None:
    private = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(private)], check=True)
    with pytest.raises((InvalidParameter, DecryptionFailed)):
        import_bundle(other, bundle, identities=[private])


def test_a_key_file_that_is_missing_is_named(bundle: Path, other: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match=r"gone\.txt: No such file"):
        import_bundle(other, bundle, identities=[tmp_path / "gone.txt"])


def test_damage_in_the_store_ends_an_encrypted_export(full: ModelStore, tmp_path: Path, key: Key) -> None:
    flip(full.view_path("two") / "two.bin")
    with pytest.raises(ModelDamaged):
        export_bundle(full, ["two"], tmp_path / "x.tar", recipients=[key.recipient])
    assert not list(tmp_path.glob("*x.tar*"))


class _Full(io.BytesIO):
    def write(self, _: object) -> int:
        raise OSError(errno.ENOSPC, "full")


def test_a_full_disk_is_told_through_the_encryption(key: Key, tmp_path: Path) -> None:
    """It shows in a thread, while this one waits for a pipe."""

    def write(place: Landing) -> None:
        place._file = _Full()  # type: ignore[assignment]
        with encrypting(place, recipients_of([key.recipient])) as sink:
            for _ in range(100):
                sink.write(bytes(1_000_000))

    with landing(tmp_path / "x") as place, pytest.raises(DiskFull):
        write(place)


class _Broken:
    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def read(self, count: int) -> bytes:
        return self._content.read(count) or self._fail()

    def _fail(self) -> bytes:
        raise OSError(errno.EIO, "the stick was pulled out")


def test_a_source_that_fails_is_told_through_the_decryption(key: Key, tmp_path: Path) -> None:
    encrypted = io.BytesIO()
    encrypt(io.BytesIO(bytes(500_000)), encrypted, recipients_of([key.recipient]))
    source = _Broken(encrypted.getvalue()[:300_000])
    with decrypting(source, tmp_path, identities_of([key.identity])) as plain, pytest.raises(OSError, match="pulled"):
        read_up_to(plain, 500_000)


@pytest.mark.parametrize("stop_after", [0, 1, 100_000])
def test_a_reader_may_stop_at_any_time(key: Key, tmp_path: Path, stop_after: int) -> None:
    encrypted = io.BytesIO()
    encrypt(io.BytesIO(bytes(9_000_000)), encrypted, recipients_of([key.recipient]))
    encrypted.seek(0)
    with decrypting(encrypted, tmp_path, identities_of([key.identity])) as plain:
        plain.read(stop_after)


def test_a_writer_may_stop_at_any_time(key: Key) -> None:
    def stop(sink_of: Callable[[], io.BytesIO]) -> None:
        with encrypting(sink_of(), recipients_of([key.recipient])) as sink:
            sink.write(bytes(3_000_000))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop(io.BytesIO)
