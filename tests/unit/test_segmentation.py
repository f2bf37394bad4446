"""Words to segments: where lines are cut, and that no word is ever lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.segmentation import SegmentationSettings, columns, split_into_segments
from care_voice.domain.transcript import Word

SETTINGS = SegmentationSettings()


def spoken(text: list[str], *, each_s: float = 0.3, gap_s: float = 0.0) -> list[Word]:
    """Words said one after the other."""
    step = each_s + gap_s
    return [Word(word, n * step, n * step + each_s, 1.0) for n, word in enumerate(text)]


def lines(words: list[Word], settings: SegmentationSettings = SETTINGS) -> list[str]:
    return ["".join(word.text for word in group).strip() for group in split_into_segments(words, settings)]


TEXTS = st.text(alphabet="ab ,.?!。，、？！\"”」了我說 -'…", min_size=1, max_size=12)
TIMED = st.lists(st.tuples(TEXTS, st.floats(0, 9), st.floats(0, 9)), max_size=60)
LIMITS = st.builds(
    SegmentationSettings,
    max_columns=st.integers(1, 100),
    max_duration_s=st.floats(0.1, 20),
    min_clause_columns=st.integers(1, 40),
    pause_s=st.floats(0.05, 3),
)


@given(TIMED, LIMITS)
def test_no_word_is_lost_or_reordered(timed: list[tuple[str, float, float]], limits: SegmentationSettings) -> None:
    words, clock = [], 0.0
    for text, pause, length in timed:
        words.append(Word(text, clock + pause, clock + pause + length, 1.0))
        clock += pause + length

    groups = split_into_segments(words, limits)

    assert [word for group in groups for word in group] == words
    assert all(groups)


@given(TIMED, LIMITS)
def test_only_a_single_word_may_be_over_the_limits(
    timed: list[tuple[str, float, float]], limits: SegmentationSettings
) -> None:
    words = [Word(text, n * 0.4, n * 0.4 + 0.4, 1.0) for n, (text, _, _) in enumerate(timed)]

    for group in split_into_segments(words, limits):
        text = "".join(word.text for word in group).strip()
        fits = columns(text) <= limits.max_columns and group[-1].end - group[0].start <= limits.max_duration_s
        assert fits or len(group) == 1


def test_an_english_sentence_ends_a_segment() -> None:
    words = spoken([" Good", " morning.", " How", " are", " you?", " Fine"])

    assert lines(words) == ["Good morning.", "How are you?", "Fine"]


def test_a_chinese_sentence_ends_a_segment() -> None:
    words = spoken(["今天", "血壓", "正常。", "明天", "再", "量！", "好"])

    assert lines(words) == ["今天血壓正常。", "明天再量！", "好"]


def test_a_quotation_mark_after_the_full_stop_stays_with_its_sentence() -> None:
    words = spoken(["她說", "：「", "不", "痛。」", "然後", "睡了。"])

    assert lines(words) == ["她說：「不痛。」", "然後睡了。"]


def test_a_long_pause_ends_a_segment_and_a_short_one_does_not() -> None:
    before, after = Word(" well", 0.0, 0.5, 1.0), Word(" then", 0.51 + SETTINGS.pause_s, 2.0, 1.0)
    near = Word(" then", 0.4 + SETTINGS.pause_s, 2.0, 1.0)

    assert lines([before, after]) == ["well", "then"]
    assert lines([before, near]) == ["well then"]


def test_a_long_english_sentence_is_cut_after_a_comma() -> None:
    clause = [" we", " measured", " the", " pressure", " in", " the", " morning,"]
    rest = [" and", " it", " was", " a", " little", " higher", " than", " the", " day", " before", " yesterday"]

    assert lines(spoken([*clause, *rest], each_s=0.1)) == ["".join(clause).strip(), "".join(rest).strip()]


def test_a_comma_in_a_short_line_does_not_cut_it() -> None:
    assert lines(spoken([" yes,", " of", " course"])) == ["yes, of course"]


def test_a_long_chinese_sentence_is_cut_after_a_comma() -> None:
    clause, rest = ["今天", "早上", "我們", "幫", "他", "量了", "血壓，"], ["結果", "比", "前天", "高了", "一點"] * 4

    assert lines(spoken([*clause, *rest], each_s=0.1))[0] == "".join(clause)


def test_a_chinese_character_takes_two_columns() -> None:
    assert columns("血壓 ok") == 7
