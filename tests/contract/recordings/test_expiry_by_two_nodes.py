"""Several nodes settle the same expired uploads: each is settled once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from care_voice.domain.ids import new_id
from care_voice.domain.recordings import Part, Wish
from care_voice.store import intake, recordings
from care_voice.store.database import Connection, Database
from care_voice.store.migrate import migrate
from care_voice.store.opening import open_database
from care_voice.store.settings import StoreSettings


def expired(connection: Connection, recording_id: str, length: int | None) -> None:
    """An upload of which ten bytes came and nobody went on with."""
    about = {"client": "test", "source": "live", "wish": Wish(), "length": length, "expires_at": connection.now + 60}
    recordings.insert(connection, recording_id, **about)  # type: ignore[arg-type]
    turn = intake.take_over(connection, recording_id, 0, None, -1.0)
    intake.receive(connection, turn, 0, [Part(0, 10, f"recordings/{recording_id}/{'0' * 13}-1-00000000")])


@pytest.mark.parametrize("length", [None, 20])
def test_what_one_node_has_settled_another_leaves_alone(postgres_url: str, length: int | None) -> None:
    database = open_postgres(postgres_url)
    recording_id = new_id("rec", 1.0)
    database.write(lambda c: expired(c, recording_id, length))
    seen, settled, counts = threading.Event(), threading.Event(), []

    def late(connection: Connection) -> int:
        find = connection.all

        def find_and_wait(name: str, /, **parameters: object) -> list[dict[str, object]]:
            rows = find(name, **parameters)
            seen.set()
            assert settled.wait(30)
            return rows

        connection.all = find_and_wait  # type: ignore[method-assign]
        return intake.give_up_expired(connection)

    other = threading.Thread(target=lambda: counts.append(database.write(late)))
    other.start()
    assert seen.wait(30)
    counts.append(database.write(intake.give_up_expired))
    settled.set()
    other.join()

    found = database.read(lambda c: recordings.get(c, recording_id, trashed=True))
    database.close()
    assert counts == [1, 0]
    assert (found.state, found.trashed_at is None) == (("complete", True) if length is None else ("receiving", False))


def open_postgres(url: str) -> Database:
    database = open_database(StoreSettings(url=url), Path())
    migrate(database, after=True)
    return database
