"""A directory of recordings on a disk that is full, or that fails: what was acknowledged stays, and it goes on."""

from __future__ import annotations

import errno
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.recordings import Part
from care_voice.domain.service_errors import StorageFull
from care_voice.domain.store_errors import AudioUnavailable
from care_voice.store.audio import PartWriter
from care_voice.store.audio_directory import DirectoryAudio
from support.disks import PAGE, Disk, FailingDisk

ID = "rec_0one"
BLOCK = bytes(range(256)) * (PAGE // 256)


def content(audio: DirectoryAudio, parts: list[Part]) -> bytes:
    return b"".join(audio.read(parts))


class Client:
    """Sends blocks, and begins anew after an error, as clients do. `parts` hold what was acknowledged to it."""

    def __init__(self, audio: DirectoryAudio) -> None:
        self.audio = audio
        self.parts: list[Part] = []
        self.errors: list[CareVoiceError] = []
        self._appender = 0

    @property
    def offset(self) -> int:
        return self.parts[-1].end if self.parts else 0

    def send(self, blocks: int) -> None:
        """Blocks with a sync after each; the first error ends it."""
        self._appender += 1
        try:
            with self.audio.writer(ID, self.offset, self._appender) as writer:
                self._send(writer, blocks)
        except CareVoiceError as error:
            self.errors.append(error)

    def _send(self, writer: PartWriter, blocks: int) -> None:
        before = list(self.parts)
        for _ in range(blocks):
            writer.write(BLOCK)
            self.parts = [*before, *writer.sync()]

    def join(self) -> None:
        try:
            old, joined = self.parts, self.audio.join(ID, self.parts)
            self.parts = [joined.part]
            self.audio.delete([part.key for part in old])
        except CareVoiceError as error:
            self.errors.append(error)

    def put(self, source: Path) -> None:
        try:
            self.audio.put_file(f"recordings/{ID}/playback.flac", source)
        except CareVoiceError as error:
            self.errors.append(error)

    def check(self) -> None:
        """All that was acknowledged is there."""
        assert content(self.audio, self.parts) == BLOCK * (self.offset // PAGE)


@pytest.mark.parametrize("pages", range(8))
def test_a_disk_that_is_full_after_so_many_pages(make_disk: Callable[[int], Disk], pages: int) -> None:
    disk = make_disk(1)
    client = Client(DirectoryAudio(disk.path / "recordings"))
    disk.leave(pages)
    client.send(9)

    assert [type(error) for error in client.errors] == [StorageFull]
    assert client.offset == pages * PAGE
    client.check()
    client.join()
    client.check()
    disk.free()
    client.send(9)
    client.join()
    assert client.offset == (pages + 9) * PAGE
    client.check()


def test_a_writer_whose_write_found_no_room_can_sync_what_it_had_and_go_on(make_disk: Callable[[int], Disk]) -> None:
    disk = make_disk(1)
    audio = DirectoryAudio(disk.path / "recordings")
    disk.leave(3)
    with audio.writer(ID, 0, 1) as writer:
        writer.write(BLOCK * 2)
        with pytest.raises(StorageFull):
            writer.write(BLOCK * 2)
        assert content(audio, writer.sync()) == BLOCK * 2
        disk.free()
        writer.write(BLOCK[::-1] * 2)
        parts = writer.sync()

    assert content(audio, parts) == BLOCK * 2 + BLOCK[::-1] * 2
    assert [each.size for each in list(audio.keys("recordings/"))] == [4 * PAGE]


def test_a_disk_without_room_for_a_name(make_disk: Callable[[int], Disk]) -> None:
    disk = make_disk(1)
    disk.remount("nr_inodes=3")
    client = Client(DirectoryAudio(disk.path / "recordings"))
    client.send(1)
    assert [type(error) for error in client.errors] == [StorageFull]
    disk.remount("nr_inodes=100")
    client.send(2)
    client.check()
    assert client.offset == 2 * PAGE


def test_a_local_copy_that_finds_no_room_says_so_and_leaves_nothing(
    make_disk: Callable[[int], Disk], tmp_path: Path
) -> None:
    disk = make_disk(1)
    audio = DirectoryAudio(tmp_path / "recordings", scratch=disk.path / "scratch")
    client = Client(audio)
    client.send(9)
    disk.leave(3)
    with pytest.raises(StorageFull), audio.local([Part(0, 8 * PAGE, client.parts[0].key)]):
        pass
    assert list((disk.path / "scratch").iterdir()) == []


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Files of this process cannot grow beyond it."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path: Path) -> None:
    client = Client(DirectoryAudio(tmp_path))
    with largest_file(2 * PAGE + 100):
        client.send(5)
    assert [type(error) for error in client.errors] == [StorageFull]
    assert client.offset == 2 * PAGE
    client.check()


def day(client: Client, source: Path) -> None:
    """Everything that writes."""
    client.send(2)
    client.put(source)
    client.send(1)
    client.join()
    client.join()
    client.put(source)
    client.send(1)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_whichever_operation_fails_what_was_acknowledged_stays(number: int, tmp_path: Path) -> None:
    source, at, met = tmp_path / "made", 0, set[str]()
    source.write_bytes(BLOCK)
    while True:
        disk = FailingDisk(at, number)
        client = Client(DirectoryAudio(tmp_path / f"{at}" / "recordings", disk=disk))
        day(client, source)
        client.check()
        if not disk.failed:
            break
        met.add(disk.failed)
        wanted = StorageFull if number == errno.ENOSPC else AudioUnavailable
        assert all(isinstance(error, wanted) for error in client.errors), disk.failed
        before = client.offset
        client.send(1)
        client.join()
        assert client.offset == before + PAGE
        client.check()
        at += 1
    assert client.errors == []
    assert met == {"create", "write", "truncate", "sync", "close", "make_directory", "sync_directory", "link",
                   "replace", "unlink", "remove_directory"}  # fmt: skip


def test_a_sync_that_failed_is_not_believed_later(tmp_path: Path) -> None:
    """Linux reports a failed write-back once, and says yes to the next fsync all the same."""
    disk = FailingDisk(-1, errno.EIO)
    audio = DirectoryAudio(tmp_path, disk=disk)
    with audio.writer(ID, 0, 1) as writer:
        writer.write(BLOCK)
        parts = writer.sync()
        writer.write(BLOCK)
        disk.at = disk.done
        with pytest.raises(AudioUnavailable):
            writer.sync()
        with pytest.raises(AudioUnavailable, match="new writer"):
            writer.sync()
        with pytest.raises(AudioUnavailable, match="new writer"):
            writer.write(BLOCK)
    assert [(each.key, each.size) for each in list(audio.keys())] == [(parts[0].key, PAGE)]
    assert content(audio, parts) == BLOCK


def test_directories_and_files_are_for_this_user_alone(tmp_path: Path) -> None:
    root = tmp_path / "data" / "recordings"
    client = Client(DirectoryAudio(root))
    client.send(1)
    client.put(Path(__file__))
    client.join()
    below = [root, *root.rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in below if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in below if path.is_file()} == {0o600}
    assert len([path for path in below if path.is_file()]) == 2
