"""Real containers: Podman with a storage of the tests' own, an image that is built once, an end for what was started.

The image's layers stay in data/containers between runs; what a run that was killed left running, the next one removes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from support.processes import is_running
from support.server import READY_S, STOP_S, free_port
from support.waiting import wait_until

PROJECT = Path(__file__).resolve().parents[2]
IMAGE = "localhost/care-voice:test"
BUILD_TIMEOUT_S = 900
"""For `pytest.mark.timeout`: the first test that needs the image waits for its build."""
BASE = "localhost/care-voice-base:bookworm"
SERVICE_PORT = 3000
_BUILD_S = 800.0
_COMMAND_S = 60.0
OWNER = "care-voice-tests"
_MOST_UNNAMED = 16

# As Debian installs it, Podman wants limits and control groups that are not there in a machine without systemd.
_CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=8192:8192"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
_STORAGE_CONF = """
[storage]
driver = "overlay"
graphroot = "{home}/storage"
runroot = "{home}/run"
"""


class ContainerFailed(AssertionError):
    """A command of Podman failed; says what it printed."""


def why_no_containers() -> str | None:
    """Why containers cannot run here; None where they can be expected to."""
    missing = [
        program for program in ("podman", "buildah", "runc", "mmdebstrap", "git") if shutil.which(program) is None
    ]
    if missing:
        return f"{', '.join(missing)} missing"
    return None if os.geteuid() == 0 else "Podman is set up for root alone here"


class ContainerLab:
    """Podman, and the containers that this process started with it. `close` removes them, also after failures."""

    def __init__(self, home: Path = PROJECT / "data" / "containers") -> None:
        # Podman remembers its folders by name, and a link may come to lead there by several.
        self.home = home = home.resolve()
        self.environment = _environment(home)
        self._lock = FileLock(home / "build.lock")
        with self._lock:
            self._remove_left_behind()

    def podman(self, *arguments: str, timeout_s: float = _COMMAND_S) -> str:
        """Run a command of Podman and return what it printed. Raises ContainerFailed."""
        return self._run(["podman", *arguments], timeout_s)

    def build(self, tag: str = IMAGE, *options: str, models_from: Path | None = None, **arguments: str) -> str:
        """Build the image by scripts/build-image from the files of this checkout; `MODELS="base"` is a build argument.

        Models come from the project's store, and the web app from the checkout, unless other places are named. One
        build at a time on one machine; unchanged layers are used again. Raises ContainerFailed.
        """
        models = models_from or PROJECT / "data" / "models" / "views"
        static = PROJECT / "src" / "care_voice" / "api" / "static"
        web = ["--web-from", str(static)] if static.is_dir() else []
        given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        with self._lock:
            self._ensure_base()
            command = [str(PROJECT / "scripts" / "build-image"), "--engine", "podman", "--tag", tag, "--base", BASE]
            command += ["--models-from", str(models), *web, "--sbom", str(self.sbom(tag)), *options, "--", *given]
            self._run(command, _BUILD_S)
            self._prune()
        return tag

    def derive(self, tag: str, image: str, *, files: Mapping[Path, str], options: Sequence[str]) -> str:
        """An image that is another one and a layer: files by their places in it, and `options` of `buildah config`.

        Raises ContainerFailed.
        """
        with self._lock:
            made = self._run(["buildah", "from", "--pull-never", image], _COMMAND_S).strip()
            for source, target in files.items():
                self._run(["buildah", "copy", "--chmod", "644", made, str(source), target], _COMMAND_S)
            self._run(["buildah", "config", *options, made], _COMMAND_S)
            self._run(["buildah", "commit", "--quiet", "--format", "docker", "--rm", made, tag], _COMMAND_S)
        return tag

    def sbom(self, tag: str = IMAGE) -> Path:
        """Where the list of contents of an image is."""
        return self.home / f"{tag.rpartition('/')[2].replace(':', '-')}.cdx.json"

    def run(
        self,
        name: str,
        image: str = IMAGE,
        *options: str,
        ports: Mapping[int, int] | None = None,
        volumes: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        read_only: bool = True,
        command: tuple[str, ...] = (),
    ) -> Container:
        """Start a container in the background.

        `ports` maps ports of this machine's loopback to ports of the container, `volumes` a name or a directory to a
        path (`/data`, or `/data:ro`). It has no capabilities and cannot get any. Raises ContainerFailed.
        """
        flags = ["--cap-drop=all", "--security-opt=no-new-privileges", *(["--read-only"] if read_only else [])]
        flags += [f"--publish=127.0.0.1:{outside}:{inside}" for outside, inside in (ports or {}).items()]
        flags += [f"--volume={source}:{target}" for source, target in (volumes or {}).items()]
        flags += [f"--env={key}={value}" for key, value in (env or {}).items()]
        labels = [f"--label={OWNER}={os.getpid()}"]
        self.podman("run", "--detach", "--name", name, *labels, *flags, *options, image, *command)
        return Container(self, name, next(iter(ports or {}), None))

    def volume(self, name: str) -> str:
        """A new volume, removed with the lab."""
        self.podman("volume", "create", "--label", f"{OWNER}={os.getpid()}", name)
        return name

    def close(self) -> None:
        """Remove the containers and volumes of this process."""
        self._remove(f"{OWNER}={os.getpid()}")

    def _remove(self, label: str) -> None:
        containers = self.podman("ps", "--all", "--quiet", "--filter", f"label={label}").split()
        if containers:
            self.podman("rm", "--force", "--volumes", "--time", "2", *containers)
        volumes = self.podman("volume", "ls", "--quiet", "--filter", f"label={label}").split()
        if volumes:
            self.podman("volume", "rm", "--force", *volumes)

    def _remove_left_behind(self) -> None:
        listed = json.loads(self.podman("ps", "--all", "--filter", f"label={OWNER}", "--format", "json") or "[]")
        listed += json.loads(self.podman("volume", "ls", "--filter", f"label={OWNER}", "--format", "json") or "[]")
        owners = {int(each["Labels"][OWNER]) for each in listed}
        for owner in owners:
            if not is_running(owner):
                self._remove(f"{OWNER}={owner}")

    def _ensure_base(self) -> None:
        if not self.podman("images", "--quiet", BASE).strip():
            self._run([str(PROJECT / "scripts" / "base-image"), "--tag", BASE], _BUILD_S)

    def _prune(self) -> None:
        """Drop what builds left that were killed, and layers of builds before the last few; those that a named image
        stands on stay."""
        self._run(["buildah", "rm", "--all"], _COMMAND_S)
        if len(self.podman("images", "--quiet", "--filter", "dangling=true").split()) > _MOST_UNNAMED:
            self.podman("image", "prune", "--force", timeout_s=_BUILD_S)

    def _run(self, command: list[str], timeout_s: float) -> str:
        # A group of its own: a build that is given up must not go on in the background.
        process = subprocess.Popen(
            command, env=self.environment, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            out, err = process.communicate(timeout=timeout_s)
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate()
            raise
        if process.returncode != 0:
            raise ContainerFailed(f"{' '.join(command)}\n{out}\n{err}")
        return out


class Container:
    """A container that was started. `url` is there where it has a published port."""

    def __init__(self, lab: ContainerLab, name: str, port: int | None) -> None:
        self._lab = lab
        self.name = name
        self.port = port
        self.url = f"http://127.0.0.1:{port}" if port else ""

    def exec(self, *command: str) -> str:
        """Run a command in it and return what it printed. Raises ContainerFailed."""
        return self._lab.podman("exec", self.name, *command)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its first process."""
        self._lab.podman("kill", "--signal", number.name, self.name)

    def kill(self) -> None:
        """End it at once."""
        self.signal(signal.SIGKILL)

    def stop(self, timeout_s: float = STOP_S) -> int:
        """SIGTERM, and the exit code; one that does not end in time is killed, which gives 137."""
        self._lab.podman("stop", "--time", str(int(timeout_s)), self.name, timeout_s=timeout_s + _COMMAND_S)
        return self.exit_code()

    def exit_code(self) -> int:
        """Wait until it has ended."""
        return int(self._lab.podman("wait", self.name))

    def logs(self) -> str:
        """What it printed, on both outputs."""
        done = subprocess.run(
            ["podman", "logs", self.name], env=self._lab.environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=_COMMAND_S, check=False,
        )  # fmt: skip
        return done.stdout

    def inspect(self) -> dict[str, Any]:
        """Everything that Podman knows of it."""
        found: dict[str, Any] = json.loads(self._lab.podman("container", "inspect", self.name))[0]
        return found

    def state(self) -> str:
        """`running`, `exited` and so on."""
        return str(self.inspect()["State"]["Status"])

    def restarts(self) -> int:
        """How often its restart policy has started it again."""
        return int(self.inspect()["RestartCount"])

    def healthcheck(self) -> bool:
        """Run its HEALTHCHECK once: without systemd nothing else does."""
        done = subprocess.run(
            ["podman", "healthcheck", "run", self.name], env=self._lab.environment, capture_output=True,
            timeout=_COMMAND_S, check=False,
        )  # fmt: skip
        return done.returncode == 0

    def wait_healthy(self, timeout_s: float = READY_S) -> None:
        """Wait until it is; one that ended is a failure at once."""
        wait_until(lambda: self.state() != "running" or self.healthcheck(), f"{self.name} is healthy", timeout_s)
        assert self.state() == "running", f"{self.name} ended:\n{self.logs()}"

    def remove(self) -> None:
        """End it and remove it, with its anonymous volumes."""
        self._lab.podman("rm", "--force", "--volumes", "--time", "2", self.name)


def _environment(home: Path) -> dict[str, str]:
    """Podman's settings, storage and scratch space in one directory; none of what the user has is read or changed."""
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    (home / "containers.conf").write_text(_CONTAINERS_CONF, encoding="utf-8")
    (home / "storage.conf").write_text(_STORAGE_CONF.format(home=home), encoding="utf-8")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("CARE_VOICE_")},
        "CONTAINERS_CONF": str(home / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(home / "storage.conf"),
        "TMPDIR": str(home / "tmp"),
    }


@pytest.fixture(scope="session")
def container_lab() -> Iterator[ContainerLab]:
    """Podman; what was started with it is removed in the end."""
    reason = why_no_containers()
    if reason is not None:
        pytest.skip(f"containers cannot run here: {reason}")
    lab = ContainerLab()
    try:
        yield lab
    finally:
        lab.close()


@pytest.fixture(scope="session")
def container_image(container_lab: ContainerLab, model_store: Path) -> str:
    """The image of this checkout, built for real, with the model `base`."""
    return container_lab.build()


__all__ = ["IMAGE", "SERVICE_PORT", "Container", "ContainerFailed", "ContainerLab", "free_port", "why_no_containers"]
