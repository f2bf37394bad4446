"""People who use the service all the time: they ask, upload, record and follow, and none of them tries anything twice
that a browser or the protocol would not try by itself.
"""

from __future__ import annotations

import base64
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_hex

import httpx

from care_voice.service.selftest import known_clip
from support.events import read_events
from support.forms import send

TUS = {"Tus-Resumable": "1.0.0"}
_APPEND = {**TUS, "Content-Type": "application/offset+octet-stream"}
_UPLOADS, _RECORDINGS = "/api/v1/uploads", "/api/v1/recordings"
_PIECES = 6
_PAUSE_S = 0.25
_PATIENCE_S = 90.0
_NO_TLS = False
"""Nothing to verify over plain HTTP: to read all authorities for each act would take more than the act itself."""
KNOWN = known_clip()
WORDS = "what you can do for your country"
"""What is said in the known clip."""
MANY = ("request", "request", "upload", "live session", "live session", "page")
"""Two who ask, one who uploads, two who record, one who looks at pages."""
FEW = ("request", "upload", "live session", "page")
"""One of each: enough work for a small machine where the model is a real one."""


@dataclass
class Load:
    """What the users of a service saw."""

    url: str
    clip: bytes
    words: str
    """What every transcript must say somewhere."""

    done: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    reconnected: int = 0
    """Followers whose stream ended, and who went on behind the last event that they had, as browsers do."""

    resumed: int = 0
    """Parts of uploads whose answer was lost, and that the service had all the same."""

    _ends: threading.Event = field(default_factory=threading.Event)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def run(self, what: str, act: Callable[[httpx.Client], None]) -> None:
        """Do it again and again until the end."""
        while not self._ends.is_set():
            try:
                with httpx.Client(base_url=self.url, timeout=_PATIENCE_S, verify=_NO_TLS) as client:
                    act(client)
                self._count(what)
            except (AssertionError, httpx.HTTPError) as error:
                with self._guard:
                    self.failed.append(
                        f"{time.strftime('%H:%M:%S')} {what}: {type(error).__name__}: {str(error)[:300]}"
                    )
            self._ends.wait(_PAUSE_S)

    def request(self, client: httpx.Client) -> None:
        """A transcription, and its words."""
        answer = send(client, self.clip, model="whisper-1", language="en")
        _require(answer, 200)
        assert self.words in answer.json()["text"].lower(), f"wrong words: {answer.text}"

    def page(self, client: httpx.Client) -> None:
        """The page and a list, as a browser asks for them."""
        _require(client.get("/library", headers={"Accept": "text/html"}), 200)
        _require(client.get(_RECORDINGS), 200)

    def upload(self, client: httpx.Client) -> None:
        """A file in pieces, until its transcript is there."""
        place = self._begin(client, {"Upload-Length": str(len(self.clip))})
        self._append(client, place, pause_s=0.0)
        self._await_transcript(client, place.rsplit("/", 1)[1])

    def live(self, client: httpx.Client) -> None:
        """A microphone: pieces as they come, of a length that nobody knows, while somebody follows the events."""
        place = self._begin(client, {"Upload-Defer-Length": "1"})
        recording_id = place.rsplit("/", 1)[1]
        follower = threading.Thread(target=self._follow, args=(recording_id,))
        follower.start()
        self._append(client, place, pause_s=_PAUSE_S)
        _require(client.post(f"{_RECORDINGS}/{recording_id}/complete"), 200)
        follower.join(_PATIENCE_S)
        assert not follower.is_alive(), "the follower never heard of the end"
        self._await_transcript(client, recording_id)

    def _begin(self, client: httpx.Client, length: dict[str, str]) -> str:
        named = f"filename {base64.b64encode(b'visit.ogg').decode()},language {base64.b64encode(b'en').decode()}"
        key = {"Idempotency-Key": token_hex(16)}
        answer = client.post(_UPLOADS, headers={**TUS, **length, **key, "Upload-Metadata": named})
        _require(answer, 201)
        return httpx.URL(answer.headers["Location"]).path

    def _append(self, client: httpx.Client, place: str, pause_s: float) -> None:
        size = -(-len(self.clip) // _PIECES)
        for offset in range(0, len(self.clip), size):
            piece = self.clip[offset : offset + size]
            answer = client.patch(place, content=piece, headers={**_APPEND, "Upload-Offset": str(offset)})
            if answer.status_code == 409:
                # It was sent again by the entrance, and had arrived the first time; tus clients ask how far it came.
                answer = client.head(place, headers=TUS)
                with self._guard:
                    self.resumed += 1
            assert answer.is_success, f"PATCH {offset}: {answer.status_code} {answer.text[:200]}"
            assert answer.headers["Upload-Offset"] == str(offset + len(piece))
            self._ends.wait(pause_s)

    def _follow(self, recording_id: str) -> None:
        """The events up to the end of the job, each once, over as many streams as it takes."""
        seen: list[int] = []
        try:
            for turn in itertools.count():
                with self._guard:
                    self.reconnected += turn > 0
                if self._listen(recording_id, seen):
                    break
            assert seen == list(range(seen[0], seen[0] + len(seen))), f"events were lost or came twice: {seen}"
            self._count("stream")
        except (AssertionError, httpx.HTTPError) as error:
            with self._guard:
                self.failed.append(f"{time.strftime('%H:%M:%S')} stream: {type(error).__name__}: {str(error)[:300]}")

    def _listen(self, recording_id: str, seen: list[int]) -> bool:
        """One stream; whether it came to the end of the job. One that breaks off is what EventSource goes on from."""
        headers = {"Last-Event-ID": str(seen[-1])} if seen else {}
        try:
            with httpx.stream(
                "GET",
                f"{self.url}{_RECORDINGS}/{recording_id}/events",
                headers=headers,
                timeout=_PATIENCE_S,
                verify=_NO_TLS,
            ) as stream:
                assert stream.status_code == 200, f"the stream is answered with {stream.status_code}"
                for event in read_events(stream.iter_lines()):
                    seen.append(int(event.id))
                    if event.name in ("job.done", "job.failed"):
                        return True
        except httpx.RemoteProtocolError:
            return False
        return False

    def _await_transcript(self, client: httpx.Client, recording_id: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            answer = client.get(f"{_RECORDINGS}/{recording_id}/export")
            if answer.status_code == 200:
                assert self.words in answer.text.lower(), f"wrong words: {answer.text}"
                return
            assert answer.status_code == 404, f"the transcript is answered with {answer.status_code}: {answer.text}"
            time.sleep(_PAUSE_S)
        raise AssertionError("the transcript never came")

    def _count(self, what: str) -> None:
        with self._guard:
            self.done[what] += 1


@contextmanager
def constant_load(url: str, clip: bytes, words: str, users: Sequence[str] = MANY) -> Iterator[Load]:
    """Users by what they do, until the block ends."""
    load = Load(url, clip, words)
    acts = {"request": load.request, "upload": load.upload, "live session": load.live, "page": load.page}
    threads = [threading.Thread(target=load.run, args=(user, acts[user])) for user in users]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load._ends.set()
        for thread in threads:
            thread.join(2 * _PATIENCE_S)


def _require(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, (
        f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:200]}"
    )
