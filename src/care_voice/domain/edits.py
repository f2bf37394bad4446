"""The edits that people make to a transcript. Each is applied to a draft; what it changed is undone as a whole.

A segment is named by its id. An edit that cannot be made raises EditInvalid and nothing of the request is kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from care_voice.domain.editing import Draft
from care_voice.domain.history import Change
from care_voice.domain.rewording import cut, put_together, reworded, within
from care_voice.domain.store_errors import EditInvalid
from care_voice.domain.stored import StoredSegment, text_of

MAX_TEXT = 5_000
"""Characters of one segment. A longer one is no line any more."""

MAX_NAME = 100
"""Characters of a speaker's name."""

SEVERAL = "several"
"""The kind of an entry that holds edits of several kinds."""


class Edit(Protocol):
    """One thing to change."""

    kind: ClassVar[str]

    def apply(self, draft: Draft) -> None:
        """Change the draft. Raises EditInvalid."""


def apply_all(edits: Sequence[Edit], draft: Draft) -> tuple[str, Change]:
    """All edits, each on what the ones before it left: the kind of the entry, and the change as one.

    Raises:
        EditInvalid: One of them cannot be made; it says which, counted from 1.
    """
    for number, edit in enumerate(edits, start=1):
        try:
            edit.apply(draft)
        except EditInvalid as error:
            raise EditInvalid(why=f"edit {number} ({edit.kind}): {error.fields['why']}") from None
    kinds = {edit.kind for edit in edits}
    return (kinds.pop() if len(kinds) == 1 else SEVERAL), draft.change


@dataclass(frozen=True, slots=True)
class SetText:
    """Another text for a segment. Words that did not change keep their times."""

    kind: ClassVar[str] = "set_text"
    segment: str
    text: str

    def apply(self, draft: Draft) -> None:
        text = _line(self.text)
        if not text:
            raise EditInvalid(why="the text is empty; delete the segment instead")
        draft.put(_with_text(draft.get(self.segment), text))


@dataclass(frozen=True, slots=True)
class Split:
    """Make two segments of one, after its first `at` characters (Unicode code points)."""

    kind: ClassVar[str] = "split"
    segment: str
    at: int

    def apply(self, draft: Draft) -> None:
        segment = draft.get(self.segment)
        left, right = cut(segment.words, self.at)
        if not left or not right:
            raise EditInvalid(why=f"nothing is left on one side of character {self.at}")
        place = draft.room_after(segment.place)
        moment = min(max(right[0].start, segment.start), segment.end)
        draft.put(replace(segment, end=moment, text=text_of(left), words=left))
        draft.put(replace(segment, id=draft.new_id(), place=place, start=moment, text=text_of(right), words=right))


@dataclass(frozen=True, slots=True)
class Merge:
    """Make one segment of this one and the next, with the speaker of this one."""

    kind: ClassVar[str] = "merge"
    segment: str

    def apply(self, draft: Draft) -> None:
        segment = draft.get(self.segment)
        following = draft.following(segment.place)
        if not following:
            raise EditInvalid(why="no segment follows it")
        words = put_together(segment.words, following[0].words)
        start, end = min(segment.start, following[0].start), max(segment.end, following[0].end)
        draft.put(replace(segment, start=start, end=end, text=_short(text_of(words)), words=words))
        draft.remove(following[0])


@dataclass(frozen=True, slots=True)
class DeleteSegment:
    """Take a segment away."""

    kind: ClassVar[str] = "delete_segment"
    segment: str

    def apply(self, draft: Draft) -> None:
        draft.remove(draft.get(self.segment))


@dataclass(frozen=True, slots=True)
class Restore:
    """Bring a segment back that an edit has taken away, as it was last and where it was."""

    kind: ClassVar[str] = "restore"
    segment: str

    def apply(self, draft: Draft) -> None:
        segment = draft.removed(self.segment)
        place = draft.room_after(segment.place) if draft.is_taken(segment.place) else segment.place
        draft.put(replace(segment, place=place))


@dataclass(frozen=True, slots=True)
class RenameSpeaker:
    """Another name for a speaker, wherever it stands; an empty `speaker` means segments that name nobody."""

    kind: ClassVar[str] = "rename_speaker"
    speaker: str
    to: str

    def apply(self, draft: Draft) -> None:
        to = _name(self.to)
        for segment in draft.matching(lambda _, speaker: speaker == self.speaker):
            draft.put(replace(segment, speaker=to))


@dataclass(frozen=True, slots=True)
class SetSpeaker:
    """Say who speaks in some segments; an empty name takes it away."""

    kind: ClassVar[str] = "set_speaker"
    segments: tuple[str, ...]
    speaker: str

    def apply(self, draft: Draft) -> None:
        speaker = _name(self.speaker)
        for segment_id in self.segments:
            draft.put(replace(draft.get(segment_id), speaker=speaker))


@dataclass(frozen=True, slots=True)
class SetTimes:
    """Another beginning and end for a segment, in seconds; its place among the others stays."""

    kind: ClassVar[str] = "set_times"
    segment: str
    start: float
    end: float

    def apply(self, draft: Draft) -> None:
        start, end = round(self.start, 3), round(self.end, 3)
        if not 0 <= start < end <= max(draft.duration, 0.0) + _SLACK_S:
            raise EditInvalid(why=f"the times must rise, within the {draft.duration:.3f} s of the recording")
        segment = draft.get(self.segment)
        draft.put(replace(segment, start=start, end=end, words=within(segment.words, start, end)))


@dataclass(frozen=True, slots=True)
class ReplaceAll:
    """Another text for every occurrence of one; a segment that has nothing left is taken away."""

    kind: ClassVar[str] = "replace_all"
    find: str
    replace: str
    match_case: bool = True

    def apply(self, draft: Draft) -> None:
        if not self.find:
            raise EditInvalid(why="there is nothing to find")
        pattern = re.compile(re.escape(self.find), 0 if self.match_case else re.IGNORECASE)
        for segment in draft.matching(lambda text, _: pattern.search(text) is not None):
            text = _line(pattern.sub(lambda _: self.replace, segment.text))
            if text:
                draft.put(_with_text(segment, text))
            else:
                draft.remove(segment)


_SLACK_S = 1.0
"""The last word may end a little after the sound, by rounding and by the frames of the codec."""


def _with_text(segment: StoredSegment, text: str) -> StoredSegment:
    if text == segment.text:
        return segment
    words = reworded(segment.words, text, segment.start, segment.end)
    return replace(segment, text=text, words=words)


def _line(text: str) -> str:
    """A text as one line. Raises EditInvalid where it cannot be kept."""
    return _short(_clean(text, "text"))


def _short(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise EditInvalid(why=f"the text has {len(text)} characters; a segment may have {MAX_TEXT}")
    return text


def _name(text: str) -> str:
    name = _clean(text, "name")
    if len(name) > MAX_NAME:
        raise EditInvalid(why=f"a name may have {MAX_NAME} characters")
    return name


def _clean(text: str, what: str) -> str:
    """One line, with single spaces. Control characters and halves of characters have no place in any format."""
    line = " ".join(text.split())
    if any(unicodedata.category(char) in ("Cc", "Cs") or char in "\ufffe\uffff" for char in line):
        raise EditInvalid(why=f"the {what} holds a control character")
    return line
