"""Edits of transcripts: what each does, and that history takes everything back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care_voice.domain.editing import Draft
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
    apply_all,
)
from care_voice.domain.history import REDO, UNDO, Change, Step, redoable, replay, undoable
from care_voice.domain.store_errors import EditInvalid
from care_voice.domain.stored import StoredSegment, text_of
from support.edits import SPOKEN, any_edits
from support.stored_speech import Listed, said

SPEECH = (
    said(0, "Hello Miss Lady.", speaker="A"),
    said(1, "你好，左小雷老師。", speaker="B"),
    said(2, "um", speaker="A"),
    said(3, "Goodbye Miss Lady."),
)
Segments = tuple[StoredSegment, ...]
_NUMBERS = count()


def draft_of(segments: Sequence[StoredSegment], gone: dict[str, StoredSegment] | None = None) -> Draft:
    return Draft(Listed(segments, gone or {}), 8.0, lambda: f"seg_new_{next(_NUMBERS)}")


def edited(*edits: Edit, of: Sequence[StoredSegment] = SPEECH) -> Segments:
    """What the edits lead to. The change goes through JSON, as in the store."""
    _, change = apply_all(edits, draft_of(of))
    return replay(of, [through_json(change)])


def through_json(change: Change) -> Change:
    return Change(json.loads(json.dumps(change.before)), json.loads(json.dumps(change.after)))


def texts(segments: Sequence[StoredSegment]) -> list[str]:
    return [segment.text for segment in segments]


def test_a_text_is_set_and_its_words_with_it() -> None:
    changed = edited(SetText("seg_0", "  Hello\n Miss Liddy. "))[0]

    assert changed.text == text_of(changed.words) == "Hello Miss Liddy."
    assert changed.words[:2] == SPEECH[0].words[:2]
    assert (changed.start, changed.end, changed.speaker) == (0.0, 2.0, "A")


def test_a_segment_is_split_in_its_place_and_time() -> None:
    result = edited(Split("seg_1", 3))

    assert texts(result)[1:3] == ["你好，", "左小雷老師。"]
    assert (result[1].start, result[2].end) == (2.0, 4.0)
    assert result[1].end == result[2].start == result[2].words[0].start
    assert result[2].speaker == "B"


def test_a_segment_is_merged_with_the_next() -> None:
    result = edited(Merge("seg_0"))

    assert texts(result) == ["Hello Miss Lady.你好，左小雷老師。", "um", "Goodbye Miss Lady."]
    assert (result[0].start, result[0].end, result[0].speaker) == (0.0, 4.0, "A")
    assert text_of(result[0].words) == result[0].text


def test_a_split_and_a_merge_give_the_text_back() -> None:
    assert texts(edited(Split("seg_0", 6), Merge("seg_0"))) == texts(SPEECH)


def test_a_deleted_segment_is_restored_where_it_was() -> None:
    without = edited(DeleteSegment("seg_1"))
    _, change = apply_all([Restore("seg_1")], draft_of(without, {"seg_1": SPEECH[1]}))

    assert texts(without) == [SPEECH[n].text for n in (0, 2, 3)]
    assert replay(without, [change]) == SPEECH


def test_a_segment_is_restored_beside_what_has_taken_its_place() -> None:
    split = edited(DeleteSegment("seg_1"), Split("seg_0", 6))
    assert split[1].place == SPEECH[1].place
    _, change = apply_all([Restore("seg_1")], draft_of(split, {"seg_1": SPEECH[1]}))

    assert texts(replay(split, [change])) == ["Hello", "Miss Lady.", "你好，左小雷老師。", "um", "Goodbye Miss Lady."]


def test_a_speaker_is_renamed_everywhere_and_set_for_some() -> None:
    result = edited(RenameSpeaker("A", "王小明"), SetSpeaker(("seg_1", "seg_3"), "Liddy"))

    assert [segment.speaker for segment in result] == ["王小明", "Liddy", "王小明", "Liddy"]
    assert [segment.speaker for segment in edited(RenameSpeaker("", "C"))] == ["A", "B", "A", "C"]


def test_times_are_set_and_the_words_kept_within() -> None:
    changed = edited(SetTimes("seg_0", 0.5, 1.0))[0]

    assert (changed.start, changed.end) == (0.5, 1.0)
    assert all(0.5 <= word.start <= word.end <= 1.0 for word in changed.words)


def test_every_occurrence_is_replaced_and_what_is_left_empty_goes() -> None:
    assert texts(edited(ReplaceAll("Lady", "Liddy"))) == [
        "Hello Miss Liddy.", "你好，左小雷老師。", "um", "Goodbye Miss Liddy.",
    ]  # fmt: skip
    assert len(edited(ReplaceAll("UM", ""))) == 4
    assert len(edited(ReplaceAll("UM", "", match_case=False))) == 3
    assert edited(ReplaceAll("M.ss", r"\1")) == SPEECH


def test_later_edits_of_a_request_see_what_the_earlier_did() -> None:
    result = edited(SetText("seg_2", "Lady um"), ReplaceAll("Lady", "Liddy"), RenameSpeaker("A", "C"), Merge("seg_2"))

    assert texts(result) == ["Hello Miss Liddy.", "你好，左小雷老師。", "Liddy um Goodbye Miss Liddy."]
    assert [segment.speaker for segment in result] == ["C", "B", "C"]


def test_a_change_names_what_differs_and_nothing_else() -> None:
    kind, change = apply_all([RenameSpeaker("A", "C")], draft_of(SPEECH))

    assert kind == "rename_speaker"
    assert change == Change({"seg_0": {"speaker": "A"}, "seg_2": {"speaker": "A"}},
                            {"seg_0": {"speaker": "C"}, "seg_2": {"speaker": "C"}})  # fmt: skip


def test_edits_of_several_kinds_are_one_change() -> None:
    kind, change = apply_all([SetText("seg_0", "Hi"), DeleteSegment("seg_0")], draft_of(SPEECH))

    assert kind == "several"
    assert change.after == {"seg_0": None}
    assert change.before["seg_0"] is not None
    assert change.before["seg_0"]["text"] == "Hello Miss Lady."


def test_what_changes_nothing_is_no_change() -> None:
    _, change = apply_all(
        [SetText("seg_0", "Hello Miss Lady."), RenameSpeaker("Z", "Y"), ReplaceAll("Lady", "Lady")], draft_of(SPEECH)
    )

    assert not change


@pytest.mark.parametrize(("edit", "why"), [
    (SetText("seg_9", "x"), "no segment 'seg_9'"),
    (SetText("seg_0", " \n "), "empty"),
    (SetText("seg_0", "a\x00b"), "control character"),
    (SetText("seg_0", "a\ud800"), "control character"),
    (SetText("seg_0", "a" * 5001), "5001 characters"),
    (Split("seg_0", 0), "nothing is left"),
    (Split("seg_0", 16), "nothing is left"),
    (Split("seg_0", -1), "nothing is left"),
    (Merge("seg_3"), "no segment follows"),
    (DeleteSegment(""), "no segment ''"),
    (Restore("seg_0"), "taken away"),
    (Restore("seg_8"), "taken away"),
    (RenameSpeaker("A", "\x1b"), "control character"),
    (SetSpeaker(("seg_0",), "n" * 101), "100 characters"),
    (SetSpeaker(("seg_0", "seg_9"), "n"), "no segment 'seg_9'"),
    (SetTimes("seg_0", 1.0, 1.0), "must rise"),
    (SetTimes("seg_0", -0.1, 1.0), "must rise"),
    (SetTimes("seg_0", 0.0, 9.5), "8.000 s"),
    (SetTimes("seg_0", float("nan"), 1.0), "must rise"),
    (ReplaceAll("", "x"), "nothing to find"),
    (ReplaceAll("e", "e" * 5000), "characters"),
])  # fmt: skip
def test_what_cannot_be_done_is_refused_and_says_which_edit(edit: Edit, why: str) -> None:
    with pytest.raises(EditInvalid, match=r"edit 2 \(\w+\): ") as caught:
        apply_all([SetText("seg_3", "Bye"), edit], draft_of(SPEECH))

    assert why in caught.value.message


def test_room_between_two_segments_never_runs_out() -> None:
    """Each split halves the room after the first segment, until some of those that follow are moved up."""
    segments: Segments = (said(7, "word " * 300 + "end"), *(said(n, "x") for n in range(8, 13)))
    for _ in range(100):
        segments = edited(Split("seg_7", len(segments[0].text) - 4), of=segments)

    assert len({segment.place for segment in segments}) == 106
    assert texts(segments)[-6:] == ["end", *"xxxxx"]


class Counting(Listed):
    """Counts the segments that are read."""

    read = 0

    def after(self, place: float, limit: int) -> Sequence[StoredSegment]:
        found = super().after(place, limit)
        self.read += len(found)
        return found


def test_many_edits_of_one_request_do_not_read_the_transcript_again_and_again() -> None:
    source = Counting([said(number, f"line {number}") for number in range(600)])

    _, change = apply_all([Merge(f"seg_{number}") for number in range(0, 600, 2)], Draft(source, 1e4, lambda: ""))

    assert len(change.after) == 600
    assert source.read < 2 * 600


def test_undo_goes_back_through_what_is_in_effect_and_redo_comes_again() -> None:
    steps = [Step(1, "set_text", None), Step(2, "split", None)]
    for kind, expected in ((UNDO, 2), (UNDO, 1), (REDO, 4), (REDO, 3), (UNDO, 6), (UNDO, 5)):
        step = (undoable if kind == UNDO else redoable)(steps)
        assert step is not None
        assert step.revision == expected
        steps.append(Step(len(steps) + 1, kind, step.revision))

    assert undoable(steps) is None
    assert redoable([*steps, Step(9, "merge", None)]) is None


def test_nothing_is_undone_before_the_first_edit() -> None:
    assert undoable([]) is None
    assert redoable([]) is None


class History:
    """A transcript whose changes go into a history, as the store keeps it."""

    def __init__(self, original: Segments) -> None:
        self.present = original
        self.steps: list[Step] = []
        self.changes: list[Change] = []
        self.gone: dict[str, StoredSegment] = {}

    def edit(self, edits: Sequence[Edit]) -> None:
        try:
            kind, change = apply_all(edits, draft_of(self.present, self.gone))
        except EditInvalid:
            return
        if change:
            self.enter(kind, change)

    def enter(self, kind: str, change: Change, undoes: int | None = None) -> None:
        before = {segment.id: segment for segment in self.present}
        self.steps.append(Step(len(self.steps) + 1, kind, undoes))
        self.changes.append(through_json(change))
        self.present = replay(self.present, self.changes[-1:])
        for segment in self.present:
            before.pop(segment.id, None)
        self.gone |= before

    def take_back(self, kind: str) -> bool:
        step = (undoable if kind == UNDO else redoable)(self.steps)
        if step is not None:
            self.enter(kind, self.changes[step.revision - 1].inverse, step.revision)
        return step is not None

    def take_all_back(self, kind: str) -> Segments:
        while self.take_back(kind):
            pass
        return self.present


@settings(max_examples=60, deadline=None)
@given(st.data(), SPOKEN)
def test_undoing_all_gives_the_original_and_redoing_all_the_edited(data: st.DataObject, original: Segments) -> None:
    """Also with undos and redos in between; and the whole history replayed leads to the present."""
    history = History(original)
    for _ in range(data.draw(st.integers(1, 8))):
        if data.draw(st.integers(0, 3)) == 0:
            history.take_back(data.draw(st.sampled_from([UNDO, REDO])))
        else:
            history.edit(data.draw(any_edits(history.present, history.gone)))
        assert all(text_of(segment.words) == segment.text for segment in history.present)
        assert len({segment.place for segment in history.present}) == len(history.present)

    edited_state = history.take_all_back(REDO)
    assert history.take_all_back(UNDO) == original
    assert history.take_all_back(REDO) == edited_state
    assert replay(original, history.changes) == edited_state
    assert replay(edited_state, [change.inverse for change in reversed(history.changes)]) == original
