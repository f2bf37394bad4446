"""Edits of any kind, for tests of properties."""

from __future__ import annotations

from collections.abc import Collection, Sequence

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
from care_voice.domain.stored import StoredSegment
from support.stored_speech import said

_WORDS = st.lists(st.sampled_from(["Lady", "um", "你好", "左小雷", "a,", "No."]), min_size=1, max_size=6).map(" ".join)
SPOKEN = st.lists(_WORDS, min_size=1, max_size=6).map(
    lambda lines: tuple(said(n, line, speaker="AB"[n % 2]) for n, line in enumerate(lines))
)
_NAME = st.sampled_from(["A", "B", "王", ""])


@st.composite
def any_edits(draw: st.DrawFn, segments: Sequence[StoredSegment], gone: Collection[str]) -> list[Edit]:
    """Edits of segments that are there or `gone`; some of them cannot be made."""
    return [_edit(draw, segments, gone) for _ in range(draw(st.integers(1, 3)))]


def _edit(draw: st.DrawFn, segments: Sequence[StoredSegment], gone: Collection[str]) -> Edit:
    one = draw(st.sampled_from([segment.id for segment in segments] or ["seg_0"]))
    return draw(st.one_of(
        st.builds(SetText, st.just(one), _WORDS),
        st.builds(Split, st.just(one), st.integers(0, 20)),
        st.just(Merge(one)),
        st.just(DeleteSegment(one)),
        st.builds(Restore, st.sampled_from([*gone, "seg_0"])),
        st.builds(RenameSpeaker, _NAME, _NAME),
        st.builds(SetSpeaker, st.just((one,)), _NAME),
        st.builds(SetTimes, st.just(one), st.floats(0, 4), st.floats(4.1, 8)),
        st.builds(ReplaceAll, st.sampled_from(["um", "a", "好"]), st.sampled_from(["", "o", "好的 "]), st.booleans()),
    ))  # fmt: skip
