"""Transcripts as plain text, SubRip and WebVTT."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.subtitles import clock, to_srt, to_text, to_vtt
from care_voice.domain.transcript import Segment, Transcript, WindowStats, Word

STATS = WindowStats(0.0, -0.2, 1.1, 0.01)


def transcript(*spans: tuple[float, float, str]) -> Transcript:
    segments = tuple(
        Segment(n, start, end, (Word(text, start, end, 0.9),), STATS, 0.0) for n, (start, end, text) in enumerate(spans)
    )
    return Transcript("transcribe", "en", spans[-1][1] if spans else 0.0, segments)


def test_a_time_in_subrip_has_a_comma_and_is_not_cut_short() -> None:
    assert to_srt(transcript((1.001, 2.9996, " hi"))) == "1\n00:00:01,001 --> 00:00:03,000\nhi\n"


def test_a_time_in_webvtt_has_a_point() -> None:
    assert to_vtt(transcript((1.001, 2.5, " hi"))) == "WEBVTT\n\n00:00:01.001 --> 00:00:02.500\nhi\n"


def test_the_first_cue_begins_where_the_speech_does() -> None:
    cues = to_srt(transcript((4.25, 5.0, " late"), (5.0, 6.0, " later")))

    assert cues.startswith("1\n00:00:04,250 --> ")
    assert "\n\n2\n00:00:05,000 --> 00:00:06,000\n" in cues


def test_a_cue_without_length_still_ends_after_it_starts() -> None:
    assert "00:00:01.000 --> 00:00:01.001" in to_vtt(transcript((1.0, 1.0, " hm")))


def test_an_arrow_in_the_text_does_not_end_the_cue() -> None:
    result = transcript((0.0, 1.0, " a --> b\n\n2\n00:00:09,000 --> 00:00:10,000"))

    for text in (to_srt(result), to_vtt(result)):
        assert text.count("-->") == 1
        assert text.rstrip("\n").count("\n\n") == (1 if text.startswith("WEBVTT") else 0)


def test_markup_is_escaped_in_webvtt_and_kept_in_subrip() -> None:
    result = transcript((0.0, 1.0, " <b>5 & 6</b>"))

    assert "&lt;b&gt;5 &amp; 6&lt;/b&gt;" in to_vtt(result)
    assert "<b>5 & 6</b>" in to_srt(result)


def test_a_recording_of_more_than_99_hours_keeps_its_hours() -> None:
    assert clock(360_000_000 + 1_001, ",") == "100:00:01,001"


def test_a_silent_recording_gives_empty_files() -> None:
    assert (to_text(transcript()), to_srt(transcript()), to_vtt(transcript())) == ("", "", "WEBVTT\n")


def test_plain_text_has_one_segment_on_a_line() -> None:
    assert to_text(transcript((0, 1, " 你好。"), (1, 2, "再見。"))) == "你好。\n再見。\n"


@given(st.integers(0, 10**10))
def test_a_time_can_be_read_back_to_the_millisecond(milliseconds: int) -> None:
    match = re.fullmatch(r"(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})", clock(milliseconds, "."))

    assert match is not None
    hours, minutes, seconds, rest = map(int, match.groups())
    assert ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest == milliseconds
