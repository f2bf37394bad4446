"""From process start to ready, and staying there: stages, retries, mending, draining.

The web server answers from the first moment; this runs beside it. A stage that fails is shown with its reason and tried
again with backoff for as long as the process lives: the service says that it is degraded, and never exits in a loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import SelfTestFailed, WorkerFailed
from care_voice.engine.protocol import Ready
from care_voice.service.engine_choice import EngineChoice, Leave, shown_on
from care_voice.service.lifecycle_settings import LifecycleSettings
from care_voice.service.model_watch import ModelWatch
from care_voice.service.readiness import Readiness, State, Watches
from care_voice.service.selftest import run_self_test
from care_voice.service.selftest_watch import SelfTestWatch
from care_voice.service.served_models import LocalEngine
from care_voice.service.startup import StartupBoard
from care_voice.service.transcription import Transcriber
from care_voice.supervisor.backoff import Backoff
from care_voice.supervisor.media_pool import MediaPool
from care_voice.supervisor.pool import EngineFacts, WindowPool
from care_voice.supervisor.vigilance import CrashLooping
from care_voice.telemetry.metrics import Metrics

__all__ = ["Check", "Lifecycle", "LifecycleSettings"]

log = structlog.get_logger(__name__)

WORK_STAGES = ("model", "tuning", "media_worker", "engine_worker", "self_test")
REMOTE_STAGES = ("media_worker", "remote_engine", "self_test")
"""Where a server elsewhere decodes: no model is looked at here, so none is shown as verified."""


@dataclass(frozen=True, slots=True)
class Check:
    """A pre-flight check: `run` returns what to show and raises CareVoiceError when the service cannot work so."""

    name: str
    run: Callable[[], str]


class Lifecycle:
    """Owns the state that the health endpoints show."""

    def __init__(
        self,
        checks: Sequence[Check],
        media: MediaPool,
        transcriber: Transcriber,
        settings: LifecycleSettings,
        metrics: Metrics,
        *,
        watches: Watches | None = None,
    ) -> None:
        """`watches` are those of parts that start, and end, by themselves."""
        self._checks = checks
        self._media = media
        self._models = transcriber.models
        self._engine = self._models.default.pool
        self._local = self._models.default.local
        self._transcriber = transcriber
        self._settings = settings
        self._metrics = metrics
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        stages = REMOTE_STAGES if self._local is None else WORK_STAGES
        self.board = StartupBoard([check.name for check in checks] + list(stages))
        self.self_test = SelfTestWatch(transcriber, settings)
        self.files = ModelWatch(self._local, settings) if self._local is not None else None
        self.readiness = Readiness(self.board, media, transcriber, settings, self._all(watches or Watches()))
        metrics.ready.set_function(lambda: float(self.readiness.unready is None))

    def _all(self, watches: Watches) -> Watches:
        return Watches(
            refusing=watches.refusing,
            diverting=(lambda: self.self_test.lateness, *watches.diverting),
            warning=(lambda: self.files.warning if self.files is not None else None, *watches.warning),
        )

    @property
    def state(self) -> State:
        return self.readiness.state

    @property
    def reason(self) -> CareVoiceError | None:
        """Why the service does not take work now; None when it does."""
        return self.readiness.reason

    @property
    def warning(self) -> CareVoiceError | None:
        """What an operator should know though the service works; None when there is nothing."""
        return self.readiness.warning

    @property
    def engines(self) -> list[Ready]:
        """What the engine workers of the default model run on."""
        return self._local.pool.running if self._local else []

    @property
    def engine(self) -> EngineFacts:
        """What decodes the windows of the default model."""
        return self._engine.facts

    @property
    def choice(self) -> EngineChoice | None:
        """What runs the default model here; None where a server elsewhere does."""
        return self._local.choice if self._local else None

    @property
    def crash_loop(self) -> CrashLooping | None:
        """Workers that end one after the other; None while they do not. Others may serve meanwhile."""
        return self._engine.crash_loop or self._media.crash_loop

    def admit(self) -> None:
        """Let work in, or say why not. Raises as `Readiness.admit`."""
        self.readiness.admit()

    async def started(self) -> None:
        """Wait while the service tries to start for the first time, but not for long, and not while it pulls a model,
        which takes minutes.
        """
        current = self.board.current
        pulls = current is not None and current.progress is not None
        if self._task is not None and not pulls:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._tried.wait(), self._settings.start_wait_s)

    def start(self) -> None:
        """Begin, in the background."""
        self._task = asyncio.create_task(self._run(), name="lifecycle")

    async def stop(self) -> None:
        """Drain, then end the workers."""
        self.readiness.draining = True
        self._tried.set()
        drained = await self._transcriber.drain(self._settings.drain_timeout_s)
        log.info("drained" if drained else "drain_timed_out")
        await self.close()

    async def close(self) -> None:
        """End the workers now."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await asyncio.gather(self._models.close(), self._media.close())

    async def start_and_wait(self, *, repair: bool = True) -> None:
        """Start and wait, for a caller that has no use for a service that is degraded. Nothing is measured: what was
        measured before counts.

        Raises:
            CareVoiceError: The first stage that failed; a damaged model too, unless `repair` lets it be pulled.
        """
        await self._start_once(Leave(repair=repair, measure=False))

    async def mend(self, damage: CareVoiceError) -> None:
        """Have the served model pulled again, and say meanwhile what is wrong with it."""
        assert self.files is not None
        await self.files.mend(damage)

    # --- the start ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        """Start until it works, look after it until it fails, and begin anew."""
        doubted = False
        while True:
            await self._start(doubted=doubted)
            self.readiness.trouble = await self._stay_well()
            log.error("engine_fails_self_test", detail=self.readiness.trouble.message)
            doubted = True

    async def _start(self, *, doubted: bool) -> None:
        backoff = Backoff(self._settings.retry_first_s, self._settings.retry_max_s)
        while not await self._try_start(Leave(doubted=doubted)):
            # Where the engine is what fails, its model may be: nothing is believed of it that was not read just now.
            doubted = doubted or isinstance(self.readiness.trouble, WorkerFailed | SelfTestFailed)
            wait_s = backoff.next_s() or self._settings.retry_first_s
            self.board.retry_in(wait_s)
            await asyncio.sleep(wait_s)

    async def _try_start(self, leave: Leave) -> bool:
        try:
            await self._start_once(leave)
        except CareVoiceError as error:
            self.readiness.trouble = error
            log.error("start_failed", code=error.code, detail=error.message, hint=error.advice)
            return False
        except Exception:  # a bug must leave a service that says so and tries again, not one that starts for ever
            self.readiness.trouble = CareVoiceError()
            log.exception("start_failed", code=CareVoiceError.code)
            return False
        finally:
            self._tried.set()
        return True

    async def _start_once(self, leave: Leave) -> None:
        self.board.begin()
        if leave.doubted:
            await self._engine.close()
        self._media.open()
        for check in self._checks:
            with self.board.run(check.name) as stage:
                stage.say(await asyncio.to_thread(check.run))
        if self._local is not None:
            await self._prepare(self._local, leave)
        self._engine.open()
        await self._wait_for("media_worker", self._media)
        await self._wait_for("remote_engine" if self._local is None else "engine_worker", self._engine)
        with self.board.run("self_test") as stage:
            stage.say(await run_self_test(self._transcriber, self._settings.self_test_timeout_s))
            self.self_test.passed(stage.detail)
        self.readiness.trouble = None
        self.board.finish()
        for stage in self.board.stages:
            self._metrics.startup_seconds.labels(stage.name).set(stage.seconds)
        stages = {stage.name: round(stage.seconds, 3) for stage in self.board.stages}
        log.info("ready", total_s=round(self.board.total_s or 0, 3), model=self._models.default.name, stages=stages)

    async def _prepare(self, local: LocalEngine, leave: Leave) -> None:
        """Make the model whole, and choose what runs it."""
        keeper = local.keeper
        with self.board.run("model") as stage:
            await (keeper.ensure(shown_on(stage), full=leave.doubted) if leave.repair else keeper.require())
            stage.say(f"{keeper.name}: every digest is right, {keeper.last_check}")
        with self.board.run("tuning") as stage:
            stage.say(await local.settle(leave, stage))

    async def _wait_for(self, name: str, pool: WindowPool | MediaPool) -> None:
        with self.board.run(name) as stage:
            stage.say(await pool.wait_ready())

    # --- while it runs ------------------------------------------------------------------------------------------------

    async def _stay_well(self) -> CareVoiceError:
        """Look after the files; returns what is wrong once the engine hears nothing rightly any more."""
        looking = asyncio.create_task(self._look_for_ever(), name="model-watch")
        try:
            return await self.self_test.failure()
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.watch_interval_s)
            try:
                if self.files is not None:
                    await self.files.look()
            except Exception:  # what goes wrong once must not be the last look at the files
                log.exception("watch_failed")
