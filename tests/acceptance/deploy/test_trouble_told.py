"""What an operator reads where nobody gets in, although all that runs looks well from within."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from support.deployments import Stewarded
from support.disks import Disk
from support.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(shutil.which("haproxy") is None, reason="HAProxy is not installed"),
    pytest.mark.timeout(400),
]


@pytest.fixture
def fresh(parrot_store: Path, tmp_path: Path) -> Iterator[Stewarded]:
    """Not started yet."""
    made = Stewarded(tmp_path, parrot_store, {"MODEL": "parrot"})
    try:
        yield made
    finally:
        made.end()


@contextmanager
def somebody_else(port: int) -> Iterator[None]:
    """A web server that knows nothing of us, and says so in its own words (501, a page)."""
    server = ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def test_an_entrance_that_cannot_listen_is_told_and_mends_itself(fresh: Stewarded) -> None:
    port = fresh.ports["ENTRANCE__PORT"]
    with socket.create_server(("127.0.0.1", port)):
        for verb in (("start",), ("deploy", "status")):
            told = fresh.run(*verb, check=False)
            assert (told.returncode, "Address already in use" in told.stderr) == (1, True), told.stdout + told.stderr
            assert "Ready" not in told.stdout
        assert fresh.state["states"] == {"blue": "ready"}
    wait_until(fresh.is_ready, "the entrance is tried again")
    shown = fresh.run("deploy", "status").stdout
    assert f"Entrance: http://localhost:{port}" in shown
    assert "ready" in shown
    around = {stage["name"]: stage for stage in json.loads(fresh.run("doctor", "--json").stdout)[-3:]}
    assert {name: stage["state"] for name, stage in around.items()} == dict.fromkeys(around, "done")
    assert f"{port} is ours" in around["ports"]["detail"]
    assert around["ports"]["detail"].count("is ours") == 3, "the entrance, its metrics, and blue"
    again = fresh.run("start").stdout
    assert "running already" in again
    assert "deploy start" in again, "what to do to serve anything else"


def test_a_port_of_a_slot_that_another_program_has_is_no_riddle(fresh: Stewarded) -> None:
    log = fresh.data_dir / "slots" / "blue" / "run" / "server.log"
    with somebody_else(fresh.ports["ENTRANCE__BLUE_PORT"]):
        told = fresh.run("start", "--timeout", "10", check=False)
        assert (told.returncode, str(log) in told.stderr) == (1, True), told.stdout + told.stderr
        wait_until(lambda: "CARE_VOICE_ENTRANCE__BLUE_PORT" in log.read_text(), "the slot has tried it")
        assert "API__PORT" not in log.read_text(), "nobody sets that of a slot"
        shown = json.loads(fresh.run("deploy", "status", "--json").stdout)
        assert shown["states"] == {"blue": "answers 501"}
        assert f"Why blue is not ready: {log}" in fresh.run("deploy", "status").stdout


def test_a_disk_without_a_byte_left_keeps_nobody_from_stopping(
    make_disk: Callable[[int], Disk], parrot_store: Path
) -> None:
    disk = make_disk(64)
    made = Stewarded(disk.path, parrot_store, {"MODEL": "parrot"})
    try:
        assert made.run("start", "--timeout", "1", check=False).returncode == 1, "the slot wants more room"
        wait_until(lambda: made.state["states"]["blue"] == "preflight_failed", "the slot says so")
        wait_until(lambda: not made.state["trouble"], "the entrance runs")
        disk.fill()
        stopped = made.run("stop")
        assert "The disk is full" in stopped.stdout
        assert "has stopped" in stopped.stdout
        disk.free()
        assert "not running" in made.run("stop").stdout
    finally:
        made.end()
