"""The real entrance before two servers of a test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from care_voice.ops.entrance.keeper import Entrance
from care_voice.ops.entrance.settings import EntranceSettings
from support.server import free_port
from support.slot_double import SlotDouble, slot_double
from support.waiting import wait_until

needs_haproxy = pytest.mark.skipif(
    shutil.which("haproxy") is None, reason="HAProxy is missing: apt-get install haproxy"
)


def entrance_settings(**changes: Any) -> EntranceSettings:
    """On ports of the test."""
    names = ("port", "blue_port", "green_port", "metrics_port")
    return replace(EntranceSettings(host="127.0.0.1"), **{**{name: free_port() for name in names}, **changes})


class House:
    """An entrance with a server in each slot."""

    def __init__(self, settings: EntranceSettings, run_dir: Path, blue: SlotDouble, green: SlotDouble) -> None:
        self.settings = settings
        self.run_dir = run_dir
        self.blue = blue
        self.green = green
        self.entrance = Entrance(settings, run_dir)
        scheme = "https" if settings.certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{settings.port}"
        self.client = httpx.Client(base_url=self.url, timeout=30)

    def changed(self, **changes: Any) -> Entrance:
        """The entrance as another steward sees it, with other settings."""
        self.entrance = Entrance(replace(self.settings, **changes), self.run_dir)
        return self.entrance

    def wait_up(self, *names: str) -> None:
        """Until the checks have seen the slots ready."""
        wait_until(
            lambda: all(stats.state == "up" for name, stats in self.entrance.stats().items() if name in names),
            f"{names} are up",
        )


@contextmanager
def house(run_dir: Path, **changes: Any) -> Iterator[House]:
    """Blue takes everything, and green is ready to."""
    settings = entrance_settings(**changes)
    with slot_double("blue", settings.blue_port) as blue, slot_double("green", settings.green_port) as green:
        built = House(settings, run_dir, blue, green)
        try:
            built.entrance.ensure()
            built.entrance.set_weights({"blue": 256, "green": 0})
            built.wait_up("blue")
            yield built
        finally:
            built.client.close()
            ended(built.entrance)


def ended(entrance: Entrance) -> None:
    """Whatever happened: no process stays behind."""
    entrance.stop(0.1)
