"""Conversions of real models in their child process: what comes out, that it is the same each time, and how it ends."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import ctranslate2
import numpy as np
import pytest
import tokenizers

from care_voice.domain.languages import LANGUAGES
from care_voice.domain.model_errors import ConversionFailed
from care_voice.engine.backends.ct2_file import open_model
from care_voice.engine.backends.whisper import DecodeOptions, load_backend
from care_voice.models.report import Verified
from care_voice.supervisor.conversion import run_conversion
from support import hf_checkpoint
from support.hearing import languages
from support.processes import children_of, is_running, is_stopped
from support.sound import RATE, decoded
from support.waiting import wait_until

MODULE = "care_voice.engine.convert"
HAVE_TRANSFORMERS = all(importlib.util.find_spec(name) for name in ("transformers", "torch"))
needs_transformers = pytest.mark.skipif(not HAVE_TRANSFORMERS, reason="transformers and torch are not installed")
Convert = Callable[..., str]


@pytest.fixture(scope="module")
def source(verified_model: Verified) -> Path:
    return verified_model.view


@pytest.fixture(scope="module")
def int8_copy(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model `base` with int8 weights."""
    target = tmp_path_factory.mktemp("derived") / "base-int8"
    assert convert("quantize", source, target, "int8") == f"ctranslate2 {ctranslate2.__version__}"
    return target


def convert(
    kind: Any, source: Path, target: Path, to: str, timeout_s: float = 100, cancelled: Callable[[], bool] = bool
) -> str:
    return run_conversion(kind, source, target, to, cancelled=cancelled, timeout_s=timeout_s)


def digests(directory: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}


def run_child(source: Path, target: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command that a conversion starts, to int8."""
    command = [sys.executable, "-m", MODULE, "quantize", str(source), str(target), "--to", "int8"]
    return subprocess.run(command, check=False, env=os.environ | environment, capture_output=True, timeout=100)


def conversions() -> list[int]:
    """The conversions that this process has started and that still run."""
    return [pid for pid, line in children_of(os.getpid()).items() if MODULE in line and is_running(pid)]


def test_an_int8_copy_takes_half_the_disk_and_differs_in_the_model_file_alone(source: Path, int8_copy: Path) -> None:
    sizes = [(directory / "model.bin").stat().st_size for directory in (int8_copy, source)]
    before, after = digests(source), digests(int8_copy)

    assert 0.5 < sizes[0] / sizes[1] < 0.52
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} == {"model.bin"}


def test_its_variables_are_those_of_the_source_with_the_scales(source: Path, int8_copy: Path) -> None:
    with open_model(source / "model.bin") as before, open_model(int8_copy / "model.bin") as after:
        quantised = [name for name, variable in after.variables.items() if variable.dtype == "int8" and variable.shape]
        assert after.aliases == before.aliases
        assert after.variables.keys() - before.variables.keys() == {f"{name}_scale" for name in quantised}
        assert len(quantised) == 1 + 6 * 4 + 6 * 7, "the embeddings, and what each layer multiplies by"
        for name in before.variables.keys() - set(quantised):
            assert np.array_equal(before.read(name), after.read(name))


@pytest.mark.parametrize("clip", ["en/jfk.flac", "dialogue/katie-steve.flac", "en/ls-1688-142285-0000.flac"])
def test_it_says_what_the_source_says_with_the_same_confidence(
    source: Path, int8_copy: Path, speech: Path, clip: str
) -> None:
    """Bit for bit what CTranslate2 computes when it quantises the source while it loads it."""
    samples = decoded(speech / clip)[: 28 * RATE].astype(np.float32) / 32768
    options = DecodeOptions("en", "transcribe", None, (0.0,), 5)
    heard = []
    for directory in (source, int8_copy):
        backend = load_backend(directory, "cpu", "int8", 1)
        heard.append(backend.decode(samples, [(0, len(samples) / RATE)], options))

    assert heard[0] == heard[1]
    assert len(heard[0][0].hypothesis.text.split()) > 15


def test_two_processes_make_the_same_bytes(source: Path, int8_copy: Path, tmp_path: Path) -> None:
    for seed, threads in (("1", "1"), ("2", "4")):
        given = {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "LC_ALL": "C"}
        target = tmp_path / seed
        done = run_child(source, target, **given)
        assert json.loads(done.stdout) == {"tool": f"ctranslate2 {ctranslate2.__version__}"}
        assert done.stdout.count(b"\n") == 1
        assert done.returncode == 0
        assert digests(target) == digests(int8_copy)


def test_a_refusal_is_one_line_of_json_and_the_error_of_the_parent(int8_copy: Path, tmp_path: Path) -> None:
    done = run_child(int8_copy, tmp_path / "a")
    answer = json.loads(done.stdout)

    assert done.returncode == 1
    assert answer.keys() == {"code", "why"}
    assert answer["code"] == "conversion_failed"
    assert "int8 already" in answer["why"]
    with pytest.raises(ConversionFailed) as caught:
        convert("quantize", int8_copy, tmp_path / "a", "int8")
    assert caught.value.fields == {"name": "base-int8", "why": answer["why"]}
    assert not (tmp_path / "a").exists()


def test_what_the_operating_system_refuses_is_said(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConversionFailed, match="Not a directory"):
        convert("quantize", source, tmp_path / "file" / "target", "int8")


def test_arguments_that_the_child_does_not_know_are_said(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConversionFailed, match="int4"):
        convert("quantize", source, tmp_path / "target", "int4")


@dataclass
class Started:
    """A conversion that has begun, and whose process was stopped by a signal."""

    result: Future[str]
    process: int
    cancel: Event


@pytest.fixture
def started(source: Path, tmp_path: Path) -> Iterator[Started]:
    cancel, target = Event(), tmp_path / "target"
    with ThreadPoolExecutor() as threads:
        result = threads.submit(convert, "quantize", source, target, "int8", cancelled=cancel.is_set)
        wait_until(lambda: conversions() and target.exists(), "the conversion has begun")
        [process] = conversions()
        os.kill(process, signal.SIGSTOP)
        wait_until(lambda: is_stopped(process), "its process has stopped")
        yield Started(result, process, cancel)
        cancel.set()


def test_a_process_that_is_killed_is_an_error(started: Started) -> None:
    os.kill(started.process, signal.SIGKILL)

    with pytest.raises(ConversionFailed, match=r"base.*Killed"):
        started.result.result(30)
    assert not is_running(started.process)


def test_a_conversion_that_is_cancelled_leaves_no_process(started: Started) -> None:
    started.cancel.set()

    with pytest.raises(ConversionFailed, match="cancelled"):
        started.result.result(30)
    assert not is_running(started.process)


def test_a_conversion_runs_below_the_priority_of_its_parent(started: Started) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, started.process) == min(own + 10, 19)


def test_a_conversion_that_takes_too_long_leaves_no_process(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConversionFailed, match=r"longer than 0\.01 s"):
        convert("quantize", source, tmp_path / "target", "int8", timeout_s=0.01)
    assert not conversions()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a process with its parent")
def test_no_conversion_outlives_a_killed_parent(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    program = (
        "import sys, pathlib; from care_voice.supervisor.conversion import run_conversion;"
        "run_conversion('quantize', *map(pathlib.Path, sys.argv[1:]), 'int8', cancelled=bool, timeout_s=100)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(source), str(target)])
    try:
        wait_until(target.exists, "the conversion has begun")
        [child] = children_of(parent.pid)
        os.kill(child, signal.SIGSTOP)
        wait_until(lambda: is_stopped(child), "its process has stopped")
    finally:
        parent.kill()
        parent.wait(30)
    try:
        wait_until(lambda: not is_running(child), "its process is gone", 10)
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(HAVE_TRANSFORMERS, reason="transformers and torch are installed")
def test_without_transformers_a_checkpoint_is_refused_with_what_to_install(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConversionFailed, match=r"pip install 'care-voice\[convert\]'"):
        convert("transformers", source, tmp_path / "target", "float16")


@pytest.fixture(scope="module")
def checkpoint(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("checkpoints") / "tiny"
    program = [sys.executable, hf_checkpoint.__file__, str(directory), str(source / "tokenizer.json")]
    subprocess.run(program, check=True, capture_output=True, timeout=100)
    return directory


@pytest.fixture
def pickled(checkpoint: Path, tmp_path: Path) -> Path:
    """The checkpoint with its weights as torch pickles them."""
    copy = tmp_path / "pickled"
    copy.mkdir()
    for path in checkpoint.iterdir():
        if path.suffix == ".json":
            (copy / path.name).write_bytes(path.read_bytes())
    (copy / "pytorch_model.bin").write_bytes((checkpoint / "weights.pickled").read_bytes())
    return copy


@needs_transformers
@pytest.mark.parametrize("to", ["float32", "float16", "int8", "int8_float16"])
def test_a_checkpoint_becomes_a_model_that_loads(checkpoint: Path, tmp_path: Path, to: str) -> None:
    tool = convert("transformers", checkpoint, tmp_path / "first", to)
    convert("transformers", checkpoint, tmp_path / "second", to)
    backend = load_backend(tmp_path / "first", "cpu", "int8", 1)
    model = ctranslate2.models.Whisper(str(tmp_path / "first"), compute_type="int8", intra_threads=1)
    mel = ctranslate2.StorageView.from_array(np.zeros((1, 80, 3000), np.float32))

    assert [part.partition(" ")[0] for part in tool.split(", ")] == ["ctranslate2", "transformers", "torch"]
    assert digests(tmp_path / "first") == digests(tmp_path / "second")
    assert set(digests(tmp_path / "first")) == {
        "config.json", "model.bin", "vocabulary.json", "tokenizer.json", "preprocessor_config.json"
    }  # fmt: skip
    assert backend.multilingual
    assert languages(backend, np.zeros(RATE, np.float32))[0][0] in LANGUAGES
    assert model.generate(mel, [["<|startoftranscript|>", "<|en|>", "<|transcribe|>"]], max_length=12)[0].sequences[0]


@needs_transformers
def test_pickled_weights_are_read_too(checkpoint: Path, pickled: Path, tmp_path: Path) -> None:
    convert("transformers", checkpoint, tmp_path / "safe", "float16")
    convert("transformers", pickled, tmp_path / "target", "float16")

    assert digests(tmp_path / "safe") == digests(tmp_path / "target")


@needs_transformers
def test_a_tokenizer_in_parts_is_joined(checkpoint: Path, pickled: Path, tmp_path: Path) -> None:
    parts = json.loads((pickled / "tokenizer.json").read_bytes())
    (pickled / "tokenizer.json").unlink()
    merges = "\n".join(" ".join(pair) for pair in parts["model"]["merges"])
    (pickled / "merges.txt").write_text(merges, encoding="utf-8")
    (pickled / "vocab.json").write_text(json.dumps(parts["model"]["vocab"]), encoding="utf-8")
    added = {token["content"]: token["id"] for token in parts["added_tokens"]}
    (pickled / "added_tokens.json").write_text(json.dumps(added), encoding="utf-8")
    convert("transformers", pickled, tmp_path / "target", "float16")

    whole, joined = (
        tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
        for directory in (checkpoint, tmp_path / "target")
    )
    assert joined.get_vocab() == whole.get_vocab()
    for sentence in ("<|en|><|transcribe|> Hello, Mrs Chen.", "護理師幫阿嬤量血壓"):
        assert (
            joined.encode(sentence, add_special_tokens=False).ids
            == whole.encode(sentence, add_special_tokens=False).ids
        )


class Trap:
    """Unpickled, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@needs_transformers
def test_nothing_of_a_checkpoint_is_run(pickled: Path, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    code = f"import pathlib; pathlib.Path({str(sprung)!r}).touch()\n"
    (pickled / "custom_generate").mkdir()
    for name in ("custom_generate/generate.py", "modeling_trap.py"):
        (pickled / name).write_text(code, encoding="utf-8")
    convert("transformers", pickled, tmp_path / "harmless", "float16")
    config = json.loads((pickled / "config.json").read_bytes())
    config["auto_map"] = {"AutoConfig": "modeling_trap.Trap"}
    (pickled / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ConversionFailed, match="never run"):
        convert("transformers", pickled, tmp_path / "mapped", "float16")
    config.pop("auto_map")
    (pickled / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (pickled / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Trap(sprung)}))
    with pytest.raises(ConversionFailed):
        convert("transformers", pickled, tmp_path / "unpickled", "float16")

    assert not sprung.exists()
    pickle.loads((pickled / "pytorch_model.bin").read_bytes())
    assert sprung.exists(), "the trap works"


@needs_transformers
def test_what_is_not_a_whisper_checkpoint_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for content in (None, "{", "[]", '{"model_type": "fish_omni"}'):
        if content is not None:
            (other / "config.json").write_text(content, encoding="utf-8")
        with pytest.raises(ConversionFailed, match=r"config\.json"):
            convert("transformers", other, tmp_path / "target", "float16")
    assert not (tmp_path / "target").exists()
