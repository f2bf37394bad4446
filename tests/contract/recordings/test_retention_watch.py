"""The watch over retention, on both databases: what is due and nothing else, also with several nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from care_voice.domain.errors import InvalidParameter
from care_voice.domain.recordings import Wish
from care_voice.domain.retention import DAY_S, Fate, Scope
from care_voice.domain.store_errors import UnknownRecording, UnknownRule
from care_voice.service.deletion import Deletion
from care_voice.service.retention import RETENTION, Due, Looked, Retention, RetentionSettings
from care_voice.store import deletion, events, library, recordings
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.database import Connection, Database
from support.kept import make_recording
from support.waiting import until

T0 = 1_700_000_000.0
Open = Callable[[Callable[[], float]], Database]


class Clock:
    """Time stands still unless it is told not to."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> float:
        return self.now

    def pass_days(self, days: float) -> None:
        self.now += days * DAY_S


class Keeping:
    """A database with a clock of its own, a storage, and the watch."""

    def __init__(self, database: Database, folder: Path, clock: Clock) -> None:
        self.database, self.folder, self.clock = database, folder, clock
        self.audio = DirectoryAudio(folder / "recordings")
        self.retention = self.node()

    def node(self, trash_days: float = 7.0) -> Retention:
        removal = Deletion(self.database, self.audio)
        return Retention(self.database, removal, RetentionSettings(trash_days=trash_days, look_every_s=3600.0))

    def make(self, *, client: str = "ann", tags: tuple[str, ...] = ()) -> str:
        return make_recording(
            self.database, self.audio, self.folder, client=client, tags=tags, at=self.clock.now, text="words"
        ).id

    def trash(self, recording_id: str) -> None:
        self.database.write(lambda c: library.set_trashed(c, recording_id, c.now))

    def state(self, recording_id: str) -> str:
        try:
            found = self.database.read(partial(recordings.get, recording_id=recording_id, trashed=True))
        except UnknownRecording:
            return "gone"
        return "kept" if found.trashed_at is None else "trash"


@pytest.fixture
def keeping(open_clocked: Open, tmp_path: Path) -> Keeping:
    clock = Clock()
    return Keeping(open_clocked(clock), tmp_path, clock)


async def test_a_recording_goes_to_the_trash_and_then_for_good(keeping: Keeping) -> None:
    await keeping.retention.put_rule(Scope.DEFAULT, "", 30)
    made = keeping.make()

    keeping.clock.pass_days(29.9)
    assert await keeping.retention.look() == Looked()
    keeping.clock.pass_days(0.2)
    assert await keeping.retention.due(10) == [Due(made, Fate.TRASH)]
    assert await keeping.retention.look() == Looked(trashed=1)
    assert keeping.state(made) == "trash"
    last = keeping.database.read(partial(events.after, recording_id=made, seq=0))[-1]
    assert (last.kind, last.body) == ("recording.trashed", {"reason": RETENTION})

    keeping.clock.pass_days(6.9)
    assert await keeping.retention.look() == Looked()
    keeping.clock.pass_days(0.2)
    assert await keeping.retention.due(10) == [Due(made, Fate.DELETE)]
    assert await keeping.retention.look() == Looked(deleted=1)
    assert keeping.state(made) == "gone"
    assert list(keeping.audio.keys()) == []
    [receipt] = keeping.database.read(deletion.receipts)
    assert (receipt.who, receipt.recording_id) == (RETENTION, made)


async def test_each_recording_is_judged_by_the_rule_that_counts(keeping: Keeping) -> None:
    for scope, value, days in [
        (Scope.DEFAULT, "", 10), (Scope.CLIENT, "ben", 100), (Scope.TAG, "study", None), (Scope.TAG, "soon", 1),
    ]:  # fmt: skip
        await keeping.retention.put_rule(scope, value, days)
    plain, of_ben, study, soon, both = (
        keeping.make(),
        keeping.make(client="ben"),
        keeping.make(tags=("study", "other")),
        keeping.make(client="ben", tags=("soon",)),
        keeping.make(tags=("soon", "study")),
    )

    keeping.clock.pass_days(50)
    assert await keeping.retention.look() == Looked(trashed=2)

    states = {
        name: keeping.state(each)
        for name, each in locals().items()
        if name in ("plain", "of_ben", "study", "soon", "both")
    }
    assert states == {"plain": "trash", "of_ben": "kept", "study": "kept", "soon": "trash", "both": "kept"}


async def test_what_another_rule_keeps_is_looked_at_without_writing(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keeping.retention.put_rule(Scope.DEFAULT, "", 10)
    await keeping.retention.put_rule(Scope.TAG, "study", None)
    study = keeping.make(tags=("study",))
    keeping.clock.pass_days(50)
    written: list[object] = []
    monkeypatch.setattr(keeping.database, "awrite", written.append)

    assert await keeping.retention.look() == Looked()

    assert (written, keeping.state(study)) == ([], "kept")


async def test_without_rules_only_the_trash_is_emptied(keeping: Keeping) -> None:
    kept, thrown = keeping.make(), keeping.make()
    keeping.trash(thrown)
    keeping.clock.pass_days(8)

    assert await keeping.retention.look() == Looked(deleted=1)

    assert (keeping.state(kept), keeping.state(thrown)) == ("kept", "gone")


async def test_a_hold_keeps_what_is_due_until_it_is_released(keeping: Keeping) -> None:
    await keeping.retention.put_rule(Scope.DEFAULT, "", 1)
    fresh, thrown = keeping.make(), keeping.make()
    keeping.trash(thrown)
    assert (await keeping.retention.hold(fresh, " case 7 ")).hold_reason == "case 7"
    assert (await keeping.retention.hold(thrown, "case 7")).legal_hold
    keeping.clock.pass_days(100)

    assert await keeping.retention.look() == Looked()

    assert (keeping.state(fresh), keeping.state(thrown)) == ("kept", "trash")
    for each in (fresh, thrown):
        released = await keeping.retention.release(each)
        assert (released.legal_hold, released.hold_reason) == (False, "")
    assert await keeping.retention.look() == Looked(trashed=1, deleted=1)


async def test_an_upload_that_is_not_complete_is_none_of_its_business(keeping: Keeping) -> None:
    await keeping.retention.put_rule(Scope.DEFAULT, "", 1)
    keeping.database.write(partial(recordings.insert, recording_id="rec_1", client="ann", source="upload", wish=Wish()))
    keeping.clock.pass_days(100)

    assert await keeping.retention.look() == Looked()


async def test_many_are_gone_through_page_by_page(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("care_voice.service.retention._PAGE", 2)
    await keeping.retention.put_rule(Scope.DEFAULT, "", 1)
    await keeping.retention.put_rule(Scope.TAG, "study", None)
    ids = [keeping.make(tags=("study",) * (number % 2)) for number in range(7)]
    keeping.clock.pass_days(2)

    assert await keeping.retention.look() == Looked(trashed=4)

    assert [keeping.state(each) for each in ids] == ["trash", "kept"] * 3 + ["trash"]


async def test_several_nodes_may_look_at_once(keeping: Keeping) -> None:
    await keeping.retention.put_rule(Scope.DEFAULT, "", 1)
    for _ in range(4):
        keeping.make()
    thrown = [keeping.make() for _ in range(4)]
    for each in thrown:
        keeping.trash(each)
    keeping.clock.pass_days(8)

    looks = await asyncio.gather(*(keeping.node().look() for _ in range(4)))

    assert sum(each.trashed for each in looks) == 4
    assert sum(each.deleted for each in looks) == 4
    receipts = keeping.database.read(deletion.receipts)
    assert sorted(each.recording_id for each in receipts) == sorted(thrown)
    assert all(each.audio_gone_at for each in receipts)


async def test_a_recording_that_was_restored_in_the_last_moment_stays(keeping: Keeping) -> None:
    thrown = keeping.make()
    keeping.trash(thrown)
    keeping.clock.pass_days(8)
    seen = [each async for each in keeping.retention._candidates()]
    assert seen == [thrown]

    def restore(connection: Connection) -> None:
        connection.execute("UPDATE recordings SET trashed_at = NULL", {})

    keeping.database.write(restore)
    looked = Looked()
    await keeping.retention._do(thrown, looked)

    assert looked == Looked()
    assert keeping.state(thrown) == "kept"


async def test_the_watch_goes_on_and_is_woken_by_a_deletion(keeping: Keeping) -> None:
    made = keeping.make()
    retention = keeping.retention
    task = asyncio.create_task(retention.run())
    try:
        receipt = await retention.delete(made, who="ann", reason="asked for")
        await until(lambda: retention._removal._erased == 1, "the traces are erased")
    finally:
        task.cancel()
    assert receipt.who == "ann"


async def test_rules_are_replaced_and_removed(keeping: Keeping) -> None:
    first = await keeping.retention.put_rule(Scope.TAG, "study", 10)
    second = await keeping.retention.put_rule(Scope.TAG, "study", None)
    assert first.id == second.id
    assert [(each.value, each.days) for each in await keeping.retention.rules()] == [("study", None)]

    await keeping.retention.delete_rule(second.id)

    assert await keeping.retention.rules() == []
    with pytest.raises(UnknownRule):
        await keeping.retention.delete_rule(second.id)
    with pytest.raises(InvalidParameter, match="days"):
        await keeping.retention.put_rule(Scope.TAG, "study", 0)
    with pytest.raises(InvalidParameter, match="value"):
        await keeping.retention.put_rule(Scope.DEFAULT, "study", 1)
