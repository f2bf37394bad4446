"""What stands before the speech: hotwords first, the prompt last, and never more than there is room for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from care_voice.engine.context import context_tokens

TOKENS = st.lists(st.integers(0, 99), max_size=30)


def test_hotwords_come_before_the_prompt() -> None:
    assert context_tokens([1, 2], [8, 9], 10) == [1, 2, 8, 9]
    assert context_tokens([], [8, 9], 10) == [8, 9]
    assert context_tokens([1, 2], [], 10) == [1, 2]
    assert context_tokens([], [], 10) == []


def test_a_long_list_keeps_its_beginning_and_a_long_prompt_its_end() -> None:
    assert context_tokens([1, 2, 3, 4], [], 3) == [1, 2, 3]
    assert context_tokens([], [6, 7, 8, 9], 3) == [7, 8, 9]


def test_where_both_are_long_each_gets_half() -> None:
    assert context_tokens([1, 2, 3, 4, 5], [5, 6, 7, 8, 9], 4) == [1, 2, 8, 9]


@given(TOKENS, TOKENS, st.integers(2, 20))
def test_room_is_kept_and_used(hotwords: list[int], prompt: list[int], room: int) -> None:
    context = context_tokens(hotwords, prompt, room)

    assert len(context) == min(room, len(hotwords) + len(prompt))
    assert not prompt or context[-1] == prompt[-1]
    assert not hotwords or context[0] == hotwords[0]
