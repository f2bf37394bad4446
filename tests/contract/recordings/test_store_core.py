"""What every database must do for the store: transactions, snapshots, news, jobs and events."""

from __future__ import annotations

import asyncio
import threading

import pytest

from care_voice.domain.ids import new_id
from care_voice.domain.jobs import Checkpoint, Job, JobKind, JobPriority, JobState, LeaseRules, Progress
from care_voice.domain.recordings import Part, Wish
from care_voice.domain.store_errors import IdempotencyMismatch, JobNotActive, LeaseLost, UnknownRecording
from care_voice.store import doomed, events, idempotency, jobs, recordings
from care_voice.store.database import Connection, Database
from care_voice.store.migrate import known_migrations, migrate, status

RULES = LeaseRules()


def new_recording(connection: Connection, **about: object) -> str:
    recording_id = new_id("rec", connection.now)
    recordings.insert(connection, recording_id, client="test", source="upload", wish=Wish(), **about)  # type: ignore[arg-type]
    return recording_id


def new_job(database: Database, priority: int = JobPriority.INTERACTIVE) -> Job:
    def work(connection: Connection) -> Job:
        recording_id = new_recording(connection)
        return jobs.enqueue(connection, recording_id, JobKind.TRANSCRIBE, client="test", priority=priority)

    return database.write(work)


def claim(database: Database, owner: str = "a") -> Job | None:
    return database.write(lambda c: jobs.claim(c, owner, RULES, [JobKind.TRANSCRIBE]))


def test_a_recording_comes_back_as_it_was_written(database: Database) -> None:
    wish = Wish(model="base", options={"language": "zh"}, bulk=True)

    def write(connection: Connection) -> str:
        recording_id = new_id("rec", connection.now)
        recordings.insert(
            connection, recording_id, client="key:1", source="form", wish=wish, filename="訪視.webm",
            title="王奶奶 100%", tags=["家訪", "a'b"], metadata={"room": "2"}, length=12, expires_at=5.5,
        )  # fmt: skip
        recordings.put_parts(connection, recording_id, [Part(0, 5, "x"), Part(5, 7, "y")])
        return recording_id

    recording_id = database.write(write)
    found = database.read(lambda c: recordings.get(c, recording_id))
    assert (found.title, found.tags, found.wish, found.metadata) == (
        "王奶奶 100%",
        ("a'b", "家訪"),
        wish,
        {"room": "2"},
    )
    assert (found.state, found.length, found.received, found.expires_at) == ("receiving", 12, 0, 5.5)
    assert database.read(lambda c: recordings.parts(c, recording_id)) == [Part(0, 5, "x"), Part(5, 7, "y")]


@pytest.mark.parametrize("text", [r"C:\u0000\new", r"\\u0000", "\\\\\0x", '"\\u0000"', "\\"])
def test_what_looks_like_an_escape_of_json_is_kept_as_it_was_written(database: Database, text: str) -> None:
    recording_id = database.write(lambda c: new_recording(c, metadata={"path": text}))

    kept = database.read(lambda c: recordings.get(c, recording_id))

    assert kept.metadata == {"path": text.replace("\0", "")}


def test_an_identifier_with_a_nul_names_nothing(database: Database) -> None:
    with pytest.raises(UnknownRecording):
        database.read(lambda c: recordings.get(c, "rec_\0"))


def test_what_fails_leaves_nothing(database: Database) -> None:
    made: list[str] = []

    def work(connection: Connection) -> None:
        made.append(new_recording(connection))
        raise KeyError

    with pytest.raises(KeyError):
        database.write(work)
    with pytest.raises(UnknownRecording):
        database.read(lambda c: recordings.get(c, made[0]))


def test_events_count_without_gaps_whoever_writes_them(database: Database) -> None:
    recording_id = database.write(new_recording)

    def write_ten() -> None:
        for _ in range(10):
            database.write(lambda c: events.append(c, recording_id, "recording.changed", {"名": 1}))

    threads = [threading.Thread(target=write_ten) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = database.read(lambda c: events.after(c, recording_id, 0))
    assert [event.seq for event in found] == list(range(1, 41))
    assert [event.seq for event in database.read(lambda c: events.after(c, recording_id, 37))] == [38, 39, 40]


def test_each_job_is_claimed_once_the_urgent_first(database: Database) -> None:
    bulk, urgent = new_job(database, JobPriority.BULK), new_job(database)
    claimed: list[Job | None] = []
    threads = [threading.Thread(target=lambda n=n: claimed.append(claim(database, f"node-{n}"))) for n in range(4)]
    first = claim(database)
    assert first is not None
    assert first.id == urgent.id
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [job.id for job in claimed if job] == [bulk.id]


def test_a_late_worker_changes_nothing(database: Database) -> None:
    job = new_job(database)
    early = claim(database, "early")
    assert early is not None
    rules = LeaseRules(lease_s=-1)
    database.write(lambda c: jobs.renew(c, early.lease, rules))
    [reaped] = database.write(lambda c: jobs.reap(c, RULES))
    assert (reaped.state, reaped.failures) == (JobState.QUEUED, 1)
    database.write(lambda c: jobs.cancel(c, job.id))
    database.write(lambda c: jobs.retry(c, job.id))
    late = claim(database, "late")
    assert late is not None
    window = Checkpoint(0, 0.0, 1.0, "{}")
    for change in (
        lambda c: jobs.save_window(c, early.lease, window, Progress(1.0)),
        lambda c: jobs.finish(c, early.lease),
        lambda c: jobs.renew(c, early.lease, RULES),
        lambda c: jobs.release(c, early.lease, 0.0),
        lambda c: jobs.fail(c, early.lease, "x", {}, rules=None),
    ):
        with pytest.raises(LeaseLost):
            database.write(change)
    assert database.read(lambda c: jobs.windows(c, job.id)) == []
    database.write(lambda c: jobs.save_window(c, late.lease, window, Progress(1.0, 2.0)))
    assert database.read(lambda c: jobs.windows(c, job.id)) == [window]
    assert database.write(lambda c: jobs.finish(c, late.lease)).state is JobState.DONE
    with pytest.raises(JobNotActive):
        database.write(lambda c: jobs.cancel(c, job.id))


async def test_commits_wake_listeners(database: Database) -> None:
    heard = asyncio.Event()
    stop = database.listen(jobs.TOPIC, heard.set)
    while not heard.is_set():  # PostgreSQL: until the listener is connected there is nobody to hear
        await database.awrite(lambda c: c.notify(jobs.TOPIC))
        await asyncio.sleep(0.01)
    stop()


def test_a_key_gives_the_same_result_for_the_same_request(database: Database) -> None:
    made = iter(["one", "two"])

    def ask(request: dict[str, str], key: str = "k") -> tuple[str, bool]:
        return database.write(lambda c: idempotency.once(c, "me", key, request, lambda: next(made)))

    assert ask({"a": "1"}) == ("one", True)
    assert ask({"a": "1"}) == ("one", False)
    with pytest.raises(IdempotencyMismatch):
        ask({"a": "2"})
    assert ask({"a": "2"}, "other") == ("two", True)


def test_doomed_objects_are_remembered_until_they_are_gone(database: Database) -> None:
    database.write(lambda c: doomed.doom(c, ["a", "b"]))
    database.write(lambda c: doomed.doom(c, ["a"]))
    database.write(lambda c: doomed.gone(c, ["a"]))
    assert database.read(doomed.due) == ["b"]


def test_migrations_are_applied_once(database: Database) -> None:
    assert migrate(database, after=True) == []
    assert status(database).pending == ()
    assert len(status(database).applied) == len(known_migrations())


@pytest.mark.parametrize(
    ("given", "kept"), [("a\\u0000b", "a\\u0000b"), ("a\\u0000", "a\\u0000"), ("a\0b\0\0\\\0", "ab\\")]
)
def test_text_that_looks_like_an_escape_is_text(database: Database, given: str, kept: str) -> None:
    wish = Wish(options={"prompt": given})
    recording_id = new_id("rec", 1.0)
    database.write(lambda c: recordings.insert(c, recording_id, client="test", source="upload", wish=wish))
    assert database.read(lambda c: recordings.get(c, recording_id)).wish.options == {"prompt": kept}


async def test_who_follows_one_recording_is_not_woken_by_another(sqlite_database: Database) -> None:
    mine, other = [await sqlite_database.awrite(new_recording) for _ in range(2)]
    heard: list[str] = []
    stops = [
        sqlite_database.listen(events.topic_of(each), lambda each=each: heard.append(each)) for each in (mine, other)
    ]  # type: ignore[misc]

    await sqlite_database.awrite(lambda c: events.append(c, mine, "job.progress"))
    await asyncio.sleep(0)
    for stop in stops:
        stop()
    await sqlite_database.awrite(lambda c: events.append(c, other, "job.progress"))
    await asyncio.sleep(0)

    assert heard == [mine]
