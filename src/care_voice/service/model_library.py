"""The models of this installation: what there is, and work on it that somebody asks for and others watch."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import structlog
from filelock import Timeout

from care_voice.domain.errors import CareVoiceError, ModelBusy, ModelInUse
from care_voice.domain.model_errors import (
    ModelNotInstalled,
    SignatureExpired,
    SignatureInvalid,
    SignatureMissing,
    SignatureProblem,
    UnknownCatalogueModel,
)
from care_voice.domain.service_errors import Draining
from care_voice.models.catalogue import CatalogueModel
from care_voice.models.manifest import Manifest
from care_voice.models.puller import Puller
from care_voice.models.records import Record
from care_voice.models.signatures import Signed
from care_voice.models.upkeep import Usage, usage
from care_voice.service.model_operations import Kind, Operation, OperationBoard, OperationView
from care_voice.supervisor.waiting import came_within
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

ModelState = Literal["not_installed", "installed", "damaged", "busy"]
SignatureState = Literal["none", "valid", "invalid", "expired", "unchecked"]

_PROBLEMS: dict[type[SignatureProblem], SignatureState] = {
    SignatureMissing: "none",
    SignatureInvalid: "invalid",
    SignatureExpired: "expired",
}
_THREADS = 16
"""Of its own, beside the event loop's: pulls that take hours must not keep uploads from being stored."""
_PACE_S = 0.25
_CANCEL_S = 5.0
_CLOSE_S = 10.0
_TRIES = 5
"""Files come and go while the store is measured."""
_LOCK_S = 1.0
"""Whoever measures the store holds a model's lock for moments; whoever pulls holds it for longer."""
_RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class Signature:
    """What is known of a model's signature; unchecked where there is one that nobody has looked at since the start."""

    state: SignatureState
    signer: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model at one moment. `why` says what is wrong with one that is damaged."""

    name: str
    state: ModelState
    why: str
    in_use: bool
    entry: CatalogueModel | None
    """None for a model that is installed and that this version's catalogue does not know."""
    manifest: Manifest | None
    """None for a model that is not installed."""
    record: Record | None
    """When it was verified last, and what was found; None where it never was."""
    signature: Signature
    operation: OperationView | None
    """What runs, else what ended last since the service started."""


class ModelLibrary:
    """Pulls, verifies and removes models. At most one operation runs on a model; asking again joins it."""

    def __init__(self, puller: Puller, in_use: Callable[[], frozenset[str]], metrics: Metrics) -> None:
        self.board = OperationBoard(metrics)
        self._puller = puller
        self._store = puller.store
        self._in_use = in_use
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="models")
        self._tasks: set[asyncio.Task[None]] = set()
        self._removing: set[str] = set()
        self._closed = False

    async def models(self) -> list[ModelView]:
        """Every model of the catalogue in its order, then what else is installed."""
        found = await asyncio.to_thread(self._look)
        return [self._view(name, stored) for name, stored in found.items()]

    async def model(self, name: str) -> ModelView:
        """Raises UnknownCatalogueModel where `name` is neither in the catalogue nor installed."""
        views = await self.models()
        for view in views:
            if view.name == name:
                return view
        raise UnknownCatalogueModel(name=name[:80], known=", ".join(view.name for view in views))

    async def disk(self) -> Usage:
        """What the store takes up, and what is free beside it."""
        return await asyncio.to_thread(self._measure)

    async def pull(self, name: str) -> OperationView:
        """Begin to pull or mend a model, or join who does.

        Raises:
            UnknownCatalogueModel: There is none of this name.
            ModelBusy: It is being verified or removed.
            Draining: The service is stopping.
        """
        entry = await asyncio.to_thread(self._entry, name)
        return self._start(entry, "pull", self._pull)

    async def verify(self, name: str) -> OperationView:
        """Begin to hash every file of a model, or join who does. It fails with ModelDamaged where bytes are wrong.

        Raises:
            UnknownCatalogueModel: There is none of this name.
            ModelNotInstalled: There is nothing to verify.
            ModelBusy: It is being pulled or removed.
            Draining: The service is stopping.
        """
        entry = await asyncio.to_thread(self._installed_entry, name)
        return self._start(entry, "verify", self._verify)

    async def cancel(self, name: str) -> None:
        """End what runs on a model, and wait for that, but not for long: a source that is silent is left late.

        Nothing to do is no error.

        Raises:
            UnknownCatalogueModel: There is none of this name.
            ModelInUse: The service itself does it, for the model that it serves.
        """
        await self.model(name)
        operation = self.board.running(name)
        if operation is None:
            return
        if operation.started_by == "service":
            raise ModelInUse(name=name)
        operation.cancel.set()
        await came_within(operation.ended, _CANCEL_S)

    async def remove(self, name: str) -> None:
        """Delete a model's files.

        Raises:
            UnknownCatalogueModel: There is none of this name.
            ModelNotInstalled: There is nothing to remove.
            ModelInUse: The service serves it.
            ModelBusy: An operation runs on it, here or in another process.
            StoreUnwritable: The files cannot be deleted.
        """
        await self.model(name)
        if name in self._in_use():
            raise ModelInUse(name=name)
        self._require_idle(name)
        self._removing.add(name)
        try:
            await asyncio.to_thread(self._remove, name)
        finally:
            self._removing.discard(name)
        self.board.forget(name)

    async def events(self, name: str) -> AsyncGenerator[OperationView, None]:
        """The operation on a model as it is now, then whenever it has changed, until it has ended; nothing where there
        was none.

        Each reader looks at its own pace, so that neither a slow one nor a hundred of them ever hold up the work.
        """
        await self.model(name)
        operation, seen = self.board.last(name), None
        while operation is not None:
            view = operation.view()
            if view is not seen:
                yield view
            if view.state != "running":
                return
            seen = view
            await came_within(operation.ended, _PACE_S)

    async def close(self) -> None:
        """Cancel what runs, and wait for its end, but not for long; nothing can be started any more."""
        self._closed = True
        for operation in self.board.all_running():
            operation.cancel.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_S)
        self._threads.shutdown(wait=False)

    def _start(self, entry: CatalogueModel, kind: Kind, work: Callable[[Operation], None]) -> OperationView:
        if self._closed:
            raise Draining(retry_after_s=_RETRY_AFTER_S)
        running = self.board.running(entry.name)
        if running is not None and running.kind == kind:
            return running.view()
        self._require_idle(entry.name)
        operation = self.board.begin(entry, kind, "request")
        task = asyncio.create_task(self._run(operation, work), name=f"{kind} {entry.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return operation.view()

    async def _run(self, operation: Operation, work: Callable[[Operation], None]) -> None:
        """Do the work in a thread. Every error is kept for those who ask; one that is a bug is logged as well."""
        log.info("model_operation_started", model=operation.model, kind=operation.kind)
        run = contextvars.copy_context().run
        try:
            with self.board.follow(operation):
                await asyncio.get_running_loop().run_in_executor(self._threads, run, work, operation)
        except CareVoiceError as error:
            if isinstance(error, SignatureProblem):
                self.board.note_signature(operation.model, error)
            log.info("model_operation_failed", model=operation.model, code=error.code, detail=error.message)
        except Exception as error:
            log.error("unexpected_error", exc_info=error)

    def _pull(self, operation: Operation) -> None:
        self._puller.pull(operation.model, operation.feed, operation.cancel)
        self._accept(operation.model)

    def _verify(self, operation: Operation) -> None:
        self._store.verify(operation.model, operation.feed, operation.cancel).require()
        self._accept(operation.model)

    def _accept(self, name: str) -> None:
        """The bytes are right; is the signature? Raises SignatureProblem where the policy requires one that counts."""
        self._metrics.model_verified.labels(name).set(time.time())
        self.board.note_signature(name, self._puller.gate.check(name))

    def _remove(self, name: str) -> None:
        """Delete, unless another process is pulling it: the store would wait for that, for hours perhaps."""
        lock = self._store.lock(name)
        try:
            lock.acquire(timeout=_LOCK_S)
        except Timeout as error:
            raise ModelBusy(name=name, why="another process is pulling it") from error
        lock.release()
        self._store.remove(name)

    def _require_idle(self, name: str) -> None:
        if name in self._removing:
            raise ModelBusy(name=name, why="it is being removed")
        running = self.board.running(name)
        if running is not None:
            raise ModelBusy(name=name, why=f"a {running.kind} is running")

    def _entry(self, name: str) -> CatalogueModel:
        return self._store.catalogue.get(name)

    def _installed_entry(self, name: str) -> CatalogueModel:
        entry = self._entry(name)
        if not self._store.manifest_path(name).exists():
            raise ModelNotInstalled(name=name)
        return entry

    def _measure(self) -> Usage:
        for _ in range(_TRIES - 1):
            with suppress(FileNotFoundError):
                return usage(self._store)
        return usage(self._store)

    def _look(self) -> dict[str, _Stored]:
        """What is on disk of every model; reads small files, and no model's bytes."""
        entries = {entry.name: entry for entry in self._store.catalogue.models}
        manifests = {manifest.name: manifest for manifest in self._store.installed()}
        names = dict.fromkeys([*entries, *manifests])
        return {name: self._look_at(name, entries.get(name), manifests.get(name)) for name in names}

    def _look_at(self, name: str, entry: CatalogueModel | None, manifest: Manifest | None) -> _Stored:
        record = self._store.record(name) if manifest else None
        why = self._fault(name, manifest) or (record.why if record and not record.verified_ok else "")
        return _Stored(entry, manifest, record, why, signed=self._store.signature_path(name).is_file())

    def _fault(self, name: str, manifest: Manifest | None) -> str:
        """What is wrong with an installed model, as far as it shows without hashing."""
        if manifest is None:
            return "its manifest cannot be read" if self._store.manifest_path(name).exists() else ""
        view = self._store.view_path(name)
        wrong = [file.name for file in manifest.files if _size(view / file.name) != file.size]
        return f"{', '.join(wrong)}: missing or cut short" if wrong else ""

    def _view(self, name: str, stored: _Stored) -> ModelView:
        last = self.board.last(name)
        return ModelView(
            name=name,
            state=self._state(name, stored),
            why=stored.why,
            in_use=name in self._in_use(),
            entry=stored.entry,
            manifest=stored.manifest,
            record=stored.record,
            signature=_signature(self.board.signature(name), present=stored.signed),
            operation=last.view() if last else None,
        )

    def _state(self, name: str, stored: _Stored) -> ModelState:
        if name in self._removing or self.board.running(name) is not None:
            return "busy"
        if stored.why:
            return "damaged"
        return "installed" if stored.manifest else "not_installed"


@dataclass(frozen=True, slots=True)
class _Stored:
    entry: CatalogueModel | None
    manifest: Manifest | None
    record: Record | None
    why: str
    signed: bool


def _signature(found: Signed | SignatureProblem | None, *, present: bool) -> Signature:
    problem = found.problem if isinstance(found, Signed) else found
    if problem is not None:
        return Signature(_PROBLEMS.get(type(problem), "invalid"))
    if isinstance(found, Signed) and found.state == "valid":
        return Signature("valid", found.key, found.expires_at)
    return Signature("unchecked" if present else "none")


def _size(path: Path) -> int | None:
    """The size of a file in bytes; None where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return None
