"""The model `base` on ONNX Runtime beside CTranslate2: the same words at the same times, alone and in company."""

from __future__ import annotations

import hashlib
import re
import threading
from concurrent.futures import wait
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from care_voice.domain.model_errors import ConversionFailed
from care_voice.engine.backends.detection import Detection
from care_voice.engine.backends.onnxrt import lanes
from care_voice.engine.backends.onnxrt.decoding import BatchDecoder, Job, Outcome, Suppression
from care_voice.engine.backends.onnxrt.export import write_onnx
from care_voice.engine.backends.onnxrt.runtime import OnnxRuntime, require_exact_products
from care_voice.engine.backends.onnxrt.session import Array, Encoder, Sound
from care_voice.engine.backends.quantize import quantize
from care_voice.engine.backends.whisper import Decoded, DecodeOptions, Finished, WhisperBackend, load_backend
from care_voice.models.report import Verified
from support.hearing import languages
from support.sound import RATE, decoded

PROMPT = (50258, 50259, 50359, 50363)
"""Start of transcript, English, transcribe, no timestamps."""
PATIENT = (False, True, True)
HEAD_START = 20
"""Steps that patient windows are ahead: about half of their tokens."""
CLIPS = ("en/jfk.flac", "en/ls-1688-142285-0000.flac", "en/ls-1688-142285-0001.flac")


@pytest.fixture(scope="module")
def graphs(verified_model: Verified, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("derived") / "base-onnx"
    write_onnx(verified_model.view, target)
    return target


@pytest.fixture(scope="module")
def backend(graphs: Path) -> WhisperBackend:
    try:
        require_exact_products()
    except RuntimeError as error:
        pytest.skip(str(error))
    return load_backend(graphs, "cpu", "auto", 1)


@pytest.fixture(scope="module")
def sounds(speech: Path) -> list[np.ndarray]:
    return [decoded(speech / clip)[: 28 * RATE].astype(np.float32) / 32768 for clip in CLIPS]


def options(language: str = "en", *, prompt: str | None = None, beam_size: int = 5) -> DecodeOptions:
    return DecodeOptions(language, "transcribe", prompt, (0.0,), beam_size)


def decode(backend: WhisperBackend, samples: np.ndarray, wanted: DecodeOptions) -> list[Decoded]:
    return backend.decode(samples, [(0.0, len(samples) / RATE)], wanted)


def text(parts: list[Decoded]) -> str:
    return "".join(word.text for part in parts for word in part.words)


def spoken(parts: list[Decoded]) -> list[str]:
    return re.findall(r"[\w']+", text(parts).lower())


def digests(directory: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}


def test_the_same_weights_make_the_same_bytes(verified_model: Verified, graphs: Path, tmp_path: Path) -> None:
    write_onnx(verified_model.view, tmp_path / "again")
    assert digests(tmp_path / "again") == digests(graphs)


def test_quantised_weights_are_refused(verified_model: Verified, tmp_path: Path) -> None:
    quantize(verified_model.view, tmp_path / "int8", "int8")
    with pytest.raises(ConversionFailed, match="quantised already"):
        write_onnx(tmp_path / "int8", tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()


def test_words_and_their_times_are_those_of_ctranslate2(
    verified_model: Verified, backend: WhisperBackend, sounds: list[np.ndarray]
) -> None:
    peer = load_backend(verified_model.view, "cpu", "int8", 1)
    for samples in sounds[:2]:
        ours, theirs = decode(backend, samples, options()), decode(peer, samples, options())
        assert spoken(ours) == spoken(theirs)
        pairs = list(zip(ours[0].words, theirs[0].words, strict=True))
        differences = [abs(a.start - b.start) for a, b in pairs] + [abs(a.end - b.end) for a, b in pairs]
        assert np.median(differences) <= 0.02
        assert np.quantile(differences, 0.9) <= 0.1
        assert abs(ours[0].hypothesis.avg_logprob - theirs[0].hypothesis.avg_logprob) < 0.05
        assert abs(ours[0].hypothesis.no_speech_prob - theirs[0].hypothesis.no_speech_prob) < 0.05


def test_languages_are_those_of_ctranslate2(
    verified_model: Verified, backend: WhisperBackend, sounds: list[np.ndarray]
) -> None:
    peer = load_backend(verified_model.view, "cpu", "int8", 1)
    ours, theirs = languages(backend, sounds[0])[0], languages(peer, sounds[0])[0]
    assert ours[0] == theirs[0] == "en"
    assert abs(ours[1] - theirs[1]) < 0.05


def test_windows_in_company_get_what_they_get_alone(backend: WhisperBackend, sounds: list[np.ndarray]) -> None:
    """Other lengths, prompts and beam sizes beside a window, joining and leaving at any time, change none of its words.

    Sums are rounded otherwise in company, which 8-bit products turn into another comma now and then.
    """
    wanted = [options(), options(prompt="A reading from a novel.", beam_size=2), options(beam_size=1), options("de")]
    windows = [(sounds[n % len(sounds)], wanted[n]) for n in range(len(wanted))]
    alone = [decode(backend, samples, choice) for samples, choice in windows]

    together: dict[object, list[Decoded]] = {}
    waiting = list(enumerate(windows))
    while len(together) < len(windows):
        if waiting:
            n, (samples, choice) = waiting.pop(0)
            backend.open(n, samples, [(0.0, len(samples) / RATE)], choice)
        goal = backend.runtime.progress + 5
        while backend._windows and backend.runtime.progress < goal:
            together |= {finished.key: finished.parts for finished in backend.step()}

    for n, parts in enumerate(alone):
        assert spoken(together[n]) == spoken(parts)
        found = [word.start for part in together[n] for word in part.words]
        assert np.allclose(found, [word.start for part in parts for word in part.words], atol=0.1)


def whole(samples: np.ndarray) -> list[tuple[float, float]]:
    return [(0.0, len(samples) / RATE)]


def test_an_urgent_window_goes_before_patient_ones_in_hand(backend: WhisperBackend, sounds: list[np.ndarray]) -> None:
    """They keep what they have, and end with what they give alone."""
    windows = [(samples, replace(options(), patient=patient)) for samples, patient in zip(sounds, PATIENT, strict=True)]
    alone = [spoken(decode(backend, *window)) for window in windows]
    for n in (1, 2):
        backend.open(n, windows[n][0], whole(windows[n][0]), windows[n][1])
    before = backend.runtime.progress
    while backend.runtime.progress < before + HEAD_START:
        assert backend.step() == []

    backend.open(0, windows[0][0], whole(windows[0][0]), windows[0][1])
    ended: list[Finished] = []
    while len(ended) < len(windows):
        ended += backend.step()

    assert ended[0].key == 0, "the urgent one came last and is the first to end"
    assert {each.key: spoken(each.parts) for each in ended} == dict(enumerate(alone))


def test_patient_windows_go_on_while_urgent_ones_keep_coming(backend: WhisperBackend, sounds: list[np.ndarray]) -> None:
    samples, wanted = sounds[0], options(beam_size=1)
    backend.open(0, samples, whole(samples), replace(wanted, patient=True))
    urgent, open_now, ended = 0, 1, list[int]()
    while 0 not in ended:
        if open_now < 3:
            urgent, open_now = urgent + 1, open_now + 1
            backend.open(urgent, samples, whole(samples), wanted)
        assert urgent < 60, "the patient one starves"
        now = [each.key for each in backend.step()]
        ended, open_now = ended + now, open_now - len(now)
    assert len(ended) > 3, "the urgent ones had most of the steps"
    while open_now:
        open_now -= len(backend.step())


class Gate:
    """The real encoder, which does not begin with sounds of one length before it is opened."""

    def __init__(self, encoder: Encoder, frames: int) -> None:
        self._encode, self._frames = encoder.encode, frames
        self.reached, self.opened = threading.Event(), threading.Event()
        encoder.encode = self.encode  # type: ignore[method-assign]

    def encode(self, mel: Array) -> Sound:
        if mel.shape[1] == self._frames:
            self.reached.set()
            assert self.opened.wait(60)
        return self._encode(mel)


@pytest.fixture
def runtime(graphs: Path, backend: WhisperBackend) -> OnnxRuntime:
    """One of its own for a test, which `backend` uses meanwhile."""
    return OnnxRuntime(graphs, 1)


@pytest.fixture
def apart(backend: WhisperBackend, runtime: OnnxRuntime, monkeypatch: pytest.MonkeyPatch) -> WhisperBackend:
    monkeypatch.setattr(backend, "runtime", runtime)
    return backend


def until_ended(backend: WhisperBackend, key: int) -> list[Finished]:
    ended: list[Finished] = []
    while key not in [each.key for each in ended]:
        ended += backend.step()
    return ended


@pytest.mark.parametrize("detection", [None, Detection(patient=True)], ids=["known", "to be detected"])
def test_an_urgent_window_is_let_in_while_a_patient_one_is_encoded(
    apart: WhisperBackend, runtime: OnnxRuntime, sounds: list[np.ndarray], detection: Detection | None
) -> None:
    short, long = sounds[0][: 3 * RATE], np.concatenate([sounds[0], sounds[0]])[: 20 * RATE]
    gate = Gate(runtime._encoder, frames=2100)
    apart.open(1, long, whole(long), replace(options(), patient=True), detection=detection)
    assert gate.reached.wait(60)
    assert apart.step() == []
    assert runtime.progress == 0, "to wait is no progress"

    apart.open(0, short, whole(short), options())
    assert [each.key for each in until_ended(apart, 0)] == [0]
    assert not gate.opened.is_set()
    gate.opened.set()
    assert [(each.key, each.language) for each in until_ended(apart, 1)] == [(1, "en")]


def test_nothing_goes_on_while_an_encoding_hangs(
    apart: WhisperBackend, runtime: OnnxRuntime, sounds: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the worker is seen to stand still: the other lane's steps would hide that somebody waits in vain."""
    short, long = sounds[0][: 3 * RATE], np.concatenate([sounds[0], sounds[0]])[: 20 * RATE]
    gate = Gate(runtime._encoder, frames=1300)
    apart.open(1, long, whole(long), replace(options(), patient=True))
    while runtime.progress < 3:
        assert apart.step() == []
    apart.open(0, short, whole(short), options())
    assert gate.reached.wait(60)
    monkeypatch.setattr(lanes, "_HUNG_S", 0.0)
    before = runtime.progress

    assert [apart.step() for _ in range(5)] == [[]] * 5
    assert runtime.progress == before
    gate.opened.set()
    ended = [each.key for each in [*until_ended(apart, 0), *until_ended(apart, 1)]]
    assert ended == [0, 1]


def test_a_window_that_is_dropped_leaves_nothing_and_harms_no_other(
    apart: WhisperBackend, runtime: OnnxRuntime, sounds: list[np.ndarray]
) -> None:
    """Dropped while it is decoded, in either lane; while it is encoded; and while it waits for that."""
    samples, waiting = sounds[0], np.concatenate([sounds[0], sounds[0]])[: 20 * RATE]
    expected = spoken(decode(apart, samples, options(beam_size=2)))
    for key, patient in enumerate((False, False, True)):
        apart.open(key, samples, whole(samples), replace(options(beam_size=2), patient=patient))
    lanes_in_use = (runtime._lanes.urgent, runtime._lanes.patient)
    wait([sound for lane in lanes_in_use for sound in lane.coming])
    assert apart.step() == []
    assert [len(lane.batch) for lane in lanes_in_use] == [2, 1]
    gate = Gate(runtime._encoder, frames=2100)
    for key in (3, 4):
        apart.open(key, waiting, whole(waiting), options(), detection=Detection() if key == 4 else None)
    assert gate.reached.wait(60)

    assert [apart.drop(key) for key in (0, 2, 3, 4, 4)] == [True] * 4 + [False]
    assert [len(lane.batch._sounds) for lane in lanes_in_use] == [1, 0]
    assert [spoken(each.parts) for each in until_ended(apart, 1)] == [expected]
    gate.opened.set()
    for lane in lanes_in_use:
        assert len(lane.batch) == lane.batch._rows.count == len(lane.batch._sounds) == len(lane.coming) == 0
    assert not apart._windows
    assert spoken(decode(apart, samples, options(beam_size=2))) == expected


def test_samples_are_drawn_and_differ_with_the_seed(graphs: Path, backend: WhisperBackend) -> None:
    runtime = OnnxRuntime(graphs, 1)
    mel = np.zeros((runtime.mels, 1000), np.float32)
    sound = runtime._encoder.encode(mel)
    batch = BatchDecoder(runtime._decoder)
    for seed in (1, 2, 1):
        batch.add(seed, sound, Job(PROMPT, 0, 50257, 50362, Suppression((), ()), 12, 5, 1.0, seed))
    found: list[tuple[object, Outcome]] = []
    while len(batch):
        found += batch.step()

    tokens = [(key, outcome.best.tokens) for key, outcome in found]
    assert len(found) == 3
    assert len(set(tokens)) == 2
