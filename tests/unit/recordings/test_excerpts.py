"""Excerpts: the stretch of the original text that has what was searched, and where in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.excerpts import WIDTH, Excerpt, Hit, excerpt, find_hits, relevance
from care_voice.domain.searching import Body, parse_query

LETTERS = st.sampled_from("aabbCi的一天氣カ０é'- ,。ﾞ\n")


def marked(query: str, text: str) -> list[str]:
    found = excerpt(text, parse_query(query))
    return [found.text[start:end] for start, end in found.ranges]


@pytest.mark.parametrize(
    ("query", "text", "parts"),
    [
        ("天氣", "今天，天氣很好。天氣", ["天氣", "天氣"]),
        ("天天", "今天，天氣", ["天，天"]),
        ("morn", "Good Morning, morn", ["Morn", "morn"]),
        ("dont know", "I don’t know", ["don’t", "know"]),
        ("abc", "ＡＢＣ１２３", ["ＡＢＣ"]),
        ("ガギ", "x ｶﾞｷﾞ", ["ｶﾞｷﾞ"]),
        ("ss", "ß", ["ß"]),
        ("cafe\u0301", "Café cafe\u0301", ["Café", "cafe\u0301"]),
        ("天 天氣", "天氣", ["天氣"]),
        ("nothing", "text", []),
    ],
)
def test_matches_are_marked_in_the_original(query: str, text: str, parts: list[str]) -> None:
    assert marked(query, text) == parts


def test_a_long_text_is_cut_around_the_first_match() -> None:
    found = excerpt("word " * 200 + "needle" + " word" * 200, parse_query("needle"))

    assert len(found.text) == WIDTH + 2
    assert found.text[0] == found.text[-1] == "…"
    assert [found.text[start:end] for start, end in found.ranges] == ["needle"]
    assert excerpt("short", parse_query("x")) == Excerpt("short", ())


@given(st.text(LETTERS, max_size=60), st.text(LETTERS, max_size=6), st.integers(1, 30))
def test_ranges_are_in_order_apart_and_within_the_text(text: str, query: str, width: int) -> None:
    found = excerpt(text, parse_query(query), width)
    places = [place for pair in found.ranges for place in pair]

    assert places == sorted(places)
    assert len(set(places)) == len(places)
    assert all(0 <= place <= len(found.text) for place in places)
    assert len(found.text) <= width + 2


def document(title: str, *segments: str, tags: tuple[str, ...] = ()) -> tuple[str, list[int]]:
    body = Body()
    for field in (title, "file.webm", "notes"):
        body.add(field)
        body.end_line()
    starts = [body.add(segment) for segment in segments]
    for tag in tags:
        body.end_line()
        body.add(tag)
    body.end_line()
    return str(body), starts


def test_hits_name_the_field_and_the_segment() -> None:
    body, starts = document("Miss Lee", "Good morning.", "今天天", "氣很好。", "Lee again", tags=("x", "Lee"))

    assert find_hits(body, starts, parse_query("lee")) == [Hit("title"), Hit("tags"), Hit("transcript", 3)]
    assert find_hits(body, starts, parse_query("天氣")) == [Hit("transcript", 1, spills=True)]
    assert find_hits(body, starts, parse_query("氣很")) == [Hit("transcript", 2)]
    assert find_hits(body, starts, parse_query('"morning 今天"')) == [Hit("transcript", 0, spills=True)]
    assert find_hits(body, starts, parse_query("good")) == [Hit("transcript", 0)]
    assert find_hits(body, starts, parse_query("absent")) == []


def test_what_a_title_says_counts_more_than_what_was_said_in_passing() -> None:
    titled, _ = document("Budget", "hello")
    often, _ = document("", "budget budget budget")
    once, _ = document("", "the budget")
    ranked = sorted([once, often, titled], key=lambda body: -relevance(body, parse_query("budget")))

    assert ranked == [titled, often, once]
