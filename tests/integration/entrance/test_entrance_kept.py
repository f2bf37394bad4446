"""HAProxy is started, reloaded, adopted and stopped; how the slots share the work outlives all of it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from care_voice.config import ENTRANCE_FOLDER
from care_voice.domain.deploy_errors import EntranceFailed
from care_voice.ops.entrance.keeper import Entrance
from support.entrances import House, ended, entrance_settings, house, needs_haproxy
from support.processes import is_running
from support.slot_double import status
from support.waiting import wait_until

pytestmark = needs_haproxy

STARTER = """
import sys
from pathlib import Path
from care_voice.app.stewarding import entrance_settings
from care_voice.config import load_settings
from care_voice.ops.entrance.keeper import Entrance
print(Entrance(entrance_settings(load_settings()), Path(sys.argv[1])).ensure())
"""


@pytest.fixture
def built(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as built:
        yield built


def shares(built: House, count: int = 40) -> Counter[str]:
    return Counter(built.client.get("/").json()["slot"] for _ in range(count))


def states(built: House) -> list[tuple[str, int]]:
    return [(each.state, each.weight) for each in built.entrance.stats().values()]


def pid_of(entrance: Entrance) -> int:
    pid = entrance.running
    assert pid is not None
    return pid


def test_weights_are_shares(built: House) -> None:
    built.entrance.set_weights({"blue": 90, "green": 30})
    built.wait_up("blue", "green")

    assert shares(built)["green"] in {9, 10, 11}, "a quarter of 40, wherever the round begins"
    figures = built.entrance.stats()
    assert [(figures[slot].weight, figures[slot].state) for slot in ("blue", "green")] == [(90, "up"), (30, "up")]


def test_a_slot_in_maintenance_gets_nothing_and_is_not_checked(built: House) -> None:
    built.entrance.set_maintenance("blue")
    built.entrance.set_weights({"green": 10})
    built.wait_up("green")

    assert shares(built, 10) == {"green": 10}
    assert built.entrance.stats()["blue"].state == "maint"


def test_states_outlive_a_reload_and_a_restart(built: House) -> None:
    built.entrance.set_weights({"blue": 90, "green": 30})
    built.wait_up("blue", "green")
    pid = pid_of(built.entrance)

    assert not built.changed(idle_s=59).ensure()
    assert pid_of(built.entrance) == pid
    assert states(built) == [("up", 90), ("up", 30)]

    built.entrance.set_weights({"green": 0})
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid), "HAProxy is dead")
    assert built.entrance.ensure()
    assert pid_of(built.entrance) != pid
    assert states(built) == [("up", 90), ("drain", 30)]

    built.entrance.set_maintenance("green")
    assert not built.changed(idle_s=58).ensure()
    assert [state for state, _ in states(built)] == ["up", "maint"]
    assert shares(built, 4) == {"blue": 4}


def test_a_worker_that_hangs_is_ended_and_another_one_started(built: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("care_voice.ops.entrance.socket._ANSWER_S", 0.5)
    pid = pid_of(built.entrance)
    (worker,) = built.entrance._haproxy._processes("worker")
    os.kill(worker, signal.SIGSTOP)
    for _ in range(2):
        with pytest.raises(EntranceFailed, match="timed out"):
            built.entrance.ensure()
    wait_until(lambda: not is_running(worker), "it was ended")
    assert built.entrance.ensure()
    assert pid_of(built.entrance) != pid
    assert shares(built, 4) == {"blue": 4}


def test_nothing_is_done_where_nothing_has_changed(built: House) -> None:
    built.client.get("/")

    assert not Entrance(built.settings, built.run_dir).ensure()
    assert built.entrance.stats()["blue"].requests == 1, "a reload would have begun to count anew"


def test_it_outlives_whoever_started_it_and_is_adopted(tmp_path: Path) -> None:
    settings = entrance_settings()
    names = ("port", "blue_port", "green_port", "metrics_port")
    variables = {f"CARE_VOICE_ENTRANCE__{name.upper()}": str(getattr(settings, name)) for name in names}
    entrance = Entrance(settings, tmp_path)
    try:
        command = [sys.executable, "-c", STARTER, str(tmp_path)]
        assert subprocess.check_output(command, env={**os.environ, **variables}, text=True) == "True\n"

        pid = pid_of(entrance)
        assert not entrance.ensure()
        assert pid_of(entrance) == pid
    finally:
        ended(entrance)


def test_a_worker_that_is_killed_takes_the_master_along_and_is_started_again(built: House) -> None:
    pid = pid_of(built.entrance)
    worker = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not is_running(pid), "the master has ended")

    assert built.entrance.ensure()
    assert shares(built, 3) == {"blue": 3}


def test_one_that_hangs_is_replaced(built: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("care_voice.ops.entrance.socket._ANSWER_S", 0.2)
    monkeypatch.setattr("care_voice.ops.entrance.process._SETTLING_S", 0.5)
    pid = pid_of(built.entrance)
    os.kill(pid, signal.SIGSTOP)

    assert built.entrance.ensure()
    assert not is_running(pid)
    assert shares(built, 3) == {"blue": 3}


def test_what_is_under_way_ends_before_it_stops(built: House) -> None:
    built.entrance.set_maintenance("green")
    pid = pid_of(built.entrance)

    assert built.entrance.stop(10)
    assert not is_running(pid)
    assert built.entrance.running is None
    assert built.entrance.stop(10), "nothing is left to stop"


def test_failures_are_counted_of_the_slot_that_failed(built: House) -> None:
    built.entrance.set_weights({"blue": 100, "green": 100})
    built.wait_up("blue", "green")
    built.green.act = status(500)

    assert shares(built, 20) == {"blue": 20}
    figures = built.entrance.stats()
    assert (figures["blue"].failures, figures["green"].failures) == (0, len(built.green.requests))
    assert figures["green"].requests == len(built.green.requests) > 0


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        entrance = Entrance(entrance_settings(port=taken.getsockname()[1]), tmp_path)
        with pytest.raises(EntranceFailed, match=r"cannot bind socket .*Address already in use"):
            entrance.ensure()


def test_only_the_complaints_of_the_last_start_are_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EntranceFailed):
            Entrance(entrance_settings(port=port), tmp_path).ensure()
        with pytest.raises(EntranceFailed) as told:
            Entrance(entrance_settings(metrics_port=port), tmp_path).ensure()
    assert "frontend metrics" in told.value.message
    assert "frontend entrance" not in told.value.message


def test_a_second_entrance_does_not_share_the_port_unnoticed(built: House, tmp_path: Path) -> None:
    other = Entrance(entrance_settings(port=built.settings.port), tmp_path / "other")

    with pytest.raises(EntranceFailed, match="Address already in use"):
        other.ensure()


def test_what_haproxy_refuses_is_told_and_what_runs_goes_on(built: House, tmp_path: Path) -> None:
    certificate = tmp_path / "bad.pem"
    certificate.write_text("nothing")

    with pytest.raises(EntranceFailed, match="unable to load certificate"):
        built.changed(certificate=str(certificate)).ensure()
    assert shares(built, 3) == {"blue": 3}


def test_a_missing_program_or_certificate_is_named(tmp_path: Path) -> None:
    settings = entrance_settings()
    with pytest.raises(EntranceFailed, match="'no-haproxy' is missing"):
        Entrance(replace(settings, haproxy="no-haproxy"), tmp_path).ensure()
    with pytest.raises(EntranceFailed, match=r"no\.pem cannot be read"):
        Entrance(replace(settings, certificate="no.pem"), tmp_path).ensure()


def test_a_path_too_long_for_sockets_is_no_obstacle(tmp_path: Path) -> None:
    entrance = Entrance(entrance_settings(), tmp_path / ("long" * 30))
    try:
        assert entrance.ensure()
        assert entrance.running
    finally:
        ended(entrance)


def test_sockets_that_were_cleared_away_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("care_voice.ops.entrance.process._SETTLING_S", 0.5)
    entrance = Entrance(entrance_settings(), tmp_path / ("long" * 30))
    try:
        assert entrance.ensure()
        shutil.rmtree(entrance._sockets)
        assert entrance.ensure()
        assert entrance.running
    finally:
        ended(entrance)


def test_a_disk_that_takes_nothing_does_not_keep_it_from_coming_back(built: House) -> None:
    (built.run_dir / "haproxy.new").mkdir()
    (built.run_dir / "servers.new").mkdir()
    pid = pid_of(built.entrance)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid), "HAProxy is dead")

    assert built.entrance.ensure()
    with pytest.raises(EntranceFailed, match="cannot be written"):
        built.entrance.set_weights({"blue": 10})
    assert shares(built, 3) == {"blue": 3}


def test_a_stop_ends_it_where_nothing_else_is_left(tmp_path: Path) -> None:
    with house(tmp_path / ENTRANCE_FOLDER) as built:
        pid = pid_of(built.entrance)
        command = [sys.executable, "-m", "care_voice", "stop"]
        done = subprocess.run(
            command,
            env={**os.environ, "CARE_VOICE_DATA_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "has stopped" in done.stdout
        assert not is_running(pid)
