"""Keeps the served model whole: verified before any worker loads it, pulled again when it is missing or damaged."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import datetime
from typing import Final

import structlog

from care_voice.domain.model_errors import ModelDamaged, ModelError, SignatureProblem
from care_voice.models.catalogue import CatalogueModel, Quantization
from care_voice.models.progress import Progress, ProgressCallback
from care_voice.models.puller import Pulled, Puller
from care_voice.models.report import Verified
from care_voice.service.model_operations import OperationBoard
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

GRAPHS: Final[Quantization] = "onnx-int8"


class ModelKeeper:
    """Owns one model on behalf of the service. Hashing and pulling run in threads."""

    def __init__(self, name: str, puller: Puller, metrics: Metrics, board: OperationBoard | None = None) -> None:
        """`board` is where its pulls are shown."""
        self.name = name
        self._puller = puller
        self._board = board or OperationBoard(metrics)
        self._metrics = metrics
        self._verified: Verified | None = None
        self._mending = asyncio.Lock()
        self.signature_problem: SignatureProblem | None = None
        """What the policy `warn` has to say."""

    @property
    def model(self) -> CatalogueModel:
        """The catalogue's entry. Raises UnknownCatalogueModel."""
        return self._puller.entry(self.name)

    @property
    def proof(self) -> Verified | None:
        """What the last check that found it whole saw; another one after each."""
        return self._verified

    @property
    def last_check(self) -> str:
        """How the model was last found whole, for people."""
        if self._verified is None or not self._verified.recorded_at:
            return "every byte was read"
        return f"unchanged since every byte was read at {self._verified.recorded_at}"

    async def ensure(self, progress: ProgressCallback | None = None, *, full: bool = False) -> Verified:
        """Hash the model, or believe that it was hashed before unless it is to be done in `full`; pull what is missing
        or damaged. `progress` is called in a thread.

        Raises:
            ModelError: No source could deliver it, or the store cannot be written.
        """
        if not full and await self._is_known_whole():
            assert self._verified is not None
            return self._verified
        async with self._mending:
            cancel = threading.Event()
            try:
                with self._board.shown(self.model) as show:
                    pulled = await asyncio.to_thread(self._pull, _both(show, progress), cancel)
            finally:
                cancel.set()
            self._accept(pulled)
            return pulled.verified

    async def require(self) -> Verified:
        """The proof that the model is whole, for a worker that is about to load it: cheap while no file has changed.

        Raises:
            ModelDamaged: It is not; `ensure` mends it.
            SignatureProblem: The policy requires a signature that is not there, not valid or expired.
        """
        if not await self.unchanged() and not await self._believe():
            report = await asyncio.to_thread(self._puller.store.verify, self.name)
            self._verified = report.require()
            self._stamp()
        assert self._verified is not None
        await self._check_signature(self._verified)
        return self._verified

    async def _is_known_whole(self) -> bool:
        """Whether neither a byte has to be read nor a signature to be fetched."""
        if not await self._believe():
            return False
        try:
            await self.require()
        except ModelError:
            return False
        return self.signature_problem is None

    async def _believe(self) -> bool:
        """Take what the last full check found, where that may be believed; whether it may."""
        verified = await asyncio.to_thread(self._vouched)
        if verified is not None:
            self._verified = verified
            checked = datetime.fromisoformat(verified.recorded_at).timestamp()
            self._metrics.model_verified.labels(self.name).set(checked)
        return verified is not None

    def _vouched(self) -> Verified | None:
        return self._puller.store.vouched(self.model)

    async def _check_signature(self, verified: Verified) -> None:
        """Before each load, whatever was found before: a certificate may have expired meanwhile."""
        try:
            signed = await asyncio.to_thread(self._puller.gate.check, self.name, verified)
        except SignatureProblem as problem:
            self._board.note_signature(self.name, problem)
            raise
        self._board.note_signature(self.name, signed)
        self.signature_problem = signed.problem
        if signed.expires_at is not None:
            self._metrics.signature_expires.labels(self.name).set(signed.expires_at.timestamp())

    async def unchanged(self) -> bool:
        """Whether the files are still those that were hashed, judged by their stat."""
        return self._verified is not None and await asyncio.to_thread(self._puller.store.fast_check, self._verified)

    async def damage(self) -> ModelError | None:
        """What is wrong with the model on disk; None when nothing is."""
        try:
            await self.require()
        except ModelError as error:
            return error
        return None

    def _pull(self, progress: ProgressCallback, cancel: threading.Event) -> Pulled:
        return self._puller.pull(self.name, progress, cancel)

    def _accept(self, pulled: Pulled) -> None:
        self._verified = pulled.verified
        self._stamp()
        if pulled.fetched:
            self._metrics.model_repairs.labels(self.name).inc()
            log.info("model_pulled", model=self.name, files=sorted(pulled.fetched), sources=pulled.fetched)

    def _stamp(self) -> None:
        self._metrics.model_verified.labels(self.name).set(time.time())


class GraphsKeeper(ModelKeeper):
    """Owns the graphs for ONNX Runtime that are made from a model, and made again where they are missing or damaged."""

    def __init__(
        self, parent: ModelKeeper, puller: Puller, metrics: Metrics, board: OperationBoard | None = None
    ) -> None:
        """`parent` owns the model that they are made from."""
        super().__init__(f"{parent.name}-{GRAPHS}", puller, metrics, board)
        self._parent = parent

    async def require(self) -> Verified:
        """As for any model; graphs of another version of their parent do not count as whole."""
        if not self._is_of_parent:
            why = f"it was not made from the version of {self._parent.name} that is served"
            raise ModelDamaged(name=self.name, why=why)
        return await super().require()

    @property
    def _is_of_parent(self) -> bool:
        derived = self.model.derived
        return derived is not None and derived.parent_digest == self._parent.model.digest

    def _vouched(self) -> Verified | None:
        return super()._vouched() if self._is_of_parent else None

    def _pull(self, progress: ProgressCallback, cancel: threading.Event) -> Pulled:
        return self._puller.derive(self._parent.name, GRAPHS, progress, cancel)


def _both(first: ProgressCallback, second: ProgressCallback | None) -> ProgressCallback:
    def tell(event: Progress) -> None:
        first(event)
        if second is not None:
            second(event)

    return tell
