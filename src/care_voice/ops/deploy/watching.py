"""Looks at the slots in the background, so that one that hangs holds nobody up."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from care_voice.ops.deploy.judge import Probe
from care_voice.ops.deploy.releases import SlotName
from care_voice.service.selftest import known_clip, wrong_words

_LOOK_EVERY_S = 0.5
_LOOK_TIMEOUT_S = 2.0
_ERRORS = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a slot answered."""

    status: int
    body: bytes


class SlotClient:
    """Speaks to one slot, past the entrance. Connections are made anew: a slot may be another one each time."""

    def __init__(self, port: int, token: str = "") -> None:
        """`token` is the operator's, for a slot that does not take this machine for the operator."""
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, timeout_s: float = _LOOK_TIMEOUT_S) -> Answer | None:
        """The answer; None where there was none."""
        return self._ask("GET", path, None, {}, timeout_s)

    def probe(self, model: str, timeout_s: float) -> Probe:
        """Send the known clip to a model and compare its words."""
        content, kind = _form({"model": model, "language": "en", "response_format": "json"}, known_clip())
        began = time.monotonic()
        answer = self._ask("POST", "/v1/audio/transcriptions", content, {"Content-Type": kind}, timeout_s)
        seconds = time.monotonic() - began
        if answer is None:
            return Probe(seconds, failure="no answer")
        if answer.status != 200:
            return Probe(seconds, failure=f"status {answer.status}")
        return Probe(seconds, wrong=wrong_words(_text(answer.body)) or "")

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], limit_s: float
    ) -> Answer | None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=limit_s)
        try:
            connection.request(method, path, body, {**self._headers, **headers})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        except _ERRORS:
            return None
        finally:
            connection.close()


class Watcher:
    """Knows which slots are ready, and since when one has not answered at all."""

    def __init__(self, clients: Mapping[SlotName, SlotClient]) -> None:
        self._clients = clients
        self._ready: dict[SlotName, bool] = {}
        self._silent: dict[SlotName, float] = dict.fromkeys(clients, 0.0)
        self._heard = set[SlotName]()
        self._tenants = dict.fromkeys(clients, 0)
        self._lock = threading.Lock()
        self._ends = threading.Event()

    def start(self) -> None:
        """Look from now on, each slot in a thread of its own."""
        for slot in self._clients:
            threading.Thread(target=self._look_for_ever, args=(slot,), name=f"watch-{slot}", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._ends.set()

    @property
    def ready(self) -> dict[SlotName, bool]:
        """Whether each slot takes work."""
        return dict(self._ready)

    def silent_s(self, slot: SlotName) -> float:
        """Seconds of looking in which the slot's event loop has not answered. Time in which nobody looked does not
        count: where this process was held up, the slots need not have been."""
        return self._silent[slot]

    def was_heard(self, slot: SlotName) -> bool:
        """Whether what runs in the slot has answered at all."""
        return slot in self._heard

    def forget(self, slot: SlotName) -> None:
        """Something else runs in the slot now, or nothing."""
        with self._lock:
            self._tenants[slot] += 1
            self._ready[slot], self._silent[slot] = False, 0.0
            self._heard.discard(slot)

    def _look_for_ever(self, slot: SlotName) -> None:
        while not self._ends.wait(_LOOK_EVERY_S):
            self._look(slot)

    def _look(self, slot: SlotName) -> None:
        tenant, began = self._tenants[slot], time.monotonic()
        answer = self._clients[slot].get("/health/ready")
        looked_s = min(time.monotonic() - began, _LOOK_TIMEOUT_S) + _LOOK_EVERY_S
        with self._lock:
            if tenant != self._tenants[slot]:
                return  # that was said of whatever ran there before
            self._ready[slot] = answer is not None and answer.status == 200
            if answer is None:
                self._silent[slot] += looked_s
            else:
                self._silent[slot] = 0.0
                self._heard.add(slot)


def _text(body: bytes) -> str:
    with suppress(ValueError):
        found: Any = json.loads(body)
        if isinstance(found, dict):
            return str(found.get("text", ""))
    return ""


def _form(fields: Mapping[str, str], file: bytes) -> tuple[bytes, str]:
    """A multipart form (RFC 7578) with a file, and its content type."""
    boundary = token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="known.ogg"\r\n\r\n'.encode()
    return b"".join(
        (*parts, head, file, f"\r\n--{boundary}--\r\n".encode())
    ), f"multipart/form-data; boundary={boundary}"
