"""The image that was built from this checkout, run as an operator would: no rights, nothing writable but its volume."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from support.containers import BUILD_TIMEOUT_S, SERVICE_PORT, Container, ContainerFailed, ContainerLab, free_port
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(BUILD_TIMEOUT_S)

_MEMORY = 2 * 1024**3
_FAST = {"CARE_VOICE_ENGINE__RUNTIME": "ctranslate2", "CARE_VOICE_ENGINE__WORKERS": "1"}
"""Which engine is the faster one is not measured: that takes seconds of each first start."""
_ASK = """
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen("http://127.0.0.1:3000" + sys.argv[1], timeout=5)
except urllib.error.HTTPError as error:
    answer = error
print(answer.read().decode())
"""


def ask(container: Container, path: str) -> str:
    """What the service answers to a request from within its own container: an operator's."""
    return container.exec("/opt/care-voice/bin/python", "-c", _ASK, path)


def status(url: str) -> int | None:
    """What a request is answered with; None while nobody listens."""
    try:
        return httpx.get(url, verify=False).status_code  # plain HTTP, and asked many times a second
    except httpx.TransportError:
        return None


def started(lab: ContainerLab, name: str, image: str, *options: str, **settings: str) -> Container:
    """A container with a published port, a memory limit, and a policy that starts it again whenever it ends."""
    limits = (f"--memory={_MEMORY}", "--pids-limit=512", "--restart=always")
    return lab.run(name, image, *limits, *options, ports={free_port(): SERVICE_PORT}, env={**_FAST, **settings})


@pytest.fixture(scope="module")
def running(container_lab: ContainerLab, container_image: str) -> Iterator[Container]:
    """A container that is ready, with a volume that was empty."""
    container = started(container_lab, "care-voice-running", container_image)
    container.wait_healthy()
    yield container
    container.remove()


def transcribe(url: str, clip: Path) -> httpx.Response:
    files = {"file": (clip.name, clip.read_bytes())}
    return httpx.post(
        f"{url}/v1/audio/transcriptions", files=files, data={"model": "base", "language": "en"}, timeout=90
    )


def test_it_may_do_nothing_but_write_its_volume(running: Container) -> None:
    status = dict(line.split(":\t", 1) for line in running.exec("cat", "/proc/1/status").splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["10001"] * 4
    assert status["CapEff"] == status["CapBnd"] == "0" * 16
    assert status["NoNewPrivs"] == "1"
    for path in ("/", "/models/base", "/opt/care-voice", "/usr/share/care-voice"):
        with pytest.raises(ContainerFailed, match=r"Read-only file system|Permission denied"):
            running.exec("touch", f"{path}/written")
    running.exec("touch", "/data/written")
    config = running.inspect()["HostConfig"]
    assert (config["ReadonlyRootfs"], config["Memory"]) == (True, _MEMORY)


def test_a_clip_is_transcribed_through_its_port(running: Container, speech: Path) -> None:
    done = transcribe(running.url, speech / "en/jfk.flac")
    assert done.status_code == 200, done.text
    assert "ask not what your country can do for you" in done.json()["text"].lower()


def test_the_web_app_answers_on_the_published_port_and_strange_names_are_refused(running: Container) -> None:
    page = httpx.get(f"http://localhost:{running.port}/", headers={"Origin": f"http://localhost:{running.port}"})
    assert (page.status_code, "text/html" in page.headers["content-type"]) == (200, True)
    strange = httpx.get(running.url, headers={"Host": "somebody.example"})
    assert (strange.status_code, strange.json()["code"]) == (421, "foreign_host")


def test_an_empty_volume_is_filled_from_the_image_without_a_network(
    container_lab: ContainerLab, container_image: str
) -> None:
    container = container_lab.run("care-voice-alone", container_image, "--network=none", env=_FAST)
    container.wait_healthy()
    pulled = json.loads(container.exec("care-voice", "models", "show", "base"))
    assert (pulled["installed"], pulled["source"]) == (True, "directory")
    assert container.stop() == 0
    container.remove()


def test_without_a_model_it_is_degraded_says_why_and_does_not_end(
    container_lab: ContainerLab, container_image: str, model_store: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    tmp_path.chmod(0o755)
    container = started(
        container_lab, "care-voice-degraded", container_image, f"--volume={elsewhere}:/elsewhere:ro",
        CARE_VOICE_MODELS__SOURCES="directory", CARE_VOICE_MODELS__DIRECTORIES="/elsewhere",
        CARE_VOICE_LIFECYCLE__RETRY_FIRST_S="0.1", CARE_VOICE_LIFECYCLE__RETRY_MAX_S="1",
    )  # fmt: skip
    wait_until(lambda: container.logs().count('"start_failed"') >= 3, "it has tried again and again")
    wait_until(lambda: status(f"{container.url}/health/live") == 200, "its event loop turns")
    assert httpx.get(f"{container.url}/health/ready").status_code == 503
    assert httpx.get(f"{container.url}/").status_code == 200, "the web app is there"
    why = json.loads(ask(container, "/health/ready"))
    assert why["code"] == "all_sources_failed"
    assert "base" in why["detail"]
    assert not container.healthcheck()
    assert (container.state(), container.restarts()) == ("running", 0)

    shutil.copytree(model_store / "views" / "base", elsewhere / "base")
    container.wait_healthy()
    assert container.restarts() == 0
    container.remove()


def test_one_that_is_killed_comes_back_with_its_volume_and_one_that_is_told_to_end_finishes_its_work(
    container_lab: ContainerLab, container_image: str, speech: Path
) -> None:
    volume = container_lab.volume("care-voice-kept")
    container = started(container_lab, "care-voice-killed", container_image, f"--volume={volume}:/data")
    container.wait_healthy()
    os.kill(container.inspect()["State"]["Pid"], signal.SIGKILL)
    wait_until(lambda: container.restarts() == 1, "its policy has started it again")
    container.wait_healthy()
    assert container.logs().count('"model_pulled"') == 1, "the model was kept"

    with ThreadPoolExecutor() as threads:
        in_hand = threads.submit(transcribe, container.url, speech / "dialogue/two-readers-alternating.flac")
        progress = "care_voice_transcriptions_in_progress 1.0"
        wait_until(lambda: progress in ask(container, "/metrics"), "it is in progress")
        assert container.stop(60) == 0
        done = in_hand.result(60)
    assert done.status_code == 200
    assert len(done.json()["text"].split()) > 100
    assert '"drained"' in container.logs()
