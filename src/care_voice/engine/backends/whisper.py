"""Whisper on CTranslate2: one model, one window at a time, right-sized, guarded, aligned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import ctranslate2
import numpy as np
import numpy.typing as npt
import tokenizers
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer

from care_voice.domain.errors import InvalidParameter
from care_voice.engine.alignment import AlignedWord, align_words, longest_skip_s, snap_to_speech
from care_voice.engine.bytelevel import token_bytes
from care_voice.engine.rails import (
    FULL_WINDOW_S,
    Hypothesis,
    RailSettings,
    Verdict,
    best,
    echoes,
    judge,
    window_samples,
)

SAMPLE_RATE = 16_000
FRAMES_PER_S = 100
MAX_POSITIONS = 448
MAX_PROMPT_TOKENS = MAX_POSITIONS // 2 - 1
_MIN_SPLIT_S = 2.0

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WhisperSettings:
    """How windows are decoded."""

    margin_s: float = 1.0
    """Silence in seconds added after the speech of a right-sized window."""

    minimum_s: float = 15.0
    """A shorter window is padded to this many seconds: below it Whisper loops or loses words."""

    best_of: int = 5
    """Samples drawn at each temperature above 0; the most probable one counts."""

    rails: RailSettings = field(default_factory=RailSettings)


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """What the request asks for. `temperatures` is the ladder: the first is tried first."""

    language: str
    task: str
    prompt: str | None
    temperatures: tuple[float, ...]
    beam_size: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """An accepted hypothesis and its words; times count from the start of the samples that were given."""

    start_s: float
    hypothesis: Hypothesis
    words: tuple[AlignedWord, ...]
    passes: int


class WhisperBackend:
    """Holds one model. Not thread-safe: a worker decodes one window at a time.

    Args:
        model_dir: A directory with CTranslate2's model.bin, config.json, vocabulary and tokenizer.json.
        device: cpu, cuda, or auto: cuda where there is a device.
        compute_type: A CTranslate2 type, for example int8; auto means int8 on a CPU and float16 on CUDA.
        threads: CPU threads of one operation; 0 lets CTranslate2 choose.

    Raises:
        RuntimeError, ValueError: CTranslate2 cannot load what the directory holds, or lacks the device.
    """

    def __init__(
        self, model_dir: Path, device: str, compute_type: str, threads: int, settings: WhisperSettings | None = None
    ) -> None:
        self._settings = settings or WhisperSettings()
        self.device = _resolve_device(device)
        if compute_type == "auto":
            compute_type = "float16" if self.device == "cuda" else "int8"
        self._model = ctranslate2.models.Whisper(
            str(model_dir), device=self.device, compute_type=compute_type, intra_threads=threads, inter_threads=1
        )
        self._vocabulary = tokenizers.Tokenizer.from_file(str(model_dir / "tokenizer.json"))
        self._features = FeatureExtractor(feature_size=self._model.n_mels)
        self._tokenizers: dict[tuple[str, str], Tokenizer] = {}

    @property
    def multilingual(self) -> bool:
        return bool(self._model.is_multilingual)

    @property
    def compute_type(self) -> str:
        return str(self._model.compute_type)

    def token_text(self, token_id: int) -> tuple[str, bytes]:
        """A token as text, U+FFFD where it holds a part of a character, and as bytes."""
        data = token_bytes(self._vocabulary.id_to_token(token_id) or "")
        return data.decode(errors="replace"), data

    def detect_language(self, samples: Samples, candidates: Sequence[str]) -> tuple[str, float]:
        """The most probable of `candidates` (empty: of all languages) and its probability among all.

        Raises:
            InvalidParameter: The model knows none of the candidates.
        """
        if not self.multilingual:
            return "en", 1.0
        ranked = self._model.detect_language(self._encode(samples, full=True))[0]
        codes = [(str(token).strip("<|>"), float(probability)) for token, probability in ranked]
        found = next((pair for pair in codes if not candidates or pair[0] in candidates), None)
        if found is None:
            raise InvalidParameter(param="languages", why="this model knows none of them")
        return found

    def decode(
        self, samples: Samples, speech: Sequence[tuple[float, float]], options: DecodeOptions
    ) -> Iterator[Decoded]:
        """Decode a window of at most 30 s; more than one result where it had to be cut in two.

        Args:
            samples: Sound in [-1, 1] at 16 kHz.
            speech: Spans of speech, seconds from the start of `samples`.
            options: Language, task, prompt, temperatures and beam size.

        Raises:
            InvalidParameter: The model is English-only and something else was asked of it.
        """
        self._check(options)
        hypothesis, encoded, passes = self._search(samples, options)
        if echoes(hypothesis.text, options.prompt):
            options, before = replace(options, prompt=None), passes
            hypothesis, encoded, passes = self._search(samples, options)
            passes += before
        words = snap_to_speech(self._align(encoded, hypothesis, len(samples), options), speech)
        skipped = options.task == "transcribe" and longest_skip_s(words, speech) > self._settings.rails.max_skip_s
        if (hypothesis.capped or skipped) and len(samples) > 2 * _MIN_SPLIT_S * SAMPLE_RATE:
            yield from self._decode_halves(samples, speech, options, passes)
            return
        yield Decoded(0.0, hypothesis, tuple(words), passes)

    def _check(self, options: DecodeOptions) -> None:
        if self.multilingual:
            if self._vocabulary.token_to_id(f"<|{options.language}|>") is None:
                raise InvalidParameter(param="language", why=f"this model does not know '{options.language}'")
            return
        if options.language != "en":
            raise InvalidParameter(param="language", why="this model knows English only")
        if options.task != "transcribe":
            raise InvalidParameter(param="model", why="this model knows English only and cannot translate")

    def _search(self, samples: Samples, options: DecodeOptions) -> tuple[Hypothesis, ctranslate2.StorageView, int]:
        """Right-sized first, then 30 s, then up the temperature ladder until the guard rails are content."""
        tried: list[tuple[Hypothesis, ctranslate2.StorageView]] = []
        for full, temperature in self._attempts(len(samples), options.temperatures):
            encoded = (
                self._encode(samples, full=full) if not tried or full != tried[-1][0].full_window else tried[-1][1]
            )
            hypothesis = self._generate(encoded, options, temperature, full=full, seconds=len(samples) / SAMPLE_RATE)
            tried.append((hypothesis, encoded))
            verdict = judge(hypothesis, self._settings.rails)
            if verdict is Verdict.NO_SPEECH:
                return _silence(hypothesis), encoded, len(tried)
            if verdict is Verdict.ACCEPT:
                return hypothesis, encoded, len(tried)
        complete = [pair for pair in tried if pair[0].full_window]
        chosen = best([pair[0] for pair in complete], self._settings.rails)
        return chosen, complete[-1][1], len(tried)

    def _attempts(self, length: int, temperatures: tuple[float, ...]) -> Iterator[tuple[bool, float]]:
        if self._padded(length, full=False) < FULL_WINDOW_S * SAMPLE_RATE:
            yield False, temperatures[0]
        yield from ((True, temperature) for temperature in temperatures)

    def _padded(self, length: int, *, full: bool) -> int:
        minimum = FULL_WINDOW_S if full else self._settings.minimum_s
        return window_samples(length, SAMPLE_RATE, self._settings.margin_s, minimum)

    def _encode(self, samples: Samples, *, full: bool) -> ctranslate2.StorageView:
        size = self._padded(len(samples), full=full)
        padded = np.zeros(size, dtype=np.float32)
        padded[: len(samples)] = samples[:size]
        mel = self._features(padded, padding=0)[..., : size * FRAMES_PER_S // SAMPLE_RATE]
        features = ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[np.newaxis]))
        return self._model.encode(features, to_cpu=False)

    def _generate(
        self,
        encoded: ctranslate2.StorageView,
        options: DecodeOptions,
        temperature: float,
        *,
        full: bool,
        seconds: float,
    ) -> Hypothesis:
        tokenizer = self._tokenizer(options.language, options.task)
        prompt = self._prompt(tokenizer, options.prompt)
        room = MAX_POSITIONS - len(prompt)
        cap = room if full else min(room, _token_cap(seconds))
        ctranslate2.set_random_seed(round(temperature * 1000))
        result = self._model.generate(
            encoded,
            [prompt],
            max_length=_generation_limit(cap, len(prompt)),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=_suppressed(tokenizer),
            **self._sampling(temperature, options.beam_size),
        )[0]
        ids = tuple(result.sequences_ids[0])
        return Hypothesis(
            token_ids=ids,
            text=tokenizer.decode(list(ids)),
            avg_logprob=result.scores[0] * len(ids) / (len(ids) + 1),
            no_speech_prob=result.no_speech_prob,
            temperature=temperature,
            full_window=full,
            capped=len(ids) >= cap - 1,
        )

    def _sampling(self, temperature: float, beam_size: int) -> dict[str, float | int]:
        if temperature == 0:
            return {"beam_size": beam_size}
        return {
            "beam_size": 1,
            "num_hypotheses": self._settings.best_of,
            "sampling_topk": 0,
            "sampling_temperature": temperature,
        }

    def _prompt(self, tokenizer: Tokenizer, text: str | None) -> list[int]:
        before = []
        if text and text.strip():
            ids = [token for token in tokenizer.encode(" " + text.strip()) if token < tokenizer.eot]
            before = [tokenizer.sot_prev, *ids[-MAX_PROMPT_TOKENS:]]
        return [*before, *tokenizer.sot_sequence, tokenizer.no_timestamps]

    def _tokenizer(self, language: str, task: str) -> Tokenizer:
        key = (language, task)
        if key not in self._tokenizers:
            self._tokenizers[key] = Tokenizer(self._vocabulary, self.multilingual, task=task, language=language)
        return self._tokenizers[key]

    def _align(
        self, encoded: ctranslate2.StorageView, hypothesis: Hypothesis, length: int, options: DecodeOptions
    ) -> list[AlignedWord]:
        if not hypothesis.token_ids:
            return []
        tokenizer = self._tokenizer(options.language, options.task)
        ids = [token for token in hypothesis.token_ids if token < tokenizer.eot]
        frames = min(length * FRAMES_PER_S // SAMPLE_RATE, round(FULL_WINDOW_S * FRAMES_PER_S))
        result = self._model.align(encoded, tokenizer.sot_sequence, [ids], frames)[0]
        words, word_tokens = tokenizer.split_to_word_tokens(ids)
        return _join_bare_marks(align_words(words, word_tokens, result.alignments, result.text_token_probs))

    def _decode_halves(
        self, samples: Samples, speech: Sequence[tuple[float, float]], options: DecodeOptions, passes: int
    ) -> Iterator[Decoded]:
        """The decoder ran out of positions or left speech out: cut at the quietest place near the middle."""
        cut = _quietest_near_middle(samples)
        offset = cut / SAMPLE_RATE
        left = [(start, min(end, offset)) for start, end in speech if start < offset]
        right = [(max(start, offset) - offset, end - offset) for start, end in speech if end > offset]
        halves = (
            *self.decode(samples[:cut], left, options),
            *(_shifted(part, offset) for part in self.decode(samples[cut:], right, options)),
        )
        yield replace(halves[0], passes=halves[0].passes + passes)
        yield from halves[1:]


def _resolve_device(device: str) -> str:
    if device != "auto":
        return device
    return "cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu"


def _token_cap(seconds: float) -> int:
    """Most tokens that a right-sized window may give: no language that Whisper knows needs more for so much speech."""
    return 32 + round(25 * seconds)


def _generation_limit(cap: int, prompt_length: int) -> int:
    """CTranslate2 stops after min(max_length / 2, max_length - prompt) tokens; this is the max_length for `cap`."""
    return max(2 * cap, cap + prompt_length)


def _suppressed(tokenizer: Tokenizer) -> list[int]:
    special = (tokenizer.transcribe, tokenizer.translate, tokenizer.sot, tokenizer.sot_prev, tokenizer.sot_lm)
    return sorted({*tokenizer.non_speech_tokens, *special, tokenizer.no_speech})


def _silence(hypothesis: Hypothesis) -> Hypothesis:
    return Hypothesis(
        token_ids=(),
        text="",
        avg_logprob=hypothesis.avg_logprob,
        no_speech_prob=hypothesis.no_speech_prob,
        temperature=hypothesis.temperature,
        full_window=hypothesis.full_window,
        capped=False,
    )


def _shifted(part: Decoded, offset_s: float) -> Decoded:
    words = (AlignedWord(w.text, w.token_ids, w.start + offset_s, w.end + offset_s, w.logprobs) for w in part.words)
    return Decoded(part.start_s + offset_s, part.hypothesis, tuple(words), part.passes)


def _quietest_near_middle(samples: Samples) -> int:
    """Index of the quietest 50 ms between 3/8 and 5/8 of the samples."""
    hop = SAMPLE_RATE // 20
    first, last = len(samples) * 3 // 8 // hop, len(samples) * 5 // 8 // hop
    energies = [float(np.square(samples[n * hop : (n + 1) * hop]).mean()) for n in range(first, last)]
    return (first + int(np.argmin(energies))) * hop + hop // 2


_OPENING = "\"'“¿([{-「『《（"
_CLOSING = "\"'.。,，!！?？:：”)]}、」』》）…"


def _join_bare_marks(words: Sequence[AlignedWord]) -> list[AlignedWord]:
    """Punctuation belongs to the word it stands with: a closing mark to the one before, an opening one to the next."""
    joined: list[AlignedWord] = []
    for word in words:
        bare = word.text.strip()
        before = joined[-1] if joined else None
        if before is not None and bare and all(c in _CLOSING for c in bare) and not word.text.startswith(" "):
            joined[-1] = _merged(before, word, start=before.start, end=before.end)
        elif before is not None and before.text.strip() and all(c in _OPENING for c in before.text.strip()):
            joined[-1] = _merged(before, word, start=word.start, end=word.end)
        else:
            joined.append(word)
    return joined


def _merged(left: AlignedWord, right: AlignedWord, *, start: float, end: float) -> AlignedWord:
    ids, logprobs = left.token_ids + right.token_ids, left.logprobs + right.logprobs
    return AlignedWord(left.text + right.text, ids, start, end, logprobs)
