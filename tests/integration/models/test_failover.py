"""What one source or connection cannot finish, another one goes on with at the byte where it stopped."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from care_voice.domain.model_errors import AllSourcesFailed
from care_voice.models.build import build_puller
from care_voice.models.catalogue import Catalogue
from care_voice.models.puller import Puller
from care_voice.models.settings import ModelSettings
from support.faults import Cut, Endless, NoRanges, Stall, Status, WrongRange
from support.faulty_server import FaultyServer, Healthy, faulty_server
from support.stores import QUICK, impatient, model_of, noise, on_hub, on_mirror, require_sound, require_whole

NAME = "small-one"
SIZE = 400_000
WEIGHTS = noise(2, SIZE)
CONTENTS = {"config.json": b'{"a": 1}\n', "model.bin": WEIGHTS}
CATALOGUE = Catalogue((model_of(NAME, CONTENTS),))
AT_MIRROR, AT_HUB = on_mirror(NAME, "model.bin"), on_hub("model.bin")

pytestmark = pytest.mark.timeout(60)


@dataclasses.dataclass
class Three:
    """Two mirrors and a hub, asked in this order."""

    one: FaultyServer
    two: FaultyServer
    hub: FaultyServer

    def puller(self, directory: Path) -> Puller:
        mirrors = (self.one.url, self.two.url)
        settings = impatient(directory, sources=("mirror", "hub"), mirrors=mirrors, hub_endpoint=self.hub.url)
        return build_puller(settings, CATALOGUE)

    @property
    def names(self) -> tuple[str, str, str]:
        return f"mirror-127.0.0.1-{self.one.port}", f"mirror-127.0.0.1-{self.two.port}", "hub"

    def asked(self) -> list[list[tuple[int, int] | None]]:
        """The spans of the weights that each was asked for."""
        servers = ((self.one, AT_MIRROR), (self.two, AT_MIRROR), (self.hub, AT_HUB))
        return [[request.span for request in server.asked(path)] for server, path in servers]


@pytest.fixture
def three() -> Iterator[Three]:
    with ExitStack() as stack:
        for_mirrors = {on_mirror(NAME, name): content for name, content in CONTENTS.items()}
        for_hub = {on_hub(name): content for name, content in CONTENTS.items()}
        yield Three(*(stack.enter_context(faulty_server(files)) for files in (for_mirrors, for_mirrors, for_hub)))


def test_three_sources_finish_one_file_together(three: Three, tmp_path: Path) -> None:
    three.one.misbehave(AT_MIRROR, Cut(150_000), then=Cut(0))
    three.two.misbehave(AT_MIRROR, Cut(100_000), then=Status(503))
    puller = three.puller(tmp_path)
    assert puller.pull(NAME).fetched == {"config.json": three.names[0], "model.bin": "+".join(three.names)}
    require_whole(puller.store, NAME, CONTENTS)
    asked = three.asked()
    assert asked[0][0] == (0, SIZE)
    assert asked[1][0] == (150_000, SIZE)
    assert asked[2] == [(250_000, SIZE)]
    assert three.one.sent[AT_MIRROR] + three.two.sent[AT_MIRROR] + three.hub.sent[AT_HUB] == SIZE


def test_a_manifest_remembers_all_sources(three: Three, tmp_path: Path) -> None:
    three.one.misbehave(AT_MIRROR, Cut(SIZE // 2), then=Cut(0))
    puller = three.puller(tmp_path)
    puller.pull(NAME)
    (manifest,) = puller.store.installed()
    sources = {file.name: file.source for file in manifest.files}
    assert sources == {"config.json": three.names[0], "model.bin": "+".join(three.names[:2])}


def test_a_source_that_has_never_answered_is_not_waited_for_as_long_as_the_last_one(
    three: Three, tmp_path: Path
) -> None:
    three.one.misbehave(AT_MIRROR, then=Status(500))
    three.two.misbehave(AT_MIRROR, then=Status(500))
    three.hub.misbehave(AT_HUB, then=Status(500))
    with pytest.raises(AllSourcesFailed) as caught:
        three.puller(tmp_path).pull(NAME)
    assert [len(spans) for spans in three.asked()] == [QUICK.first_attempts, QUICK.first_attempts, QUICK.attempts]
    assert all(name in caught.value.message for name in three.names)


@pytest.mark.parametrize("cut", [1, SIZE // 2, SIZE - 1])
def test_wrong_bytes_among_right_ones_are_found_and_their_source_is_named(
    three: Three, tmp_path: Path, cut: int
) -> None:
    three.one.files[AT_MIRROR] = noise(3, SIZE)
    three.one.misbehave(AT_MIRROR, Cut(cut), then=Cut(0))
    puller = three.puller(tmp_path)
    with capture_logs() as logs:
        assert puller.pull(NAME).fetched["model.bin"] == three.names[1]
    require_whole(puller.store, NAME, CONTENTS)
    named = [(entry["source"], entry["right"]) for entry in logs if entry["event"] == "wrong_bytes"]
    assert named == [(three.names[0], three.names[1])]
    assert three.asked()[1] == [(cut, SIZE), (0, SIZE)]
    assert three.asked()[2] == []


def test_a_wrong_source_after_a_right_one_does_not_win(three: Three, tmp_path: Path) -> None:
    three.one.misbehave(AT_MIRROR, Cut(SIZE // 2), then=Cut(0))
    three.two.files[AT_MIRROR] = noise(3, SIZE)
    puller = three.puller(tmp_path)
    assert puller.pull(NAME).fetched["model.bin"] == "hub"
    require_whole(puller.store, NAME, CONTENTS)


def test_two_wrong_sources_end_in_an_error_that_names_both(three: Three, tmp_path: Path) -> None:
    three.one.files[AT_MIRROR] = three.two.files[AT_MIRROR] = noise(3, SIZE)
    three.hub.misbehave(AT_HUB, then=Status(404))
    with pytest.raises(AllSourcesFailed) as caught:
        three.puller(tmp_path).pull(NAME)
    for name in three.names[:2]:
        assert f"'model.bin' from {name} is not what the catalogue pins" in caught.value.message
    require_sound(three.puller(tmp_path).store)


@pytest.mark.parametrize("fault", [WrongRange(longer=1), Status(416), Status(404), Status(403)])
def test_a_source_that_has_another_file_spoils_nothing_of_what_came_before(
    three: Three, tmp_path: Path, fault: WrongRange | Status
) -> None:
    three.one.misbehave(AT_MIRROR, Cut(SIZE // 2), then=Cut(0))
    three.two.misbehave(AT_MIRROR, then=fault)
    puller = three.puller(tmp_path)
    assert puller.pull(NAME).fetched["model.bin"] == f"{three.names[0]}+hub"
    assert three.asked()[2] == [(SIZE // 2, SIZE)]
    require_whole(puller.store, NAME, CONTENTS)


def test_what_was_refused_is_not_said_to_be_the_source(three: Three, tmp_path: Path) -> None:
    three.one.misbehave(AT_MIRROR, then=Endless(b"?" * 1000))
    assert three.puller(tmp_path).pull(NAME).fetched["model.bin"] == three.names[1]


LARGE = 64 * 1024 * 1024
LARGE_NAME = "large-one"
AT_LARGE = on_mirror(LARGE_NAME, "model.bin")


@pytest.fixture(scope="module")
def large() -> bytes:
    return random.Random(5).randbytes(LARGE)


@pytest.fixture
def large_server(large: bytes) -> Iterator[FaultyServer]:
    with faulty_server({AT_LARGE: large}) as server:
        yield server


def large_puller(server: FaultyServer, directory: Path, large: bytes) -> Puller:
    settings = ModelSettings(
        directory,
        sources=("mirror",),
        mirrors=(server.url,),
        hub_read_timeout_s=2.0,
        transfer=dataclasses.replace(QUICK, connections=4),
    )
    return build_puller(settings, Catalogue((model_of(LARGE_NAME, {"model.bin": large}),)))


QUARTER = LARGE // 4


def test_a_large_file_comes_on_several_connections(large_server: FaultyServer, tmp_path: Path, large: bytes) -> None:
    puller = large_puller(large_server, tmp_path, large)
    puller.pull(LARGE_NAME)
    require_whole(puller.store, LARGE_NAME, {"model.bin": large})
    spans = sorted(request.span or (0, 0) for request in large_server.asked(AT_LARGE))
    assert spans == [(start, start + QUARTER) for start in range(0, LARGE, QUARTER)]
    assert large_server.sent[AT_LARGE] == LARGE


def test_one_of_the_connections_is_cut_and_one_stalls(large_server: FaultyServer, tmp_path: Path, large: bytes) -> None:
    large_server.misbehave(AT_LARGE, Cut(9_000_000), Stall(5_000_000), Cut(123, reset=True))
    puller = large_puller(large_server, tmp_path, large)
    puller.pull(LARGE_NAME)
    require_whole(puller.store, LARGE_NAME, {"model.bin": large})
    assert len(large_server.asked(AT_LARGE)) == 4 + 3
    assert large_server.sent[AT_LARGE] == LARGE


def test_a_server_without_ranges_is_asked_once(large_server: FaultyServer, tmp_path: Path, large: bytes) -> None:
    large_server.misbehave(AT_LARGE, then=NoRanges())
    puller = large_puller(large_server, tmp_path, large)
    puller.pull(LARGE_NAME)
    require_whole(puller.store, LARGE_NAME, {"model.bin": large})
    assert len(large_server.asked(AT_LARGE)) == 1
    assert large_server.sent[AT_LARGE] == LARGE


def test_a_server_without_ranges_that_is_cut_starts_over_but_what_came_counts(
    large_server: FaultyServer, tmp_path: Path, large: bytes
) -> None:
    large_server.misbehave(AT_LARGE, NoRanges(LARGE // 2), NoRanges(LARGE // 2 + 5_000_000), then=NoRanges())
    puller = large_puller(large_server, tmp_path, large)
    puller.pull(LARGE_NAME)
    require_whole(puller.store, LARGE_NAME, {"model.bin": large})
    assert len(large_server.asked(AT_LARGE)) == 3


def test_a_server_that_forgets_how_to_do_ranges(large_server: FaultyServer, tmp_path: Path, large: bytes) -> None:
    large_server.misbehave(AT_LARGE, Cut(1_000_000), Cut(1_000_000), then=NoRanges())
    puller = large_puller(large_server, tmp_path, large)
    puller.pull(LARGE_NAME)
    require_whole(puller.store, LARGE_NAME, {"model.bin": large})


def test_a_server_that_allows_fewer_connections_is_not_given_up(
    large_server: FaultyServer, tmp_path: Path, large: bytes
) -> None:
    # The first connection is served; those beside it are refused until they give up.
    refusals = [Status(429) for _ in range(3 * QUICK.attempts)]
    large_server.misbehave(AT_LARGE, Healthy(), *refusals)
    puller = large_puller(large_server, tmp_path, large)
    puller.pull(LARGE_NAME)
    require_whole(puller.store, LARGE_NAME, {"model.bin": large})
    assert large_server.sent[AT_LARGE] == LARGE


def test_a_dead_server_is_not_asked_by_every_connection(
    large_server: FaultyServer, tmp_path: Path, large: bytes
) -> None:
    large_server.misbehave(AT_LARGE, then=Status(500))
    with pytest.raises(AllSourcesFailed, match="HTTP 500"):
        large_puller(large_server, tmp_path, large).pull(LARGE_NAME)
    assert len(large_server.asked(AT_LARGE)) == QUICK.attempts
