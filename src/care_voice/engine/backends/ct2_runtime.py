"""Whisper on CTranslate2."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import ctranslate2
import numpy as np

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import EngineOutOfMemory
from care_voice.engine.backends.batches import Batches, BatchLimit, Entry, is_out_of_memory
from care_voice.engine.backends.runtime import Alignment, Generated, Hear, Languages, Mel, Request
from care_voice.engine.protocol import GpuShare
from care_voice.telemetry.deferred import DeferredLogger

log = DeferredLogger(__name__)

T = TypeVar("T")

_BATCH: Final = {"cpu": 1, "cuda": 8}
"""Windows of 30 s that are computed together where nothing else is asked for. On a CPU a batch saves a few percent
at best, and the first of its windows waits for the last."""
_FRAMES_PER_S: Final = 100
_GRID_FRAMES: Final = 500
"""Where there are batches, windows are padded to a multiple of this, so that some are alike: 15, 20, 25 or 30 s."""
_SEED: Final = 1
_BY_PREFERENCE: Final = ("float16", "int8_float16", "bfloat16", "float32")
_SMALLEST_FIRST: Final = ("int8_float16", "int8_float32", "int8", "float16", "bfloat16", "float32")


@dataclass(eq=False, slots=True)
class Sound:
    """One window: its mel spectrogram until a batch encodes it, from then on what the encoder made of it instead."""

    frames: int
    """Its length with padding."""
    mel: Mel | None
    states: Any = None

    @property
    def seconds(self) -> float:
        """Its length with padding."""
        return self.frames / _FRAMES_PER_S


class CTranslate2Runtime:
    """Decodes windows that are alike together, those that came first before the others.

    Args:
        model_dir: A directory with CTranslate2's model.bin, config.json and vocabulary.
        device: cpu, cuda, or auto: cuda where there is a device.
        compute_type: A CTranslate2 type, for example int8; auto means int8 on a CPU and float16 on CUDA, or
            int8_float16 where the GPU has little memory left.
        threads: CPU threads of one operation; 0 lets CTranslate2 choose.
        batch: Windows of 30 s that are computed together; 0 chooses for the device.
        gpu: The GPU that CUDA shows as its first and only one, and what may be done there; None: whichever is first.

    Raises:
        RuntimeError, ValueError: CTranslate2 cannot load what the directory holds, or lacks the device.
    """

    preempts = False
    counts_steps = False
    """A batch is one call, which shows no progress."""

    def __init__(
        self,
        model_dir: Path,
        device: str,
        compute_type: str,
        threads: int,
        *,
        batch: int = 0,
        gpu: GpuShare | None = None,
    ) -> None:
        def load(on: str) -> Any:
            arithmetic = compute_type
            if arithmetic == "auto":
                supported = ctranslate2.get_supported_compute_types(on)
                arithmetic = choose_compute_type(on, supported, tight=gpu is not None and gpu.tight)
            model = ctranslate2.models.Whisper(
                str(model_dir), device=on, compute_type=arithmetic, intra_threads=threads, inter_threads=1
            )
            if on == "cuda":
                _probe(model)
            return model

        # Only the seed that is set before the first sample counts: what is drawn depends on what was drawn before.
        ctranslate2.set_random_seed(_SEED)
        self.device, self._model = open_on(load, device, ctranslate2.get_cuda_device_count())
        self.gpu = gpu if self.device == "cuda" else None
        windows = (self.gpu.batch if self.gpu else batch) or _BATCH[self.device]
        self._batched = windows > 1
        self._limit = BatchLimit(windows)
        self._waiting: Batches[Request | Hear] = Batches(self._limit)
        self.progress = 0

    @property
    def detail(self) -> str:
        place = self.device if self.gpu is None else f"{self.device}:{self.gpu.index} ({self.gpu.name})"
        together = f", {self._limit.seconds:g} s of sound at a time" if self._batched else ""
        return f"CTranslate2 {self.compute_type} on {place}{together}"

    @property
    def compute_type(self) -> str:
        return str(self._model.compute_type)

    @property
    def multilingual(self) -> bool:
        return bool(self._model.is_multilingual)

    @property
    def mels(self) -> int:
        return int(self._model.n_mels)

    @property
    def capacity(self) -> int:
        return self._limit.windows

    @property
    def capacity_s(self) -> float:
        return self._limit.seconds if self._batched else 0.0

    @property
    def halvings(self) -> int:
        return self._limit.halvings

    def encode(self, mel: Mel) -> Sound:
        """Nothing is computed yet: the window is encoded with those that it is decoded with."""
        padded = on_grid(mel) if self._batched else mel
        return Sound(padded.shape[1], padded)

    def add(self, key: int, request: Request | Hear) -> None:
        self._waiting.add(Entry(key, request, _likeness(request), request.encoded.seconds))

    def drop(self, key: int) -> bool:
        return self._waiting.drop(key)

    def step(self) -> list[tuple[int, Generated | Languages | CareVoiceError]]:
        return self._compute(self._waiting.take())

    def align(self, request: Request, _generated: Generated, tokens: list[int], frames: int) -> Alignment:
        """CTranslate2 runs the decoder once more, over the text alone."""
        start = list(request.prompt[request.start : -1])
        with _memory_named():
            result = self._model.align(self._states([request.encoded]), start, [tokens], frames)[0]
        return Alignment(result.alignments, result.text_token_probs)

    def _compute(
        self, batch: Sequence[Entry[Request | Hear]]
    ) -> list[tuple[int, Generated | Languages | CareVoiceError]]:
        """In two parts where it does not fit into memory: only a window that does not fit alone has failed."""
        if not batch:
            return []
        self.progress += 1
        try:
            with _memory_named():
                results = self._results([entry.item for entry in batch])
            return [(entry.key, result) for entry, result in zip(batch, results, strict=True)]
        except EngineOutOfMemory:
            if len(batch) == 1:
                log.error("engine_out_of_memory", seconds=batch[0].seconds)
                return [(batch[0].key, EngineOutOfMemory())]
        # Here the exception is gone, and with it what its traceback held of the batch.
        self._halve(batch)
        middle = len(batch) // 2
        return self._compute(batch[:middle]) + self._compute(batch[middle:])

    def _halve(self, batch: Sequence[Entry[Request | Hear]]) -> None:
        seconds = sum(entry.seconds for entry in batch)
        self._limit.halve(len(batch), seconds)
        log.warning("batches_halved", windows=len(batch), seconds=seconds, limit_s=self._limit.seconds)

    def _results(self, alike: Sequence[Request | Hear]) -> Sequence[Generated | Languages]:
        """A batch is of one kind, since requests of two kinds are not alike."""
        requests = [one for one in alike if isinstance(one, Request)]
        return self._generate(requests) if requests else self._languages([one.encoded for one in alike])

    def _languages(self, sounds: Sequence[Sound]) -> list[Languages]:
        found = self._model.detect_language(self._states(sounds))
        return [[(str(token).strip("<|>"), float(share)) for token, share in ranked] for ranked in found]

    def _generate(self, requests: Sequence[Request]) -> list[Generated]:
        """The longest answer that one of them may give is allowed to all: who oversteps its own is known by it."""
        first = requests[0]
        results = self._model.generate(
            self._states([request.encoded for request in requests]),
            [list(request.prompt) for request in requests],
            max_length=_generation_limit(max(request.cap for request in requests), len(first.prompt)),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=list(first.suppressed),
            **_sampling(first),
        )
        return [_generated(result) for result in results]

    def _states(self, sounds: Sequence[Sound]) -> Any:
        """What the encoder makes of windows of one length; each keeps its own for alignment and for another try."""
        new = [(sound, sound.mel) for sound in sounds if sound.mel is not None]
        if new:
            mels = np.ascontiguousarray(np.stack([mel for _, mel in new]))
            encoded = self._model.encode(ctranslate2.StorageView.from_array(mels), to_cpu=self._batched)
            for (sound, _), states in zip(new, _apart(encoded), strict=True):
                sound.states, sound.mel = states, None
        return _together([sound.states for sound in sounds])


def open_on(load: Callable[[str], T], wanted: str, cuda_devices: int) -> tuple[str, T]:
    """Load on the device that is wanted: the device, and what `load` gave for it.

    With auto, a GPU that cannot be used is passed by: its driver is often there without the libraries of CUDA. One that
    is only full is not, since the CPU would be a surprise.

    Raises:
        RuntimeError, ValueError: What `load` raises.
    """
    if wanted != "auto":
        return wanted, load(wanted)
    if cuda_devices > 0:
        try:
            return "cuda", load("cuda")
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            log.warning("cuda_unusable", why=str(error))
    return "cpu", load("cpu")


def choose_compute_type(device: str, supported: Collection[str], *, tight: bool) -> str:
    """The arithmetic for a device that can do what is `supported`: `tight` where float16 weights would not fit."""
    if device == "cpu":
        return "int8"
    return next(kind for kind in (_SMALLEST_FIRST if tight else _BY_PREFERENCE) if kind in supported)


def on_grid(mel: Mel) -> Mel:
    """Pad (mels, frames) with silence to the next multiple of 5 s.

    Every window ends in silence, whose value is the least one: the spectrogram is cut off below its maximum.
    """
    missing = -mel.shape[1] % _GRID_FRAMES
    return np.pad(mel, ((0, 0), (0, missing)), constant_values=mel.min()) if missing else mel


def _likeness(request: Request | Hear) -> Hashable:
    """Everything that the decoder is told but the sound, the words of the prompt and the cap must be the same."""
    if isinstance(request, Hear):
        return Hear, request.encoded.frames
    told = replace(request, encoded=None, prompt=(), cap=0, patient=False)
    return request.encoded.frames, len(request.prompt), told


def _probe(model: Any) -> None:
    """Compute something: CTranslate2 loads the libraries of CUDA only then."""
    silence = np.zeros((1, model.n_mels, 2 * _GRID_FRAMES), np.float32)
    model.encode(ctranslate2.StorageView.from_array(silence), to_cpu=True)


def _apart(encoded: Any) -> list[Any]:
    """The windows of a batch, each as a batch of one."""
    if encoded.shape[0] == 1:
        return [encoded]
    if encoded.dtype == ctranslate2.DataType.bfloat16:
        encoded = encoded.to(ctranslate2.DataType.float32)  # NumPy has no bfloat16
    rows = np.array(encoded)
    return [ctranslate2.StorageView.from_array(np.ascontiguousarray(row[np.newaxis])) for row in rows]


def _together(states: Sequence[Any]) -> Any:
    if len(states) == 1:
        return states[0]
    return ctranslate2.StorageView.from_array(np.concatenate([np.array(one) for one in states]))


def _generated(result: Any) -> Generated:
    ids = tuple(result.sequences_ids[0])
    return Generated(ids, result.scores[0] * len(ids) / (len(ids) + 1), result.no_speech_prob)


@contextmanager
def _memory_named() -> Iterator[None]:
    """Memory that ran out inside, in whichever words, as an error of ours."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise EngineOutOfMemory from error


def _sampling(request: Request) -> dict[str, float | int]:
    if request.temperature == 0:
        return {"beam_size": request.beam_size}
    return {
        "beam_size": 1,
        "num_hypotheses": request.best_of,
        "sampling_topk": 0,
        "sampling_temperature": request.temperature,
    }


def _generation_limit(cap: int, prompt_length: int) -> int:
    """CTranslate2 stops after min(max_length / 2, max_length - prompt) tokens; this is the max_length for `cap`."""
    return max(2 * cap, cap + prompt_length)
