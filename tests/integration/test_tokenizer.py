"""The real tokenizer: its bytes and its languages are those that Care Voice believes in."""

from __future__ import annotations

import pytest
import tokenizers

from care_voice.domain.languages import LANGUAGES
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
