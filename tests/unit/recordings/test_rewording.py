"""Word times of texts that people have changed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.rewording import TYPED, cut, put_together, reworded, within
from care_voice.domain.scripts import joined, pieces
from care_voice.domain.stored import text_of
from care_voice.domain.transcript import Word

ENGLISH = (
    Word("Hello", 1.0, 1.5, 0.9),
    Word(" Miss", 1.6, 1.8, 0.8),
    Word(" Lady", 1.8, 2.4, 0.3),
    Word(".", 2.4, 2.4, 0.9),
)
CHINESE = (Word("你好，", 0.0, 0.6, 0.9), Word("左小雷", 0.6, 1.2, 0.4), Word("老師", 1.4, 2.0, 0.8))


def times(words: tuple[Word, ...]) -> list[tuple[str, float, float]]:
    return [(word.text, word.start, word.end) for word in words]


def test_words_that_did_not_change_keep_their_times_and_a_changed_one_gets_the_time_of_the_old() -> None:
    words = reworded(ENGLISH[:3], "Hello Miss Liddy", 1.0, 2.4)

    assert words[:2] == ENGLISH[:2]
    assert words[2] == Word(" Liddy", 1.8, 2.4, TYPED)


def test_case_and_punctuation_do_not_make_another_word() -> None:
    words = reworded(ENGLISH[:3], "HELLO, miss lady!", 1.0, 2.4)

    assert times(words) == [("HELLO,", 1.0, 1.5), (" miss", 1.6, 1.8), (" lady!", 1.8, 2.4)]
    assert [word.probability for word in words] == [0.9, 0.8, 0.3]


def test_inserted_words_share_the_pause_by_letters() -> None:
    words = reworded(CHINESE, "你好，左小雷好老師", 0.0, 2.0)

    assert times(words)[2] == ("好", 1.2, 1.4)
    assert (words[0], words[1], words[3]) == CHINESE


def test_a_word_of_which_a_part_was_kept_keeps_that_part_of_its_time() -> None:
    words = reworded(CHINESE, "你好，左小蕾老師", 0.0, 2.0)

    assert times(words) == [
        ("你好，", 0.0, 0.6),
        ("左", 0.6, 0.8),
        ("小", 0.8, 1.0),
        ("蕾", 1.0, 1.4),
        ("老師", 1.4, 2.0),
    ]
    assert [word.probability for word in words] == [0.9, 0.4, 0.4, TYPED, 0.8]


def test_a_text_without_words_shares_the_whole_time() -> None:
    assert times(reworded((), "ab cde", 1.0, 4.0)) == [("ab", 1.0, 2.0), (" cde", 2.0, 4.0)]


def test_a_long_text_that_was_written_anew_is_not_compared() -> None:
    old = reworded((), "的 一 " * 3000 + "end", 0.0, 10.0)
    new = reworded(old, ("一 的 的 " * 3000).strip(), 0.0, 10.0)

    assert text_of(new) == ("一 的 的 " * 3000).strip()
    assert new[0].start == 0.0
    assert new[-1].end == 10.0


@pytest.mark.parametrize(("at", "left", "right"), [
    (5, "Hello", "Miss Lady."),
    (6, "Hello", "Miss Lady."),
    (8, "Hello Mi", "ss Lady."),
])  # fmt: skip
def test_words_are_cut_at_a_character(at: int, left: str, right: str) -> None:
    before, after = cut(ENGLISH, at)

    assert (text_of(before), text_of(after)) == (left, right)
    assert before[-1].end <= after[0].start


def test_a_word_that_is_cut_shares_its_time() -> None:
    before, after = cut(CHINESE, 4)

    assert times(before)[-1] == ("左", 0.6, 0.8)
    assert times(after)[0] == ("小雷", 0.8, 1.2)


@pytest.mark.parametrize("at", [-5, 0, 17, 99])
def test_a_cut_at_an_end_leaves_nothing_there(at: int) -> None:
    assert () in cut(ENGLISH, at)


def test_a_space_joins_english_and_nothing_joins_chinese() -> None:
    assert text_of(put_together(ENGLISH, ENGLISH)) == "Hello Miss Lady. Hello Miss Lady."
    assert text_of(put_together(CHINESE, CHINESE)) == "你好，左小雷老師你好，左小雷老師"
    assert joined(["Hello", "there.", "你好", "嗎", "Yes"]) == "Hello there.你好嗎Yes"


def test_words_are_kept_within_a_segment_that_was_moved() -> None:
    assert times(within(ENGLISH, 1.2, 2.0)) == [
        ("Hello", 1.2, 1.5), (" Miss", 1.6, 1.8), (" Lady", 1.8, 2.0), (".", 2.0, 2.0),
    ]  # fmt: skip
    moved = within(ENGLISH, 10.0, 11.6)
    assert (moved[0].start, moved[-1].end) == (10.0, 11.6)
    assert [word.probability for word in moved] == [word.probability for word in ENGLISH]


_TEXT = (
    st.text(st.sampled_from("ab cé,.!的一你小 。「ก"), min_size=1, max_size=30)
    .map(lambda t: " ".join(t.split()))
    .filter(bool)
)


@given(_TEXT)
def test_pieces_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


@given(_TEXT, _TEXT)
def test_words_join_to_the_text_in_order_and_within_the_segment(old: str, new: str) -> None:
    words = reworded(reworded((), old, 1.0, 5.0), new, 1.0, 5.0)

    assert text_of(words) == new
    assert all(1.0 <= word.start <= word.end <= 5.0 for word in words)
    assert all(left.end <= right.start for left, right in pairwise(words))


@given(_TEXT)
def test_the_same_text_gives_the_same_words(text: str) -> None:
    words = reworded((), text, 0.0, 3.0)

    assert reworded(words, text, 0.0, 3.0) == words


@given(_TEXT, st.integers(0, 30))
def test_what_is_cut_and_put_together_lost_nothing_but_space(text: str, at: int) -> None:
    left, right = cut(reworded((), text, 0.0, 3.0), at)

    assert "".join((text_of(left) + text_of(right)).split()) == "".join(text.split())
    assert text_of(left) == text[:at].strip()
    assert text_of(right) == text[at:].strip()
