"""What the scheduler and the service know of an engine, whether it is made of workers here or of a server elsewhere."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from care_voice.domain.errors import CareVoiceError
from care_voice.engine.protocol import SAMPLE_RATE, DecodeWindow, WindowDecoded
from care_voice.supervisor.vigilance import CrashLooping
from care_voice.supervisor.worker import WorkerDied

_BYTES_PER_S = 2 * SAMPLE_RATE

Outcome = WindowDecoded | CareVoiceError | None
"""What became of a window: its words, what was wrong with it, or nothing because it was given up."""


def audio_seconds(request: DecodeWindow) -> float:
    """Length of a window's sound."""
    return len(request.pcm) / _BYTES_PER_S


class WindowTaker(Hashable, Protocol):
    """Takes windows and answers each of them once, by way of the keeper."""

    @property
    def in_flight(self) -> int:
        """Windows that it has."""

    @property
    def load_s(self) -> float:
        """Audio seconds that it has."""

    def has_room(self, audio_s: float, *, patient: bool) -> bool:
        """Whether it wants a window of this length now; `patient` ones can wait."""

    def submit(self, number: int, request: DecodeWindow) -> None:
        """Give it a window."""

    def cancel(self, number: int) -> None:
        """Nobody waits for this window any more; it counts as in flight until it is answered."""


class WindowKeeper(Protocol):
    """Whoever holds the windows: told of all that happens to them, from the event loop."""

    def workers_changed(self) -> None:
        """A taker has come, has gone or has room."""

    def answered(self, number: int, outcome: Outcome) -> None:
        """A window that a taker had is done with."""

    def lost(self, worker: WindowTaker, death: WorkerDied) -> None:
        """The worker has ended, and all that it had is lost."""

    def stopped(self) -> None:
        """There will be no takers any more."""


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What the health shows of an engine. All but `kind` is None for workers here; `breaker` is closed, half_open or
    open."""

    kind: Literal["local", "remote"] = "local"
    url: str | None = None
    model: str | None = None
    breaker: str | None = None


class WindowPool(Protocol):
    """One model, somewhere. Set `keeper` before it is opened."""

    keeper: WindowKeeper

    def open(self) -> None:
        """Begin, in the background; a second call ends a wait before the next try early."""

    async def close(self) -> None:
        """End; windows that still wait fail as not ready. It may be opened again."""

    async def wait_ready(self) -> str:
        """Wait until it takes windows; what it is, for people.

        Raises:
            CareVoiceError: It could not be made ready; it goes on trying.
        """

    def retry_now(self) -> None:
        """What kept it from being ready has been mended."""

    def heard_within(self, limit_s: float) -> bool:
        """Whether it has shown within so many seconds that it is alive."""

    @property
    def workers(self) -> Sequence[WindowTaker]:
        """Those that take windows now."""

    @property
    def pids(self) -> list[int]:
        """Processes of this machine that hold the model."""

    @property
    def capacity(self) -> int:
        """Windows that all takers together want in flight; at least 1."""

    @property
    def multilingual(self) -> bool:
        """Whether the model knows more than English; True while that is not known."""

    @property
    def gives_tokens(self) -> bool:
        """Whether its words come with tokens and their probabilities."""

    @property
    def decodes_as_asked(self) -> bool:
        """Whether it obeys a profile, a beam size and a ladder of temperatures."""

    @property
    def refusal(self) -> CareVoiceError | None:
        """Why no window is taken now; None while one is."""

    @property
    def hopeful(self) -> bool:
        """Whether it takes windows, or is about to."""

    @property
    def crash_loop(self) -> CrashLooping | None:
        """The worst crash loop among its workers; None while there is none."""

    @property
    def facts(self) -> EngineFacts:
        """What the health shows."""
