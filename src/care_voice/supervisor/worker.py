"""One worker process as the parent sees it: spawned, shaken hands with, watched, ended."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any, Final, TypeVar

import msgspec
import structlog

from care_voice.engine.protocol import (
    LENGTH_BYTES,
    PROTOCOL_VERSION,
    Failed,
    Heartbeat,
    LoadEngine,
    LoadMedia,
    LogFormat,
    Message,
    ProtocolError,
    Ready,
    ToParent,
    WorkerRole,
    body_length,
    decode_for_parent,
    frame,
)
from care_voice.supervisor.settings import SupervisorSettings
from care_voice.supervisor.spawning import Spawned, spawn
from care_voice.supervisor.vigilance import LivedTime, StallWatch

log = structlog.get_logger(__name__)

T = TypeVar("T")
Spawn = Callable[[WorkerRole], Spawned]
"""Gives a process that waits to be told what to load; raises OSError."""
_OUTSIDE_SIGNALS: Final = frozenset({"SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGBUS"})
"""Signals that come from a person or the kernel, and not from a fault in the code that was running. SIGBUS is what a
model's file gives that was cut short while it was mapped into memory."""
_LOOK_EVERY_S: Final = 1.0
_REAP_EVERY_S: Final = 0.005
_INBOX_MESSAGES: Final = 4
"""Answers held in the parent before it stops reading: together with the socket's buffer the back-pressure on a file."""


class WorkerDied(Exception):
    """The worker process ended, was killed, or broke the protocol; `cause` is a short stable word.

    `blames_work` says whether the work that it had may have done it: a crash or a hang, and not a signal from outside.
    """

    def __init__(self, cause: str, detail: str = "", *, blames_work: bool = True) -> None:
        super().__init__(f"{cause}: {detail}" if detail else cause)
        self.cause = cause
        self.detail = detail
        self.blames_work = blames_work


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """How to start a worker and what it loads."""

    role: WorkerRole
    load: LoadEngine | LoadMedia
    log_format: LogFormat = "auto"
    log_level: str = "info"
    needed_bytes: int = 0
    """Memory that it takes; it is not started where there is less."""
    reserve: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
    """Holds what else it takes, such as GPU memory, while it loads."""

    @property
    def what(self) -> str:
        """What it is about, for people: its model, or what it does."""
        return self.load.model_name if isinstance(self.load, LoadEngine) else self.role

    @property
    def opening(self) -> LoadEngine | LoadMedia:
        """The first message to the worker."""
        return msgspec.structs.replace(self.load, log_format=self.log_format, log_level=self.log_level)


class WorkerProcess:
    """A live worker. Use `start`, then `send` or `post` requests and `receive` what comes back."""

    def __init__(
        self,
        spec: WorkerSpec,
        process: Popen[bytes],
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        settings: SupervisorSettings,
    ) -> None:
        self.spec = spec
        self._process = process
        self._reader, self._writer = streams
        self._settings = settings
        self._inbox: asyncio.Queue[ToParent] = asyncio.Queue(_INBOX_MESSAGES)
        self._death: asyncio.Future[WorkerDied] = asyncio.get_running_loop().create_future()
        self._heard_at = time.monotonic()
        self._look_every_s = min(settings.heartbeat_timeout_s / 10, _LOOK_EVERY_S)
        self._lived = LivedTime(self._heard_at, 2 * self._look_every_s)
        self._heard_lived_s = 0.0
        self._reading = True
        self._kill_cause: str | None = None
        self._suspended = False
        self._stall: StallWatch | None = None
        self.heartbeat: Heartbeat | None = None
        self.ready: Ready | None = None
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._watch())]

    @classmethod
    async def start(cls, spec: WorkerSpec, settings: SupervisorSettings, spawn: Spawn = spawn) -> WorkerProcess:
        """Spawn a worker and wait until it has loaded.

        Raises:
            WorkerDied: It did not become ready within the deadline; the process is gone.
        """
        try:
            spawned = spawn(spec.role)
        except OSError as error:
            raise WorkerDied("spawn_failed", str(error)) from error
        try:
            streams = await asyncio.open_connection(sock=spawned.sock)
        except BaseException:
            spawned.end()
            raise
        worker = cls(spec, spawned.process, streams, settings)
        await worker._shake_hands()
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return not self._death.done()

    @property
    def heard_ago_s(self) -> float:
        """Seconds since the last frame came."""
        return time.monotonic() - self._heard_at

    async def died(self) -> WorkerDied:
        """Wait for the end of the process and say why."""
        return await asyncio.shield(self._death)

    async def send(self, message: Message, timeout_s: float) -> None:
        """Send a request. One that is larger than the socket's buffer is gone only when the worker reads it.

        Raises:
            WorkerDied: The worker is gone, or was killed because it did not read for `timeout_s`.
        """
        if self._death.done():
            raise self._death.result()
        self._writer.write(frame(message))
        try:
            async with asyncio.timeout(timeout_s):
                await self._writer.drain()
        except TimeoutError:
            self.kill("hang")
            raise await self.died() from None
        except OSError:
            raise await self.died() from None

    def post(self, message: Message) -> None:
        """Send without waiting; what a worker that has ended does not get is for whoever waits for its answer."""
        if self.alive and not self._writer.is_closing():
            self._writer.write(frame(message))

    async def receive(self, timeout_s: float | None) -> ToParent:
        """The next answer that is not a heartbeat; None waits for as long as the worker lives.

        Raises:
            WorkerDied: The worker ended before it answered, or was killed because it took longer than `timeout_s`.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self.while_alive(self._inbox.get())
        except TimeoutError:
            self.kill("hang")
            raise await self.died() from None

    async def while_alive(self, awaitable: Coroutine[object, object, T] | asyncio.Future[T]) -> T:
        """The result of something awaited, unless the worker ends first; what is awaited must be safe to cancel.

        Raises:
            WorkerDied: The worker ended first.
        """
        wanted = asyncio.ensure_future(awaitable)
        try:
            waiting: set[asyncio.Future[Any]] = {wanted, self._death}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not wanted.done():
                raise self._death.result()
            return wanted.result()
        finally:
            wanted.cancel()

    def kill(self, cause: str) -> None:
        """SIGKILL; `cause` is what the exit is counted as."""
        if self.alive and self._kill_cause is None:
            self._kill_cause = cause
            self._suspended = is_suspended(self.pid)
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._drop_inbox()

    async def stop(self) -> None:
        """Close the socket, which ends an honest worker at once; kill one that stays. Returns when it is reaped."""
        self._kill_cause = self._kill_cause or "stopped"
        self._drop_inbox()
        self._writer.close()
        try:
            await asyncio.wait_for(self.died(), self._settings.stop_grace_s)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self.died()

    async def _shake_hands(self) -> None:
        try:
            await self.send(self.spec.opening, self._settings.handshake_timeout_s)
            answer = await self.receive(self._settings.handshake_timeout_s)
        except WorkerDied as death:
            raise WorkerDied("handshake_timeout" if death.cause == "hang" else death.cause, death.detail) from death
        except asyncio.CancelledError:
            self.kill("stopped")
            await self.died()
            raise
        if isinstance(answer, Ready) and answer.version == PROTOCOL_VERSION:
            self.ready = answer
            if self.spec.role == "engine":
                self._stall = _stall_watch(answer, self._settings)
            return
        self.kill("load_failed")
        await self.died()
        why = str(answer.fields.get("why", "")) if isinstance(answer, Failed) else f"unexpected {type(answer).__name__}"
        raise WorkerDied("load_failed", why)

    async def _read(self) -> None:
        cause = "crashed"
        try:
            while True:
                length = body_length(await self._reader.readexactly(LENGTH_BYTES))
                await self._take(decode_for_parent(await self._reader.readexactly(length)))
        except (asyncio.IncompleteReadError, OSError):
            pass
        except ProtocolError as error:
            log.error("worker_protocol_error", role=self.spec.role, pid=self.pid, error=str(error))
            cause = "protocol_error"
        await self._bury(cause)

    async def _take(self, message: ToParent) -> None:
        self._note_heard()
        if isinstance(message, Heartbeat):
            self.heartbeat = message
            if self._stall is not None:
                self._stall.heard(message, self._heard_lived_s)
            return
        if self._kill_cause is not None:
            return
        self._reading = False
        await self._inbox.put(message)
        self._reading = True
        self._note_heard()

    def _note_heard(self) -> None:
        self._heard_at = time.monotonic()
        self._heard_lived_s = self._lived.look(self._heard_at)

    def _drop_inbox(self) -> None:
        """Nobody will read the answers any more: let the reader go on to the end of the stream."""
        while not self._inbox.empty():
            self._inbox.get_nowait()

    async def _watch(self) -> None:
        """Kill a worker that has gone silent or stands still; silence counts only while the parent is reading."""
        while self.alive:
            await asyncio.sleep(self._look_every_s)
            starting = self.ready is None
            lived_s = self._lived.look(time.monotonic())
            silent_s = lived_s - self._heard_lived_s
            if self._reading and not starting and silent_s > self._settings.heartbeat_timeout_s:
                self.kill("heartbeat_lost")
            elif self._stall is not None and self._stall.stalled(lived_s):
                self.kill("hang")

    async def _bury(self, cause: str) -> None:
        """The socket is closed: end the process if it still runs, reap it, and tell whoever waits."""
        self._writer.close()
        if cause == "protocol_error":
            self.kill(cause)
        try:
            async with asyncio.timeout(self._settings.stop_grace_s):
                code = await self._exit_code()
        except TimeoutError:
            self.kill("socket_closed")
            code = await self._exit_code()
        self._tasks[1].cancel()
        detail = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        if not self._death.done():
            if self._suspended:
                detail = "a signal had stopped it"
            outside = self._suspended if self._kill_cause else detail in _OUTSIDE_SIGNALS
            self._death.set_result(WorkerDied(self._kill_cause or cause, detail, blames_work=not outside))

    async def _exit_code(self) -> int:
        """Reap the process. Its socket is closed, so that this is a matter of moments."""
        while (code := self._process.poll()) is None:  # noqa: ASYNC110 - no event of the loop tells it
            await asyncio.sleep(_REAP_EVERY_S)
        return code


def _stall_watch(ready: Ready, settings: SupervisorSettings) -> StallWatch:
    """A worker on another device may wait for it without using the CPU: there only its steps show that it goes on."""
    limit_s = settings.hang_timeout_s if ready.counts_steps else settings.window_timeout_s
    return StallWatch(limit_s, settings.hang_timeout_s if ready.device == "cpu" else None)


def is_suspended(pid: int) -> bool:
    """Whether a signal has stopped the process; False where the system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in ("T", "t")
