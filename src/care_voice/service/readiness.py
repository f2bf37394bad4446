"""Whether the service takes work, and whether a balancer should send it any: two questions with two answers.

`reason` says why nothing is transcribed now. `unready` says that too, and what else speaks for sending work elsewhere
while there is an elsewhere: a full queue, a database that is away, an engine that has proved nothing for long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import (
    Draining,
    NotReady,
    Overloaded,
    RemoteMisconfigured,
    RemoteUnavailable,
    StorageFull,
)
from care_voice.scheduler.work import Caller
from care_voice.service.lifecycle_settings import LifecycleSettings
from care_voice.service.startup import Stage, StartupBoard
from care_voice.service.transcription import Transcriber
from care_voice.supervisor.media_pool import MediaPool

State = Literal["starting", "ready", "degraded", "draining"]
Watch = Callable[[], CareVoiceError | None]
"""What is wrong now; None when nothing is."""

_PASSED_ON = (Draining, NotReady, StorageFull, RemoteUnavailable, RemoteMisconfigured)
"""What a client is told as it is; of anything else it hears that the service is not ready, and why."""


@dataclass(frozen=True, slots=True)
class Watches:
    """What is looked at beside the engine."""

    refusing: Sequence[Watch] = ()
    """Nothing is transcribed while one of them tells of something."""

    diverting: Sequence[Watch] = ()
    """Probes are told, and requests are let in all the same."""

    warning: Sequence[Watch] = ()
    """Operators are told."""


class Readiness:
    """Puts together what the parts of the service know. `trouble` is what made the last start fail."""

    def __init__(
        self,
        board: StartupBoard,
        media: MediaPool,
        transcriber: Transcriber,
        settings: LifecycleSettings,
        watches: Watches,
    ) -> None:
        self._board = board
        self._media = media
        self._transcriber = transcriber
        self._engine = transcriber.models.default.pool
        self._settings = settings
        self._watches = watches
        self.draining = False
        self.trouble: CareVoiceError | None = None

    @property
    def state(self) -> State:
        if self.draining:
            return "draining"
        if self.reason is None:
            return "ready"
        return "degraded" if self.trouble is not None or self._board.total_s is not None else "starting"

    @property
    def reason(self) -> CareVoiceError | None:
        """Why the service does not take work now; None when it does."""
        return self._refusal or self._outage

    @property
    def unready(self) -> CareVoiceError | None:
        """Why work is better sent elsewhere now; None when it is welcome."""
        return self.reason or self._full_queue or _first(self._watches.diverting)

    @property
    def warning(self) -> CareVoiceError | None:
        """What an operator should know though the service works; None when there is nothing."""
        return _first((*self._watches.diverting, *self._watches.warning))

    def admit(self) -> None:
        """Let work in, or say why not: a worker that is being restarted is worth waiting for, one that fails is not.

        Raises:
            Draining, NotReady, StorageFull, RemoteUnavailable, RemoteMisconfigured: What keeps it from working.
        """
        refusal = self._refusal
        if refusal is None and not self._workers_are_coming:
            refusal = self._outage
        if refusal is not None:
            raise refusal if isinstance(refusal, _PASSED_ON) else NotReady(why=refusal.message)

    @property
    def _refusal(self) -> CareVoiceError | None:
        """What keeps work out, whatever the workers do."""
        if self.draining:
            return Draining(retry_after_s=self._transcriber.settings.retry_after_s)
        if self.trouble is not None:
            return self.trouble
        if not self._board.complete:
            return NotReady(why=_describe(self._board.current))
        return _first(self._watches.refusing)

    @property
    def _outage(self) -> CareVoiceError | None:
        """Why no worker takes work now."""
        if (refusal := self._engine.refusal) is not None:
            return refusal
        trouble = self._media.trouble or self._stale_heartbeat
        return NotReady(why=trouble) if trouble else None

    @property
    def _full_queue(self) -> Overloaded | None:
        try:
            self._transcriber.admit(self._transcriber.models.default, Caller())
        except Overloaded as error:
            return error
        return None

    @property
    def _workers_are_coming(self) -> bool:
        return self._engine.hopeful and self._media.hopeful

    @property
    def _stale_heartbeat(self) -> str | None:
        if self._engine.heard_within(self._settings.heartbeat_fresh_s):
            return None
        return "no engine worker has sent a heartbeat lately"


def _first(watches: Sequence[Watch]) -> CareVoiceError | None:
    return next((found for watch in watches if (found := watch()) is not None), None)


def _describe(stage: Stage | None) -> str:
    if stage is None:
        return "it is starting"
    return f"{stage.name}: {stage.detail}" if stage.detail else stage.name
