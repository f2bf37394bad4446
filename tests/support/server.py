"""The real service as a process of its own, on an ephemeral port, with its data in a directory of the test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from support.ports import free_port
from support.processes import is_running, workers_of
from support.waiting import wait_until

READY_S = 90.0
FAULTS_VARIABLE = "TEST_WORKER_FAULTS"
CAPACITY_VARIABLE = "TEST_WORKER_CAPACITY"
STOP_S = 30.0


class Service:
    """`python -m care_voice serve`; `log` is its stderr, one JSON object a line."""

    def __init__(
        self,
        data_dir: Path,
        model_store: Path,
        settings: Mapping[str, str],
        module: str = "care_voice",
        *,
        port: int | None = None,
    ) -> None:
        """`port` is for one that comes back where it was."""
        data_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir = data_dir
        self.log = data_dir / "service.log"
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=60)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, "serve"],
                env=environment(data_dir, model_store, {"CARE_VOICE_API__PORT": str(self.port), **settings}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_ready(self) -> None:
        wait_until(self._ready_or_ended, f"the service is ready, see {self.log}", READY_S)
        assert self.process.poll() is None, f"the service ended:\n{self.log_text()}"

    def _ready_or_ended(self) -> bool:
        return self.process.poll() is not None or self.is_ready()

    def is_ready(self) -> bool:
        try:
            return self.client.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines with this event."""
        lines = (_logged(line) for line in self.log_text().splitlines())
        return [line for line in lines if line.get("event") == name]

    def workers(self, role: str) -> list[int]:
        """Pids of the running workers of a role."""
        return sorted(pid for pid, its in workers_of(self.process.pid).items() if its == role and is_running(pid))

    def metric(self, sample: str, **labels: str) -> float:
        """The value of a sample; 0 where it has not been counted yet."""
        text = self.client.get("/metrics").text
        for family in text_string_to_metric_families(text):
            for each in family.samples:
                if each.name == sample and labels.items() <= each.labels.items():
                    return each.value
        return 0.0

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)

    def end(self) -> None:
        """Whatever happened: no process stays behind."""
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_S)


def _logged(line: str) -> dict[str, Any]:
    """What a line of the log says. A worker that crashes writes its traceback into the same file, and may just be in
    the middle of a line of it when the service writes one of its own."""
    start = line.find('{"')
    if start < 0:
        return {}
    with suppress(json.JSONDecodeError):
        value, _ = json.JSONDecoder().raw_decode(line, start)
        return dict(value)
    return {}


@contextmanager
def running_service(
    data_dir: Path, model_store: Path, faults: Path | None = None, capacity: int = 1, **settings: str
) -> Iterator[Service]:
    """A service that is ready; `API__PORT="1"` sets CARE_VOICE_API__PORT. It must stop cleanly in the end.

    With `faults` its engine workers commit the faults that are put into that directory, see `support.faulty_worker`.
    """
    variables = {f"CARE_VOICE_{name}": value for name, value in settings.items()}
    module = "care_voice"
    if faults is not None:
        module = "support.faulty_service"
        paths = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
        variables |= {
            FAULTS_VARIABLE: str(faults), CAPACITY_VARIABLE: str(capacity), "PYTHONPATH": os.pathsep.join(paths)
        }  # fmt: skip
    service = Service(data_dir, model_store, variables, module)
    try:
        service.wait_ready()
        yield service
        if service.process.poll() is None:
            assert service.stop() == 0, f"the service did not stop cleanly:\n{service.log_text()}"
    except BaseException:
        print(f"--- log of the service, {service.log} ---\n{service.log_text()[-20_000:]}")
        raise
    finally:
        service.end()


def environment(data_dir: Path, model_store: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """The test's own environment without any CARE_VOICE_ variable of whoever runs the tests.

    What runs the model is fixed: a fresh data directory would be measured first, which takes seconds.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CARE_VOICE_")}
    return {
        **inherited,
        "CARE_VOICE_DATA_DIR": str(data_dir),
        "CARE_VOICE_MODELS__DIRECTORY": str(model_store),
        "CARE_VOICE_LOG_FORMAT": "json",
        "CARE_VOICE_ENGINE__RUNTIME": "ctranslate2",
        "CARE_VOICE_ENGINE__WORKERS": "1",
        "CARE_VOICE_ENTRANCE__ENABLED": "false",
        **settings,
    }
