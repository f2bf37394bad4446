"""Progress of a pull or a verification, and the way to stop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from care_voice.domain.errors import PullCancelled

Phase = Literal["waiting", "resolving", "downloading", "verifying", "publishing"]
"""waiting: another process is pulling this model. resolving: a source is asked. The others are what they say."""


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
    """Carries progress out of a running operation and a cancellation into it."""

    def __init__(self, model: str, progress: ProgressCallback | None = None, cancel: CancelToken | None = None) -> None:
        self._model = model
        self._progress = progress
        self._cancel = cancel

    @property
    def cancelled(self) -> bool:
        return self._cancel is not None and self._cancel.is_set()

    def check(self) -> None:
        """Raise PullCancelled once the token is set."""
        if self.cancelled:
            raise PullCancelled(name=self._model)

    def report(self, phase: Phase, file: str = "", done: int = 0, total: int = 0, *, source: str = "") -> None:
        """Tell the caller how far things are, in bytes. Raises PullCancelled."""
        self.check()
        if self._progress is not None:
            self._progress(Progress(phase, file, done, total, source))
