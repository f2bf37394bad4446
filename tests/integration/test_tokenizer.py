"""The real tokenizer: its bytes, languages, special tokens and words are those that Care Voice believes in."""

from __future__ import annotations

import pytest
import tokenizers
from faster_whisper.tokenizer import Tokenizer as PeerTokenizer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from care_voice.domain.languages import LANGUAGES
from care_voice.engine.backends.tokenizer import Tokenizer
from care_voice.engine.bytelevel import token_bytes
from care_voice.models.report import Verified


@pytest.fixture(scope="module")
def tokenizer(verified_model: Verified) -> tokenizers.Tokenizer:
    return tokenizers.Tokenizer.from_file(str(verified_model.view / "tokenizer.json"))


def test_every_byte_is_a_token_and_comes_back(tokenizer: tokenizers.Tokenizer) -> None:
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)

    assert {token_bytes(token) for token in vocabulary if len(token_bytes(token)) == 1} == {
        bytes([byte]) for byte in range(256)
    }


@pytest.mark.parametrize("text", ["Hello, Mrs Chen.", "護理師幫阿嬤量血壓", "naïve 😀 ‘x’", "日本語\n\t"])
def test_the_bytes_of_the_tokens_are_the_text(tokenizer: tokenizers.Tokenizer, text: str) -> None:
    tokens = tokenizer.encode(text, add_special_tokens=False).tokens

    assert b"".join(token_bytes(token) for token in tokens).decode() == text


def test_the_model_knows_every_language_but_cantonese(tokenizer: tokenizers.Tokenizer) -> None:
    """Cantonese came with large-v3; what the model lacks is refused by the engine."""
    assert [code for code in LANGUAGES if tokenizer.token_to_id(f"<|{code}|>") is None] == ["yue"]


def both(tokenizer: tokenizers.Tokenizer, language: str, task: str = "transcribe") -> tuple[Tokenizer, PeerTokenizer]:
    return Tokenizer(tokenizer, True, task=task, language=language), PeerTokenizer(tokenizer, True, task, language)


@pytest.mark.parametrize(("language", "task"), [("en", "transcribe"), ("zh", "translate")])
def test_the_special_tokens_are_those_of_faster_whisper(
    tokenizer: tokenizers.Tokenizer, language: str, task: str
) -> None:
    ours, peer = both(tokenizer, language, task)

    names = ("sot", "eot", "sot_prev", "sot_lm", "transcribe", "translate", "no_timestamps", "no_speech")
    assert [getattr(ours, name) for name in names] == [getattr(peer, name) for name in names]
    assert list(ours.sot_sequence) == peer.sot_sequence
    assert sorted(ours.non_speech_tokens) == list(peer.non_speech_tokens)


def test_an_english_model_is_told_no_language(tokenizer: tokenizers.Tokenizer) -> None:
    assert Tokenizer(tokenizer, False, task="transcribe", language="en").sot_sequence == (50258,)


@pytest.mark.parametrize("language", ["en", "zh", "ja", "de"])
@pytest.mark.parametrize(
    "text",
    [
        " Hello, Mrs Chen. How's your 'blood pressure'?! (120/80)",
        "護理師幫阿嬤量血壓，很好。",
        " naïve 😀 ‘x’ — Übergrößenträger",
        "日本語\n\tです  two  spaces",
        "",
    ],
)
def test_words_are_those_of_faster_whisper(tokenizer: tokenizers.Tokenizer, language: str, text: str) -> None:
    ours, peer = both(tokenizer, language)
    ids = ours.encode(text)

    assert ours.split_to_word_tokens(ids) == peer.split_to_word_tokens(ids)
    assert ours.decode([ours.sot, *ids, ours.eot]) == peer.decode(ids) == text


@given(data=st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_token_and_no_character_is_lost(tokenizer: tokenizers.Tokenizer, data: st.DataObject) -> None:
    """Whatever a model gives, broken characters too."""
    ours, _ = both(tokenizer, data.draw(st.sampled_from(["en", "zh"])))
    ids = data.draw(st.lists(st.integers(0, ours.eot - 1), max_size=30))

    words, tokens = ours.split_to_word_tokens(ids)

    assert [token for word in tokens for token in word] == ids
    assert "".join(words) == ours.decode(ids)
