"""Installations for backups: a database and a storage, also one that is never at rest."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from care_voice.domain.ids import new_id
from care_voice.domain.recordings import Part, Wish
from care_voice.ops.backup import BackupReport, back_up
from care_voice.ops.backup_target import BackupTarget
from care_voice.store import deletion, recordings
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.database import Connection, Database
from care_voice.store.migrate import apply, known_migrations
from support.kept import make_recording

Opener = Callable[[str], Database]


class Place:
    """An installation: a database and a storage."""

    def __init__(self, database: Database, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.database, self.folder = database, folder
        self.audio = DirectoryAudio(folder / "recordings", folder / "scratch")

    def make(self, **options: Any) -> str:
        return make_recording(self.database, self.audio, self.folder, **options).id

    def sound(self, recording_id: str) -> bytes:
        parts = self.database.read(partial(recordings.parts, recording_id=recording_id))
        return b"".join(self.audio.read(parts))

    def back_up(self, target: BackupTarget, *, keep: int = 7, verify: bool = False) -> BackupReport:
        return back_up(self.database, self.audio, target, keep=keep, verify=verify)

    def objects(self) -> dict[str, str]:
        """Digests by key."""
        return {
            each.key: hashlib.sha256(b"".join(self.audio.read([Part(0, each.size, each.key)]))).hexdigest()
            for each in self.audio.keys("recordings/")
        }


def prepare_schema(database: Database, count_: int | None = None) -> None:
    def write(connection: Connection) -> None:
        connection.run("create_migrations")
        for migration in known_migrations()[:count_]:
            apply(connection, migration)

    database.write(write)


def content(recording_id: str, size: int) -> bytes:
    """What a recording of the busy place has to hold, so that one look at it tells whether it is right."""
    block = hashlib.sha256(recording_id.encode()).digest()
    return (block * (size // len(block) + 1))[:size]


class BusyPlace:
    """Uploads, joins, edits and deletions that go on without a pause until it is told to stop."""

    def __init__(self, place: Place) -> None:
        self.place, self.rounds = place, 0
        self.trouble: list[BaseException] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> BusyPlace:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                self._round()
                self.rounds += 1
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self.trouble.append(error)

    def _round(self) -> None:
        database, audio = self.place.database, self.place.audio
        recording_id = new_id("rec", self.rounds)
        database.write(lambda c: recordings.insert(c, recording_id, client="ann", source="live", wish=Wish()))
        for appender in range(3):
            self._append(recording_id, appender)
        old = database.read(partial(recordings.parts, recording_id=recording_id))
        joined = audio.join(recording_id, old)
        database.write(partial(self._swap, recording_id=recording_id, part=joined.part, sha256=joined.sha256))
        audio.delete([part.key for part in old])
        if self.rounds % 3 == 0:
            database.write(partial(deletion.delete_for_good, recording_id=recording_id, who="ann", reason=""))
            audio.delete([joined.part.key])

    def _append(self, recording_id: str, appender: int) -> None:
        database = self.place.database
        start = database.read(partial(recordings.get, recording_id=recording_id)).received
        with self.place.audio.writer(recording_id, start, appender) as writer:
            for size in (700, 1500):
                writer.write(content(recording_id, start + size)[start:])
                start += size
                database.write(partial(self._commit, recording_id=recording_id, parts=writer.sync(), received=start))

    def _commit(self, connection: Connection, recording_id: str, parts: list[Part], received: int) -> None:
        recordings.put_parts(connection, recording_id, parts)
        text = "UPDATE recordings SET received = :received WHERE id = :id"
        connection.execute(text, {"received": received, "id": recording_id})

    def _swap(self, connection: Connection, recording_id: str, part: Part, sha256: str) -> None:
        connection.run("delete_parts", id=recording_id)
        recordings.put_parts(connection, recording_id, [part])
        connection.run("set_sound", id=recording_id, sha256=sha256, duration_s=None)
