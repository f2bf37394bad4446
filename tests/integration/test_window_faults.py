"""Windows that go wrong, on both runtimes: hypotheses without an end, and errors that must not spread."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from care_voice.domain.errors import InvalidParameter
from care_voice.engine.backends.onnxrt.decoding import BatchDecoder, Job, Outcome, Probe, Suppression
from care_voice.engine.backends.onnxrt.export import write_onnx
from care_voice.engine.backends.onnxrt.runtime import OnnxRuntime, require_exact_products
from care_voice.engine.backends.runtime import Alignment, Generated, Request, Runtime
from care_voice.engine.backends.whisper import DecodeOptions, WhisperBackend, load_backend
from care_voice.engine.channel import ChannelClosed
from care_voice.engine.desk import Answer, Desk
from care_voice.engine.protocol import DecodeWindow, Failed, LoadEngine, WindowDecoded
from care_voice.engine.roles import EngineRole
from care_voice.models.report import Verified
from support.hearing import languages
from support.sound import RATE, decoded

PROMPT = (50258, 50259, 50359, 50363)
"""Start of transcript, English, transcribe, no timestamps."""
END, NO_SPEECH = 50257, 50362


@pytest.fixture(scope="module")
def graphs(verified_model: Verified, tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        require_exact_products()
    except RuntimeError as error:
        pytest.skip(str(error))
    target = tmp_path_factory.mktemp("derived") / "base-onnx"
    write_onnx(verified_model.view, target)
    return target


@pytest.fixture(params=["CTranslate2", "ONNX Runtime"])
def model_dir(request: pytest.FixtureRequest, verified_model: Verified) -> Path:
    if request.param == "CTranslate2":
        return verified_model.view
    directory: Path = request.getfixturevalue("graphs")
    return directory


@pytest.fixture(scope="module")
def pcm(speech: Path) -> bytes:
    """Three seconds of speech: too short to be decoded in halves."""
    return decoded(speech / "en/jfk.flac")[: 3 * RATE].astype("<i2").tobytes()


class Around:
    """The real runtime, for a subclass to change one thing about."""

    def __init__(self, real: Runtime) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Endless(Around):
    """Its hypotheses run into the cap, as those of a decoder that loops do."""

    def add(self, key: int, request: Request) -> None:
        self._real.add(key, dataclasses.replace(request, suppressed=(*request.suppressed, request.end)))


class Unaligned(Around):
    """It fails where a window of 2.5 s is aligned."""

    error: Exception = RuntimeError("the model broke")

    def align(self, request: Request, generated: Generated, tokens: list[int], frames: int) -> Alignment:
        if frames == 250:
            raise self.error
        return self._real.align(request, generated, tokens, frames)


class Broken(Around):
    """Its step fails, which concerns every window that it has."""

    def step(self) -> list[tuple[int, Generated]]:
        raise RuntimeError("the library broke")


@pytest.mark.parametrize("prompt", [None, "A president speaks to his country."], ids=["no prompt", "a prompt"])
def test_a_hypothesis_of_full_length_is_aligned_and_answered(model_dir: Path, pcm: bytes, prompt: str | None) -> None:
    backend = load_backend(model_dir, "cpu", "int8", 1)
    backend.runtime = Endless(backend.runtime)  # type: ignore[assignment]
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768

    (part,) = backend.decode(samples, [(0.0, 3.0)], DecodeOptions("en", "transcribe", prompt, (0.0,), 1))

    assert part.hypothesis.capped
    assert part.hypothesis.full_window
    if prompt is None:
        assert len(part.hypothesis.token_ids) == 448 - len(PROMPT) - 1
    assert sum(len(word.token_ids) for word in part.words) == len(part.hypothesis.token_ids)
    assert all(0 <= word.start <= word.end <= 3.0 for word in part.words)


@pytest.fixture
def role(model_dir: Path) -> EngineRole:
    role = EngineRole()
    role.load(LoadEngine("base", str(model_dir), "cpu", "int8", 1))
    return role


def served(role: EngineRole, windows: list[DecodeWindow]) -> dict[int, Answer]:
    """Let a role serve these windows, which all wait from the start; it ends when the last one is answered."""
    answers: dict[int, Answer] = {}

    def send(answer: Answer) -> None:
        answers[answer.id] = answer
        if len(answers) == len(windows):
            raise ChannelClosed

    desk = Desk(send)
    for window in windows:
        desk.put(window)
    with pytest.raises(ChannelClosed):
        role.serve(desk)
    return answers


def windows_of(pcm: bytes, *seconds: float) -> list[DecodeWindow]:
    """Windows 0, 1, ... of these lengths."""
    return [
        DecodeWindow(n, "test", pcm[: round(s * RATE) * 2], 0.0, ((0.0, s),), "en", (), "transcribe", None, (0.0,), 1)
        for n, s in enumerate(seconds)
    ]


def words(answer: Answer) -> list[str]:
    assert isinstance(answer, WindowDecoded)
    return [word.text for part in answer.parts for word in part.words]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("the model broke"), Failed(1, "WorkerFailed", {"why": "RuntimeError"})),
        (InvalidParameter(param="prompt", why="odd"), Failed(1, "InvalidParameter", {"param": "prompt", "why": "odd"})),
    ],
    ids=["a fault", "a refusal"],
)
def test_an_error_in_one_window_ends_that_one_alone(
    role: EngineRole, pcm: bytes, error: Exception, told: Failed
) -> None:
    windows = windows_of(pcm, 3.0, 2.5, 2.0, 2.5)
    expected = [words(served(role, [window])[window.id]) for window in windows]
    backend: WhisperBackend = role._decoder._backend
    real, backend.runtime = backend.runtime, Unaligned(backend.runtime)  # type: ignore[assignment]
    backend.runtime.error = error  # type: ignore[attr-defined]

    answers = served(role, windows)

    assert answers[1] == told
    assert answers[3] == msgspec.structs.replace(told, id=3)
    assert [words(answers[n]) for n in (0, 2)] == [expected[0], expected[2]]
    assert len(role._decoder) == len(backend._windows) == 0
    if isinstance(real, OnnxRuntime):
        batch = real.urgent.batch
        assert len(batch) == batch._rows.count == len(batch._sounds) == 0
    backend.runtime = real
    assert words(served(role, windows[1:2])[1]) == expected[1]


def fails_once(real: Callable[..., Any], at: int) -> Callable[..., Any]:
    """The function, which runs out of memory when it is called for the `at`th time, counted from 0."""
    calls = itertools.count()

    def failing(*args: Any, **options: Any) -> Any:
        if next(calls) == at:
            raise MemoryError("std::bad_alloc")
        return real(*args, **options)

    return failing


@pytest.mark.parametrize("broken", ["its encoding", "its prompt", "its beam"])
def test_a_window_that_cannot_be_begun_ends_alone_and_leaves_nothing(
    graphs: Path, pcm: bytes, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    role = EngineRole()
    role.load(LoadEngine("base", str(graphs), "cpu", "int8", 1))
    windows = [msgspec.structs.replace(window, beam_size=2) for window in windows_of(pcm, 3.0, 2.5, 2.0)]
    expected = [words(served(role, [window])[window.id]) for window in windows]
    runtime = role._decoder.runtime
    assert isinstance(runtime, OnnxRuntime)
    batch = runtime.urgent.batch
    owner, name, at = {
        "its encoding": (runtime._encoder, "encode", 1),
        "its prompt": (batch, "_read_prompt", 1),
        "its beam": (batch, "_placed", 0),
    }[broken]
    monkeypatch.setattr(owner, name, fails_once(getattr(owner, name), at))

    answers = served(role, windows)

    failed = [n for n, answer in answers.items() if isinstance(answer, Failed)]
    assert failed == [0 if broken == "its beam" else 1]
    assert answers[failed[0]] == Failed(failed[0], "WorkerFailed", {"why": "MemoryError"})
    assert [words(answers[n]) for n in range(3) if n not in failed] == [
        expected[n] for n in range(3) if n not in failed
    ]
    assert len(role._decoder) == len(batch) == batch._rows.count == len(batch._sounds) == 0


def test_a_probe_that_fails_gives_its_row_back(graphs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = load_backend(graphs, "cpu", "auto", 1).runtime
    assert isinstance(runtime, OnnxRuntime)
    batch = runtime.urgent.batch
    sound = runtime._encoder.encode(np.zeros((runtime.mels, 1000), np.float32))
    monkeypatch.setattr(batch, "_bind_prompt", fails_once(batch._bind_prompt, 0))

    with pytest.raises(MemoryError):
        batch.probe(sound, Probe(PROMPT[0], PROMPT[1:2]))
    assert batch._rows.count == 0


def test_languages_that_the_model_does_not_know_end_one_window_alone(role: EngineRole, pcm: bytes) -> None:
    known, unknown, detected = windows_of(pcm, 3.0, 3.0, 3.0)
    windows = [
        known,
        msgspec.structs.replace(unknown, language=None, languages=("xx",)),
        msgspec.structs.replace(detected, language=None, languages=("de", "en")),
    ]
    answers = served(role, windows)

    assert answers[1] == Failed(1, "InvalidParameter", {"param": "languages", "why": "this model knows none of them"})
    assert words(answers[0]) == words(answers[2])
    assert isinstance(answers[0], WindowDecoded)
    assert isinstance(answers[2], WindowDecoded)
    assert [(answer.language, answer.language_probability == 1.0) for answer in (answers[0], answers[2])] == [
        ("en", True), ("en", False)
    ]  # fmt: skip


def test_an_answer_that_cannot_be_made_ends_one_window_alone(
    role: EngineRole, pcm: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = role._decoder._backend
    monkeypatch.setattr(backend, "token_text", fails_once(backend.token_text, 0))
    answers = served(role, windows_of(pcm, 3.0, 2.0))

    assert sorted(type(answer).__name__ for answer in answers.values()) == ["Failed", "WindowDecoded"]
    assert len(role._decoder) == 0


def test_an_error_of_the_shared_step_ends_the_worker(role: EngineRole, pcm: bytes) -> None:
    role._decoder._backend.runtime = Broken(role._decoder._backend.runtime)  # type: ignore[assignment]
    desk = Desk(lambda answer: pytest.fail(f"answered with {answer}"))
    for window in windows_of(pcm, 2.0, 3.0):
        desk.put(window)

    with pytest.raises(RuntimeError, match="the library broke"):
        role.serve(desk)


def outcomes(batch: BatchDecoder) -> Iterator[tuple[int, Outcome]]:
    while len(batch):
        yield from batch.step()


def test_windows_that_suppress_other_tokens_are_not_decoded_together(graphs: Path, pcm: bytes) -> None:
    """The graph knows one bias for all rows: with two sets one of the windows would get wrong words, silently."""
    backend = load_backend(graphs, "cpu", "auto", 1)
    runtime = backend.runtime
    assert isinstance(runtime, OnnxRuntime)
    batch = runtime.urgent.batch
    heard = backend._encode(np.frombuffer(pcm, "<i2").astype(np.float32) / 32768, full=False)
    sound = heard.by(runtime.urgent).result()

    def job(*suppressed: int) -> Job:
        return Job(PROMPT, 0, END, NO_SPEECH, Suppression(suppressed, ()), 40, 2)

    batch.add(1, sound, job(NO_SPEECH))
    ((_, alone),) = outcomes(batch)
    other = alone.best.tokens[1]
    batch.add(2, sound, job(NO_SPEECH))
    batch.step()
    with pytest.raises(ValueError, match="suppress the same tokens"):
        batch.add(3, sound, job(NO_SPEECH, other))
    ((key, company),) = outcomes(batch)

    assert key == 2
    assert company.best.tokens == alone.best.tokens
    assert batch._rows.count == len(batch._sounds) == 0
    batch.add(3, sound, job(NO_SPEECH, other))
    ((_, changed),) = outcomes(batch)
    assert other not in changed.best.tokens


def test_every_language_and_task_suppresses_the_same_tokens(verified_model: Verified) -> None:
    backend = load_backend(verified_model.view, "cpu", "int8", 1)
    codes = [code for code, _ in languages(backend, np.zeros(RATE, np.float32))]
    choices = [DecodeOptions(code, task, None, (0.0,), 1) for code in codes for task in ("transcribe", "translate")]

    requests = [backend._request(None, choice, 0.0, full=True, seconds=1.0) for choice in choices]
    assert len(requests) > 190
    assert len({request.suppressed for request in requests}) == 1
    tokenizer = backend._tokenizer("zh", "translate")
    assert {*tokenizer.non_speech_tokens, tokenizer.no_speech, tokenizer.transcribe} <= {*requests[0].suppressed}
