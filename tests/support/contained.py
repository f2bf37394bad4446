"""A steward on this machine whose slots are real containers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex

from support import faulty_release
from support.containers import OWNER, Container, ContainerLab
from support.deployments import Stewarded
from support.faulty_release import FAULT_VARIABLE

_OPTIONS = ("--memory=2g", "--pids-limit=512")
_PATIENT = {"DEPLOY__HANG_S": "30", "DEPLOY__LATENCY_RATIO": "20", "DEPLOY__PROBE_EVERY_S": "0.5"}
"""A real model is slow where much else goes on; what is too slow is a question of the tests of processes."""


class Contained(Stewarded):
    """Everything of one volume; the containers belong to the lab, which removes them whatever happens."""

    def __init__(self, lab: ContainerLab, image: str, data_dir: Path, model_store: Path, **settings: str) -> None:
        self._lab = lab
        self.prefix = f"care-voice-{token_hex(4)}"
        rules = {
            "DEPLOY__HOST": "container",
            "DEPLOY__IMAGE": image,
            "DEPLOY__VOLUME": lab.volume(f"{self.prefix}-data"),
            "DEPLOY__PREFIX": self.prefix,
            "DEPLOY__CONTAINER_OPTIONS": ",".join((f"--label={OWNER}={os.getpid()}", *_OPTIONS)),
        }
        super().__init__(data_dir, model_store, {**_PATIENT, **rules, **settings}, _of_podman(lab.environment))

    def container(self, slot: str) -> Container:
        """What runs, or has run, in a slot."""
        return Container(self._lab, f"{self.prefix}-{slot}", None)

    def pid(self, slot: str) -> int:
        """Of the first process of a slot's container, as this machine numbers it; 0 where none runs."""
        shown = self._lab.podman("ps", "--filter", f"name={self.prefix}-{slot}$", "--format", "{{.Pid}}")
        return int(shown or 0)

    @property
    def left(self) -> list[str]:
        """Names of all containers of this steward, those that have ended too."""
        return self._lab.podman("ps", "--all", "--filter", f"name={self.prefix}-", "--format", "{{.Names}}").split()

    def log_text(self) -> str:
        shown = [f"--- {name} ---\n{Container(self._lab, name, None).logs()[-8000:]}" for name in self.left]
        return "\n".join([super().log_text(), *shown])


def _of_podman(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in ("CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "TMPDIR")}


def faulty_image(lab: ContainerLab, image: str, fault: str) -> str:
    """A release with a fault: the image and one layer, see `support.faulty_release`."""
    module = "/opt/care-voice/program/faulty_release.py"
    start = ["/usr/bin/tini", "--", "python", "-m", "faulty_release"]
    options = ["--entrypoint", json.dumps(start), "--cmd", "serve", "--env", f"{FAULT_VARIABLE}={fault}"]
    return lab.derive(f"{image}-{fault}", image, files={Path(faulty_release.__file__): module}, options=options)
