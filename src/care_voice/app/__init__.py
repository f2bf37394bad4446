"""The composition root: the one place where concrete parts meet."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from typing import Protocol

import structlog

from care_voice.app.recordings import RecordingParts
from care_voice.config import Settings
from care_voice.domain.errors import CareVoiceError
from care_voice.domain.model_errors import ModelDamaged
from care_voice.engine.protocol import LoadEngine, LoadMedia
from care_voice.models.build import build_puller
from care_voice.ops.entrance.settings import SLOTS, SlotName
from care_voice.ops.preflight import Preflight, Room
from care_voice.scheduler.scheduler import Scheduler
from care_voice.service.calibration import Calibrator
from care_voice.service.engine_choice import Board, EngineChoice, Limits, Load, Loadable, Machine
from care_voice.service.lifecycle import Check, Lifecycle
from care_voice.service.model_keeper import GraphsKeeper, ModelKeeper
from care_voice.service.model_library import ModelLibrary
from care_voice.service.placing import Placing
from care_voice.service.readiness import Watches
from care_voice.service.scrub import Scrubber
from care_voice.service.selftest import known_window, wrong_words
from care_voice.service.served_models import LocalEngine, ServedModel, ServedModels
from care_voice.service.transcription import Transcriber
from care_voice.service.tuning_policy import EnginePlan
from care_voice.service.tuning_record import TuningRecord, TuningStore
from care_voice.supervisor.conversion import quantize
from care_voice.supervisor.engine_pool import EnginePool
from care_voice.supervisor.media_pool import MediaPool
from care_voice.supervisor.memory import MemoryGate
from care_voice.supervisor.pool import WindowPool
from care_voice.supervisor.spawning import spawn
from care_voice.supervisor.worker import Spawn, WorkerSpec
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_TURN_S = 0.0005


class Stoppable(Protocol):
    """The web server, as far as signals are concerned."""

    def stop(self, *, at_once: bool) -> None: ...


class Application:
    """All parts of a running service, made from settings. Must be made inside a running event loop."""

    def __init__(self, settings: Settings, spawn: Spawn = spawn) -> None:
        """`spawn` gives the processes of the workers."""
        self.settings = settings
        self._spawn = spawn
        self.metrics = Metrics()
        self.metrics.rollout_taken_back.set_function(self._taken_back_at)
        for slot in SLOTS:
            self.metrics.slot_restarts.labels(slot).set_function(partial(self._restarts_of, slot))
        self._notices: list[CareVoiceError] = []
        # A mistake in the list of own models must not keep the service from serving one that it knows by itself.
        self.puller = build_puller(settings.models, convert=quantize, on_invalid=self._notice)
        self.library = ModelLibrary(self.puller, lambda: self.models.in_use, self.metrics)
        self._memory = MemoryGate()
        self.media = MediaPool(settings.media, self._media_spec, settings.supervisor, self.metrics, spawn=spawn)
        self._calibrator = Calibrator(self._bench, self.media)
        self._placing = Placing(settings.engine)
        # A model that is named twice is loaded once.
        served = [self._served(name) for name in dict.fromkeys((settings.model, *settings.also_served))]
        self.models = ServedModels(served, settings.engine.unload_after_s)
        self.scheduler = self.models.default.scheduler
        self.engine = self.scheduler.pool
        self.transcriber = Transcriber(self.models, self.media, settings.transcription, self.metrics)
        self.recordings = RecordingParts(settings, self.transcriber, self.media, self.metrics, self._admit_jobs)
        self.lifecycle = Lifecycle(
            self._checks(),
            self.media,
            self.transcriber,
            settings.lifecycle,
            self.metrics,
            watches=self._watches(),
        )
        self.scrubber = Scrubber(
            self.puller.store, self._mend, lambda: self.transcriber.idle_s, settings.scrub, self.metrics
        )

    def _watches(self) -> Watches:
        """What is looked at beside the engine."""
        disk, database = self.recordings.disk, self.recordings.watch
        return Watches(
            refusing=(lambda: disk.refusal,),
            diverting=(lambda: database.trouble,),
            warning=(lambda: disk.warning, lambda: next(iter(self._notices), None)),
        )

    def _taken_back_at(self) -> float:
        """When a rollout beside this service was last taken back."""
        from care_voice.ops.deploy.state_file import taken_back_at  # noqa: PLC0415 - the start is waited for

        return taken_back_at(self.settings.data_dir)

    def _restarts_of(self, slot: SlotName) -> float:
        """How often what is in a slot beside this service, or its own, was started again."""
        from care_voice.ops.deploy.state_file import restarts_of  # noqa: PLC0415 - the start is waited for

        return restarts_of(self.settings.data_dir, slot)

    def _admit_jobs(self) -> None:
        """Raises what keeps the service from working."""
        self.lifecycle.admit()

    def _notice(self, error: CareVoiceError) -> None:
        log.error("own_models_ignored", code=error.code, detail=error.message, hint=error.advice)
        self._notices.append(error)

    async def _mend(self, name: str) -> None:
        """Repair a model that the scrub found damaged; the served one with a word about it in the health."""
        damage, choice = ModelDamaged(name=name, why="the scrub found wrong bytes"), self.lifecycle.choice
        if choice is not None and name == self.settings.model:
            await self.lifecycle.mend(damage)
        elif choice is not None and name == choice.uses_graphs:
            await choice.mend(damage)
        else:
            await asyncio.to_thread(self.puller.pull, name)

    def clear_incoming(self) -> None:
        """Delete what a killed service left behind: its clients saw the connection break and still hold their files."""
        shutil.rmtree(self.settings.incoming_dir, ignore_errors=True)
        with suppress(OSError):  # the start says what is wrong with the directory, and goes on trying
            self.settings.incoming_dir.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def stop(self) -> None:
        """Finish what transcribes, and pull no models meanwhile: what has arrived of them is kept."""
        drain = self.recordings.drain(self.settings.lifecycle.drain_timeout_s)
        await asyncio.gather(self.library.close(), drain, self.lifecycle.stop())

    async def close(self) -> None:
        """End everything now."""
        await asyncio.gather(self.library.close(), self.recordings.close())
        await self.lifecycle.close()

    def _checks(self) -> list[Check]:
        """What is looked at before anything is loaded."""
        local, checks = self.models.default.local, list(self._preflight().checks())
        if local is not None:
            checks.append(Check("devices", lambda: self._placing.describe(local.keeper.model)))
        return [*checks, Check("database", self.recordings.prepare)]

    def _preflight(self) -> Preflight:
        store, local = self.puller.store, self.models.default.local
        return Preflight(
            model=lambda: local.keeper.model if local is not None else None,
            workers=max(1, self.settings.engine.workers),
            directories=(*self.settings.disk_places, self.settings.incoming_dir),
            store=self.settings.models.directory,
            room=Room(self.settings.disk.full_bytes, self.settings.models.keep_free_bytes),
            installed=lambda: any(manifest.name == self.settings.model for manifest in store.installed()),
        )

    def _served(self, name: str) -> ServedModel:
        """Where the model is elsewhere no file of it is needed here, and none is pulled or verified."""
        settings = self.settings
        local = self._local_engine(name) if settings.engine.kind == "local" else None
        pool: WindowPool = local.pool if local is not None else self._remote_pool(name)
        scheduler = Scheduler(name, pool, settings.scheduler, settings.supervisor, self.metrics)
        return ServedModel(name, scheduler, local)

    def _local_engine(self, name: str) -> LocalEngine:
        settings, default = self.settings, name == self.settings.model
        keeper = ModelKeeper(name, self.puller, self.metrics, self.library.board)
        choice = EngineChoice(
            keeper,
            GraphsKeeper(keeper, self.puller, self.metrics, self.library.board),
            settings.engine,
            Machine(usable_cpus()),
            (TuningStore(settings.tuning_dir), self._calibrator.measure),
        )
        pool = EnginePool(
            choice.plan.workers,
            partial(self._engine_spec, choice),
            settings.supervisor,
            self.metrics,
            name="engine" if default else f"engine-{name}",
            memory=self._memory,
            spawn=self._spawn if default else spawn,
        )
        return LocalEngine(keeper, choice, pool)

    def _remote_pool(self, name: str) -> WindowPool:
        from care_voice.remote.pool import KnownClip, RemotePool  # noqa: PLC0415 - 30 ms that a local engine never pays

        remote = self.settings.remote
        sent = remote.model if remote.model and name == self.settings.model else name
        clip = KnownClip(lambda: known_window(self.media), wrong_words)
        return RemotePool(name, sent, remote, clip, self.metrics)

    async def tune(self, limits: Limits, board: Board) -> TuningRecord:
        """Measure what runs the default model best, and keep it; for an application that does nothing else.

        Raises:
            RuntimeUnavailable: The settings ask for a runtime that cannot be used.
            CareVoiceError: The model is not whole, or nothing could be measured.
        """
        local = self.models.default.local or self._local_engine(self.settings.model)
        await local.keeper.require()
        self.media.open()
        return await local.choice.tune(limits, board)

    def _bench(self, plan: EnginePlan, load: Load) -> tuple[EnginePool, Scheduler]:
        """A queue and workers to measure a plan with, beside those that serve and apart from their metrics."""
        settings, metrics = self.settings, Metrics()

        async def spec() -> WorkerSpec:
            return await self._spec_of(plan, await load(plan))

        pool = EnginePool(plan.workers, spec, settings.supervisor, metrics, name="tuning", memory=self._memory)
        return pool, Scheduler("tuning", pool, settings.scheduler, settings.supervisor, metrics)

    async def _engine_spec(self, choice: EngineChoice) -> WorkerSpec:
        """Runs before each start of an engine worker: no worker ever loads bytes that were not verified."""
        loadable = await choice.next_load()
        return await self._spec_of(choice.plan, loadable)

    async def _spec_of(self, plan: EnginePlan, loadable: Loadable) -> WorkerSpec:
        model, verified = loadable
        engine = self.settings.engine
        placement = await self._placing.placement(model)
        load = LoadEngine(
            model_name=model.name,
            model_dir=str(verified.view),
            device=engine.device,
            compute_type=engine.compute_type,
            threads=plan.threads,
            batch=engine.batch,
            gpu=placement.share if placement is not None else None,
        )
        return WorkerSpec(
            role="engine",
            load=load,
            log_format=self.settings.log_format,
            log_level=self.settings.log_level,
            needed_bytes=model.memory_bytes,
            reserve=partial(self._placing.promised, placement),
        )

    async def _media_spec(self) -> WorkerSpec:
        load = LoadMedia(self.settings.media.max_memory_bytes)
        return WorkerSpec("media", load, self.settings.log_format, self.settings.log_level)


def usable_cpus() -> int:
    """Processors that this process may run on; less than the machine's where it is confined."""
    with suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


async def serve(settings: Settings, spawn: Spawn = spawn) -> None:
    """Run the service until SIGTERM or SIGINT; the first drains, a second one ends it at once.

    Raises:
        CannotListen: The address is taken or not allowed.
        SettingsInvalid: Signatures are required, and nobody is trusted to sign.
    """
    from care_voice.api.binding import bind  # noqa: PLC0415 - of the API nothing else is needed yet

    with bind(settings.api) as sock:
        await _serve_on(sock, Application(settings, spawn))


async def _serve_on(sock: socket.socket, application: Application) -> None:
    settings = application.settings
    _share_jobs_on_signals(application)
    application.clear_incoming()
    # Forms are spooled where uploads are stored: the system's own temporary directory is often small, or in memory.
    tempfile.tempdir = str(settings.incoming_dir)
    application.lifecycle.start()
    application.recordings.start()
    try:
        await _answer_on(sock, application)
    finally:
        # Also where not even the API could be imported: workers that nobody ends keep the process for ever, and mute.
        await application.close()


async def _answer_on(sock: socket.socket, application: Application) -> None:
    settings = application.settings
    # The web framework takes most of the parent's start to import; in a thread, so that the start goes on meanwhile.
    with _short_turns():
        await asyncio.to_thread(import_module, "care_voice.api.server")
    from care_voice.api.operators import Operators, operator_token  # noqa: PLC0415
    from care_voice.api.server import ApiServer, ApiServices, create_app  # noqa: PLC0415

    token = await asyncio.to_thread(operator_token, settings.api.operator_token, settings.data_dir / "operator.token")

    services = ApiServices(
        settings=settings.api,
        lifecycle=application.lifecycle,
        transcriber=application.transcriber,
        library=application.library,
        metrics=application.metrics,
        recordings=application.recordings.services(),
        incoming_dir=settings.incoming_dir,
        operators=Operators(token),
    )
    server = ApiServer(create_app(services), settings.api)
    stopping = _stop_on_signals(application, server)
    scrubbing = asyncio.create_task(application.scrubber.run(), name="scrub")
    try:
        await server.run([sock])
    finally:
        stopping.cancel()
        scrubbing.cancel()


@contextmanager
def _short_turns() -> Iterator[None]:
    """Let threads take turns more often: one that imports keeps the interpreter for 5 ms else, and the event loop and
    the hashing need it briefly hundreds of times.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def _share_jobs_on_signals(application: Application) -> None:
    """SIGUSR1 and SIGUSR2 say which of two services on one data directory takes jobs."""
    loop, runner = asyncio.get_running_loop(), application.recordings.runner

    def heard(number: signal.Signals, act: Callable[[], None]) -> None:
        act()
        log.info("jobs_shared_out", signal=number.name, standing_by=runner.standing_by)

    loop.add_signal_handler(signal.SIGUSR1, heard, signal.SIGUSR1, runner.stand_by)
    loop.add_signal_handler(signal.SIGUSR2, heard, signal.SIGUSR2, runner.take_part)


def _stop_on_signals(application: Application, server: Stoppable) -> asyncio.Task[None]:
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signals.put_nowait, number)

    async def stop() -> None:
        number = await signals.get()
        log.info("stopping", signal=number.name)
        drain = asyncio.ensure_future(application.stop())
        again = asyncio.ensure_future(signals.get())
        await asyncio.wait([drain, again], return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        at_once = drain.cancel()
        server.stop(at_once=at_once)

    return asyncio.create_task(stop(), name="signals")
