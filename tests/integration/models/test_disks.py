"""Disks that are full, that fill up meanwhile, or that may not be written, as the kernel presents them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from care_voice.domain.model_errors import DiskFull, StoreUnwritable
from care_voice.models.build import build_puller
from care_voice.models.catalogue import Catalogue
from care_voice.models.progress import Progress
from care_voice.models.puller import Puller
from care_voice.models.settings import ModelSettings
from care_voice.models.upkeep import collect, usage
from support.disks import Disk
from support.faulty_server import FaultyServer, faulty_server
from support.stores import bytes_kept, files_below, model_of, noise, on_mirror, require_sound, require_whole

NAME = "small-one"
MIB = 1024 * 1024
CONTENTS = {"config.json": b'{"a": 1}\n', "model.bin": noise(1, 2 * MIB), "tokenizer.json": noise(2, 3 * MIB)}
LARGE = {"model.bin": noise(4, 24 * MIB)}
CATALOGUE = Catalogue((model_of(NAME, CONTENTS), model_of("large-one", LARGE)))

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    files = {on_mirror(NAME, name): content for name, content in CONTENTS.items()}
    with faulty_server({**files, on_mirror("large-one", "model.bin"): LARGE["model.bin"]}) as server:
        yield server


def puller_on(disk: Disk, server: FaultyServer) -> Puller:
    settings = ModelSettings(disk.path / "models", sources=("mirror",), mirrors=(server.url,), keep_free_bytes=0)
    return build_puller(settings, CATALOGUE)


def when(disk: Disk, phase: str, file: str, done: int = 0) -> Callable[[Progress], None]:
    """Fill the disk once a pull is there."""

    def look(event: Progress) -> None:
        if event.phase == phase and event.file == file and event.done_bytes > done:
            disk.fill()

    return look


def test_a_disk_that_is_too_small_is_noticed_before_anything_is_fetched(
    make_disk: Callable[[int], Disk], server: FaultyServer
) -> None:
    disk = make_disk(10)
    puller = puller_on(disk, server)
    with pytest.raises(DiskFull, match="are free"):
        puller.pull(NAME)
    assert server.requests == []
    assert files_below(puller.store.incoming) == []
    disk.remount("size=64m")
    puller.pull(NAME)
    require_whole(puller.store, NAME, CONTENTS)


def test_a_disk_that_fills_up_before_the_next_file(make_disk: Callable[[int], Disk], server: FaultyServer) -> None:
    disk = make_disk(32)
    puller = puller_on(disk, server)
    with pytest.raises(DiskFull):
        puller.pull(NAME, when(disk, "downloading", "model.bin", MIB))
    require_sound(puller.store)
    disk.free()
    server.heal()
    assert puller.pull(NAME).fetched.keys() == {"tokenizer.json"}
    require_whole(puller.store, NAME, CONTENTS)
    assert [request.path for request in server.requests] == [on_mirror(NAME, "tokenizer.json")]


def test_a_disk_that_fills_up_in_the_middle_of_a_file(make_disk: Callable[[int], Disk], server: FaultyServer) -> None:
    disk = make_disk(48)
    puller, at = puller_on(disk, server), on_mirror("large-one", "model.bin")
    with pytest.raises(DiskFull):
        puller.pull("large-one", when(disk, "downloading", "model.bin", MIB))
    require_sound(puller.store)
    kept = bytes_kept(puller.store, CATALOGUE.get("large-one"), "model.bin")
    assert kept > MIB
    disk.free()
    server.heal()
    puller.pull("large-one")
    require_whole(puller.store, "large-one", LARGE)
    assert (
        sum(request.span[1] - request.span[0] for request in server.asked(at) if request.span)
        == len(LARGE["model.bin"]) - kept
    )


def test_a_disk_that_fills_up_at_the_very_end(make_disk: Callable[[int], Disk], server: FaultyServer) -> None:
    disk = make_disk(32)
    puller = puller_on(disk, server)
    with pytest.raises(DiskFull):
        puller.pull(NAME, when(disk, "publishing", "", -1))
    require_sound(puller.store)
    disk.free()
    server.heal()
    assert puller.pull(NAME).fetched == {}
    require_whole(puller.store, NAME, CONTENTS)
    assert server.requests == []


def test_space_that_an_earlier_pull_has_claimed_is_not_asked_for_twice(
    make_disk: Callable[[int], Disk], server: FaultyServer
) -> None:
    disk = make_disk(24 + 20)
    puller = puller_on(disk, server)
    entry = CATALOGUE.get("large-one").files[0]
    # A pull that was killed before its first byte leaves exactly this.
    incoming = puller.store.incoming / "large-one"
    incoming.mkdir(parents=True)
    with (incoming / entry.sha256).open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, entry.size)
    (incoming / f"{entry.sha256}.journal").touch()
    puller.pull("large-one")
    require_whole(puller.store, "large-one", LARGE)


def test_a_store_that_may_not_be_written_is_read_all_the_same(
    make_disk: Callable[[int], Disk], server: FaultyServer
) -> None:
    disk = make_disk(64)
    puller = puller_on(disk, server)
    puller.pull(NAME)
    server.heal()
    disk.remount("ro")
    assert puller.store.verify(NAME).ok
    assert puller.pull(NAME).fetched == {}
    assert usage(puller.store).blobs_bytes == sum(map(len, CONTENTS.values()))
    with pytest.raises(StoreUnwritable, match="Read-only"):
        puller.pull("large-one")
    with pytest.raises(StoreUnwritable, match="Read-only"):
        collect(puller.store)
    assert server.requests == []


def test_damage_on_a_disk_that_may_not_be_written_is_told_and_mended_once_it_may(
    make_disk: Callable[[int], Disk], server: FaultyServer
) -> None:
    disk = make_disk(64)
    puller = puller_on(disk, server)
    puller.pull(NAME)
    blob = puller.store.blob_path(CATALOGUE.get(NAME).files[1].sha256)
    blob.write_bytes(b"damage")
    disk.remount("ro")
    assert not puller.store.verify(NAME).ok
    with pytest.raises(StoreUnwritable, match="Read-only"):
        puller.pull(NAME)
    disk.remount("rw")
    assert puller.pull(NAME).fetched.keys() == {"model.bin"}
    require_whole(puller.store, NAME, CONTENTS)


def test_an_empty_directory_that_may_not_be_written(make_disk: Callable[[int], Disk], server: FaultyServer) -> None:
    disk = make_disk(32)
    disk.remount("ro")
    with pytest.raises(StoreUnwritable, match="Read-only"):
        puller_on(disk, server).pull(NAME)
    assert server.requests == []
