"""From answers of many kinds of servers to words with times."""

from __future__ import annotations

import io
import json
import wave
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.engine.protocol import DecodeWindow, WindowDecoded
from care_voice.remote.answers import code_of, decoded, read
from care_voice.remote.dialects import Dialect, fields_of, wav
from care_voice.remote.placing import joinable, pieces_of, spelled, spread

SECOND = b"\0\0" * 16_000


def window(language: str | None = None, seconds: int = 4, **changes: Any) -> DecodeWindow:
    values: dict[str, Any] = {"languages": (), "task": "transcribe", "prompt": None, "temperatures": (0.0,)}
    values |= {"start_s": 100.0, "speech": ((0.5, 1.5), (2.5, 3.5)), **changes}
    return DecodeWindow(id=7, request_id="r", pcm=SECOND * seconds, language=language, beam_size=1, **values)


def answer(request: DecodeWindow | None = None, **body: Any) -> WindowDecoded:
    return decoded(read(json.dumps(body).encode()), request or window(), 0.5)


def words(result: WindowDecoded) -> list[tuple[str, float, float]]:
    return [(w.text, w.start - 100, w.end - 100) for part in result.parts for w in part.words]


def test_bare_words_get_the_punctuation_of_the_text() -> None:
    bare = [{"word": w, "start": n, "end": n + 0.5} for n, w in enumerate(["Well", "it's", "3.5", "OK"])]
    result = answer(text='"Well, it\'s 3.5%." OK?', words=bare)

    assert [text for text, _, _ in words(result)] == [' "Well,', " it's", ' 3.5%."', " OK?"]


def test_characters_of_a_script_without_spaces_stay_joined() -> None:
    bare = [{"word": w, "start": n, "end": n + 1} for n, w in enumerate(["您", "好", "嗎"])]
    result = answer(text="您好，嗎？", language="chinese", words=bare)

    assert [text for text, _, _ in words(result)] == ["您", "好，", "嗎？"]
    assert result.language == "zh"


def test_a_word_that_the_text_lacks_costs_no_other_one() -> None:
    bare = [{"word": w, "start": n, "end": n + 1} for n, w in enumerate(["one", "zwei", "three"])]
    result = answer(text="One three", words=bare)

    assert [text for text, _, _ in words(result)] == [" One", " three"]


def test_words_that_have_nothing_to_do_with_the_text_are_taken_as_they_are() -> None:
    bare = [{"word": w, "start": n, "end": n + 1} for n, w in enumerate(["eins", "zwei"])]
    result = answer(text="something else entirely", words=bare)

    assert words(result) == [(" eins", 0, 1), (" zwei", 1, 2)]


def test_words_inside_segments_are_found_with_their_probabilities() -> None:
    inner = [{"word": " Hi", "start": 0.25, "end": 0.5, "probability": 0.75}]
    result = answer(text="Hi", segments=[{"text": " Hi", "start": 0, "end": 1, "words": inner}])

    assert words(result) == [(" Hi", 0.25, 0.5)]
    assert result.parts[0].words[0].probability == 0.75


def test_segments_without_the_space_between_them_are_told_apart() -> None:
    segments = [{"text": "One.", "start": 0, "end": 1}, {"text": "Two.", "start": 1, "end": 2}]

    assert words(answer(text="One. Two.", segments=segments)) == [(" One.", 0, 1), (" Two.", 1, 2)]


def test_text_alone_is_spread_over_the_detected_speech() -> None:
    assert words(answer(text="ab cd")) == [(" ab", 0.5, 1.5), (" cd", 2.5, 3.5)]


def test_no_text_is_no_part() -> None:
    result = answer(text="  ", language=None, words=None, segments=[])

    assert (result.parts, result.passes, result.language) == ((), 0, "")


def test_the_scores_of_segments_are_weighted_by_their_text() -> None:
    segments = [
        {"text": "abc", "start": 0, "end": 1, "avg_logprob": -0.1, "no_speech_prob": 0.0, "compression_ratio": 1.0},
        {"text": "d", "start": 1, "end": 2, "avg_logprob": -0.5, "no_speech_prob": 0.4, "compression_ratio": 1.5},
        {"text": "e", "start": 2, "end": 3, "avg_logprob": None},
    ]
    part = answer(text="abc d e", segments=segments).parts[0]

    assert (part.avg_logprob, part.no_speech_prob, part.compression_ratio) == pytest.approx((-0.2, 0.1, 1.5))


def test_what_is_outside_the_window_or_out_of_order_is_put_right() -> None:
    bare = [
        {"word": "a", "start": -3, "end": 1},
        {"word": "b", "start": 0.5, "end": 0.25},
        {"word": "c", "start": 9, "end": 99},
    ]

    assert words(answer(text="a b c", words=bare)) == [(" a", 0, 1), (" b", 0.5, 0.5), (" c", 4, 4)]


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", b'{"text": 1}', b'{"text": "x", "words": [1]}', b"\xff"])
def test_what_is_no_transcription_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a transcription"):
        read(body)


@pytest.mark.parametrize(
    ("named", "code"),
    [("english", "en"), ("English", "en"), ("en", "en"), ("zh-TW", "zh"), ("chinese", "zh"), ("haitian creole", "ht"),
     ("mandarin", "zh"), ("yue", "yue"), ("undetermined", None), ("", None), (None, None)],
)  # fmt: skip
def test_languages_become_codes(named: str | None, code: str | None) -> None:
    assert code_of(named) == code


def test_the_language_that_was_asked_for_is_kept() -> None:
    assert answer(window("de"), text="x", language="english").language == "de"


def test_languages_are_given_where_they_limit_the_detection() -> None:
    assert fields_of(window(languages=("en", "zh")), "m", Dialect.WORDS)["languages[]"] == ["en", "zh"]
    assert "languages[]" not in fields_of(window("en", languages=("en", "zh")), "m", Dialect.WORDS)


@pytest.mark.parametrize(
    ("hotwords", "prompt", "told"),
    [
        (None, None, None), (None, "Well.", "Well."), ("Liddy", None, "Liddy"), ("Liddy", "Well.", "Liddy Well."),
        ("Liddy, " * 99, "Well.", "Liddy, " * 62 + "Liddy Well."), ("左小蕾、" * 99, None, "、".join(["左小蕾"] * 37)),
        ("Liddy, " * 99, "x" * 999, "Liddy, " * 31 + "Liddy " + "x" * 999), ("y" * 999, None, "y" * 446),
    ],
    ids=["nothing", "prompt", "hotwords", "both", "many", "chinese", "long_prompt", "no_commas"],
)  # fmt: skip
def test_hotwords_stand_before_the_prompt_as_far_as_there_is_room(
    hotwords: str | None, prompt: str | None, told: str | None
) -> None:
    assert fields_of(window(hotwords=hotwords, prompt=prompt), "m", Dialect.TEXT).get("prompt") == told


def test_the_sound_is_a_wave_file() -> None:
    with wave.open(io.BytesIO(wav(SECOND))) as sound:
        assert sound.getparams()[:4] == (1, 2, 16_000, 16_000)


TEXTS = st.text(st.sampled_from("ab é.,'\"-?! 您好，。「」กขあ\n"), max_size=40)


@given(TEXTS)
def test_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(pieces_of(text)) == text.rstrip()


@given(TEXTS)
def test_stretches_joined_are_the_text(text: str) -> None:
    bare = [piece.strip(" .,?!，。\n") for piece in pieces_of(text)]
    stretches = spelled(bare, text)

    assert stretches is None or "".join(stretches) == text.rstrip()


@given(TEXTS, st.lists(st.floats(0, 30), min_size=2, max_size=8, unique=True).map(sorted))
def test_times_are_in_order_and_within_the_speech(text: str, edges: list[float]) -> None:
    spans = list(zip(edges[::2], edges[1::2], strict=False))
    times = spread(pieces_of(text), spans)
    flat = [at for time in times for at in time]

    assert all(before <= after + 1e-5 for before, after in pairwise(flat))
    assert all(spans[0][0] <= at <= spans[-1][1] for at in flat)


@given(TEXTS)
def test_what_is_joinable_says_the_same(text: str) -> None:
    assert joinable(text).strip() == text.strip()
