"""Transcripts in every database: versions, edits that write nothing but what they change, and their history."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from care_voice.domain.edits import (
    DeleteSegment,
    Edit,
    Merge,
    RenameSpeaker,
    ReplaceAll,
    Restore,
    SetSpeaker,
    SetText,
    SetTimes,
    Split,
)
from care_voice.domain.history import replay
from care_voice.domain.store_errors import (
    EditConflict,
    EditInvalid,
    NothingToUndo,
    UnknownRecording,
    UnknownTranscript,
)
from care_voice.domain.stored import Seen, StoredTranscript, text_of
from care_voice.store import events, recordings, segments, transcripts
from care_voice.store.database import Connection, Database
from care_voice.store.transcripts import Edited
from support.edits import any_edits
from support.stored_speech import keep, keep_recording, transcript_of

LINES = ("Hello Miss Lady.", "How do you do?", "你好，左小雷老師。", "我很好。", "um", "Goodbye.")
ANY = Seen()
Rows = list[dict[str, object]]


@pytest.fixture
def recording(database: Database) -> str:
    """A recording with one transcript."""
    recording_id = keep_recording(database, title="Visit")
    keep(database, recording_id, transcript_of(*LINES))
    return recording_id


def present(database: Database, recording_id: str, number: int | None = None) -> StoredTranscript:
    return database.read(lambda c: transcripts.read(c, recording_id, number))


def edit(database: Database, recording_id: str, *edits: Edit, seen: Seen = ANY, who: str = "a") -> Edited:
    return database.write(lambda c: transcripts.edit(c, recording_id, None, edits, seen=seen, who=who))


def take_back(database: Database, recording_id: str, how: Callable[..., Edited], seen: Seen = ANY) -> int:
    return database.write(lambda c: how(c, recording_id, None, seen=seen, who="b")).head.revision


def changes_of(database: Database, recording_id: str) -> list[tuple[int, str, int | None, str]]:
    entries = database.read(lambda c: transcripts.history(c, recording_id, None, before=1 << 60, limit=1000))
    return [(each.step.revision, each.step.kind, each.step.undoes, each.who) for each in entries]


def searched(database: Database, recording_id: str) -> str:
    """What is searched, folded: lower case, without punctuation."""
    row = database.read(lambda c: c.fetch("SELECT body FROM search_documents", {}))
    return " ".join(str(row[0]["body"]).split())


def test_a_plan_counts_for_what_it_was_made_of_and_for_nothing_else(database: Database, recording: str) -> None:
    first, *_ = present(database, recording).segments
    edits = [ReplaceAll("Miss", "Mrs")]
    planned = database.read(lambda c: transcripts.plan(c, recording, None, edits, seen=ANY))
    edit(database, recording, SetText(first.id, "Good morning, Miss Lady."))

    made = database.write(
        lambda c: transcripts.edit(c, recording, None, edits, seen=ANY, who="a", planned=planned)
    )  # fmt: skip

    assert [segment.text for segment in made.changed] == ["Good morning, Mrs Lady."]
    with pytest.raises(EditConflict):
        database.read(lambda c: transcripts.plan(c, recording, None, edits, seen=Seen(revision=0)))


def test_a_transcript_is_kept_as_the_model_gave_it(database: Database, recording: str) -> None:
    kept = present(database, recording)

    assert [segment.text for segment in kept.segments] == list(LINES)
    assert all(text_of(segment.words) == segment.text for segment in kept.segments)
    assert [(s.start, s.end) for s in kept.segments] == [(2.0 * n, 2.0 * n + 2) for n in range(6)]
    assert kept.segments[0].stats["compression_ratio"] == 1.1
    assert (kept.head.number, kept.head.revision, kept.head.model, kept.head.duration) == (1, 0, "base", 12.0)
    assert kept.head.current
    assert kept.text == "Hello Miss Lady. How do you do?你好，左小雷老師。我很好。um Goodbye."


def test_segments_without_text_are_left_out_and_nul_is_not_kept(database: Database) -> None:
    recording_id = keep_recording(database)
    keep(database, recording_id, transcript_of("a\x00b", " ", "c"))

    assert [segment.text for segment in present(database, recording_id).segments] == ["ab", "c"]


def test_a_silent_recording_has_an_empty_transcript(database: Database) -> None:
    recording_id = keep_recording(database)
    keep(database, recording_id, transcript_of())

    assert present(database, recording_id).segments == ()


def test_the_newest_version_is_current_and_earlier_ones_keep_their_edits(database: Database, recording: str) -> None:
    edit(database, recording, ReplaceAll("Lady", "Liddy"))
    keep(database, recording, transcript_of("Hello Miss Liddy."), model="small")

    versions = database.read(lambda c: transcripts.versions(c, recording))
    assert [(v.number, v.model, v.revision, v.current) for v in versions] == [
        (1, "base", 1, False), (2, "small", 0, True),
    ]  # fmt: skip
    assert present(database, recording).text == "Hello Miss Liddy."
    assert "Miss Liddy. How" in present(database, recording, 1).text


def test_another_version_is_made_current_and_searched(database: Database, recording: str) -> None:
    keep(database, recording, transcript_of("Something else."))
    assert "lady" not in searched(database, recording)

    shown = database.write(lambda c: transcripts.make_current(c, recording, 1))
    again = database.write(lambda c: transcripts.make_current(c, recording, 1))

    assert shown == again
    assert (shown.number, shown.current) == (1, True)
    assert "miss lady" in searched(database, recording)
    kinds = [event.kind for event in database.read(lambda c: events.after(c, recording, 0))]
    assert kinds.count("recording.changed") == 1


def test_an_edit_of_another_version_leaves_what_is_searched_alone(database: Database, recording: str) -> None:
    keep(database, recording, transcript_of("Something else."))
    edits = [ReplaceAll("Lady", "Liddy")]
    database.write(lambda c: transcripts.edit(c, recording, 1, edits, seen=ANY, who="a"))

    assert searched(database, recording) == "visit something else"


def test_an_edit_that_leaves_the_text_alone_leaves_what_is_searched(database: Database, recording: str) -> None:
    ids = [segment.id for segment in present(database, recording).segments]
    database.write(lambda c: c.execute("UPDATE search_documents SET body = 'untouched'", {}))

    edit(database, recording, RenameSpeaker("", "A"), SetTimes(ids[0], 0.5, 1.0))
    assert searched(database, recording) == "untouched"
    edit(database, recording, DeleteSegment(ids[0]))
    assert searched(database, recording) != "untouched"


def test_an_edit_is_searched_and_told(database: Database, recording: str) -> None:
    done = edit(database, recording, ReplaceAll("Lady", "Liddy"))

    assert "liddy" in searched(database, recording)
    last = database.read(lambda c: events.after(c, recording, 0))[-1]
    assert (last.kind, last.body) == (
        "transcript.edited", {"transcript_id": done.head.id, "number": 1, "revision": 1},
    )  # fmt: skip


def test_every_kind_of_edit_comes_back_after_undo_and_again_after_redo(database: Database, recording: str) -> None:
    original = present(database, recording)
    ids = [segment.id for segment in original.segments]
    for one in (
        SetText(ids[0], "Hello Miss Liddy!"), Split(ids[2], 3), Merge(ids[0]), DeleteSegment(ids[4]), Restore(ids[4]),
        SetSpeaker((ids[0], ids[5]), "A"), RenameSpeaker("A", "王小明"), SetTimes(ids[5], 10.1, 11.25),
        ReplaceAll("好", "很好"), Restore(ids[1]),
    ):  # fmt: skip
        edit(database, recording, one)
    edited = present(database, recording)
    assert edited.head.revision == 10

    revisions = [take_back(database, recording, transcripts.undo) for _ in range(10)]
    assert revisions == list(range(11, 21))
    assert present(database, recording).segments == original.segments
    with pytest.raises(NothingToUndo):
        take_back(database, recording, transcripts.undo)

    for _ in range(10):
        take_back(database, recording, transcripts.redo)
    assert present(database, recording).segments == edited.segments
    with pytest.raises(NothingToUndo):
        take_back(database, recording, transcripts.redo)

    entries = database.read(lambda c: transcripts.history(c, recording, None, before=1 << 60, limit=1000))
    assert replay(original.segments, [each.change for each in reversed(entries)]) == edited.segments


def test_history_says_who_did_what_and_stays_after_an_undo(database: Database, recording: str) -> None:
    edit(database, recording, ReplaceAll("Lady", "Liddy"), who="key:1")
    take_back(database, recording, transcripts.undo)
    edit(database, recording, RenameSpeaker("", "A"), DeleteSegment(present(database, recording).segments[0].id))

    assert changes_of(database, recording) == [
        (3, "several", None, "a"), (2, "undo", 1, "b"), (1, "replace_all", None, "key:1"),
    ]  # fmt: skip
    with pytest.raises(NothingToUndo):
        take_back(database, recording, transcripts.redo)


def test_history_is_read_in_pages(database: Database, recording: str) -> None:
    for name in "ABCDE":
        edit(database, recording, SetSpeaker((present(database, recording).segments[0].id,), name))

    pages = [
        database.read(lambda c, before=before: transcripts.history(c, recording, 1, before=before, limit=2))
        for before in (6, 4, 2)
    ]
    assert [[each.step.revision for each in page] for page in pages] == [[5, 4], [3, 2], [1]]


def test_what_changes_nothing_is_no_entry(database: Database, recording: str) -> None:
    assert edit(database, recording, SetText(present(database, recording).segments[0].id, LINES[0])).head.revision == 0
    assert changes_of(database, recording) == []


def test_one_edit_of_several_that_fails_leaves_everything(database: Database, recording: str) -> None:
    before = present(database, recording)
    with pytest.raises(EditInvalid):
        edit(database, recording, ReplaceAll("Lady", "Liddy"), DeleteSegment("seg_unknown"))

    assert present(database, recording) == before


@pytest.mark.parametrize("seen", [Seen(revision=0), Seen(revision=2), Seen(number=2), Seen(revision=1, number=2)])
def test_an_edit_of_something_else_than_was_seen_is_refused(database: Database, recording: str, seen: Seen) -> None:
    edit(database, recording, ReplaceAll("Lady", "Liddy"), seen=Seen(revision=0, number=1))
    before = present(database, recording)

    for work in (
        lambda: edit(database, recording, ReplaceAll("Miss", "Ms"), seen=seen),
        lambda: take_back(database, recording, transcripts.undo, seen),
        lambda: take_back(database, recording, transcripts.redo, seen),
    ):
        with pytest.raises(EditConflict) as caught:
            work()
        assert caught.value.fields["revision"] == 1
    assert present(database, recording) == before


def test_of_two_edits_at_once_one_is_refused(database: Database, recording: str) -> None:
    both = Barrier(2)

    def attempt(name: str) -> str:
        def work(connection: Connection) -> int:
            if first.pop(name, False):
                both.wait(10)
            return transcripts.edit(
                connection, recording, None, [RenameSpeaker("", name)], seen=Seen(revision=0), who=name
            ).head.revision

        try:
            database.write(work)
        except EditConflict:
            return "refused"
        return name

    # SQLite lets one write transaction begin at a time, so that the two cannot meet within one.
    first = dict.fromkeys(("A", "B"), database.dialect == "postgresql")
    with ThreadPoolExecutor(2) as pool:
        results = sorted(pool.map(attempt, ("A", "B")))

    assert results[1] == "refused"
    kept = present(database, recording)
    assert {segment.speaker for segment in kept.segments} == {results[0]}
    assert kept.head.revision == 1


def test_what_is_not_there_is_said_so(database: Database, recording: str) -> None:
    empty = keep_recording(database)
    with pytest.raises(UnknownTranscript, match="none yet"):
        present(database, empty)
    with pytest.raises(UnknownTranscript, match="version 2"):
        present(database, recording, 2)
    with pytest.raises(UnknownTranscript):
        database.write(lambda c: transcripts.make_current(c, recording, 2))
    with pytest.raises(UnknownRecording):
        present(database, "rec_unknown")
    assert database.read(lambda c: transcripts.versions(c, empty)) == []


def test_a_version_of_another_recording_is_not_found(database: Database, recording: str) -> None:
    other = keep_recording(database)
    keep(database, other, transcript_of("Other."))
    foreign = present(database, other).segments[0].id

    with pytest.raises(EditInvalid, match="no segment"):
        edit(database, recording, DeleteSegment(foreign))
    with pytest.raises(EditInvalid, match="taken away"):
        edit(database, recording, Restore(foreign))


def test_nothing_of_a_recording_in_the_trash_is_read_or_edited(database: Database, recording: str) -> None:
    database.write(lambda c: c.execute("UPDATE recordings SET trashed_at = 1", {}))

    with pytest.raises(UnknownRecording):
        present(database, recording)
    with pytest.raises(UnknownRecording):
        edit(database, recording, ReplaceAll("Lady", "Liddy"))
    keep(database, recording, transcript_of("A job that ran meanwhile."))


def test_an_edit_writes_the_rows_that_it_changes_and_no_others(
    database: Database, recording: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [segment.id for segment in present(database, recording).segments]
    written: list[tuple[str, int]] = []
    each = Connection.each

    def counting(self: Connection, name: str, rows: Rows) -> None:
        written.append((name, len(rows)))
        each(self, name, rows)

    monkeypatch.setattr(Connection, "each", counting)
    edit(database, recording, SetText(ids[0], "Hi."))
    edit(database, recording, Split(ids[2], 3), DeleteSegment(ids[4]))
    take_back(database, recording, transcripts.undo)

    assert [item for item in written if item[1]] == [
        ("update_segment", 1),
        ("delete_segment", 1), ("insert_segment", 1), ("update_segment", 1),
        ("delete_segment", 1), ("insert_segment", 1), ("update_segment", 1),
    ]  # fmt: skip


def test_segments_are_read_in_pages(database: Database, recording: str) -> None:
    transcript_id = present(database, recording).head.id

    assert database.read(lambda c: segments.count(c, transcript_id)) == 6
    read = database.read(lambda c: segments.page(c, transcript_id, skip=4, limit=5))
    assert [segment.text for segment in read] == ["um", "Goodbye."]


def test_deleting_a_recording_leaves_nothing_of_its_transcripts(database: Database, recording: str) -> None:
    edit(database, recording, ReplaceAll("Lady", "Liddy"))
    database.write(lambda c: c.execute("DELETE FROM recordings", {}))

    for table in ("transcripts", "segments", "edits", "search_documents"):
        assert database.read(lambda c, table=table: c.fetch(f"SELECT COUNT(*) AS n FROM {table}", {}))[0]["n"] == 0


def test_an_edit_leaves_the_version_of_title_and_notes(database: Database, recording: str) -> None:
    before = database.read(lambda c: recordings.get(c, recording))
    edit(database, recording, ReplaceAll("Lady", "Liddy"))
    after = database.read(lambda c: recordings.get(c, recording))

    assert after.version == before.version
    assert after.updated_at >= before.updated_at


def test_an_edit_says_what_is_changed_and_gone(database: Database, recording: str) -> None:
    ids = [segment.id for segment in present(database, recording).segments]
    done = edit(database, recording, Split(ids[2], 3), DeleteSegment(ids[4]))

    assert [segment.text for segment in done.changed] == ["你好，", "左小雷老師。"]
    assert done.removed == (ids[4],)
    assert done.head == present(database, recording).head
    everywhere = edit(database, recording, RenameSpeaker("", "A"))
    assert everywhere.changed == present(database, recording).segments


def test_an_edit_of_many_says_all_of_them(database: Database) -> None:
    recording_id = keep_recording(database)
    keep(database, recording_id, transcript_of(*(f"Line {number}." for number in range(50))))

    done = edit(database, recording_id, ReplaceAll("Line", "Row"))
    assert done.changed == present(database, recording_id).segments


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.lists(st.sampled_from(LINES), min_size=1, max_size=6))
def test_any_edits_come_back_by_undoing_all_and_again_by_redoing_all(
    database: Database, data: st.DataObject, lines: list[str]
) -> None:
    """And the history replayed leads to what is stored."""
    recording_id = keep_recording(database)
    keep(database, recording_id, transcript_of(*lines))
    original, gone = present(database, recording_id), set[str]()
    for _ in range(data.draw(st.integers(1, 4))):
        before = present(database, recording_id).segments
        with suppress(EditInvalid):
            gone |= set(edit(database, recording_id, *data.draw(any_edits(before, sorted(gone)))).removed)
        if data.draw(st.booleans()):
            take_all_back(database, recording_id, transcripts.undo, most=1)
    take_all_back(database, recording_id, transcripts.redo)
    edited = present(database, recording_id)

    take_all_back(database, recording_id, transcripts.undo)
    assert present(database, recording_id).segments == original.segments
    take_all_back(database, recording_id, transcripts.redo)
    assert present(database, recording_id).segments == edited.segments
    entries = database.read(lambda c: transcripts.history(c, recording_id, None, before=1 << 60, limit=1000))
    assert [each.step.revision for each in entries] == list(range(len(entries), 0, -1))
    assert replay(original.segments, [each.change for each in reversed(entries)]) == edited.segments


def take_all_back(database: Database, recording_id: str, how: Callable[..., Edited], most: int = 1000) -> None:
    with suppress(NothingToUndo):
        for _ in range(most):
            take_back(database, recording_id, how)
