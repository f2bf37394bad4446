"""CTranslate2 on batches: the same words as alone, and what becomes of a batch that memory does not suffice for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import pytest
import structlog.testing

from care_voice.domain.service_errors import EngineOutOfMemory
from care_voice.engine.backends.ct2_runtime import CTranslate2Runtime, choose_compute_type, on_grid, open_on
from care_voice.engine.backends.runtime import Hear
from care_voice.engine.backends.whisper import Decoded, DecodeOptions, WhisperBackend, WhisperSettings, load_backend
from care_voice.models.report import Verified
from support.hearing import languages
from support.short_of_memory import CUDA_MEMORY, ShortOfMemory
from support.sound import RATE, decoded

pytestmark = pytest.mark.timeout(300)

GREEDY = 1
BEAM = 5
Sound = tuple[str, np.ndarray]
"""A language and samples."""

ON_THE_GRID = WhisperSettings(minimum_s=15.0)
"""So that a window is padded alike, alone and where batches pad it to the next 5 s."""


@pytest.fixture(scope="module")
def sounds(speech: Path) -> list[Sound]:
    """Six recordings with their languages, none longer than 13 s, so that all are padded to 15 s."""
    paths = [speech / "en" / "jfk.flac", *sorted((speech / "en").glob("ls-*.flac")), *sorted((speech / "zh").glob("*"))]
    found = [(path.parent.name, decoded(path)) for path in paths if path.suffix == ".flac"]
    short = [(language, pcm.astype(np.float32) / 32768) for language, pcm in found if len(pcm) < 13 * RATE]
    english = [sound for sound in short if sound[0] == "en"][:4]
    return english + [sound for sound in short if sound[0] == "zh"][:2]


def options(language: str = "en", *, prompt: str | None = None, beam_size: int = BEAM) -> DecodeOptions:
    return DecodeOptions(language, "transcribe", prompt, (0.0,), beam_size)


@pytest.fixture(scope="module")
def alone(verified_model: Verified) -> WhisperBackend:
    return load_backend(verified_model.view, "cpu", "int8", 1, ON_THE_GRID)


@pytest.fixture
def batched(verified_model: Verified) -> WhisperBackend:
    """Two windows of 30 s together, or four of 15 s."""
    return load_backend(verified_model.view, "cpu", "int8", 1, ON_THE_GRID, batch=2)


def short_of_memory(backend: WhisperBackend, most: int, error: Exception = CUDA_MEMORY) -> ShortOfMemory:
    assert isinstance(backend.runtime, CTranslate2Runtime)
    model = backend.runtime._model = ShortOfMemory(backend.runtime._model, most, error)
    return model


def together(backend: WhisperBackend, windows: list[tuple[np.ndarray, DecodeOptions]]) -> list[list[Decoded]]:
    for key, (samples, wanted) in enumerate(windows):
        backend.open(key, samples, [(0.0, len(samples) / RATE)], wanted)
    found: dict[int, list[Decoded]] = {}
    while len(found) < len(windows):
        found |= {each.key: each.parts for each in backend.step()}
    return [found[key] for key in range(len(windows))]


def one_by_one(backend: WhisperBackend, windows: list[tuple[np.ndarray, DecodeOptions]]) -> list[list[Decoded]]:
    return [backend.decode(samples, [(0.0, len(samples) / RATE)], wanted) for samples, wanted in windows]


def words(parts: list[list[Decoded]]) -> list[list[str]]:
    return [[word.text for part in each for word in part.words] for each in parts]


def times(parts: list[list[Decoded]]) -> list[list[float]]:
    return [[time for part in each for word in part.words for time in (word.start, word.end)] for each in parts]


@pytest.mark.parametrize("beam_size", [BEAM, GREEDY])
def test_a_batch_gives_the_words_and_times_that_each_window_gets_alone(
    alone: WhisperBackend, batched: WhisperBackend, sounds: list[Sound], beam_size: int
) -> None:
    assert (alone.runtime.capacity, batched.runtime.capacity) == (1, 4)
    windows = [(samples, options(language, beam_size=beam_size)) for language, samples in sounds]
    model = short_of_memory(batched, 99)
    ours, theirs = together(batched, windows), one_by_one(alone, windows)

    assert model.batches[:2] == [4, 2]
    assert all(words(theirs))
    assert words(ours) == words(theirs)
    assert times(ours) == times(theirs)


def test_unlike_windows_are_computed_apart_and_each_as_if_alone(
    batched: WhisperBackend, verified_model: Verified, sounds: list[Sound], speech: Path
) -> None:
    """A prompt, another beam size or another length beside a window change nothing of it."""
    samples = sounds[0][1]
    longer = decoded(speech / "long" / "printing-lj001.mp3")[: 17 * RATE].astype(np.float32) / 32768
    windows = [
        (samples, options()),
        (samples, options(prompt="A speech.")),
        (samples, options(beam_size=2)),
        (longer, options()),
        (sounds[1][1], options()),
    ]
    model = short_of_memory(batched, 99)
    ours = together(batched, windows)

    assert model.batches[:4] == [2, 1, 1, 1]
    assert words(ours) == words(
        one_by_one(load_backend(verified_model.view, "cpu", "int8", 1, ON_THE_GRID, batch=2), windows)
    )


def test_samples_of_one_temperature_are_drawn_together(batched: WhisperBackend, sounds: list[Sound]) -> None:
    windows = [
        (samples, DecodeOptions("en", "transcribe", None, (temperature,), BEAM))
        for temperature in (0.2, 0.4)
        for _, samples in sounds[:2]
    ]
    model = short_of_memory(batched, 99)
    found = together(batched, windows)

    assert model.batches[:2] == [2, 2]
    assert [parts[0].hypothesis.temperature for parts in found] == [0.2, 0.2, 0.4, 0.4]
    assert all(words(found))


@pytest.mark.parametrize("error", [CUDA_MEMORY, MemoryError("std::bad_alloc")])
def test_memory_that_runs_out_halves_the_batch_for_good_and_nobody_loses_an_answer(
    alone: WhisperBackend, batched: WhisperBackend, sounds: list[Sound], error: Exception
) -> None:
    windows = [(samples, options(language)) for language, samples in sounds]
    model = short_of_memory(batched, 2, error)
    with structlog.testing.capture_logs() as logs:
        ours = together(batched, windows)

    assert words(ours) == words(one_by_one(alone, windows))
    assert model.batches[:3] == [2, 2, 2], "the batches that came later were small from the start"
    assert batched.runtime.halvings == 1
    assert batched.runtime.capacity == 2
    assert [(log["event"], log["log_level"], log["limit_s"]) for log in logs] == [("batches_halved", "warning", 30.0)]


def test_a_window_that_does_not_fit_alone_is_an_error_of_that_window(
    batched: WhisperBackend, sounds: list[Sound]
) -> None:
    model = short_of_memory(batched, 0)
    with pytest.raises(EngineOutOfMemory):
        one_by_one(batched, [(sounds[0][1], options())])
    with pytest.raises(EngineOutOfMemory):
        languages(batched, sounds[0][1])

    model._most = 1
    assert words(one_by_one(batched, [(sounds[0][1], options())]))[0], "the next one is computed as ever"


def test_languages_are_heard_together_and_the_spectrogram_is_not_kept(
    batched: WhisperBackend, sounds: list[Sound]
) -> None:
    expected = [languages(batched, samples)[0][0] for _, samples in sounds[-3:]]
    heard = [batched._encode(samples, full=False) for _, samples in sounds[-3:]]
    before = batched.runtime.progress
    for key, sound in enumerate(heard):
        batched.runtime.add(key, Hear(sound))
    found = dict(batched.runtime.step())

    assert expected == [language for language, _ in sounds[-3:]]
    assert [found[key][0][0] for key in range(3)] == expected  # type: ignore[index]
    assert batched.runtime.progress == before + 1
    assert batched.runtime.step() == []
    assert batched.runtime.progress == before + 1, "there was nothing to compute"
    assert [sound.mel for sound in heard] == [None] * 3


def test_a_window_that_is_dropped_is_not_computed(batched: WhisperBackend, sounds: list[Sound]) -> None:
    model = short_of_memory(batched, 99)
    for key in range(3):
        batched.open(key, sounds[key][1], [(0.0, len(sounds[key][1]) / RATE)], options())

    assert [batched.drop(key) for key in (1, 1, 7)] == [True, False, False]
    found = {each.key: words([each.parts]) for each in batched.step()}
    assert model.batches == [2]
    assert found == {key: words(one_by_one(batched, [(sounds[key][1], options())])) for key in (0, 2)}
    assert not batched._windows


def test_other_faults_are_not_taken_for_memory(batched: WhisperBackend, sounds: list[Sound]) -> None:
    short_of_memory(batched, 0, RuntimeError("an illegal memory access was encountered"))
    with pytest.raises(RuntimeError, match="illegal"):
        one_by_one(batched, [(sounds[0][1], options())])
    assert batched.runtime.halvings == 0


def test_windows_are_padded_to_a_grid_with_the_silence_that_they_end_in() -> None:
    mel = np.linspace(-0.5, 1, 80 * 1502, dtype=np.float32).reshape(80, 1502)
    padded = on_grid(mel)
    assert padded.shape == (80, 2000)
    assert padded.dtype == np.float32
    assert (padded[:, :1502] == mel).all()
    assert (padded[:, 1502:] == -0.5).all()
    assert on_grid(padded) is padded


def test_a_gpu_that_cannot_be_used_is_passed_by_and_one_that_is_full_is_not() -> None:
    def load(error: Exception | None) -> Any:
        def on(device: str) -> str:
            if device == "cuda" and error is not None:
                raise error
            return f"model on {device}"

        return on

    missing = RuntimeError("Library libcublas.so.12 is not found or cannot be loaded")
    assert open_on(load(None), "auto", 1) == ("cuda", "model on cuda")
    assert open_on(load(None), "auto", 0) == ("cpu", "model on cpu")
    assert open_on(load(missing), "auto", 1) == ("cpu", "model on cpu")
    for error, wanted in ((CUDA_MEMORY, "auto"), (missing, "cuda")):
        with pytest.raises(RuntimeError, match=str(error)):
            open_on(load(error), wanted, 1)


@pytest.mark.parametrize(
    ("supported", "tight", "chosen"),
    [
        ({"float32", "float16", "int8_float16"}, False, "float16"),
        ({"float32", "float16", "int8_float16"}, True, "int8_float16"),
        ({"float32", "int8_float32"}, False, "float32"),
        ({"float32", "int8_float32"}, True, "int8_float32"),
        ({"float32"}, True, "float32"),
    ],
)
def test_arithmetic_is_what_the_gpu_can_do_and_small_where_memory_is_tight(
    supported: set[str], tight: bool, chosen: str
) -> None:
    assert choose_compute_type("cuda", supported, tight=tight) == chosen
    assert choose_compute_type("cpu", supported, tight=tight) == "int8"


@pytest.mark.skipif(ctranslate2.get_cuda_device_count() == 0, reason="there is no GPU that CUDA can use here")
def test_on_a_gpu_a_batch_gives_the_words_of_each_window(verified_model: Verified, sounds: list[Sound]) -> None:
    backend = load_backend(verified_model.view, "cuda", "float16", 1)
    assert backend.runtime.capacity == 16
    windows = [(samples, options(language)) for language, samples in sounds]
    ours, theirs = together(backend, windows), one_by_one(backend, windows)
    same = sum(a == b for a, b in zip(words(ours), words(theirs), strict=True))
    assert same >= len(windows) - 1, "float16 adds up in another order in company; one near tie may fall otherwise"
