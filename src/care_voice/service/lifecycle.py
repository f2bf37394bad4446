"""From process start to ready, and staying there: stages, retries, mending, draining.

The web server answers from the first moment; this runs beside it. A stage that fails is shown with its reason and tried
again with backoff for as long as the process lives: the service says that it is degraded, and never exits in a loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import structlog

from care_voice.domain.errors import CareVoiceError, Draining, NotReady, RemoteMisconfigured, RemoteUnavailable
from care_voice.engine.protocol import Ready
from care_voice.service.engine_choice import EngineChoice, Leave, shown_on
from care_voice.service.selftest import run_self_test
from care_voice.service.served_models import LocalEngine
from care_voice.service.startup import Stage, StartupBoard
from care_voice.service.transcription import Transcriber
from care_voice.supervisor.backoff import Backoff
from care_voice.supervisor.media_pool import MediaPool
from care_voice.supervisor.pool import EngineFacts, WindowPool
from care_voice.supervisor.vigilance import CrashLooping
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

State = Literal["starting", "ready", "degraded", "draining"]
WORK_STAGES = ("model", "tuning", "media_worker", "engine_worker", "self_test")
REMOTE_STAGES = ("media_worker", "remote_engine", "self_test")
"""Where a server elsewhere decodes: no model is looked at here, so none is shown as verified."""


@dataclass(frozen=True, slots=True)
class Check:
    """A pre-flight check: `run` returns what to show and raises CareVoiceError when the service cannot work so."""

    name: str
    run: Callable[[], str]


@dataclass(frozen=True, slots=True)
class LifecycleSettings:
    """Deadlines and intervals of the service as a whole."""

    self_test_timeout_s: float = 60.0
    """The known clip must be decoded within this; a machine that cannot is too slow to serve anyone."""

    watch_interval_s: float = 5.0
    """How often the model's files are looked at while the service runs."""

    heartbeat_fresh_s: float = 5.0
    """A worker that was not heard for longer does not count as ready."""

    retry_first_s: float = 1.0
    """Wait before a failed start is tried again."""

    retry_max_s: float = 60.0
    """The wait doubles up to this: a source that is down is not hammered."""

    drain_timeout_s: float = 60.0
    """How long a stop waits for transcriptions that run."""


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
        notices: Sequence[CareVoiceError] = (),
        watched: Callable[[], CareVoiceError | None] = lambda: None,
    ) -> None:
        self._notices = notices
        self._watched = watched
        self._checks = checks
        self._media = media
        self._models = transcriber.models
        self._engine = self._models.default.pool
        self._local = self._models.default.local
        self._transcriber = transcriber
        self._settings = settings
        self._metrics = metrics
        self._draining = False
        self._trouble: CareVoiceError | None = None
        self._mending = Backoff(settings.retry_first_s, settings.retry_max_s)
        self._damage: CareVoiceError | None = None
        self._task: asyncio.Task[None] | None = None
        stages = REMOTE_STAGES if self._local is None else WORK_STAGES
        self.board = StartupBoard([check.name for check in checks] + list(stages))
        metrics.ready.set_function(lambda: float(self.state == "ready"))

    @property
    def state(self) -> State:
        if self._draining:
            return "draining"
        if self.reason is None:
            return "ready"
        return "degraded" if self._trouble is not None or self.board.total_s is not None else "starting"

    @property
    def warning(self) -> CareVoiceError | None:
        """What an operator should know though the service works; None when there is nothing."""
        return next(filter(None, (self._watched(), self._damage, *self._told, *self._notices, self._reduced)), None)

    @property
    def engines(self) -> list[Ready]:
        """What the engine workers of the default model run on."""
        return self._local.pool.running if self._local else []

    @property
    def _told(self) -> tuple[CareVoiceError | None, ...]:
        local = self._local
        return (local.keeper.signature_problem, local.choice.signature_problem, local.choice.notice) if local else ()

    @property
    def _reduced(self) -> CareVoiceError | None:
        return self._local.pool.reduced if self._local else None

    @property
    def reason(self) -> CareVoiceError | None:
        """Why the service does not take work now; None when it does."""
        if self._draining:
            return Draining(retry_after_s=self._transcriber.settings.retry_after_s)
        if self._trouble is not None:
            return self._trouble
        if not self.board.complete:
            return NotReady(why=_describe(self.board.current))
        if (refusal := self._engine.refusal) is not None:
            return refusal
        trouble = self._media.trouble or self._stale_heartbeat()
        return NotReady(why=trouble) if trouble else None

    @property
    def engine(self) -> EngineFacts:
        """What decodes the windows of the default model."""
        return self._engine.facts

    def admit(self) -> None:
        """Let work in, or say why not: a worker that is being restarted is worth waiting for, one that fails is not.

        Raises:
            Draining, NotReady, RemoteUnavailable, RemoteMisconfigured: What keeps the service from working.
        """
        reason = self.reason
        restarting = self.board.complete and not self._draining and self._trouble is None
        if reason is not None and not (restarting and self._workers_are_coming()):
            passed_on = isinstance(reason, Draining | NotReady | RemoteUnavailable | RemoteMisconfigured)
            raise reason if passed_on else NotReady(why=reason.message)

    def start(self) -> None:
        """Begin, in the background."""
        self._task = asyncio.create_task(self._run(), name="lifecycle")

    async def stop(self) -> None:
        """Drain, then end the workers."""
        self._draining = True
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

    async def _run(self) -> None:
        backoff = Backoff(self._settings.retry_first_s, self._settings.retry_max_s)
        while True:
            if await self._try_start():
                break
            await asyncio.sleep(backoff.next_s() or self._settings.retry_first_s)
        while True:
            await asyncio.sleep(self._settings.watch_interval_s)
            try:
                await self._watch()
            except Exception:  # what goes wrong once must not be the last look at the files
                log.exception("watch_failed")

    async def _try_start(self) -> bool:
        try:
            await self._start_once(Leave())
        except CareVoiceError as error:
            self._trouble = error
            log.error("start_failed", code=error.code, detail=error.message, hint=error.advice)
            return False
        except Exception:  # a bug must leave a service that says so and tries again, not one that starts for ever
            self._trouble = CareVoiceError()
            log.exception("start_failed", code=self._trouble.code)
            return False
        return True

    async def _start_once(self, leave: Leave) -> None:
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
        self._trouble = None
        self.board.finish()
        for stage in self.board.stages:
            self._metrics.startup_seconds.labels(stage.name).set(stage.seconds)
        stages = {stage.name: round(stage.seconds, 3) for stage in self.board.stages}
        log.info("ready", total_s=round(self.board.total_s or 0, 3), model=self._models.default.name, stages=stages)

    async def _prepare(self, local: LocalEngine, leave: Leave) -> None:
        """Make the model whole, and choose what runs it."""
        with self.board.run("model") as stage:
            await (local.keeper.ensure(shown_on(stage)) if leave.repair else local.keeper.require())
            stage.say(f"{local.keeper.name}: every digest is right, {local.keeper.last_check}")
        with self.board.run("tuning") as stage:
            stage.say(await local.settle(leave, stage))

    async def _wait_for(self, name: str, pool: WindowPool | MediaPool) -> None:
        with self.board.run(name) as stage:
            stage.say(await pool.wait_ready())

    async def _watch(self) -> None:
        """Look after the model's files; the workers look after themselves, and serve from memory meanwhile."""
        if self._local is None:
            return
        await self._local.choice.look_after()
        if await self._local.keeper.unchanged():
            return
        damage = await self._local.keeper.damage()
        if damage is not None:
            await self.mend(damage)

    async def mend(self, damage: CareVoiceError) -> None:
        """Have the served model pulled again, and say meanwhile what is wrong with it."""
        assert self._local is not None
        keeper = self._local.keeper
        self._damage = damage
        log.warning("model_needs_mending", model=keeper.name, damage=damage.message)
        try:
            await keeper.ensure(full=True)
        except CareVoiceError as error:
            self._damage = error
            log.error("mending_failed", code=error.code, detail=error.message, hint=error.advice)
            await asyncio.sleep(self._mending.next_s())
        else:
            self._damage = None
            self._mending.reset()
            self._engine.retry_now()
            log.info("model_mended", model=keeper.name)

    @property
    def choice(self) -> EngineChoice | None:
        """What runs the default model here; None where a server elsewhere does."""
        return self._local.choice if self._local else None

    @property
    def crash_loop(self) -> CrashLooping | None:
        """Workers that end one after the other; None while they do not. Others may serve meanwhile."""
        return self._engine.crash_loop or self._media.crash_loop

    def _workers_are_coming(self) -> bool:
        return self._engine.hopeful and self._media.hopeful

    def _stale_heartbeat(self) -> str | None:
        if self._engine.heard_within(self._settings.heartbeat_fresh_s):
            return None
        return "no engine worker has sent a heartbeat lately"


def _describe(stage: Stage | None) -> str:
    if stage is None:
        return "it is starting"
    return f"{stage.name}: {stage.detail}" if stage.detail else stage.name
