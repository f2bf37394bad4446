"""Whisper: windows right-sized, guarded, aligned; many of them progress together."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tokenizers

from care_voice.domain.errors import CareVoiceError, InvalidParameter
from care_voice.engine.alignment import (
    AlignedWord,
    align_words,
    join_bare_marks,
    longest_skip_s,
    snap_to_speech,
)
from care_voice.engine.backends.runtime import Generated, Request, Runtime
from care_voice.engine.backends.tokenizer import Tokenizer
from care_voice.engine.bytelevel import token_bytes
from care_voice.engine.context import context_tokens
from care_voice.engine.features import LogMel
from care_voice.engine.protocol import GpuShare
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
from care_voice.engine.stretches import Stretch, stretches

SAMPLE_RATE = 16_000
FRAMES_PER_S = 100
MAX_POSITIONS = 448
MAX_PROMPT_TOKENS = MAX_POSITIONS // 2 - 1
_MIN_SPLIT_S = 2.0
_MIN_TELLING_S = 1.0
"""A shorter span of speech does not tell its language."""

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
    """What the request asks for. `temperatures` is the ladder: the first is tried first. A `patient` window lets others
    go before it.
    """

    language: str
    task: str
    prompt: str | None
    temperatures: tuple[float, ...]
    beam_size: int
    hotwords: str | None = None
    both_sizes: bool = False
    patient: bool = False

    @property
    def context(self) -> str:
        """All that the decoder is told beforehand; empty where that is nothing."""
        return " ".join(text.strip() for text in (self.hotwords, self.prompt) if text and text.strip())


@dataclass(frozen=True, slots=True)
class Decoded:
    """An accepted hypothesis and its words; times count from the start of the samples that were given."""

    start_s: float
    hypothesis: Hypothesis
    words: tuple[AlignedWord, ...]
    passes: int
    language: str


@dataclass(frozen=True, slots=True)
class _Pass:
    """One run of the decoder: what was asked, what came, and what to make of it."""

    request: Request
    generated: Generated
    hypothesis: Hypothesis


@dataclass(frozen=True, slots=True)
class Finished:
    """A window that is done: its parts, or the error that ended it and no other window."""

    key: int
    parts: list[Decoded] = field(default_factory=list)
    error: Exception | None = None


Asking = Generator[Request, Generated, "list[Decoded]"]
"""Yields what the runtime is to decode next, is sent the result, and returns the window's parts."""


class WhisperBackend:
    """Holds one model. Not thread-safe.

    Args:
        runtime: What runs the model.
        vocabulary: Its tokens, from its tokenizer.json.
        settings: How windows are decoded.
    """

    def __init__(
        self, runtime: Runtime, vocabulary: tokenizers.Tokenizer, settings: WhisperSettings | None = None
    ) -> None:
        self._settings = settings or WhisperSettings()
        self.runtime = runtime
        self._vocabulary = vocabulary
        self._features = LogMel(runtime.mels)
        self._last_heard: tuple[Samples, int, Any] | None = None
        self._tokenizers: dict[tuple[str, str], Tokenizer] = {}
        self._suppressed = _suppressed(Tokenizer(vocabulary, False, task="transcribe", language="en"))
        self._windows: dict[int, Asking] = {}

    @property
    def multilingual(self) -> bool:
        return self.runtime.multilingual

    def token_text(self, token_id: int) -> tuple[str, bytes]:
        """A token as text, U+FFFD where it holds a part of a character, and as bytes."""
        data = token_bytes(self._vocabulary.id_to_token(token_id) or "")
        return data.decode(errors="replace"), data

    def detect_language(self, samples: Samples, candidates: Sequence[str]) -> tuple[str, float]:
        """The most probable of `candidates` (empty: of all languages) and its probability among all.

        Raises:
            InvalidParameter: The model knows none of the candidates.
        """
        shares = self._language_shares(samples, candidates)
        return max(shares.items(), key=lambda pair: pair[1])

    def language_stretches(
        self, samples: Samples, speech: Sequence[tuple[float, float]], candidates: Sequence[str]
    ) -> list[Stretch]:
        """Cut a window where the language of its speech changes. Else as `detect_language`."""
        whole = [(0.0, len(samples) / SAMPLE_RATE)]
        if not any(end - start >= _MIN_TELLING_S for start, end in speech):
            language, share = self.detect_language(samples, candidates)
            return [Stretch(*whole[0], tuple(speech), language, share)]
        shares = [self._span_shares(samples, span, candidates) for span in speech]
        return stretches(speech, shares, len(samples) / SAMPLE_RATE)

    def _span_shares(
        self, samples: Samples, span: tuple[float, float], candidates: Sequence[str]
    ) -> Mapping[str, float]:
        start, end = span
        if end - start < _MIN_TELLING_S:
            return {}
        piece = samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
        return self._language_shares(piece, candidates)

    def _language_shares(self, samples: Samples, candidates: Sequence[str]) -> Mapping[str, float]:
        if not self.multilingual:
            return {"en": 1.0}
        encoded = self._encode(samples, full=False)
        pairs = self.runtime.languages(encoded)
        self._last_heard = (samples, self._padded(len(samples), full=False), encoded)
        shares = {code: share for code, share in pairs if not candidates or code in candidates}
        if not shares:
            raise InvalidParameter(param="languages", why="this model knows none of them")
        return shares

    def decode(self, samples: Samples, speech: Sequence[tuple[float, float]], options: DecodeOptions) -> list[Decoded]:
        """Decode a window of at most 30 s alone; more than one result where it had to be cut in two.

        Args:
            samples: Sound in [-1, 1] at 16 kHz.
            speech: Spans of speech, seconds from the start of `samples`.
            options: Language, task, prompt, temperatures and beam size.

        Raises:
            InvalidParameter: The model is English-only and something else was asked of it.
        """
        self.open(-1, samples, speech, options)
        while True:
            for done in self.step():
                if done.error is not None:
                    raise done.error
                return done.parts

    def open(self, key: int, samples: Samples, speech: Sequence[tuple[float, float]], options: DecodeOptions) -> None:
        """Take a window in hand, beside those that are; `step` gives its parts under `key`. Else as `decode`."""
        self._begin(key, [options], self._window(samples, speech, options))

    def open_stretches(self, key: int, samples: Samples, parts: Sequence[Stretch], options: DecodeOptions) -> None:
        """As `open`, for a window whose language changes."""
        wanted = [replace(options, language=part.language) for part in parts]
        self._begin(key, wanted, self._one_after_the_other(samples, parts, wanted))

    def _begin(self, key: int, wanted: Sequence[DecodeOptions], asking: Asking) -> None:
        for options in wanted:
            self._check(options)
        self.runtime.add(key, next(asking))
        self._windows[key] = asking

    def step(self) -> list[Finished]:
        """Go on with all windows in hand, for about as long as a token takes; those that are done now.

        What goes wrong in one window ends that one alone. An exception of the runtime's own step concerns all of them,
        and is raised.
        """
        continued = [self._continue(key, result) for key, result in self.runtime.step()]
        return [finished for finished in continued if finished is not None]

    def _continue(self, key: int, result: Generated | CareVoiceError) -> Finished | None:
        """The runtime holds nothing of this window now, and nothing again when an error ends it here."""
        asking = self._windows.pop(key)
        try:
            self.runtime.add(key, _go_on(asking, result))
        except StopIteration as finished:
            return Finished(key, finished.value)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other windows must go on
            return Finished(key, error=error)
        self._windows[key] = asking
        return None

    def _window(self, samples: Samples, speech: Sequence[tuple[float, float]], options: DecodeOptions) -> Asking:
        chosen, passes = yield from self._search(samples, options)
        if echoes(chosen.hypothesis.text, options.context):
            options, before = replace(options, prompt=None, hotwords=None), passes
            chosen, passes = yield from self._search(samples, options)
            passes += before
        divisible = len(samples) > 2 * _MIN_SPLIT_S * SAMPLE_RATE
        if divisible and chosen.hypothesis.capped:
            return (yield from self._halves(samples, speech, options, passes))
        words = snap_to_speech(self._align(chosen, len(samples), options), speech)
        skipped = options.task == "transcribe" and longest_skip_s(words, speech) > self._settings.rails.max_skip_s
        if divisible and skipped:
            return (yield from self._halves(samples, speech, options, passes))
        return [Decoded(0.0, chosen.hypothesis, tuple(words), passes, options.language)]

    def _one_after_the_other(
        self, samples: Samples, parts: Sequence[Stretch], wanted: Sequence[DecodeOptions]
    ) -> Asking:
        decoded: list[Decoded] = []
        for part, options in zip(parts, wanted, strict=True):
            # The whole window stays the same object, so that what its language was detected by is found again.
            start, end = round(part.start_s * SAMPLE_RATE), round(part.end_s * SAMPLE_RATE)
            piece = samples if (start, end) == (0, len(samples)) else samples[start:end]
            found = yield from self._window(piece, part.speech, options)
            decoded.extend(_shifted(one, part.start_s) for one in found)
        return decoded

    def _check(self, options: DecodeOptions) -> None:
        if self.multilingual:
            if self._vocabulary.token_to_id(f"<|{options.language}|>") is None:
                raise InvalidParameter(param="language", why=f"this model does not know '{options.language}'")
            return
        if options.language != "en":
            raise InvalidParameter(param="language", why="this model knows English only")
        if options.task != "transcribe":
            raise InvalidParameter(param="model", why="this model knows English only and cannot translate")

    def _search(self, samples: Samples, options: DecodeOptions) -> Generator[Request, Generated, tuple[_Pass, int]]:
        """Right-sized first, then 30 s, then up the temperature ladder until the guard rails are content; with
        `both_sizes` at 30 s in any case, and the more probable counts.
        """
        tried: list[_Pass] = []
        held: _Pass | None = None
        for full, temperature in self._attempts(len(samples), options.temperatures):
            same = tried and full == tried[-1].hypothesis.full_window
            encoded = tried[-1].request.encoded if same else self._encode(samples, full=full)
            request = self._request(encoded, options, temperature, full=full, seconds=len(samples) / SAMPLE_RATE)
            generated = yield request
            tried.append(_Pass(request, generated, self._hypothesis(request, generated, options, full=full)))
            verdict = judge(tried[-1].hypothesis, self._settings.rails)
            if held is not None:
                return _more_probable(held, tried[-1]) if verdict is Verdict.ACCEPT else held, len(tried)
            if verdict is Verdict.ACCEPT and options.both_sizes and not full:
                held = tried[-1]
                continue
            if verdict is Verdict.NO_SPEECH:
                return replace(tried[-1], hypothesis=_silence(tried[-1].hypothesis)), len(tried)
            if verdict is Verdict.ACCEPT:
                return tried[-1], len(tried)
        complete = [one for one in tried if one.hypothesis.full_window]
        chosen = best([one.hypothesis for one in complete], self._settings.rails)
        return next(one for one in complete if one.hypothesis is chosen), len(tried)

    def _attempts(self, length: int, temperatures: tuple[float, ...]) -> Iterator[tuple[bool, float]]:
        if self._padded(length, full=False) < FULL_WINDOW_S * SAMPLE_RATE:
            yield False, temperatures[0]
        yield from ((True, temperature) for temperature in temperatures)

    def _padded(self, length: int, *, full: bool) -> int:
        minimum = FULL_WINDOW_S if full else self._settings.minimum_s
        return window_samples(length, SAMPLE_RATE, self._settings.margin_s, minimum)

    def _encode(self, samples: Samples, *, full: bool) -> Any:
        """What was encoded last to detect its language is not encoded again, and not kept for longer either."""
        size = self._padded(len(samples), full=full)
        heard, self._last_heard = self._last_heard, None
        if heard is not None and heard[0] is samples and heard[1] == size:
            return heard[2]
        frames = size * FRAMES_PER_S // SAMPLE_RATE // 2 * 2
        return self.runtime.encode(self._features(samples, size)[..., :frames])

    def _request(
        self, encoded: Any, options: DecodeOptions, temperature: float, *, full: bool, seconds: float
    ) -> Request:
        tokenizer = self._tokenizer(options.language, options.task)
        prompt = self._prompt(tokenizer, options)
        # One position is left for the end token: alignment reads it too.
        room = MAX_POSITIONS - len(prompt) - 1
        return Request(
            encoded=encoded,
            prompt=prompt,
            start=len(prompt) - len(tokenizer.sot_sequence) - 1,
            end=tokenizer.eot,
            no_speech=tokenizer.no_speech,
            suppressed=self._suppressed,
            blank=(*tokenizer.encode(" "), tokenizer.eot),
            cap=room if full else min(room, _token_cap(seconds)),
            beam_size=options.beam_size,
            temperature=temperature,
            best_of=self._settings.best_of,
            patient=options.patient,
        )

    def _hypothesis(self, request: Request, generated: Generated, options: DecodeOptions, *, full: bool) -> Hypothesis:
        tokenizer = self._tokenizer(options.language, options.task)
        return Hypothesis(
            token_ids=generated.tokens,
            text=tokenizer.decode(list(generated.tokens)),
            avg_logprob=generated.avg_logprob,
            no_speech_prob=generated.no_speech_prob,
            temperature=request.temperature,
            full_window=full,
            capped=len(generated.tokens) >= request.cap - 1,
        )

    @staticmethod
    def _prompt(tokenizer: Tokenizer, options: DecodeOptions) -> tuple[int, ...]:
        hotwords, prompt = _text_tokens(tokenizer, options.hotwords), _text_tokens(tokenizer, options.prompt)
        context = context_tokens(hotwords, prompt, MAX_PROMPT_TOKENS)
        before = [tokenizer.sot_prev, *context] if context else []
        return (*before, *tokenizer.sot_sequence, tokenizer.no_timestamps)

    def _tokenizer(self, language: str, task: str) -> Tokenizer:
        key = (language, task)
        if key not in self._tokenizers:
            self._tokenizers[key] = Tokenizer(self._vocabulary, self.multilingual, task=task, language=language)
        return self._tokenizers[key]

    def _align(self, chosen: _Pass, length: int, options: DecodeOptions) -> list[AlignedWord]:
        tokenizer = self._tokenizer(options.language, options.task)
        ids = [token for token in chosen.hypothesis.token_ids if token < tokenizer.eot]
        if not ids:
            return []
        frames = min(length * FRAMES_PER_S // SAMPLE_RATE, round(FULL_WINDOW_S * FRAMES_PER_S))
        result = self.runtime.align(chosen.request, chosen.generated, ids, frames)
        words, word_tokens = tokenizer.split_to_word_tokens(ids)
        return join_bare_marks(align_words(words, word_tokens, result.path, result.token_probs))

    def _halves(
        self, samples: Samples, speech: Sequence[tuple[float, float]], options: DecodeOptions, passes: int
    ) -> Asking:
        """The decoder ran out of positions or left speech out: cut at the quietest place near the middle."""
        cut = _quietest_near_middle(samples)
        offset = cut / SAMPLE_RATE
        left = [(start, min(end, offset)) for start, end in speech if start < offset]
        right = [(max(start, offset) - offset, end - offset) for start, end in speech if end > offset]
        first = yield from self._window(samples[:cut], left, options)
        second = yield from self._window(samples[cut:], right, options)
        parts = [*first, *(_shifted(part, offset) for part in second)]
        return [replace(parts[0], passes=parts[0].passes + passes), *parts[1:]]


def _go_on(asking: Asking, result: Generated | CareVoiceError) -> Request:
    """Tell a window what the runtime made of its request: what it asks for next."""
    return asking.throw(result) if isinstance(result, CareVoiceError) else asking.send(result)


def load_backend(
    model_dir: Path,
    device: str,
    compute_type: str,
    threads: int,
    settings: WhisperSettings | None = None,
    *,
    batch: int = 0,
    gpu: GpuShare | None = None,
) -> WhisperBackend:
    """Load what the directory holds: graphs for ONNX Runtime, or else a CTranslate2 model.

    Args:
        model_dir: A complete model directory with its tokenizer.json.
        device: cpu, cuda, or auto: cuda where there is a device; graphs for ONNX Runtime run on the CPU alone.
        compute_type: A CTranslate2 type, for example int8; auto means int8 on a CPU and float16 on CUDA.
        threads: CPU threads of one operation; 0 lets the library choose.
        settings: How windows are decoded.
        batch: Windows of 30 s that CTranslate2 computes together; 0 chooses for the device.
        gpu: The GPU that CUDA shows as its first and only one, and what may be done there.

    Raises:
        RuntimeError, ValueError: The library cannot load what the directory holds, or lacks the device.
    """
    load_runtime = _runtime_for(model_dir, device, compute_type, threads, batch=batch, gpu=gpu)
    # Reading the tokens takes as long as reading the weights. It holds the interpreter's lock all the while, which the
    # weights do not need, but an import would: that is done by now.
    with ThreadPoolExecutor(1) as beside:
        vocabulary = beside.submit(tokenizers.Tokenizer.from_file, str(model_dir / "tokenizer.json"))
        return WhisperBackend(load_runtime(), vocabulary.result(), settings)


def _runtime_for(
    model_dir: Path, device: str, compute_type: str, threads: int, *, batch: int, gpu: GpuShare | None
) -> Callable[[], Runtime]:
    """What loads the model; each library is imported only where it is used, since they take long."""
    if (model_dir / "decoder.onnx").is_file():
        from care_voice.engine.backends.onnxrt.runtime import OnnxRuntime  # noqa: PLC0415

        return partial(OnnxRuntime, model_dir, threads)
    from care_voice.engine.backends.ct2_runtime import CTranslate2Runtime  # noqa: PLC0415

    return partial(CTranslate2Runtime, model_dir, device, compute_type, threads, batch=batch, gpu=gpu)


def _more_probable(left: _Pass, right: _Pass) -> _Pass:
    return max(left, right, key=lambda one: one.hypothesis.avg_logprob)


def _text_tokens(tokenizer: Tokenizer, text: str | None) -> list[int]:
    """Tokens of a text that has begun before; special tokens in it are left out."""
    if not text or not text.strip():
        return []
    return [token for token in tokenizer.encode(" " + text.strip()) if token < tokenizer.eot]


def _token_cap(seconds: float) -> int:
    """Most tokens that a right-sized window may give: no language that Whisper knows needs more for so much speech."""
    return 32 + round(25 * seconds)


def _suppressed(tokenizer: Tokenizer) -> tuple[int, ...]:
    """Tokens that no window may give, whatever its language and task: runtimes count on that."""
    special = (tokenizer.transcribe, tokenizer.translate, tokenizer.sot, tokenizer.sot_prev, tokenizer.sot_lm)
    return tuple(sorted({*tokenizer.non_speech_tokens, *special, tokenizer.no_speech}))


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
    return replace(part, start_s=part.start_s + offset_s, words=tuple(words))


def _quietest_near_middle(samples: Samples) -> int:
    """Index of the quietest 50 ms between 3/8 and 5/8 of the samples."""
    hop = SAMPLE_RATE // 20
    first, last = len(samples) * 3 // 8 // hop, len(samples) * 5 // 8 // hop
    energies = [float(np.square(samples[n * hop : (n + 1) * hop]).mean()) for n in range(first, last)]
    return (first + int(np.argmin(energies))) * hop + hop // 2
