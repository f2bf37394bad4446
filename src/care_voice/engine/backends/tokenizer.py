"""Whisper's tokens: the special ones by name, text to tokens and back, and tokens grouped into words.

The names are those of openai-whisper. faster-whisper has the same and is not used here: importing any of it imports all
of it, PyAV and the hub's client too, which took a third of the time in which an engine worker starts.
"""

from __future__ import annotations

import codecs
import string
from collections.abc import Iterator, Sequence
from functools import cached_property

import tokenizers

from care_voice.engine.bytelevel import token_bytes

_UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Languages that are written without spaces between words: there each character counts as one."""

_MARKS = (
    *'"#()*+/:;<=>@[\\]^_`{|}~「」『』',
    *("<<", ">>", "<<<", ">>>", "--", "---", "-(", "-[", "('", '("', "((", "))", "(((", ")))", "[[", "]]", "{{", "}}"),
    *("♪♪", "♪♪♪"),
)
_NOTES = "♩♪♫♬♭♮♯"
"""Where one is several tokens the first is suppressed: only symbols of this kind begin with it."""


class Tokenizer:
    """The tokens of a vocabulary, for one language and one task; both count only where the model is multilingual."""

    def __init__(self, vocabulary: tokenizers.Tokenizer, multilingual: bool, *, task: str, language: str) -> None:
        self._vocabulary = vocabulary
        self._spaced = not (multilingual and language in _UNSPACED)
        self.sot = self._special("startoftranscript")
        self.eot = self._special("endoftext")
        self.sot_prev = self._special("startofprev")
        self.sot_lm = self._special("startoflm")
        self.transcribe = self._special("transcribe")
        self.translate = self._special("translate")
        self.no_timestamps = self._special("notimestamps")
        self.no_speech = self._special("nospeech", "nocaptions")
        told = (self._special(language), self._special(task)) if multilingual else ()
        self.sot_sequence = (self.sot, *told)
        """What a transcript begins with."""

    def encode(self, text: str) -> list[int]:
        """The tokens of a text."""
        ids: list[int] = self._vocabulary.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of the text tokens among `tokens`."""
        text: str = self._vocabulary.decode([token for token in tokens if token < self.eot])
        return text

    @cached_property
    def non_speech_tokens(self) -> frozenset[int]:
        """What begins other things than speech, as notes, brackets and names of speakers do (openai-whisper's list)."""
        first = {self.encode(" -")[0], self.encode(" '")[0]}
        spelled = [(mark, self.encode(before + mark)) for mark in (*_MARKS, *_NOTES) for before in ("", " ")]
        return frozenset(first | {ids[0] for mark, ids in spelled if len(ids) == 1 or mark in _NOTES})

    def split_to_word_tokens(self, tokens: Sequence[int]) -> tuple[list[str], list[list[int]]]:
        """Text tokens as words, and the tokens of each word; a space or a punctuation mark begins the next word."""
        words: list[str] = []
        word_tokens: list[list[int]] = []
        for text, ids in self._characters(tokens):
            if words and self._spaced and not text.startswith(" ") and text.strip() not in string.punctuation:
                words[-1] += text
                word_tokens[-1] += ids
            else:
                words.append(text)
                word_tokens.append(ids)
        return words, word_tokens

    def _characters(self, tokens: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
        """The smallest groups of tokens that hold whole characters; broken ones become U+FFFD."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text, held = "", list[int]()
        for token in tokens:
            text += decoder.decode(token_bytes(self._vocabulary.id_to_token(token) or ""))
            held.append(token)
            if not decoder.getstate()[0]:
                yield text, held
                text, held = "", []
        if held:
            yield text + decoder.decode(b"", final=True), held

    def _special(self, *names: str) -> int:
        """The id of a special token by the first of the names that the vocabulary has."""
        ids = (self._vocabulary.token_to_id(f"<|{name}|>") for name in names)
        found = next((token for token in ids if token is not None), None)
        if found is None:
            raise ValueError(f"the tokenizer has no <|{names[0]}|>")
        return int(found)
