"""A service with recordings of every kind in it, sent, transcribed, edited and thrown away by its own API."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from support.browsers import Tab, seen
from support.server import Service
from support.waiting import wait_until

TRANSCRIBE_S = 120.0
FINAL = {"done", "failed", "cancelled"}


@dataclass(frozen=True)
class Furnished:
    """Ids of what is there; the address of each page by its name."""

    talk: str
    mandarin: str
    silent: str
    trashed: str

    @property
    def pages(self) -> dict[str, str]:
        return {
            "record": "/",
            "library": "/library",
            "trash": "/library/trash",
            "transcript": f"/recordings/{self.talk}",
            "models": "/models",
            "settings": "/settings",
            "help": "/help",
            "not-found": "/nowhere",
            "form": "/form",
        }


@dataclass(frozen=True)
class Home:
    """A running service and what is in it."""

    service: Service
    kept: Furnished

    def address(self, page: str) -> str:
        return f"{self.service.url}{self.kept.pages[page]}"


def furnish(client: httpx.Client, speech: Path) -> Furnished:
    """Four recordings: a talk of two people, Mandarin under a hold, silence, and one in the trash."""
    mandarin = _send(
        client, speech / "zh" / "st-b33d835192.flac", title="交班紀錄 11 月 25 日", language="zh", tags=["交班"]
    )
    silent = _send(client, speech / "nospeech" / "silence-10s.flac", title="Corridor, night", tags=["night"])
    trashed = _send(client, speech / "en" / "ls-3331-159605-0007.flac", title="Family visit, first try", language="en")
    talk = _send(
        client, speech / "dialogue" / "katie-steve.flac", title="Morning talk", language="en", tags=["home", "交班"]
    )
    for recording in (mandarin, silent, trashed, talk):
        wait_until(lambda one=recording: _is_final(client, one), "the recording is transcribed", TRANSCRIBE_S)
    _name_speakers(client, talk)
    _done(client.put(f"/api/v1/recordings/{mandarin}/hold", json={"reason": "Complaint 12/3"}))
    _done(client.delete(f"/api/v1/recordings/{trashed}"))
    return Furnished(talk, mandarin, silent, trashed)


def _send(client: httpx.Client, path: Path, **about: Any) -> str:
    tags = about.pop("tags", [])
    files = {"file": (path.name, path.read_bytes(), "audio/flac")}
    sent = _done(client.post("/api/v1/recordings", files=files, data={**about, "tags[]": tags}))
    return str(sent["id"])


def _is_final(client: httpx.Client, recording: str) -> bool:
    jobs = client.get(f"/api/v1/recordings/{recording}/jobs").json()
    items = jobs["items"] if isinstance(jobs, dict) else jobs
    return bool(items) and all(job["state"] in FINAL for job in items)


def _name_speakers(client: httpx.Client, recording: str) -> None:
    """Two people take turns, and one line is corrected."""
    path = f"/api/v1/recordings/{recording}/transcripts/1"
    read = _done(client.get(path))
    ids = [segment["id"] for segment in read["segments"]]
    edits = [
        {"op": "set_speaker", "segments": ids[::2], "speaker": "Katie"},
        {"op": "set_speaker", "segments": ids[1::2], "speaker": "Steve"},
        {"op": "set_text", "segment": ids[0], "text": read["segments"][0]["text"] + " (waves)"},
    ]
    _done(client.patch(path, json={"revision": read["revision"], "edits": edits}))


def _done(response: httpx.Response) -> Any:
    assert response.is_success, response.text
    return response.json()


def show(tab: Tab, address: str) -> None:
    """Open a page, and wait until it has what it shows."""
    tab.open(address)
    seen(tab, "h1")
    wait_until(lambda: tab.evaluate("!document.querySelector('[data-testid=loading]')"), f"{address} is loaded")
