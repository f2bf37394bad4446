"""Several processes, one of which may die: no wrong byte under a final name, and nothing is fetched twice."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from care_voice.models.puller import Puller

NAME = "small-one"
PULL = """
import json, sys
from pathlib import Path
from care_voice.models.build import build_puller
from care_voice.models.catalogue import Catalogue
from care_voice.models.settings import ModelSettings

settings = ModelSettings(Path(sys.argv[1]), sources=("hub",), hub_endpoint=sys.argv[2])
say = lambda event: print(event.phase, event.file, event.done_bytes, flush=True)
pulled = build_puller(settings, Catalogue.parse(Path(sys.argv[3]).read_bytes())).pull("small-one", say)
print(json.dumps(pulled.fetched), flush=True)
"""

pytestmark = [pytest.mark.timeout(90), pytest.mark.usefixtures("hub_up")]


@contextmanager
def pulling(puller: Puller, base_url: str, catalogue_file: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PULL, str(puller.store.directory), base_url, str(catalogue_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], start: str) -> str:
    """Return the first line that begins like this."""
    assert process.stdout is not None
    return next(line for line in process.stdout if line.startswith(start))


def test_two_processes_pull_a_model_once(
    *,
    puller: Puller,
    base_url: str,
    catalogue_file: Path,
    contents: dict[str, bytes],
    gates: dict[str, threading.Event],
    requests: list[str],
    hub_path: Callable[[str], str],
) -> None:
    gate = gates[hub_path("model.bin")] = threading.Event()
    with pulling(puller, base_url, catalogue_file) as first:
        read_until(first, "downloading model.bin")
        with pulling(puller, base_url, catalogue_file) as second:
            read_until(second, "waiting")
            gate.set()
            assert set(json.loads(read_until(first, "{"))) == set(contents)
            assert json.loads(read_until(second, "{")) == {}
            assert (first.wait(), second.wait()) == (0, 0)
    assert requests == [hub_path(name) for name in contents]


def test_a_killed_pull_leaves_nothing_wrong_and_the_next_one_completes(
    puller: Puller,
    base_url: str,
    catalogue_file: Path,
    contents: dict[str, bytes],
    gates: dict[str, threading.Event],
    hub_path: Callable[[str], str],
) -> None:
    gate = gates[hub_path("model.bin")] = threading.Event()
    store = puller.store
    with pulling(puller, base_url, catalogue_file) as process:
        read_until(process, "downloading model.bin")
        process.kill()
        process.wait()
    assert [path.name for path in store.incoming.iterdir()] == [NAME]
    blobs = [path for path in (store.directory / "blobs").rglob("*") if path.is_file()]
    assert [path.name for path in blobs] == [hashlib.sha256(contents["config.json"]).hexdigest()]
    assert blobs[0].read_bytes() == contents["config.json"]
    assert store.installed() == ()
    gate.set()
    pulled = puller.pull(NAME)
    assert pulled.fetched == {"model.bin": "hub"}
    assert {path.name: path.read_bytes() for path in pulled.view.iterdir()} == contents
    assert list(store.incoming.iterdir()) == []
