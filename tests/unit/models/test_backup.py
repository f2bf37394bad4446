"""A backup: everything in it is read back, a second one copies nothing, and a restore brings all of it back."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from care_voice.domain.errors import InvalidParameter
from care_voice.domain.model_errors import (
    BundleInvalid,
    CatalogueInvalid,
    DecryptionFailed,
    DigestMismatch,
    DiskFull,
    FileNotOffered,
    ModelDamaged,
    ModelNotInstalled,
    PinConflict,
    PullCancelled,
    SignatureMissing,
    TargetUnwritable,
    TransferIncomplete,
)
from care_voice.models import backup_place, landing
from care_voice.models.acceptance import acceptance
from care_voice.models.backup import BackupReport, backup, is_file_target
from care_voice.models.backup_place import BackupPlace
from care_voice.models.catalogue import Catalogue
from care_voice.models.manifest import read_manifest
from care_voice.models.pins import read_pins
from care_voice.models.puller import Puller
from care_voice.models.restore import restore
from care_voice.models.sealed import encode_sealed
from care_voice.models.signatures import SignatureSettings, sign_with_key
from care_voice.models.store import ModelStore
from support.authority import new_key as signing_key
from support.authority import write_private, write_public
from support.stores import files_below, model_of, noise, require_sound
from support.transfers import CancelAt, Key, changed, contents_of, flip, leftovers, new_key, stamps

ALL = ["one", "one-int8", "two", "visits"]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def key(tmp_path: Path) -> Key:
    return new_key(tmp_path / "key.txt")


def blobs(target: Path) -> list[Path]:
    return files_below(target / "blobs")


def blob_with(target: Path, content: bytes) -> Path:
    return next(path for path in blobs(target) if path.read_bytes() == content)


def require_named_by_content(target: Path) -> None:
    for path in blobs(target):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name.removesuffix(".age")


def content_bytes(store: ModelStore) -> int:
    return sum(path.stat().st_size for path in files_below(store.directory / "blobs"))


def test_everything_comes_back(full: ModelStore, other: ModelStore, target: Path) -> None:
    report = backup(full, target)
    report.require()
    assert (report.models, report.copied_bytes) == (ALL, content_bytes(full))
    require_named_by_content(target)
    restored = restore(other, target)
    restored.require()
    assert (restored.written, restored.kept) == (ALL, [])
    assert contents_of(other) == contents_of(full)
    assert leftovers(other) == []
    for name in ALL:
        assert other.catalogue.get(name) == full.catalogue.get(name)
        assert read_manifest(other.manifest_path(name)) == read_manifest(full.manifest_path(name))
    assert read_pins(other.directory / "pins") == read_pins(full.directory / "pins")


def test_a_second_backup_copies_nothing(full: ModelStore, target: Path) -> None:
    backup(full, target).require()
    before = stamps(target)
    report = backup(full, target)
    assert (report.copied_bytes, report.repaired_bytes, report.kept_bytes) == (0, 0, content_bytes(full))
    assert changed(before, stamps(target)) == {"backup.json", "backup.copy.json"}


def test_a_new_model_adds_what_it_has_of_its_own(full: ModelStore, target: Path) -> None:
    backup(full, target, ["one"]).require()
    report = backup(full, target, ["one", "two"])
    assert report.copied_bytes == len(b"weights of the model called two")
    assert (report.models, report.carried) == (["one", "two"], [])


def test_what_the_store_has_lost_stays_in_the_backup(full: ModelStore, other: ModelStore, target: Path) -> None:
    backup(full, target).require()
    full.remove("one")
    report = backup(full, target)
    report.require()
    assert (report.models, report.carried) == (["one-int8", "two", "visits"], ["one"])
    restore(other, target).require()
    assert set(contents_of(other)) == set(ALL)


def test_an_empty_store_does_not_empty_the_backup(full: ModelStore, other: ModelStore, target: Path) -> None:
    backup(full, target).require()
    before = stamps(target / "blobs")
    with pytest.raises(InvalidParameter, match="no model is installed"):
        backup(other, target)
    assert stamps(target / "blobs") == before
    restore(other, target).require()


def test_restoring_writes_nothing_for_models_that_are_whole(full: ModelStore, target: Path) -> None:
    backup(full, target).require()
    contents_of(full)
    before = stamps(full.directory)
    report = restore(full, target)
    assert (report.written, report.kept) == ([], ALL)
    assert stamps(full.directory) == before


def test_restoring_writes_what_is_damaged_and_nothing_else(full: ModelStore, target: Path) -> None:
    backup(full, target).require()
    contents_of(full)
    before = stamps(full.directory)
    flip(full.view_path("visits") / "model.bin")
    report = restore(full, target)
    assert (report.written, report.kept) == (["visits"], ["one", "one-int8", "two"])
    blob = next(entry.sha256 for entry in full.catalogue.get("visits").files if entry.name == "model.bin")
    assert changed(before, stamps(full.directory)) == {
        f"blobs/sha256/{blob}",
        "views/visits/model.bin",
        "manifests/visits.json",
        "records/visits.json",
    }
    contents_of(full)


def test_a_restored_store_needs_no_pin_that_was_lost(full: ModelStore, target: Path) -> None:
    backup(full, target).require()
    visits = full.catalogue.get("visits")
    shutil.rmtree(full.directory)
    restore(full, target).require()
    assert full.catalogue.get("visits") == visits
    assert full.verify("visits").ok


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("damage", [flip, Path.unlink, lambda path: os.truncate(path, 10)])
def test_damage_in_a_backup_is_refused_at_a_restore_and_mended_at_the_next_backup(
    full: ModelStore, other: ModelStore, target: Path, key: Key, encrypted: bool, damage: Callable[[Path], None]
) -> None:
    recipients, identities = ([key.recipient], [key.identity]) if encrypted else ([], [])
    backup(full, target, recipients=recipients).require()
    damage(next(path for path in blobs(target) if 70_000 < path.stat().st_size < 80_000))
    report = restore(other, target, identities=identities)
    assert list(report.refused) == ["visits"]
    assert isinstance(report.refused["visits"], DigestMismatch | DecryptionFailed | FileNotOffered)
    with pytest.raises(TransferIncomplete, match=r"visits: .* Whole: one, one-int8, two\."):
        report.require()
    assert set(contents_of(other)) == {"one", "one-int8", "two"}
    assert leftovers(other) == []
    require_sound(other)
    mended = backup(full, target, recipients=recipients)
    mended.require()
    assert mended.copied_bytes == 0
    assert 70_000 < mended.repaired_bytes < 80_000
    require_named_by_content(target)
    assert restore(other, target, identities=identities).written == ["visits"]
    assert contents_of(other) == contents_of(full)


def test_damage_in_what_only_the_backup_has_is_told(full: ModelStore, target: Path) -> None:
    backup(full, target).require()
    lost = (full.view_path("visits") / "model.bin").read_bytes()
    full.remove("visits")
    flip(blob_with(target, lost))
    report = backup(full, target)
    assert report.carried == ["visits"]
    with pytest.raises(TransferIncomplete, match=r"visits: .*model\.bin is damaged in it, and not in the store either"):
        report.require()
    assert report.whole == ("one", "one-int8", "two")


def test_what_a_carried_model_shares_with_the_store_is_mended(
    full: ModelStore, other: ModelStore, target: Path
) -> None:
    backup(full, target).require()
    shared = (full.view_path("one") / "tokenizer.json").read_bytes()
    full.remove("one")
    flip(blob_with(target, shared))
    backup(full, target).require()
    restore(other, target).require()


def test_damage_in_the_store_does_not_reach_the_backup(full: ModelStore, other: ModelStore, target: Path) -> None:
    backup(full, target, ["one", "two"]).require()
    flip(full.view_path("visits") / "model.bin")
    flip(full.view_path("two") / "two.bin")
    report = backup(full, target)
    assert list(report.refused) == ["visits"]
    assert isinstance(report.refused["visits"], ModelDamaged)
    with pytest.raises(TransferIncomplete, match=r"visits: The model 'visits' is damaged: model\.bin is wrong digest"):
        report.require()
    require_named_by_content(target)
    restore(other, target).require()
    assert set(contents_of(other)) == {"one", "one-int8", "two"}


def test_a_model_that_cannot_be_backed_up_keeps_its_place_in_the_backup(
    full: ModelStore, other: ModelStore, target: Path
) -> None:
    backup(full, target).require()
    full.manifest_path("visits").unlink()
    full.pin_path("visits").unlink()
    report = backup(full, target, ALL)
    assert list(report.refused) == ["visits"]
    restore(other, target).require()
    assert set(contents_of(other)) == set(ALL)


def test_a_single_model_that_fails_is_the_error_itself(full: ModelStore, target: Path) -> None:
    full.remove("two")
    with pytest.raises(ModelNotInstalled):
        backup(full, target, ["two"]).require()


def test_signatures_go_along(full: ModelStore, other: ModelStore, target: Path, tmp_path: Path) -> None:
    pair = signing_key()
    private, public = write_private(tmp_path / "a.pem", pair), write_public(tmp_path / "b.pem", pair)
    sign_with_key(full.view_path("two"), private, full.signature_path("two"))
    backup(full, target).require()
    report = restore(other, target, accept=acceptance(SignatureSettings("require", (public,))))
    assert report.written == ["two"]
    assert {type(error) for error in report.refused.values()} == {SignatureMissing}
    assert other.signature_path("two").read_bytes() == full.signature_path("two").read_bytes()
    assert set(contents_of(other)) == {"two"}


def test_a_signature_that_rots_is_put_back(full: ModelStore, target: Path) -> None:
    full.signature_path("two").parent.mkdir()
    full.signature_path("two").write_bytes(b"signed by somebody")
    backup(full, target).require()
    full.signature_path("two").write_bytes(b"signed by nobody")
    assert restore(full, target).written == ["two"]
    assert full.signature_path("two").read_bytes() == b"signed by somebody"


OWN = b'[models.visits]\ndirectory = "/srv/visits"\n'


def test_the_list_of_own_models_goes_along(full: ModelStore, other: ModelStore, target: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "models.toml", other.directory / "models.toml"
    here.write_bytes(OWN)
    backup(full, target, own_models=here).require()
    assert restore(other, target, own_models=there).own_models == "written"
    assert there.read_bytes() == OWN
    assert restore(other, target, own_models=there).own_models == "kept"
    there.write_bytes(b"# mine")
    assert restore(other, target, own_models=there).own_models == "differs"
    assert there.read_bytes() == b"# mine"
    assert restore(other, target).own_models == "none"


def test_the_list_stays_in_the_backup_and_is_verified_like_all_of_it(
    full: ModelStore, other: ModelStore, target: Path, tmp_path: Path
) -> None:
    here, there = tmp_path / "models.toml", tmp_path / "there.toml"
    here.write_bytes(OWN)
    backup(full, target, own_models=here).require()
    here.unlink()
    backup(full, target, own_models=here).require()
    flip(blob_with(target, OWN))
    assert list(restore(other, target, own_models=there).refused) == ["models.toml"]
    assert not there.exists()
    assert list(backup(full, target, own_models=here).refused) == ["models.toml"]
    here.write_bytes(OWN)
    backup(full, target, own_models=here).require()
    assert restore(other, target, own_models=there).own_models == "written"


def test_a_list_that_cannot_be_read_is_named(full: ModelStore, target: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogueInvalid):
        backup(full, target, own_models=tmp_path)


def test_an_encrypted_backup_comes_back(
    full: ModelStore, other: ModelStore, target: Path, key: Key, tmp_path: Path
) -> None:
    here, there = tmp_path / "models.toml", tmp_path / "there.toml"
    here.write_bytes(OWN)
    backup(full, target, recipients=[key.recipient], own_models=here).require()
    plain = {content for files in contents_of(full).values() for content in files.values()} | {OWN}
    assert not any(path.read_bytes() in plain for path in blobs(target))
    assert {path.suffix for path in blobs(target)} == {".age"}
    require_named_by_content(target)
    restore(other, target, identities=[key.identity], own_models=there).require()
    assert contents_of(other) == contents_of(full)
    assert there.read_bytes() == OWN


def test_a_second_encrypted_backup_needs_no_private_key_and_copies_nothing(
    full: ModelStore, target: Path, key: Key
) -> None:
    backup(full, target, recipients=[key.recipient]).require()
    key.identity.unlink()
    before = stamps(target / "blobs")
    report = backup(full, target, recipients=[key.recipient])
    assert (report.copied_bytes, report.repaired_bytes) == (0, 0)
    assert stamps(target / "blobs") == before


def test_a_new_recipient_gets_a_copy_he_can_open(
    full: ModelStore, other: ModelStore, target: Path, key: Key, tmp_path: Path
) -> None:
    backup(full, target).require()
    backup(full, target, recipients=[key.recipient]).require()
    assert {path.suffix for path in blobs(target)} == {".age"}
    second = new_key(tmp_path / "second.txt")
    assert backup(full, target, recipients=[second.recipient]).kept_bytes == 0
    refused = restore(other, target, identities=[key.identity]).refused
    assert all("none of the private keys given fits" in error.message for error in refused.values())
    assert list(refused) == ALL
    restore(other, target, identities=[second.identity]).require()


def test_an_encrypted_backup_without_a_key_is_refused(
    full: ModelStore, other: ModelStore, target: Path, key: Key
) -> None:
    backup(full, target, recipients=[key.recipient]).require()
    report = restore(other, target)
    assert {type(error) for error in report.refused.values()} == {DecryptionFailed}
    assert other.manifest_names() == []


def test_a_backup_can_be_one_file(full: ModelStore, other: ModelStore, tmp_path: Path, key: Key) -> None:
    target = tmp_path / "backup.tar"
    report = backup(full, target, recipients=[key.recipient])
    assert (report.path, report.whole) == (tmp_path / "backup.tar.age", tuple(ALL))
    assert report.copied_bytes == report.path.stat().st_size
    restored = restore(other, report.path, identities=[key.identity])
    restored.require()
    assert contents_of(other) == contents_of(full)
    manifests = [read_manifest(store.manifest_path("one")) for store in (full, other)]
    assert manifests[0] == manifests[1]


def test_what_is_a_file_and_what_a_directory(tmp_path: Path) -> None:
    (tmp_path / "folder.tar").mkdir()
    (tmp_path / "file").touch()
    assert [is_file_target(tmp_path / name) for name in ("a.tar", "a.age", "file", "a", "folder.tar")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_a_restore_refuses_what_a_store_knows_otherwise(full: ModelStore, target: Path, tmp_path: Path) -> None:
    backup(full, target).require()
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_bytes(b"mine")
    (folder / "model.bin").write_bytes(noise(1, 500))
    strict = ModelStore(tmp_path / "strict", Catalogue((model_of("one", {"other.bin": b"x"}),)))
    Puller(strict, []).adopt(model_of("visits", {}, repo=None), folder)
    report = restore(strict, target)
    assert isinstance(report.refused["one"], DigestMismatch)
    assert isinstance(report.refused["visits"], PinConflict)
    assert report.written == ["one-int8", "two"]
    require_sound(strict)


@pytest.mark.parametrize(
    "damage", [flip, Path.unlink, lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"{" * 9)]
)
def test_an_index_that_is_damaged_has_a_copy(
    full: ModelStore, other: ModelStore, target: Path, damage: Callable[[Path], None]
) -> None:
    backup(full, target).require()
    damage(target / "backup.json")
    restore(other, target).require()
    assert backup(full, target).copied_bytes == 0
    damage(target / "backup.copy.json")
    assert backup(full, target).copied_bytes == 0


def test_without_any_index_nothing_is_guessed(full: ModelStore, other: ModelStore, target: Path) -> None:
    backup(full, target).require()
    before = stamps(target / "blobs")
    for name in ("backup.json", "backup.copy.json"):
        flip(target / name)
    for act in (lambda: backup(full, target), lambda: restore(other, target)):
        with pytest.raises(BundleInvalid, match=r"backup\.json: its index is damaged; backup\.copy\.json: its"):
            act()
    assert stamps(target / "blobs") == before


def test_a_folder_without_a_backup_is_refused(other: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(BundleInvalid, match="there is no backup in it"):
        restore(other, tmp_path)
    with pytest.raises(BundleInvalid, match="cannot be opened"):
        restore(other, tmp_path / "nowhere")


def _rewritten(target: Path, change: Callable[[dict[str, object]], None]) -> None:
    for name in ("backup.json", "backup.copy.json"):
        value = json.loads((target / name).read_bytes())
        del value["seal"]
        change(value)
        (target / name).write_bytes(encode_sealed(value))


def test_an_index_of_a_stranger_does_not_reach_outside(full: ModelStore, other: ModelStore, target: Path) -> None:
    backup(full, target).require()

    def outside(value: dict[str, object]) -> None:
        for stored in value["files"].values():  # type: ignore[attr-defined]
            stored["sha256"] = "../../secret"

    _rewritten(target, outside)
    with pytest.raises(BundleInvalid, match="its index is damaged"):
        restore(other, target)


def test_an_index_that_names_other_files_is_refused_by_their_digests(
    full: ModelStore, other: ModelStore, target: Path
) -> None:
    backup(full, target).require()

    def swapped(value: dict[str, object]) -> None:
        files = value["files"]
        digests = list(files)  # type: ignore[call-overload]
        value["files"] = {
            digest: files[other] for digest, other in zip(digests, digests[1:] + digests[:1], strict=True)
        }  # type: ignore[index]

    _rewritten(target, swapped)
    report = restore(other, target)
    assert report.whole == ()
    assert {error.code for error in report.refused.values()} == {"digest_mismatch"}
    assert files_below(other.directory / "blobs") == []


def test_a_file_in_a_backup_may_be_no_pipe(full: ModelStore, other: ModelStore, target: Path) -> None:
    backup(full, target, ["two"]).require()
    path = blobs(target)[0]
    path.unlink()
    os.mkfifo(path)
    assert isinstance(restore(other, target).refused["two"], FileNotOffered)
    assert backup(full, target, ["two"]).repaired_bytes > 0


@pytest.mark.parametrize(("phase", "file"), [("copying", "model.bin"), ("verifying", ""), ("copying", "config.json")])
def test_a_cancelled_backup_leaves_the_one_before(
    full: ModelStore, other: ModelStore, target: Path, phase: str, file: str
) -> None:
    backup(full, target, ["two"]).require()
    before = (target / "backup.json").read_bytes()
    cancel = CancelAt(phase, file)
    with pytest.raises(PullCancelled):
        backup(full, target, progress=cancel, cancel=cancel)
    assert (target / "backup.json").read_bytes() == before
    assert restore(other, target).written == ["two"]
    backup(full, target).require()
    assert files_below(target / "incoming") == []


def test_an_interrupted_backup_is_gone_on_with(full: ModelStore, target: Path) -> None:
    cancel = CancelAt("copying", "two.bin")
    with pytest.raises(PullCancelled):
        backup(full, target, progress=cancel, cancel=cancel)
    there = sum(path.stat().st_size for path in blobs(target))
    assert there > 0
    report = backup(full, target)
    assert report.kept_bytes == there
    assert report.kept_bytes + report.copied_bytes == content_bytes(full)


def test_a_cancelled_restore_leaves_whole_models_alone(full: ModelStore, other: ModelStore, target: Path) -> None:
    backup(full, target).require()
    cancel = CancelAt("copying", "two.bin")
    with pytest.raises(PullCancelled):
        restore(other, target, progress=cancel, cancel=cancel)
    assert set(contents_of(other)) == {"one", "one-int8"}
    assert leftovers(other) == []
    restore(other, target).require()


def test_what_no_model_needs_is_cleared_away_after_the_index_was_replaced(full: ModelStore, target: Path) -> None:
    backup(full, target).require()
    (target / "blobs" / "sha256" / ("0" * 64)).write_bytes(b"left by a run that was killed")
    assert backup(full, target).removed_bytes == len(b"left by a run that was killed")


def test_a_backup_is_not_put_into_a_store(full: ModelStore, other: ModelStore, tmp_path: Path) -> None:
    """Clearing away what no index names would delete the models there."""
    for place in (full.directory, full.directory / "backup"):
        with pytest.raises(TargetUnwritable, match="the model store itself"):
            backup(full, place)
    restored = tmp_path / "store"
    shutil.copytree(full.directory, restored)
    before = stamps(restored)
    with pytest.raises(TargetUnwritable, match="a model store perhaps"):
        backup(full, restored)
    assert stamps(restored) == before


def test_a_place_that_cannot_be_written_is_named(full: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TargetUnwritable):
        backup(full, tmp_path / "file" / "backup")


def test_two_backups_do_not_write_at_a_time(full: ModelStore, target: Path) -> None:
    place = BackupPlace(target)
    with place.opened(), pytest.raises(TargetUnwritable, match="another process is writing"):
        backup(full, target)
    backup(full, target).require()


def test_a_disk_that_forgets_is_noticed(
    full: ModelStore, other: ModelStore, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(full, target, ["two"]).require()
    with monkeypatch.context() as patch:
        patch.setattr(landing, "hash_file", lambda *_: (None, "0" * 64))
        patch.setattr(backup_place, "hash_from_disk", lambda *_: "0" * 64)
        with pytest.raises(TargetUnwritable, match="does not give back what was written"):
            backup(full, target)
    assert restore(other, target).written == ["two"]


def test_space_is_asked_for_before_anything_is_written(
    full: ModelStore, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(full, target, ["one"]).require()
    before = stamps(target)
    monkeypatch.setattr(landing, "free_bytes", lambda _: 1000)
    assert isinstance(backup(full, target, ["one"]), BackupReport)
    with pytest.raises(DiskFull, match="1000 are free"):
        backup(full, target)
    assert changed(before, stamps(target)) == {"backup.json", "backup.copy.json"}


def test_a_note_that_no_reader_would_take_does_not_spoil_the_index(full: ModelStore, target: Path) -> None:
    pins = read_pins(full.directory / "pins")
    model = replace(pins["visits"].model, note="\x1b[2J")
    full.pin_path("visits").unlink()
    full.pin_path("visits").write_bytes(encode_sealed(replace(pins["visits"], model=model)))
    report = backup(full, target)
    assert "control characters" in report.refused["visits"].message
    assert backup(full, target, ["one"]).whole == ("one", "one-int8", "two")
