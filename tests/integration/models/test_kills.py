"""SIGKILL at any moment: progress survives, no wrong byte gets a final name, and the next pull simply goes on."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from care_voice.models.build import build_puller, build_store
from care_voice.models.catalogue import Catalogue
from care_voice.models.intervals import Intervals, Span
from care_voice.models.partial import open_partial
from care_voice.models.settings import ModelSettings
from care_voice.models.staging import try_lock
from care_voice.models.store import ModelStore
from support.faults import Trickle
from support.faulty_server import FaultyServer, faulty_server
from support.pulling import pull_killed_at_step, pulling
from support.stores import QUICK, model_of, noise, on_mirror, require_sound, require_whole, sha256
from support.waiting import wait_until

NAME = "small-one"
SIZE = 1_500_000
WEIGHTS = noise(6, SIZE)
CONTENTS = {"config.json": b'{"a": 1}\n', "model.bin": WEIGHTS}
CATALOGUE = Catalogue((model_of(NAME, CONTENTS),))
AT_MIRROR = on_mirror(NAME, "model.bin")
CONNECTIONS = 3
CHUNK = 64 * 1024
KILLS = 8

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server({on_mirror(NAME, name): content for name, content in CONTENTS.items()}) as server:
        yield server


def settings_for(server: FaultyServer, directory: Path) -> ModelSettings:
    several = dataclasses.replace(QUICK, connections=CONNECTIONS, least_range_bytes=SIZE // 16, attempts=10)
    return ModelSettings(directory, sources=("mirror",), mirrors=(server.url,), transfer=several)


def noted(store: ModelStore) -> Intervals:
    """Which bytes of the weights the journal of a dead process has; every one of them must be there."""
    path = store.incoming / NAME / sha256(WEIGHTS)
    if not path.is_file():
        return Intervals([(0, SIZE)] if store.blob_path(sha256(WEIGHTS)).exists() else [])
    content = path.read_bytes()
    with open_partial(path, SIZE) as opened:
        have = without(opened.missing())
    for start, stop in have:
        assert content[start:stop] == WEIGHTS[start:stop]
    written = len(content) - content.count(0)
    assert written - have.covered <= CONNECTIONS * CHUNK
    return have


def without(missing: list[Span]) -> Intervals:
    return Intervals(Intervals(missing).missing(SIZE))


def overlap(one: Intervals, other: Intervals) -> int:
    both = Intervals([*one, *other])
    return one.covered + other.covered - both.covered


@pytest.mark.parametrize("seed", range(4))
def test_progress_survives_kills_at_random_moments(server: FaultyServer, tmp_path: Path, seed: int) -> None:
    chance, settings = random.Random(seed), settings_for(server, tmp_path)
    store, had, again = build_store(settings, CATALOGUE), Intervals(), 0
    for _ in range(KILLS):
        server.heal()
        server.misbehave(AT_MIRROR, then=Trickle(0.004, 4096))
        goal = chance.randrange(SIZE // 6)
        with pulling(settings, CATALOGUE, NAME):
            wait_until(partial(has_sent, server, goal), "some bytes came")
        require_sound(store)
        lock = store.lock(NAME)
        assert try_lock(lock)
        lock.release()
        asked = Intervals(request.span or (0, SIZE) for request in server.asked(AT_MIRROR))
        assert overlap(asked, had) == 0
        before, had = had, noted(store)
        assert had.covered >= before.covered
        again += server.sent[AT_MIRROR] - (had.covered - before.covered)
    server.heal()
    puller = build_puller(settings, CATALOGUE)
    puller.pull(NAME)
    require_whole(store, NAME, CONTENTS)
    assert sum(stop - start for start, stop in spans_of(server)) == SIZE - had.covered
    print(f"{KILLS} kills, {again} bytes were on their way to the killed and came again")


def has_sent(server: FaultyServer, goal: int) -> bool:
    return server.sent[AT_MIRROR] >= goal


def spans_of(server: FaultyServer) -> list[Span]:
    return [request.span for request in server.asked(AT_MIRROR) if request.span is not None]


def test_a_kill_right_before_any_change_to_the_store_breaks_nothing(tmp_path: Path) -> None:
    shelf = tmp_path / "shelf" / NAME
    shelf.mkdir(parents=True)
    for name, content in CONTENTS.items():
        (shelf / name).write_bytes(content[:50_000])
    contents = {path.name: path.read_bytes() for path in shelf.iterdir()}
    catalogue = Catalogue((model_of(NAME, contents),))
    step, killed = 0, True
    while killed:
        settings = ModelSettings(tmp_path / str(step), sources=("directory",), directories=(shelf.parent,))
        killed = pull_killed_at_step(settings, catalogue, NAME, step)
        puller = build_puller(settings, catalogue)
        require_sound(puller.store)
        puller.pull(NAME)
        require_whole(puller.store, NAME, contents)
        step += 1
    assert step > 30


def test_several_processes_fetch_every_file_once(server: FaultyServer, tmp_path: Path) -> None:
    settings = settings_for(server, tmp_path)
    server.misbehave(AT_MIRROR, then=Trickle(0.001, 16_384))
    with ExitStack() as stack:
        processes = [stack.enter_context(pulling(settings, CATALOGUE, NAME)) for _ in range(4)]
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0] * 4
    require_whole(build_store(settings, CATALOGUE), NAME, CONTENTS)
    assert len(server.asked(on_mirror(NAME, "config.json"))) == 1
    assert server.sent[AT_MIRROR] == SIZE


def test_one_that_waited_goes_on_where_the_killed_one_stopped(server: FaultyServer, tmp_path: Path) -> None:
    settings = settings_for(server, tmp_path)
    server.misbehave(AT_MIRROR, then=Trickle(0.004, 4096))
    with pulling(settings, CATALOGUE, NAME) as first:
        wait_until(lambda: server.sent[AT_MIRROR], "the first one pulls")
        with pulling(settings, CATALOGUE, NAME) as second:
            wait_until(lambda: server.sent[AT_MIRROR] > SIZE // 4, "the first one is half way")
            first.kill()
            first.join()
            server.misbehave(AT_MIRROR, then=Trickle(0, 65_536))
            second.join()
            assert second.exitcode == 0
    require_whole(build_store(settings, CATALOGUE), NAME, CONTENTS)
    assert server.sent[AT_MIRROR] < SIZE + SIZE // 4
