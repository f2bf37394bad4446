"""Chinese in the script that is asked for: the right characters, and words whose times stay."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from care_voice.domain.chinese import Script, recut
from care_voice.domain.transcript import Segment, WindowStats, Word
from care_voice.service.checkpoints import recipe_of
from care_voice.service.chinese import ChineseWriter, _converter, _to_simplified
from care_voice.service.options import TranscriptionOptions
from care_voice.service.transcription import TranscriptionSettings

STATS = WindowStats(0.0, -0.2, 1.0, 0.0)
PHRASES = [
    "软件",
    "方便面",
    "激光",
    "打印机",
    "互联网",
    "头发",
    "发展",
    "皇后",
    "公里",
    "里面",
    "余先生",
    "吃药",
    "OK",
    " ",
    "，",
    "乾隆",
    "軟體",
]


def segment_of(*texts: str) -> Segment:
    words = tuple(Word(text, float(n), n + 0.9, 0.9 - n / 100) for n, text in enumerate(texts))
    return Segment(0, 0.0, float(len(texts)), words, STATS, 0.0)


def written(text: str, wanted: Script = "traditional", language: str = "zh") -> str:
    return ChineseWriter(wanted).written(segment_of(*text), language).text


@st.composite
def heard(draw: st.DrawFn) -> Segment:
    text = "".join(draw(st.lists(st.sampled_from(PHRASES) | st.text(max_size=3), min_size=1, max_size=12))) or "面"
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=len(text))))
    return segment_of(*[text[start:end] for start, end in pairwise([0, *cuts, len(text)]) if start < end])


@settings(deadline=None)  # the first example loads the dictionaries
@given(heard(), st.sampled_from(["traditional", "simplified"]), st.sampled_from(["zh", "yue"]))
@example(segment_of("方", "便", "面"), "traditional", "zh")
def test_joined_words_are_the_text_and_times_are_those_of_before(segment: Segment, wanted: Script, lang: str) -> None:
    after = ChineseWriter(wanted).written(segment, lang)
    starts, ends = [w.start for w in segment.words], [w.end for w in segment.words]
    converted = {segment.text} | {
        _converter(name).convert(segment.text) for name in ("s2twp", "t2tw", "t2s", "s2hk", "t2hk")
    }

    assert after.text in converted
    assert all(word.text for word in after.words)
    assert {w.start for w in after.words} <= set(starts)
    assert {w.end for w in after.words} <= set(ends)
    assert (after.words[0].start, after.words[-1].end) == (starts[0], ends[-1])
    assert all(left.end <= right.start for left, right in pairwise(after.words))
    assert (after.start, after.end, after.id) == (segment.start, segment.end, segment.id)


@settings(deadline=None)
@given(heard())
def test_where_no_phrase_changes_its_length_every_word_keeps_its_own_time(segment: Segment) -> None:
    after = ChineseWriter("simplified").written(segment, "zh")
    if len(after.text) == len(segment.text):
        assert [(w.start, w.end, len(w.text)) for w in after.words] == [
            (w.start, w.end, len(w.text)) for w in segment.words
        ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("软件里面的鼠标", "軟體裡面的滑鼠"),
        ("理发以后头发干净了", "理髮以後頭髮乾淨了"),
        ("余先生說他在海里游泳", "余先生說他在海里游泳"),
        ("裏面着涼了", "裡面著涼了"),
        ("Hello, 医师", "Hello, 醫師"),
    ],
)
def test_mandarin_in_traditional_script(text: str, expected: str) -> None:
    assert written(text) == expected


def test_cantonese_gets_its_characters_and_keeps_its_words() -> None:
    assert written("我哋用软件打印", language="yue") == "我哋用軟件打印"


def test_simplified_keeps_the_words() -> None:
    assert written("軟體裡面的滑鼠", "simplified") == "软体里面的滑鼠"
    assert written("软件里面的鼠标", "simplified") == "软件里面的鼠标"


@pytest.mark.parametrize("language", ["ja", "en", "ko", ""])
def test_other_languages_are_left_alone(language: str) -> None:
    assert written("学校の国語", language=language) == "学校の国語"


def test_as_heard_leaves_everything() -> None:
    assert written("软件裏面", "as_heard") == "软件裏面"


def test_a_text_of_either_script_is_taken_for_that_of_those_before_it() -> None:
    writer = ChineseWriter("traditional")

    assert writer.written(segment_of(*"余先生"), "zh").text == "餘先生", "models mostly write Simplified"
    assert writer.written(segment_of(*"請坐"), "zh").text == "請坐"
    assert writer.written(segment_of(*"余先生"), "zh").text == "余先生"


def test_words_stand_where_they_stood_beside_a_phrase_of_another_length() -> None:
    after = ChineseWriter("traditional").written(
        segment_of("他", "用", "打", "印", "机", "吃", "方", "便", "面", "了"), "zh"
    )
    by_start = {word.start: word.text for word in after.words}

    assert after.text == "他用印表機吃泡麵了"
    assert {start: by_start[start] for start in (0.0, 1.0, 5.0, 9.0)} == {0.0: "他", 1.0: "用", 5.0: "吃", 9.0: "了"}
    assert [(w.text, w.start, w.end) for w in after.words if w.text in "泡麵"][-1] == ("麵", 8.0, 8.9)


def test_a_word_of_which_nothing_is_left_makes_its_neighbour_no_surer() -> None:
    first, second, third = recut(segment_of("方", "便", "面", "了").words, "泡麵了", _to_simplified)

    assert (first.text, second.text, third.text) == ("泡", "麵", "了")
    assert (first.start, first.end, first.probability) == (0.0, 1.9, 0.89)


def test_the_script_is_no_part_of_what_windows_are_computed_by() -> None:
    recipes = {
        recipe_of("base", options, options.decoding(TranscriptionSettings()))
        for options in (TranscriptionOptions(), TranscriptionOptions(script="simplified"))
    }

    assert len(recipes) == 1
