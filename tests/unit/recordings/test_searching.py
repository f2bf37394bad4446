"""What texts are searched by, and that a query finds exactly the texts that have it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.searching import Body, Token, Wanted, parse_query, terms_of

LETTERS = st.sampled_from("aabbCi的一天氣カ한ก０ßé'- ,。\n\"")
TEXTS = st.text(LETTERS, max_size=40)


def body_of(*texts: str) -> str:
    body = Body()
    for text in texts:
        body.add(text)
        body.end_line()
    return str(body)


def has(terms: list[str], token: Token) -> bool:
    return any(term.startswith(token.text) if token.prefix else term == token.text for term in terms)


def finds(query: str, *texts: str) -> bool:
    """As the store decides: all tokens in the index, and the needles of what they do not prove."""
    body = body_of(*texts)
    terms, wanted = terms_of(body), parse_query(query)
    return bool(wanted) and all(
        all(has(terms, token) for token in each.tokens) and (each.proved or each.needle in body) for each in wanted
    )


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("天", "今天天氣很好"),
        ("天氣", "今天天氣很好"),
        ("今天天氣", "今天，天氣很好。"),
        ("今天天氣", "今天 天氣"),
        ("good MORN", "Good morning, Miss Lee."),
        ('"good morning"', "Good morning, Miss Lee."),
        ("“good morning”", "Good, morning"),
        ("dont", "I don’t know"),
        ("don't", "I don’t know"),
        ("ＡＢＣ１２３", "abc123"),
        ("abc", "ＡＢＣ１２３"),
        ("STRASSE", "Straße"),
        ("ガギ", "ｶﾞｷﾞ"),
        ("用iPhone拍", "用 iPhone 拍照"),
        ("state-of-the-art", "State of the art"),
        ("血壓 藥", "他的藥：血壓藥。"),
        ("안녕", "안녕하세요"),
        ('"to be or', "to be or not"),
        ("café", "cafe\u0301"),
        ("a" * 80, "x " + "a" * 90),
    ],
)
def test_it_is_found(query: str, text: str) -> None:
    assert finds(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("he", "the other"),
        ('"good morn"', "Good morning"),
        ('"morning good"', "Good morning, Miss Good"),
        ("好天", "天氣好。氣天"),
        ("a", "and"),
        ("good evening", "Good morning"),
        ("a" * 80, "a" * 70),
        ("哈哈哈", "哈哈，好笑"),
        ('"hello hello"', "Hello there"),
        ("?!", "?!"),
        ("", "text"),
        ('" "', "text"),
    ],
)
def test_it_is_not_found(query: str, text: str) -> None:
    assert not finds(query, text)


def test_no_phrase_reaches_from_one_field_into_another() -> None:
    assert finds("血壓", "血壓")
    assert not finds("血壓", "血", "壓")
    assert not finds('"good morning"', "good", "morning")


@given(TEXTS, st.data())
def test_every_stretch_of_a_text_finds_it(text: str, data: st.DataObject) -> None:
    units = body_of(text).split()
    start = data.draw(st.integers(0, len(units)))
    end = data.draw(st.integers(start, len(units)))
    stretch = " ".join(units[start:end])
    for query in (f'"{stretch}"', stretch):
        assert finds(query, text) or not stretch


@given(TEXTS, TEXTS)
def test_tokens_that_prove_a_match_never_find_more_than_the_text_holds(query: str, text: str) -> None:
    body = body_of(text)
    terms = terms_of(body)
    for each in parse_query(query):
        found = all(has(terms, token) for token in each.tokens)
        assert found or each.needle not in body
        assert not each.proved or found == (each.needle in body)


@given(st.text(max_size=60))
def test_terms_hold_nothing_that_an_index_could_take_for_syntax(text: str) -> None:
    for term in [*terms_of(body_of(text)), *(t.text for each in parse_query(text) for t in each.tokens)]:
        assert term
        assert not set(term) & set("\"'\\:*&|!<>()^+-_ \t\n\x00")
        term.encode()


def test_a_query_is_cut_to_what_an_index_can_bear() -> None:
    wanted = parse_query(" ".join(f"word{n}" for n in range(99)) + " " + "字" * 400)
    assert len(wanted) == 16
    [long] = parse_query("一二三四五六七八九十" * 20)
    assert len(long.tokens) <= 12
    assert isinstance(long, Wanted)
    assert not long.proved


def test_a_day_of_speech_fits_into_a_document() -> None:
    body = body_of("".join(chr(0x4E00 + n % 20000) + chr(0x4E00 + n * 7 % 20000) for n in range(200_000)))
    assert sum(len(term.encode()) for term in terms_of(body)) <= 900_000
