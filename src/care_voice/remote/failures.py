"""What a failed try means: is the window tried again, and when; does the breaker count it. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import msgspec

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import RemoteMisconfigured, RemoteRefused, RemoteUnavailable
from care_voice.remote.settings import RemoteSettings

_LONGEST_MESSAGE = 200
_LONGEST_WAIT_S = 24 * 3600.0
"""What a client is told at most, whatever the server said."""
_SETUP = frozenset({401, 402, 403, 404, 405, 407, 421})
_AGAIN_AND_HEALTHY = frozenset({429})
_AGAIN = frozenset({408})
_WORDS = {
    300: "it redirects to another address, which is not followed",
    401: "it does not accept the API key (401)",
    403: "it does not allow this (403)",
    404: "it does not know the address or the model (404)",
    408: "it gave up waiting for the request (408)",
    413: "the part is larger than it accepts (413)",
    415: "it does not accept this kind of sound (415)",
    429: "it asks to be sent less (429)",
}


class Health(Enum):
    """What a try says about the server."""

    WELL = "well"
    ILL = "ill"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Failure:
    """`kind` is a label of the metrics; `reached`: the server has the window, or may have it. `final` is what the
    window gets where it is not tried again; None for what may pass."""

    kind: str
    why: str
    health: Health = Health.ILL
    reached: bool = True
    retry_after_s: float | None = None
    final: CareVoiceError | None = None


class TryFailed(Exception):
    """One request brought no words."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.why)
        self.failure = failure


def of_status(status: int, body: bytes, retry_after_s: float | None) -> Failure:
    """What an answer other than 200 means. Its body is quoted where that can help and cannot give the key away."""
    kind = str(status)
    if status in _AGAIN_AND_HEALTHY:
        return Failure(kind, _say(status, ""), Health.UNKNOWN, retry_after_s=retry_after_s)
    if status >= 500 or status in _AGAIN:
        return Failure(kind, _say(status, _message(body)), retry_after_s=retry_after_s)
    if status in _SETUP or status < 400:
        # Every window would get the same answer: the breaker counts it, so that the health says what is wrong.
        quoted = "" if status in (401, 403, 407) else _message(body)
        why = _say(status if status >= 400 else 300, quoted)
        return Failure(kind, why, final=RemoteMisconfigured(why=why))
    why = _say(status, _message(body))
    return Failure(kind, why, Health.WELL, final=RemoteRefused(why=why))


class RetryPlan:
    """How often and when a window is tried again: exponential backoff with full jitter (Brooker, Exponential Backoff
    and Jitter, AWS Architecture Blog, 2015). `chance` gives a number in [0, 1)."""

    def __init__(self, settings: RemoteSettings, chance: Callable[[], float] = random.random) -> None:
        self._settings = settings
        self._chance = chance

    def wait_s(self, failure: Failure, failures: int, reached: int) -> float:
        """Seconds until the next try, after `failures` of a window in a row of which `reached` got to the server.

        Raises:
            CareVoiceError: It is not tried again.
        """
        if failure.final is not None:
            raise failure.final
        asked_s = failure.retry_after_s or 0.0
        if reached > self._settings.retries or asked_s > self._settings.retry_after_max_s:
            raise unavailable(failure.why, max(asked_s, self._settings.backoff_first_s))
        limit_s = min(self._settings.backoff_max_s, self._settings.backoff_first_s * 2.0 ** min(failures - 1, 30))
        return asked_s + self._chance() * limit_s


def unavailable(why: str, wait_s: float) -> RemoteUnavailable:
    """The error that tells a client to come back."""
    return RemoteUnavailable(why=why, retry_after_s=max(1, math.ceil(min(wait_s, _LONGEST_WAIT_S))))


def _say(status: int, message: str) -> str:
    words = _WORDS.get(status, f"it answered with {status}")
    return f"{words}: {message}" if message else words


def _message(body: bytes) -> str:
    """The sentence in an error body of the usual shapes, cut short, on one line."""
    try:
        found: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    for key in ("error", "message", "detail"):
        if isinstance(found, dict):
            found = found.get(key, found)
    text = found if isinstance(found, str) else ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST_MESSAGE].rstrip(". ")
