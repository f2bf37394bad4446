"""Pulls and verifications as others see them: what runs on which model, how far it is, and how the last one ended."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import structlog

from care_voice.domain.errors import CareVoiceError, ModelBusy
from care_voice.domain.model_errors import PullCancelled, SignatureProblem
from care_voice.models.catalogue import CatalogueModel
from care_voice.models.progress import Meter, Phase, Progress, ProgressCallback, Snapshot
from care_voice.models.signatures import Signed
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

Kind = Literal["pull", "verify"]
Starter = Literal["request", "service"]
"""request: somebody asked for it over the API. service: the service keeps the model that it serves whole."""
_FIRST_PHASE: dict[Kind, Phase] = {"pull": "resolving", "verify": "verifying"}
State = Literal["running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class OperationView:
    """An operation at one moment. Times are in UTC; `error` says why it failed or was cancelled."""

    id: str
    model: str
    kind: Kind
    started_by: Starter
    version: int
    """Grows whenever something has changed: the views of one operation, in order."""
    state: State
    cancelling: bool
    """Whether it was asked to end, and has not yet."""
    started_at: datetime
    ended_at: datetime | None
    progress: Snapshot
    error: CareVoiceError | None


class Operation:
    """One pull or verification: fed by the thread that does it, looked at by anybody."""

    def __init__(self, model: CatalogueModel, kind: Kind, started_by: Starter) -> None:
        self.id = uuid.uuid4().hex
        self.model = model.name
        self.kind: Kind = kind
        self.started_by: Starter = started_by
        self.cancel = threading.Event()
        self.ended = asyncio.Event()
        self._size_known = model.total_bytes > 0
        self._meter = Meter(model.total_bytes)
        self._meter.feed(Progress(_FIRST_PHASE[kind], "", 0, 0, ""), time.monotonic())
        self._lock = threading.Lock()
        self._state: State = "running"
        self._error: CareVoiceError | None = None
        self._started_at = datetime.now(UTC)
        self._ended_at: datetime | None = None
        self._last: OperationView | None = None

    @property
    def running(self) -> bool:
        return self._state == "running"

    @property
    def _cancelling(self) -> bool:
        return self.running and self.cancel.is_set()

    def feed(self, progress: Progress) -> None:
        """Note how far it is; called in its thread, hundreds of times a second, so it only stores."""
        with self._lock:
            self._meter.feed(progress, time.monotonic())

    def view(self) -> OperationView:
        """How it stands now; the same object again while nothing has changed."""
        with self._lock:
            last = self._last
            progress = last.progress if last and last.ended_at else self._measured()
            seen = (progress, self._state, self._cancelling)
            if last is None or (last.progress, last.state, last.cancelling) != seen:
                last = self._last = self._seen(progress, last.version + 1 if last else 1)
            return last

    def _measured(self) -> Snapshot:
        snapshot = self._meter.snapshot(time.monotonic())
        return snapshot if self._size_known else replace(snapshot, total_bytes=0, eta_s=None)

    def _seen(self, progress: Snapshot, version: int) -> OperationView:
        return OperationView(
            id=self.id,
            model=self.model,
            kind=self.kind,
            started_by=self.started_by,
            version=version,
            state=self._state,
            cancelling=self._cancelling,
            started_at=self._started_at,
            ended_at=self._ended_at,
            progress=progress,
            error=self._error,
        )

    @contextmanager
    def outcome(self) -> Iterator[None]:
        """Note how the work inside ends; its error goes on to the caller. On the event loop."""
        try:
            yield
        except (PullCancelled, asyncio.CancelledError):
            self._end("cancelled", PullCancelled(name=self.model))
            raise
        except CareVoiceError as error:
            self._end("failed", error)
            raise
        except BaseException:
            self._end("failed", CareVoiceError())
            raise
        self._end("done", None)

    def _end(self, state: State, error: CareVoiceError | None) -> None:
        with self._lock:
            self._state, self._error, self._ended_at = state, error, datetime.now(UTC)
        self.ended.set()


class OperationBoard:
    """What is known of each model since the service started: its last operation, and the last check of its signature.

    Used on the event loop alone, but for `note_signature`.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._last: dict[str, Operation] = {}
        self._signatures: dict[str, Signed | SignatureProblem] = {}

    def last(self, name: str) -> Operation | None:
        """The operation that runs on a model, else the one that ended last."""
        return self._last.get(name)

    def running(self, name: str) -> Operation | None:
        """The operation that runs on a model now."""
        operation = self._last.get(name)
        return operation if operation is not None and operation.running else None

    def all_running(self) -> list[Operation]:
        return [operation for operation in self._last.values() if operation.running]

    def forget(self, name: str) -> None:
        """The model is gone, and what was found out about it says nothing any more."""
        self._last.pop(name, None)
        self._signatures.pop(name, None)

    def signature(self, name: str) -> Signed | SignatureProblem | None:
        """What the last check of a model's signature found since the service started."""
        return self._signatures.get(name)

    def note_signature(self, name: str, found: Signed | SignatureProblem) -> None:
        """Keep what a check found."""
        self._signatures[name] = found

    def begin(self, model: CatalogueModel, kind: Kind, started_by: Starter) -> Operation:
        """Show an operation from now on; `follow` says how it ends.

        Raises:
            ModelBusy: Another one runs on this model.
        """
        running = self.running(model.name)
        if running is not None:
            raise ModelBusy(name=model.name, why=f"a {running.kind} is running")
        operation = self._last[model.name] = Operation(model, kind, started_by)
        return operation

    @contextmanager
    def follow(self, operation: Operation) -> Iterator[None]:
        """Note, count and log how the work inside ends; its error goes on to the caller."""
        try:
            with operation.outcome():
                yield
        finally:
            view = operation.view()
            code = view.error.code if view.error else None
            self._metrics.model_operations.labels(view.model, view.kind, view.state).inc()
            log.info("model_operation_ended", model=view.model, kind=view.kind, state=view.state, code=code)

    @contextmanager
    def shown(self, model: CatalogueModel) -> Iterator[ProgressCallback]:
        """Show a pull that the service does by itself; it goes on unseen where somebody's own operation is shown."""
        if self.running(model.name) is not None:
            yield _unseen
            return
        operation = self.begin(model, "pull", "service")
        with self.follow(operation):
            yield operation.feed


def _unseen(_: Progress) -> None:
    """Nobody looks."""
