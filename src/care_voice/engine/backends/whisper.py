"""Whisper: windows right-sized, guarded, aligned; many of them progress together."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tokenizers

from care_voice.domain.errors import CareVoiceError, InvalidParameter
from care_voice.engine.alignment import (
    AlignedWord,
    align_words,
    join_bare_marks,
    longest_skip_s,
    snap_to_speech,
)
from care_voice.engine.backends.detection import Detection, Detector, Samples
from care_voice.engine.backends.runtime import Generated, Hear, Languages, Request, Runtime
from care_voice.engine.backends.tokenizer import Tokenizer
from care_voice.engine.bytelevel import token_bytes
from care_voice.engine.context import context_tokens
from care_voice.engine.features import LogMel
from care_voice.engine.protocol import SAMPLE_RATE, GpuShare
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
from care_voice.engine.stretches import Spans, Stretch, main_language

FRAMES_PER_S = 100
MAX_POSITIONS = 448
MAX_PROMPT_TOKENS = MAX_POSITIONS // 2 - 1
_MIN_SPLIT_S = 2.0


@dataclass(frozen=True, slots=True)
class WhisperSettings:
    """How windows are decoded."""

    margin_s: float = 1.0
    """Silence in seconds added after the speech of a right-sized window."""

    minimum_s: float = 13.0
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
    """A window that is done: its parts and the language of the most speech, or the error that ended it alone."""

    key: int
    parts: list[Decoded] = field(default_factory=list)
    language: str = ""
    language_probability: float = 0.0
    error: Exception | None = None


T = TypeVar("T")

Decoding = Generator[Request, Generated, T]
"""Yields what the runtime is to decode next, is sent the result, and returns what it makes of it."""
Parts = Decoding["list[Decoded]"]
Asking = Generator[Request | Hear, Any, "tuple[list[Decoded], str, float]"]
"""The like of a whole window, with its languages: returns its parts, the main language, and how probable that is."""


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

    def open(
        self,
        key: int,
        samples: Samples,
        speech: Sequence[tuple[float, float]],
        options: DecodeOptions,
        *,
        detection: Detection | None = None,
    ) -> None:
        """Take a window in hand, beside those that are; `step` gives what becomes of it under `key`.

        With `detection` the language of `options` does not count. Else as `decode`.
        """
        asking = self._whole(samples, speech, options, detection)
        self.runtime.add(key, next(asking))
        self._windows[key] = asking

    def drop(self, key: int) -> bool:
        """Put a window out of hand, which nobody waits for any more; whether it was in hand. The others go on."""
        asking = self._windows.pop(key, None)
        if asking is None:
            return False
        asking.close()
        return self.runtime.drop(key)

    def step(self) -> list[Finished]:
        """Go on with the windows in hand by one step of the runtime; those that are done now.

        What goes wrong in one window, and is not the step's own fault, ends that one alone. An exception of the step
        itself concerns all of them, and is raised.
        """
        continued = [self._continue(key, result) for key, result in self.runtime.step()]
        return [finished for finished in continued if finished is not None]

    def _continue(self, key: int, result: Generated | Languages | CareVoiceError) -> Finished | None:
        """The runtime holds nothing of this window now, and nothing again when an error ends it here."""
        asking = self._windows.pop(key)
        try:
            self.runtime.add(key, _go_on(asking, result))
        except StopIteration as finished:
            return Finished(key, *finished.value)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other windows must go on
            return Finished(key, error=error)
        self._windows[key] = asking
        return None

    def _whole(self, samples: Samples, speech: Spans, options: DecodeOptions, detection: Detection | None) -> Asking:
        """A window as it was asked for: in its language, or in each of those that are heard in it."""
        heard: list[Any] = []
        if detection is None:
            parts = [Stretch(0.0, len(samples) / SAMPLE_RATE, tuple(speech), options.language, 1.0)]
        else:
            detector = Detector(partial(self._encode, full=False), multilingual=self.multilingual)
            parts, heard = yield from detector.parts(samples, speech, detection)
        decoded: list[Decoded] = []
        for part in parts:
            piece = samples[round(part.start_s * SAMPLE_RATE) : round(part.end_s * SAMPLE_RATE)]
            wanted = replace(options, language=part.language)
            self._check(wanted)
            found = yield from self._window(piece, part.speech, wanted, heard)
            decoded.extend(_shifted(one, part.start_s) for one in found)
        return decoded, *main_language(parts)

    def _window(self, samples: Samples, speech: Spans, options: DecodeOptions, heard: list[Any]) -> Parts:
        """`heard` holds the sound where it is encoded already, at the length that is tried first."""
        decoded, options, passes = yield from self._undivided(samples, speech, options, heard)
        if decoded is None:
            return (yield from self._halves(samples, speech, options, passes))
        return [decoded]

    def _undivided(
        self, samples: Samples, speech: Spans, options: DecodeOptions, heard: list[Any]
    ) -> Decoding[tuple[Decoded | None, DecodeOptions, int]]:
        """None where it is to be cut in two; with what options, and after how many passes.

        A function of its own, so that nothing of it is kept while the halves are decoded.
        """
        chosen, passes = yield from self._search(samples, options, heard)
        if echoes(chosen.hypothesis.text, options.context):
            options, before = replace(options, prompt=None, hotwords=None), passes
            chosen, passes = yield from self._search(samples, options, heard)
            passes += before
        divisible = len(samples) > 2 * _MIN_SPLIT_S * SAMPLE_RATE
        if divisible and chosen.hypothesis.capped:
            return None, options, passes
        words = snap_to_speech(self._align(chosen, len(samples), options), speech)
        skipped = options.task == "transcribe" and longest_skip_s(words, speech) > self._settings.rails.max_skip_s
        if divisible and skipped:
            return None, options, passes
        return Decoded(0.0, chosen.hypothesis, tuple(words), passes, options.language), options, passes

    def _check(self, options: DecodeOptions) -> None:
        if self.multilingual:
            if self._vocabulary.token_to_id(f"<|{options.language}|>") is None:
                raise InvalidParameter(param="language", why=f"this model does not know '{options.language}'")
            return
        if options.language != "en":
            raise InvalidParameter(param="language", why="this model knows English only")
        if options.task != "transcribe":
            raise InvalidParameter(param="model", why="this model knows English only and cannot translate")

    def _search(self, samples: Samples, options: DecodeOptions, heard: list[Any]) -> Decoding[tuple[_Pass, int]]:
        """Right-sized first, then 30 s, then up the temperature ladder until the guard rails are content; with
        `both_sizes` at 30 s in any case, and the more probable counts.
        """
        tried: list[_Pass] = []
        held: _Pass | None = None
        for full, temperature in self._attempts(len(samples), options.temperatures):
            if tried and full == tried[-1].hypothesis.full_window:
                encoded = tried[-1].request.encoded
            else:
                encoded = heard.pop() if heard else self._encode(samples, full=full)
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
        size = self._padded(len(samples), full=full)
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

    def _halves(self, samples: Samples, speech: Spans, options: DecodeOptions, passes: int) -> Parts:
        """The decoder ran out of positions or left speech out: cut at the quietest place near the middle."""
        cut = _quietest_near_middle(samples)
        offset = cut / SAMPLE_RATE
        left = [(start, min(end, offset)) for start, end in speech if start < offset]
        right = [(max(start, offset) - offset, end - offset) for start, end in speech if end > offset]
        first = yield from self._window(samples[:cut], left, options, [])
        second = yield from self._window(samples[cut:], right, options, [])
        parts = [*first, *(_shifted(part, offset) for part in second)]
        return [replace(parts[0], passes=parts[0].passes + passes), *parts[1:]]


def _go_on(asking: Asking, result: Generated | Languages | CareVoiceError) -> Request | Hear:
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
