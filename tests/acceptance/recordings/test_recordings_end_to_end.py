"""The whole way of a recording through the real service: sent, transcribed, found, mended, told of, deleted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from care_voice.store.opening import FILE_NAME
from support.events import Event, read_events
from support.receiver import Message, Receiver, receiving
from support.server import Service, running_service
from support.waiting import wait_until

API = "/api/v1"
MENDED = "Zanzibar"
"""A word that nobody said: it is nowhere else."""


@pytest.fixture(params=["sqlite", "postgresql"])
def own_service(request: pytest.FixtureRequest, tmp_path: Path, model_store: Path) -> Iterator[Service]:
    """A service of its own that may tell receivers on this machine."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    settings = {"WEBHOOKS__ALLOW_PRIVATE": "true", "STORE__URL": url}
    with running_service(tmp_path / "data", model_store, **settings) as service:
        yield service


@contextmanager
def followed(service: Service, recording_id: str, last: str = "") -> Iterator[Iterator[Event]]:
    """What happens to a recording, from behind the event `last`."""
    headers = {"Last-Event-ID": last} if last else {}
    with service.client.stream("GET", f"{API}/recordings/{recording_id}/events", headers=headers) as response:
        assert response.status_code == 200
        yield read_events(response.iter_lines())


def happened(service: Service, recording_id: str, *wanted: str) -> list[Event]:
    """All events until each of `wanted` has come, with a connection that breaks after every one."""
    events: list[Event] = []
    while not set(wanted) <= {event.name for event in events}:
        with followed(service, recording_id, events[-1].id if events else "") as stream:
            events.append(next(stream))
    return events


def told(receiver: Receiver, kind: str) -> Message:
    """The first message of a kind, once it is there."""
    return wait_until(lambda: receiver.of(kind), f"{kind} was told")[0]


def found(service: Service, words: str) -> list[str]:
    answer = service.client.get(f"{API}/recordings", params={"q": words})
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["items"]]


def files_with(folder: Path, what: bytes) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if what in path.read_bytes()]


def sound_of(service: Service, recording_id: str) -> list[Path]:
    return list((service.data_dir / "recordings").rglob(f"*{recording_id}*/*"))


def send(service: Service, clip: Path) -> dict[str, Any]:
    with clip.open("rb") as file:
        answer = service.client.post(
            f"{API}/recordings",
            data={"title": "王奶奶", "tags": "家訪", "language": "en"},
            files={"file": (clip.name, file, "audio/flac")},
            headers={"Idempotency-Key": "visit-1"},
        )
    assert answer.status_code in {200, 201}, answer.text
    body: dict[str, Any] = answer.json()
    return body


def mend(service: Service, recording_id: str) -> None:
    """Put another word into the first line."""
    transcript = service.client.get(f"{API}/recordings/{recording_id}/transcripts/current").json()
    first = transcript["segments"][0]
    edits = [{"op": "set_text", "segment": first["id"], "text": f"{first['text']} {MENDED}"}]
    answer = service.client.patch(
        f"{API}/recordings/{recording_id}/transcripts/current",
        json={"edits": edits, "revision": transcript["revision"]},
    )
    assert answer.status_code == 200, answer.text


def test_a_recording_goes_all_the_way(own_service: Service, speech: Path, tmp_path: Path) -> None:
    service, clip = own_service, speech / "en" / "jfk.flac"
    with receiving() as receiver:
        hook = service.client.post(f"{API}/webhooks", json={"url": receiver.url, "include_text": True}).json()
        sent = send(service, clip)
        recording_id, base = sent["id"], f"{API}/recordings/{sent['id']}"

        events = happened(service, recording_id, "transcript.created", "asset.created")
        assert [event.id for event in events] == [str(number) for number in range(1, len(events) + 1)]
        assert [event.name for event in events].count("transcript.created") == 1
        assert send(service, clip)["id"] == recording_id

        assert found(service, "your country") == found(service, "奶奶") == [recording_id]
        assert found(service, MENDED) == []
        mend(service, recording_id)
        assert found(service, MENDED) == [recording_id]
        assert MENDED in service.client.get(f"{base}/export", params={"format": "srt"}).text
        sound = service.client.get(f"{base}/audio")
        assert hashlib.sha256(sound.content).digest() == hashlib.sha256(clip.read_bytes()).digest()
        assert service.client.get(f"{base}/audio", headers={"Range": "bytes=4-7"}).content == clip.read_bytes()[4:8]

        assert "country" in told(receiver, "transcript.created").verified(hook["secret"])["data"]["transcript"]["text"]
        assert MENDED in told(receiver, "transcript.edited").verified(hook["secret"])["data"]["transcript"]["text"]

        in_sqlite = (service.data_dir / FILE_NAME).exists()
        assert bool(files_with(service.data_dir, MENDED.encode())) == in_sqlite
        assert sound_of(service, recording_id)
        receipt = service.client.delete(base, params={"permanently": "true"}).json()
        assert told(receiver, "recording.deleted").value["data"] == {
            "recording_id": recording_id, "receipt_id": receipt["id"],
        }  # fmt: skip
        assert "王奶奶" not in "".join(each.body for each in receiver.messages)

    for path in ("", "/audio", "/transcripts/current", "/events", "/export"):
        assert service.client.get(f"{base}{path}").status_code == 404, path
    assert found(service, MENDED) == found(service, "奶奶") == []
    assert service.client.get(f"{API}/receipts/{receipt['id']}").json()["recording_id"] == recording_id
    assert not sound_of(service, recording_id)
    wait_until(lambda: not files_with(service.data_dir, MENDED.encode()), "its words are gone from every file")
