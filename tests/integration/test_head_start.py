"""Workers that are started ahead: each is used once, takes what it is told to load, and never outlives its use."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from care_voice.engine.protocol import LoadMedia
from care_voice.supervisor.settings import SupervisorSettings
from care_voice.supervisor.spawning import HeadStart, spawn
from care_voice.supervisor.worker import WorkerDied, WorkerProcess, WorkerSpec
from support.processes import is_running, workers_of
from support.waiting import until, wait_until

MEDIA = WorkerSpec("media", LoadMedia(4 * 1024**3))


@pytest.fixture
def head_start() -> Iterator[HeadStart]:
    made = HeadStart()
    yield made
    made.close()


def ours() -> dict[int, str]:
    return workers_of(os.getpid())


def both_begun(head_start: HeadStart) -> dict[str, int]:
    """Role -> pid; the system shows the command line of a new process a moment after it exists."""
    head_start.begin()
    wait_until(lambda: sorted(ours().values()) == ["engine", "media"], "a worker of each role")
    return {role: pid for pid, role in ours().items()}


async def test_a_worker_that_was_started_ahead_is_used_once(head_start: HeadStart) -> None:
    ahead = both_begun(head_start)

    first = await WorkerProcess.start(MEDIA, SupervisorSettings(), head_start.spawn)
    second = await WorkerProcess.start(MEDIA, SupervisorSettings(), head_start.spawn)

    assert first.pid == ahead["media"] != second.pid
    await first.stop()
    await second.stop()
    head_start.close()
    assert not ours()


async def test_one_that_died_while_it_waited_is_a_failed_start_and_the_next_one_is_new(head_start: HeadStart) -> None:
    media = both_begun(head_start)["media"]
    os.kill(media, 9)
    await until(lambda: not is_running(media), "the worker is dead")

    with pytest.raises(WorkerDied):
        await WorkerProcess.start(MEDIA, SupervisorSettings(), head_start.spawn)
    worker = await WorkerProcess.start(MEDIA, SupervisorSettings(), head_start.spawn)

    assert worker.ready is not None
    await worker.stop()


def test_those_that_nobody_needed_are_reaped(head_start: HeadStart) -> None:
    pids = both_begun(head_start).values()
    head_start.close()

    assert not any(map(is_running, pids))


def test_a_worker_that_is_told_nothing_ends_with_its_parent() -> None:
    spawned = spawn("engine")
    spawned.sock.close()

    assert spawned.process.wait(60) == 0
