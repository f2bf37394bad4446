"""Progress of a pull or a verification, and the way to stop it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from care_voice.domain.model_errors import PullCancelled

_POLL_S = 0.1

Phase = Literal["waiting", "resolving", "downloading", "copying", "verifying", "publishing", "converting"]
"""waiting: another process is pulling this model. resolving: a source is asked. copying: to or from a bundle or backup.
converting: the model is made from its parent. The others are what they say."""


@dataclass(frozen=True)
class Progress:
    """How far one file is. `file` can also be the package being downloaded, when a source wraps files in packages."""

    phase: Phase
    file: str
    done_bytes: int
    total_bytes: int
    """0 where the size is not known."""
    source: str
    """Empty where no source is involved: verifying what is on disk, publishing."""


ProgressCallback = Callable[[Progress], None]


class CancelToken(Protocol):
    """Says whether to stop; a threading.Event is one."""

    def is_set(self) -> bool: ...


class Watch:
    """Carries progress out of a running operation and a cancellation into it; several threads may use it."""

    def __init__(self, model: str, progress: ProgressCallback | None = None, cancel: CancelToken | None = None) -> None:
        self._model = model
        self._progress = progress
        self._cancel = cancel
        self._lock = threading.Lock()

    @property
    def cancelled(self) -> bool:
        return self._cancel is not None and self._cancel.is_set()

    def check(self) -> None:
        """Raise PullCancelled once the token is set."""
        if self.cancelled:
            raise PullCancelled(name=self._model)

    def sleep(self, seconds: float) -> None:
        """Wait. Raises PullCancelled as soon as that is so."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, _POLL_S))

    def report(self, phase: Phase, file: str = "", done: int = 0, total: int = 0, *, source: str = "") -> None:
        """Tell the caller how far things are, in bytes. Raises PullCancelled."""
        self.check()
        if self._progress is not None:
            with self._lock:
                self._progress(Progress(phase, file, done, total, source))


_RATE_WINDOW_S = 5.0
_FETCHING: tuple[Phase, ...] = ("resolving", "downloading")


@dataclass(frozen=True)
class Snapshot:
    """Where a whole operation is. `rate_bytes_s` and `eta_s` are None while nothing can be said."""

    phase: Phase
    file: str
    source: str
    done_bytes: int
    total_bytes: int
    rate_bytes_s: float | None
    eta_s: float | None


class Meter:
    """Adds up the progress of all files, and measures the rate over the last seconds. No clock of its own.

    Times are in seconds, from any monotonic clock. `total_bytes` is what the whole model has; a repair fetches less,
    and says so file by file before it begins.
    """

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._files: dict[tuple[Phase, str], tuple[int, int]] = {}
        self._last = Progress("resolving", "", 0, 0, "")
        self._came = 0
        self._marks: deque[tuple[float, int]] = deque()

    def feed(self, event: Progress, now: float) -> None:
        """Take an event of the time `now`."""
        if event.phase != self._last.phase:
            self._marks.clear()
        # What the first event of a file has done already was there before.
        before, _ = self._files.get((event.phase, event.file), (event.done_bytes, 0))
        self._came += max(0, event.done_bytes - before)
        self._files[event.phase, event.file] = event.done_bytes, event.total_bytes
        self._last = event
        self._marks.append((now, self._came))
        while len(self._marks) > 2 and self._marks[1][0] < now - _RATE_WINDOW_S:
            self._marks.popleft()

    def snapshot(self, now: float) -> Snapshot:
        """Where things are at the time `now`."""
        last = self._last
        done = sum(done for (phase, _), (done, _) in self._files.items() if phase == last.phase)
        total, rate = max(self._total_of(last.phase), done), self._rate(now)
        eta = (total - done) / rate if rate else None
        return Snapshot(last.phase, last.file, last.source, done, total, rate, eta)

    def _total_of(self, phase: Phase) -> int:
        """What the phase has to do, in bytes, as far as is known."""
        if phase not in _FETCHING:
            return max(self._total, sum(total for (its, _), (_, total) in self._files.items() if its == phase))
        sizes = {file: total for (its, file), (_, total) in self._files.items() if its in _FETCHING and total}
        return sum(sizes.values()) or self._total

    def _rate(self, now: float) -> float | None:
        """Bytes a second over the marks; it sinks while nothing comes."""
        if len(self._marks) < 2:
            return None
        (began, had), (_, has) = self._marks[0], self._marks[-1]
        return (has - had) / (now - began) if now > began and has > had else None
