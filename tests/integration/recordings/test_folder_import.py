"""A folder is taken in once, whatever happens meanwhile, and its files stay as they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from care_voice.domain.recordings import Recording, Wish
from care_voice.service.folder_import import FolderImport, Imported, ImportWish, candidates
from care_voice.service.intake import Intake, IntakeSettings
from care_voice.store import imports, jobs, recordings
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.database import Database
from care_voice.telemetry.metrics import Metrics

SYNC = 64 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three recordings, one of them twice, among other things."""
    root = tmp_path / "old recordings"
    files = {
        "b.wav": b"first" * 100, "2024/家訪/a.mp3": b"second" * 100, "2024/again.mp3": b"second" * 100,
        "2024/letter.txt": b"no sound", "2024/empty.flac": b"", ".hidden/a.wav": b"hidden",
        "c.ogg": b"third" * 1_000_000,
    }  # fmt: skip
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


class Store:
    """What files are imported into."""

    def __init__(self, database: Database, root: Path, settings: IntakeSettings) -> None:
        self.db = database
        self.audio = DirectoryAudio(root)
        self.intake = Intake(database, self.audio, settings, Metrics())

    async def take_all(
        self, folder: Path, wish: ImportWish | None = None, advance: Callable[[int], None] = lambda _: None
    ) -> list[Imported]:
        importing = FolderImport(self.db, self.intake, wish or ImportWish())
        return [await importing.take(candidate, advance) for candidate in candidates(folder)]

    def every(self) -> list[Recording]:
        rows = self.db.read(lambda conn: conn.fetch("SELECT id FROM recordings ORDER BY filename, id", {}))
        return [self.db.read(lambda conn, row=row: recordings.get(conn, row["id"], trashed=True)) for row in rows]

    def sound(self, recording_id: str) -> bytes:
        return b"".join(self.audio.read(self.db.read(lambda conn: recordings.parts(conn, recording_id))))


@pytest.fixture
def store(database: Database, tmp_path: Path) -> Iterator[Store]:
    made = Store(database, tmp_path / "recordings", IntakeSettings(sync_bytes=SYNC, keep_free_bytes=0))
    yield made
    made.intake.close()


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


async def test_a_name_that_is_not_utf_8_is_taken_in_as_text_that_can_be_kept_and_printed(
    store: Store, folder: Path
) -> None:
    _put(folder / os.fsdecode(b"caf\xe9") / os.fsdecode(b"d\xe9j\xe0.wav"))

    results = {result.path: result for result in await store.take_all(folder, ImportWish(tag_folders=True))}

    assert results["caf\ufffd/d\ufffdj\ufffd.wav"].outcome == "imported"
    [named] = [each for each in store.every() if each.filename == "d\ufffdj\ufffd.wav"]
    assert (named.tags, named.metadata["path"]) == (("caf\ufffd",), "caf\ufffd/d\ufffdj\ufffd.wav")


def _put(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"fourth")


async def test_recordings_are_taken_in_and_the_rest_is_explained(store: Store, folder: Path) -> None:
    before = stamps(folder)
    wish = ImportWish(Wish(options={"language": "zh"}, bulk=True), ("archive",), tag_folders=True)
    results = {result.path: result for result in await store.take_all(folder, wish)}

    assert {path: result.outcome for path, result in results.items()} == {
        "2024/again.mp3": "imported", "2024/empty.flac": "skipped", "2024/letter.txt": "skipped",
        "2024/家訪/a.mp3": "skipped", "b.wav": "imported", "c.ogg": "imported",
    }  # fmt: skip
    assert results["2024/letter.txt"].why == "its name is not that of a recording"
    assert results["2024/家訪/a.mp3"].recording_id == results["2024/again.mp3"].recording_id
    again, first, third = store.every()
    assert (again.filename, again.tags, again.source) == ("again.mp3", ("2024", "archive"), "import")
    assert (first.tags, first.media_type) == (("archive",), "audio/x-wav")
    assert again.metadata["path"] == "2024/again.mp3"
    assert all(recording.complete for recording in (again, first, third))
    assert store.sound(third.id) == b"third" * 1_000_000
    (transcribe, derive) = store.db.read(lambda conn: jobs.of_recording(conn, first.id))
    assert {transcribe.kind.value, derive.kind.value} == {"transcribe", "derive"}
    asked = next(job for job in (transcribe, derive) if job.kind.value == "transcribe")
    assert asked.request["options"] == {"language": "zh"}
    assert stamps(folder) == before


async def test_a_second_time_takes_nothing_in(store: Store, folder: Path) -> None:
    await store.take_all(folder)
    known = store.every()
    again = await store.take_all(folder)

    assert {result.outcome for result in again} == {"skipped"}
    assert store.every() == known


async def test_what_is_in_the_trash_stays_there(store: Store, folder: Path) -> None:
    await store.take_all(folder)
    store.db.write(lambda conn: conn.execute("UPDATE recordings SET trashed_at = 1", {}))
    again = {result.path: result.why for result in await store.take_all(folder)}

    assert again["b.wav"] == "it is in the trash"
    assert len(store.every()) == 3


class Killed(Exception):
    """The import ended in the middle."""


@pytest.mark.parametrize("after", [1, 2_000_000, 4_000_000])
async def test_an_import_goes_on_where_it_was_interrupted(store: Store, folder: Path, after: int) -> None:
    done = 0

    def stop_after(count: int) -> None:
        nonlocal done
        done += count
        if done >= 1700 + after:
            raise Killed

    with pytest.raises(Killed):
        await store.take_all(folder, advance=stop_after)
    results = {result.path: result.outcome for result in await store.take_all(folder)}

    assert results["b.wav"] == "skipped"
    assert results["c.ogg"] == "resumed"
    *_, third = store.every()
    assert len(store.every()) == 3
    assert store.sound(third.id) == b"third" * 1_000_000


async def test_an_interrupted_import_that_was_given_up_begins_again(store: Store, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.wav").write_bytes(b"sound")
    await store.take_all(tmp_path / "in")
    broken = "UPDATE recordings SET state = 'receiving', received = 0, completed_at = NULL, expires_at = 1"
    store.db.write(lambda conn: conn.execute(broken, {}))
    (result,) = await store.take_all(tmp_path / "in")

    assert result.outcome == "imported"
    assert store.db.read(lambda conn: imports.find(conn, "none", 5)) is None


async def test_a_file_that_changes_while_it_is_read_leaves_nothing_behind(store: Store, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    growing = tmp_path / "in/a.wav"
    growing.write_bytes(b"x" * 3_000_000)

    def grow(count: int) -> None:
        if count:
            with growing.open("ab") as file:
                file.write(b"more")

    (result,) = await store.take_all(tmp_path / "in", advance=grow)

    assert (result.outcome, result.why) == ("failed", "The file was changed while it was read.")
    assert store.every() == []


async def test_a_file_that_is_too_large_is_named_and_the_next_one_taken(
    database: Database, tmp_path: Path, folder: Path
) -> None:
    small = Store(database, tmp_path / "recordings", IntakeSettings(max_recording_bytes=1000, keep_free_bytes=0))
    results = {result.path: result for result in await small.take_all(folder)}
    small.intake.close()

    assert results["c.ogg"].outcome == "failed"
    assert "1000 bytes" in results["c.ogg"].why
    assert results["b.wav"].outcome == "imported"


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
async def test_a_file_that_may_not_be_read_is_named(store: Store, folder: Path) -> None:
    (folder / "b.wav").chmod(0)
    results = {result.path: result for result in await store.take_all(folder)}

    assert results["b.wav"].outcome == "failed"


async def test_links_lead_nowhere_twice(store: Store, folder: Path) -> None:
    (folder / "loop").symlink_to(folder)
    (folder / "gone.wav").symlink_to(folder / "nothing.wav")
    results = {result.path: result for result in await store.take_all(folder)}

    assert results["gone.wav"].outcome == "skipped"
    assert results["loop"].why == "its name is not that of a recording"
