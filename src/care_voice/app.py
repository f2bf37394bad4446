"""The composition root: the one place where concrete parts meet."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Protocol

import structlog

from care_voice.config import Settings
from care_voice.domain.errors import CareVoiceError, ModelDamaged
from care_voice.engine.protocol import LoadEngine, LoadMedia
from care_voice.models.build import build_puller
from care_voice.ops.preflight import Preflight
from care_voice.scheduler.scheduler import Scheduler
from care_voice.service.lifecycle import Check, Lifecycle
from care_voice.service.model_keeper import ModelKeeper
from care_voice.service.model_library import ModelLibrary
from care_voice.service.placing import Placing
from care_voice.service.scrub import Scrubber
from care_voice.service.served_models import ServedModel, ServedModels
from care_voice.service.transcription import Transcriber
from care_voice.supervisor.conversion import quantize
from care_voice.supervisor.engine_pool import EnginePool
from care_voice.supervisor.media_pool import MediaPool
from care_voice.supervisor.memory import MemoryGate
from care_voice.supervisor.worker import WorkerSpec
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


class Stoppable(Protocol):
    """The web server, as far as signals are concerned."""

    def stop(self, *, at_once: bool) -> None: ...


class Application:
    """All parts of a running service, made from settings. Must be made inside a running event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self._notices: list[CareVoiceError] = []
        # A mistake in the list of own models must not keep the service from serving one that it knows by itself.
        self.puller = build_puller(settings.models, convert=quantize, on_invalid=self._notice)
        self.library = ModelLibrary(
            self.puller, lambda: frozenset({settings.model, *settings.also_served}), self.metrics
        )
        self.keeper = ModelKeeper(settings.model, self.puller, self.metrics, self.library.board)
        self._memory = MemoryGate()
        self._placing = Placing(settings.engine)
        served = [self._served(self.keeper), *map(self._also_served, settings.also_served)]
        self.models = ServedModels(served, settings.engine.unload_after_s)
        self.scheduler = self.models.default.scheduler
        self.engine = self.scheduler.pool
        self.media = MediaPool(settings.media, self._media_spec, settings.supervisor, self.metrics)
        self.transcriber = Transcriber(self.models, self.media, settings.transcription, self.metrics)
        self.lifecycle = Lifecycle(
            [*self._preflight().checks(), Check("devices", lambda: self._placing.describe(self.keeper.model))],
            self.keeper,
            self.media,
            self.transcriber,
            settings.lifecycle,
            self.metrics,
            notices=self._notices,
        )
        self.scrubber = Scrubber(
            self.puller.store, self._mend, lambda: self.transcriber.idle_s, settings.scrub, self.metrics
        )

    def _notice(self, error: CareVoiceError) -> None:
        log.error("own_models_ignored", code=error.code, detail=error.message, hint=error.advice)
        self._notices.append(error)

    async def _mend(self, name: str) -> None:
        """Repair a model that the scrub found damaged; the served one with a word about it in the health."""
        if name == self.settings.model:
            await self.lifecycle.mend(ModelDamaged(name=name, why="the scrub found wrong bytes"))
        else:
            await asyncio.to_thread(self.puller.pull, name)

    def clear_incoming(self) -> None:
        """Delete what a killed service left behind: its clients saw the connection break and still hold their files."""
        shutil.rmtree(self.settings.incoming_dir, ignore_errors=True)
        self.settings.incoming_dir.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def stop(self) -> None:
        """Finish what transcribes, and pull no models meanwhile: what has arrived of them is kept."""
        await asyncio.gather(self.library.close(), self.lifecycle.stop())

    async def close(self) -> None:
        """End everything now."""
        await asyncio.gather(self.library.close(), self.lifecycle.close())

    def _preflight(self) -> Preflight:
        store = self.puller.store
        return Preflight(
            model=lambda: self.keeper.model,
            workers=self.settings.engine.workers,
            directories=(self.settings.data_dir, self.settings.models.directory, self.settings.incoming_dir),
            store=self.settings.models.directory,
            installed=lambda: any(manifest.name == self.settings.model for manifest in store.installed()),
        )

    def _also_served(self, name: str) -> ServedModel:
        return self._served(ModelKeeper(name, self.puller, self.metrics, self.library.board))

    def _served(self, keeper: ModelKeeper) -> ServedModel:
        settings, default = self.settings, keeper.name == self.settings.model
        pool = EnginePool(
            settings.engine.workers,
            partial(self._engine_spec, keeper),
            settings.supervisor,
            self.metrics,
            name="engine" if default else f"engine-{keeper.name}",
            memory=self._memory,
        )
        return ServedModel(keeper, Scheduler(keeper.name, pool, settings.scheduler, settings.supervisor, self.metrics))

    async def _engine_spec(self, keeper: ModelKeeper) -> WorkerSpec:
        """Runs before each start of an engine worker: no worker ever loads bytes that were not verified."""
        verified = await keeper.require()
        engine = self.settings.engine
        placement = await self._placing.placement(keeper.model)
        load = LoadEngine(
            model_name=keeper.name,
            model_dir=str(verified.view),
            device=engine.device,
            compute_type=engine.compute_type,
            threads=engine.threads or max(1, usable_cpus() // engine.workers),
            batch=engine.batch,
            gpu=placement.share if placement is not None else None,
        )
        return WorkerSpec(
            role="engine",
            load=load,
            log_format=self.settings.log_format,
            log_level=self.settings.log_level,
            needed_bytes=keeper.model.memory_bytes,
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


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT; the first drains, a second one ends it at once."""
    application = Application(settings)
    application.clear_incoming()
    # Forms are spooled where uploads are stored: the system's own temporary directory is often small, or in memory.
    tempfile.tempdir = str(settings.incoming_dir)
    application.lifecycle.start()
    # The web framework takes most of a second to import; in a thread, so that the start goes on meanwhile.
    await asyncio.to_thread(import_module, "care_voice.api.server")
    from care_voice.api.server import ApiServer, ApiServices, create_app  # noqa: PLC0415

    services = ApiServices(
        settings=settings.api,
        lifecycle=application.lifecycle,
        transcriber=application.transcriber,
        library=application.library,
        metrics=application.metrics,
        incoming_dir=settings.incoming_dir,
    )
    server = ApiServer(create_app(services), settings.api)
    stopping = _stop_on_signals(application, server)
    scrubbing = asyncio.create_task(application.scrubber.run(), name="scrub")
    try:
        await server.run()
    finally:
        stopping.cancel()
        scrubbing.cancel()
        await application.close()


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
