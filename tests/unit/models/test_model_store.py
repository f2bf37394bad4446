"""The store finds every damage, repairs only that, and never gives an unverified byte a final name."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from care_voice.domain.model_errors import (
    AllSourcesFailed,
    DiskFull,
    ModelDamaged,
    ModelNotInstalled,
    PullCancelled,
    StoreUnwritable,
    UnknownCatalogueModel,
)
from care_voice.models import fetch as fetch_module
from care_voice.models.catalogue import CatalogueModel
from care_voice.models.files import mapped_errors
from care_voice.models.manifest import read_manifest
from care_voice.models.progress import Progress
from care_voice.models.puller import Puller
from care_voice.models.report import FileState
from care_voice.models.store import ModelStore
from care_voice.models.upkeep import collect, usage


def state_of(store: ModelStore, file: str) -> FileState:
    return next(report.state for report in store.verify("one").files if report.name == file)


def blob_of(store: ModelStore, model: CatalogueModel, file: str) -> Path:
    return store.blob_path(next(entry.sha256 for entry in model.files if entry.name == file))


def flip_a_bit(path: Path, position: int = 0) -> None:
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))


def snapshot(root: Path) -> dict[str, tuple[int, int, str]]:
    """Every file with its inode, modification time and digest."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): (*_times(path), _digest(path)) for path in files}


def _times(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_mtime_ns


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def changed(before: dict[str, tuple[int, int, str]], after: dict[str, tuple[int, int, str]]) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)


def test_a_pull_installs_exactly_the_pinned_bytes(
    puller: Puller, store: ModelStore, model: CatalogueModel, contents: dict[str, bytes]
) -> None:
    pulled = puller.pull("one")
    assert {path.name: path.read_bytes() for path in pulled.view.iterdir()} == contents
    assert pulled.fetched == dict.fromkeys(contents, "memory")
    assert store.verify("one").ok
    assert store.fast_check(pulled.verified)
    for entry in model.files:
        assert (pulled.view / entry.name).samefile(store.blob_path(entry.sha256))
        assert store.blob_path(entry.sha256).stat().st_mode & 0o777 == 0o444
    assert list(store.incoming.iterdir()) == []


def test_the_manifest_records_the_pull(puller: Puller, store: ModelStore, model: CatalogueModel) -> None:
    puller.pull("one")
    (manifest,) = store.installed()
    assert manifest.describes(model)
    assert (manifest.name, manifest.source, manifest.revision) == ("one", "memory", model.revision)
    assert manifest.pulled_at.endswith("+00:00")
    assert manifest.tool.startswith("care-voice ")


def test_a_healthy_store_is_not_touched_by_a_pull(puller: Puller, store: ModelStore, asked: list[str]) -> None:
    puller.pull("one")
    before = snapshot(store.directory)
    asked.clear()
    assert puller.pull("one").fetched == {}
    assert changed(before, snapshot(store.directory)) == {"records/one.json"}
    assert asked == []


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.bin"])
@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_a_flipped_bit_is_found_wherever_it_is_and_only_that_file_is_fetched(
    puller: Puller, store: ModelStore, model: CatalogueModel, asked: list[str], file: str, where: str
) -> None:
    verified = puller.pull("one").verified
    before = snapshot(store.directory)
    size = blob_of(store, model, file).stat().st_size
    flip_a_bit(blob_of(store, model, file), {"first": 0, "middle": size // 2, "last": size - 1}[where])
    assert not store.fast_check(verified)
    assert state_of(store, file) == "wrong_digest"
    assert {report.name for report in store.verify("one").files if report.state == "ok"} == {
        entry.name for entry in model.files if entry.name != file
    }
    asked.clear()
    puller.pull("one")
    assert asked == [file]
    assert store.verify("one").ok
    blob = str(blob_of(store, model, file).relative_to(store.directory))
    assert changed(before, snapshot(store.directory)) == {
        f"views/one/{file}",
        blob,
        "manifests/one.json",
        "records/one.json",
    }


def _truncate(path: Path) -> None:
    path.chmod(0o644)
    os.truncate(path, 5)


def _grow(path: Path) -> None:
    path.chmod(0o644)
    with path.open("ab") as file:
        file.write(b"x")


def _make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").touch()


@pytest.mark.parametrize(
    ("damage", "state"),
    [(_truncate, "wrong_size"), (_grow, "wrong_size"), (Path.unlink, "missing"), (_make_directory, "wrong_size")],
)
def test_a_damaged_blob_is_named_and_mended(
    puller: Puller, store: ModelStore, model: CatalogueModel, damage: Callable[[Path], None], state: FileState
) -> None:
    verified = puller.pull("one").verified
    damage(blob_of(store, model, "tokenizer.json"))
    report = store.verify("one")
    assert {file.name: file.state for file in report.files} == {
        "config.json": "ok",
        "tokenizer.json": state,
        "model.bin": "ok",
    }
    with pytest.raises(ModelDamaged, match=r"tokenizer\.json is"):
        report.require()
    assert puller.pull("one").fetched == {"tokenizer.json": "memory"}
    assert not store.fast_check(verified)
    assert store.verify("one").ok


def _other_content(view: Path) -> None:
    (view / "config.json").unlink()
    (view / "config.json").write_bytes(b'{"b": 1}\n')


def _dangling(view: Path) -> None:
    (view / "config.json").unlink()
    (view / "config.json").symlink_to("nowhere")


@pytest.mark.parametrize(
    ("damage", "states"),
    [
        (lambda view: (view / "config.json").unlink(), {"config.json": "view_broken"}),
        (_other_content, {"config.json": "view_broken"}),
        (_dangling, {"config.json": "view_broken"}),
        (lambda view: (view / "vocabulary.json").write_text("[]"), {"vocabulary.json": "unexpected"}),
        (lambda view: (view / "folder").mkdir(), {"folder": "unexpected"}),
        (shutil.rmtree, dict.fromkeys(["config.json", "tokenizer.json", "model.bin"], "view_broken")),
    ],
)
def test_a_broken_view_is_mended_without_fetching(
    puller: Puller,
    store: ModelStore,
    asked: list[str],
    damage: Callable[[Path], None],
    states: dict[str, FileState],
) -> None:
    verified = puller.pull("one").verified
    blobs = snapshot(store.directory / "blobs")
    damage(store.view_path("one"))
    asked.clear()
    assert {file.name: file.state for file in store.verify("one").files if file.state != "ok"} == states
    assert not store.fast_check(verified)
    assert puller.pull("one").fetched == {}
    assert store.verify("one").ok
    assert asked == []
    assert snapshot(store.directory / "blobs") == blobs


@pytest.mark.parametrize("content", [b"", b"{", b'{"name": "one"}', b"\xff\x00"])
def test_a_damaged_manifest_is_written_again_without_fetching(
    puller: Puller, store: ModelStore, model: CatalogueModel, asked: list[str], content: bytes
) -> None:
    puller.pull("one")
    store.manifest_path("one").chmod(0o644)
    store.manifest_path("one").write_bytes(content)
    asked.clear()
    assert store.verify("one").manifest == "differs"
    assert store.installed() == ()
    puller.pull("one")
    assert asked == []
    manifest = read_manifest(store.manifest_path("one"))
    assert manifest is not None
    assert manifest.describes(model)
    assert manifest.source == "store"


def test_an_empty_directory_is_not_installed_and_can_be_filled_again(puller: Puller, store: ModelStore) -> None:
    puller.pull("one")
    shutil.rmtree(store.directory)
    with pytest.raises(ModelNotInstalled, match="'one'"):
        store.verify("one")
    assert not store.directory.exists()
    assert len(puller.pull("one").fetched) == 3


def test_verify_of_an_unknown_model_is_refused(store: ModelStore) -> None:
    with pytest.raises(UnknownCatalogueModel):
        store.verify("../one")


def test_the_fast_check_cannot_see_what_leaves_the_times_alone_but_verify_can(
    puller: Puller, store: ModelStore, model: CatalogueModel
) -> None:
    verified = puller.pull("one").verified
    blob = blob_of(store, model, "model.bin")
    stat = blob.stat()
    flip_a_bit(blob)
    os.utime(blob, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert store.fast_check(verified)
    assert state_of(store, "model.bin") == "wrong_digest"


@pytest.mark.usefixtures("no_links")
def test_without_hard_links_views_are_copies_that_are_verified_as_well(
    puller: Puller, store: ModelStore, model: CatalogueModel, asked: list[str]
) -> None:
    verified = puller.pull("one").verified
    view = store.view_path("one") / "model.bin"
    assert not view.samefile(blob_of(store, model, "model.bin"))
    assert store.verify("one").ok
    flip_a_bit(view, 99_999)
    asked.clear()
    assert not store.fast_check(verified)
    assert state_of(store, "model.bin") == "view_broken"
    assert puller.pull("one").fetched == {}
    assert asked == []
    assert store.verify("one").ok


@pytest.mark.parametrize(
    ("served_instead", "why"),
    [
        (b"x" * 100_000, "its SHA-256 is"),
        (b"x" * 100_001, "longer than 100000 bytes"),
        (b"x" * 10, "ends after 10 of 100000 bytes"),
    ],
)
def test_wrong_bytes_never_get_a_final_name(
    puller: Puller, store: ModelStore, model: CatalogueModel, served: dict[str, bytes], served_instead: bytes, why: str
) -> None:
    served["model.bin"] = served_instead
    with pytest.raises(AllSourcesFailed, match=why):
        puller.pull("one")
    assert not blob_of(store, model, "model.bin").exists()
    assert not store.view_path("one").exists()
    assert store.installed() == ()
    assert list(store.incoming.iterdir()) == []


def test_what_was_verified_before_a_failure_is_kept(
    puller: Puller, served: dict[str, bytes], contents: dict[str, bytes], asked: list[str]
) -> None:
    del served["model.bin"]
    with pytest.raises(AllSourcesFailed, match=r"does not have 'model\.bin'"):
        puller.pull("one")
    served["model.bin"] = contents["model.bin"]
    asked.clear()
    puller.pull("one")
    assert asked == ["model.bin"]


def test_shared_files_are_fetched_once_and_outlive_the_first_model(
    puller: Puller, store: ModelStore, asked: list[str]
) -> None:
    puller.pull("one")
    asked.clear()
    assert puller.pull("two").fetched == {"two.bin": "memory"}
    assert asked == ["two.bin"]
    two = snapshot(store.view_path("two"))
    store.remove("one")
    assert snapshot(store.view_path("two")) == two
    assert store.verify("two").ok
    assert [manifest.name for manifest in store.installed()] == ["two"]
    assert not store.view_path("one").exists()
    store.remove("two")
    assert snapshot(store.directory / "blobs") == {}


def test_a_damaged_manifest_does_not_cost_another_model_its_files(puller: Puller, store: ModelStore) -> None:
    puller.pull("one")
    puller.pull("two")
    store.manifest_path("two").chmod(0o644)
    store.manifest_path("two").write_bytes(b"{")
    store.remove("one")
    assert puller.pull("two").fetched == {}


@pytest.mark.parametrize("name", ["one", "unknown", "../one", ""])
def test_removing_what_is_not_installed_is_refused(store: ModelStore, name: str) -> None:
    with pytest.raises(ModelNotInstalled):
        store.remove(name)


def test_progress_tells_phase_file_and_bytes(puller: Puller, store: ModelStore) -> None:
    events: list[Progress] = []
    puller.pull("one", events.append)
    assert {event.phase for event in events} == {"resolving", "downloading", "publishing", "verifying"}
    downloading = [event for event in events if event.phase == "downloading" and event.file == "model.bin"]
    assert [event.done_bytes for event in downloading] == sorted(event.done_bytes for event in downloading)
    assert {(event.total_bytes, event.source) for event in downloading} == {(100_000, "memory")}
    assert events[-1] == Progress("verifying", "model.bin", 100_000, 100_000, "")


@pytest.mark.parametrize("phase", ["downloading", "publishing", "verifying"])
def test_a_pull_can_be_cancelled_at_any_phase_and_finished_later(puller: Puller, store: ModelStore, phase: str) -> None:
    cancel = threading.Event()

    def stop_at_phase(event: Progress) -> None:
        if event.phase == phase:
            cancel.set()

    with pytest.raises(PullCancelled, match="'one'"):
        puller.pull("one", stop_at_phase, cancel)
    assert puller.pull("one").view.is_dir()
    assert list(store.incoming.iterdir()) == []


def test_a_wait_for_another_pull_can_be_cancelled(puller: Puller, store: ModelStore) -> None:
    cancel, phases = threading.Event(), list[str]()

    def stop(event: Progress) -> None:
        phases.append(event.phase)
        cancel.set()

    held = threading.Event()
    release = threading.Event()

    def hold() -> None:
        with store.lock("one"):
            held.set()
            release.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(20)
        with pytest.raises(PullCancelled):
            puller.pull("one", stop, cancel)
    finally:
        release.set()
        holder.join()
    assert phases == ["waiting"]


def test_what_pulls_left_is_collected_but_not_that_of_a_living_process(puller: Puller, store: ModelStore) -> None:
    puller.pull("one")
    for name in ("two", "gone"):
        (store.incoming / name).mkdir(parents=True)
        (store.incoming / name / "0123").write_bytes(b"half")
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with store.lock("two"):
            held.set()
            release.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(20)
        assert collect(store) == 0
        assert usage(store).incoming_bytes == 8
        assert usage(store, keep_incoming_s=0).reclaimable_bytes == 4
        assert collect(store, keep_incoming_s=0) == 4
    finally:
        release.set()
        holder.join()
    assert [path.name for path in store.incoming.iterdir()] == ["two"]
    assert store.verify("one").ok


def test_a_cut_download_goes_on_at_the_byte_where_it_stopped(puller: Puller, store: ModelStore) -> None:
    cancel, seen = threading.Event(), list[int]()

    def stop_half_way(event: Progress) -> None:
        if event.phase == "downloading" and event.done_bytes > 50_000:
            cancel.set()

    with pytest.raises(PullCancelled):
        puller.pull("one", stop_half_way, cancel)
    puller.pull("one", lambda event: seen.append(event.done_bytes) if event.phase == "downloading" else None)
    assert 50_000 < seen[0] < 60_000
    assert store.verify("one").ok


def test_collecting_keeps_what_models_need_and_deletes_the_rest(
    puller: Puller, store: ModelStore, contents: dict[str, bytes]
) -> None:
    puller.pull("one")
    puller.pull("two")
    before = snapshot(store.directory)
    stray = store.blob_path("0" * 64)
    stray.write_bytes(b"nobody needs this")
    (store.directory / "views" / "nobody").mkdir()
    found = {each.name: each for each in usage(store).models}
    assert found["one"].shared_bytes == found["two"].shared_bytes == len(contents["tokenizer.json"])
    assert found["one"].own_bytes == len(contents["config.json"]) + len(contents["model.bin"])
    assert usage(store).reclaimable_bytes == len(b"nobody needs this")
    assert collect(store) == len(b"nobody needs this")
    assert snapshot(store.directory) == before
    assert not (store.directory / "views" / "nobody").exists()


def test_incoming_bytes_are_private(puller: Puller, store: ModelStore) -> None:
    modes: set[int] = set()

    def look(event: Progress) -> None:
        if event.phase == "downloading":
            modes.update(path.stat().st_mode & 0o777 for path in store.incoming.rglob("*") if path.is_file())

    puller.pull("one", look)
    assert modes == {0o600}


def test_a_full_disk_is_noticed_before_anything_is_asked_for(
    puller: Puller, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "free_bytes", lambda _: 1000)
    with pytest.raises(DiskFull, match="1000 are free"):
        puller.pull("one")
    assert asked == []


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, DiskFull), (errno.EACCES, StoreUnwritable), (errno.EROFS, StoreUnwritable)]
)
def test_what_the_system_refuses_is_mapped(tmp_path: Path, number: int, error: type[Exception]) -> None:
    with pytest.raises(error), mapped_errors(tmp_path / "not" / "there"):
        raise OSError(number, "no")


def test_a_store_that_cannot_be_a_directory_is_unwritable(puller: Puller, store: ModelStore) -> None:
    store.directory.write_text("a file where the store should be")
    with pytest.raises(StoreUnwritable, match="models"):
        puller.pull("one")


def test_a_blob_that_a_concurrent_remove_takes_away_is_fetched_again(
    puller: Puller, store: ModelStore, model: CatalogueModel, asked: list[str]
) -> None:
    def take_away(event: Progress) -> None:
        if event.phase == "publishing" and len(asked) == len(model.files):
            blob_of(store, model, "tokenizer.json").unlink()

    assert puller.pull("one", take_away).view.is_dir()
    assert asked[len(model.files) :] == ["tokenizer.json"]
    assert store.verify("one").ok
