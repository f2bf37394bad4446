"""The power goes at any moment: what was acknowledged is in the directory all the same."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care_voice.domain.recordings import Part
from care_voice.store.audio import PartWriter
from care_voice.store.audio_directory import DirectoryAudio
from support.power import LosingDisk, kept_by_chance, nothing_kept


class Diary:
    """Does things to a directory, and keeps what it was promised, with the moment of the promise."""

    def __init__(self, folder: Path) -> None:
        self.top = folder / "disk"
        self.top.mkdir()
        self.disk = LosingDisk(self.top)
        self.audio = DirectoryAudio(self.top / "data" / "recordings", disk=self.disk)
        self._folder = folder
        self._pages: list[tuple[int, dict[str, tuple[Sequence[Part], bytes]]]] = [(0, {})]
        self._tries = 0

    def promise(self, name: str, parts: Sequence[Part], content: bytes) -> None:
        self._pages.append((self.disk.moments, {**self._pages[-1][1], name: (parts, content)}))

    def release(self, name: str) -> None:
        """From now on nobody counts on it."""
        kept = {other: what for other, what in self._pages[-1][1].items() if other != name}
        self._pages.append((self.disk.moments, kept))

    def check(self, moment: int, kept: Callable[[], bool]) -> None:
        """Take the power away after so many steps, and read what was promised until then."""
        self._tries += 1
        left = self._folder / f"left-{self._tries}"
        self.disk.survivors(moment, left, kept)
        audio = DirectoryAudio(left / "data" / "recordings")
        # The promise before this moment: one that is released in the same moment may be broken in the next.
        promised = next(page for at, page in reversed(self._pages) if at <= moment)
        for parts, content in promised.values():
            assert b"".join(audio.read(parts)) == content, f"lost after step {moment} of {self.disk.moments}"


class Uploads:
    """Recordings that are written bit by bit; the diary is told of each sync."""

    def __init__(self, diary: Diary) -> None:
        self._diary = diary
        self._audio = diary.audio
        self._writers: dict[str, PartWriter] = {}
        self._safe: dict[str, tuple[list[Part], bytes]] = {}
        self._said: dict[str, bytes] = {}
        self._appender = 0

    def write(self, name: str, size: int) -> None:
        if name not in self._writers:
            self._appender += 1
            start = len(self._safe[name][1]) if name in self._safe else 0
            self._writers[name] = self._audio.writer(name, start, self._appender)
            self._said[name] = b""
        data = bytes([len(self._said[name]) % 251 + 1]) * size
        self._writers[name].write(data)
        self._said[name] += data

    def sync(self, name: str) -> None:
        if writer := self._writers.get(name):
            parts, content = self._safe.get(name, ([], b""))
            found = writer.sync()
            before = [part for part in parts if not found or part.start < found[0].start]
            whole = content[: before[-1].end if before else 0] + self._said[name]
            self._safe[name] = ([*before, *found], whole)
            self._diary.promise(name, *self._safe[name])

    def end(self, name: str) -> None:
        if writer := self._writers.pop(name, None):
            with writer:
                pass

    def join(self, name: str) -> None:
        """As a job does it: the new object is named first, then the old ones are deleted."""
        self.end(name)
        if name in self._safe:
            parts, content = self._safe[name]
            joined = self._audio.join(name, parts)
            self._safe[name] = ([joined.part], content)
            self._diary.promise(name, *self._safe[name])
            self._audio.delete([part.key for part in parts])

    def put(self, name: str, size: int) -> None:
        key, source = f"recordings/{name}/playback.flac", self._diary.top.parent / "made"
        source.write_bytes(b"p" * size)
        self._diary.release(key)
        put = self._audio.put_file(key, source)
        self._diary.promise(key, [Part(0, put.size, key)], b"p" * size)

    def close(self) -> None:
        for name in tuple(self._writers):
            self.end(name)


@contextmanager
def diary_of(acts: Sequence[tuple[str, str, int]]) -> Iterator[Diary]:
    with tempfile.TemporaryDirectory() as folder:
        diary = Diary(Path(folder))
        uploads = Uploads(diary)
        for verb, name, size in acts:
            if verb in ("write", "put"):
                getattr(uploads, verb)(name, size)
            else:
                getattr(uploads, verb)(name)
        uploads.close()
        yield diary


STORY = [
    ("write", "rec_a", 10), ("sync", "rec_a", 0), ("write", "rec_a", 5), ("write", "rec_b", 7), ("sync", "rec_b", 0),
    ("write", "rec_a", 5), ("sync", "rec_a", 0), ("write", "rec_a", 3), ("end", "rec_a", 0), ("write", "rec_a", 9),
    ("sync", "rec_a", 0), ("join", "rec_a", 0), ("put", "rec_a", 12), ("join", "rec_b", 0), ("put", "rec_a", 20),
    ("write", "rec_c", 1), ("end", "rec_c", 0), ("write", "rec_c", 4), ("sync", "rec_c", 0),
]  # fmt: skip


@pytest.mark.parametrize("kept", [nothing_kept, *map(kept_by_chance, range(4))])
def test_at_every_moment_of_a_day_everything_acknowledged_survives(kept: Callable[[], bool]) -> None:
    with diary_of(STORY) as diary:
        assert diary.disk.moments > 50
        for moment in range(diary.disk.moments + 1):
            diary.check(moment, kept)


names = st.sampled_from(["rec_a", "rec_b"])
acts = st.tuples(st.sampled_from(["write", "write", "sync", "sync", "end", "join", "put"]), names, st.integers(1, 20))


@settings(max_examples=40, deadline=None)
@given(story=st.lists(acts, max_size=25), data=st.data())
def test_in_any_story_everything_acknowledged_survives(story: list[tuple[str, str, int]], data: st.DataObject) -> None:
    with diary_of(story) as diary:
        for _ in range(8):
            moment = data.draw(st.integers(0, diary.disk.moments))
            seed = data.draw(st.integers(0, 1000))
            diary.check(moment, kept_by_chance(seed) if seed else nothing_kept)
        diary.check(diary.disk.moments, nothing_kept)


@pytest.mark.parametrize("broken", ["sync", "sync_directory"])
def test_the_test_would_notice_a_missing_sync(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LosingDisk, broken, lambda *_: None)
    with diary_of(STORY) as diary, pytest.raises(Exception, match=r"lost after|missing or cut short"):
        diary.check(diary.disk.moments, nothing_kept)
