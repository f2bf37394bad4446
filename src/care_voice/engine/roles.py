"""What a worker does: the roles, and how one that computes one thing at a time is served."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import WorkerFailed
from care_voice.engine.channel import ChannelClosed
from care_voice.engine.desk import Answer, Desk, Request
from care_voice.engine.protocol import (
    PROTOCOL_VERSION,
    DecodeWindow,
    DeriveMedia,
    LoadEngine,
    LoadMedia,
    OpenMedia,
    ProtocolError,
    Ready,
    ToWorker,
    WindowDecoded,
)
from care_voice.telemetry.deferred import DeferredLogger

log = DeferredLogger(__name__)


class Role(Protocol):
    """Loads once, then serves its desk until the process ends.

    A role that computes several windows together says so in the `capacity` of its `Ready`. It takes what has come with
    `desk.take_now` between two steps, answers each window when it is ready, in any order, and calls `desk.step` as it
    goes on. It never waits for company: a window that is alone is begun alone, and others join it when they come. An
    exception that leaves `serve` ends the process; the parent gives its windows to the next one.
    """

    def prepare(self) -> None:
        """Import what is needed whatever is loaded: the parent verifies the model meanwhile."""

    def load(self, message: ToWorker) -> Ready:
        """Get ready; may take seconds."""

    def serve(self, desk: Desk) -> None:
        """Take requests and answer them; does not return."""


def serve_one_at_a_time(desk: Desk, handle: Callable[[Request], Iterator[Answer]]) -> None:
    """Serve a desk with a function that answers one request; one bad request does not end the worker."""
    while True:
        request = desk.take()
        try:
            for answer in handle(request):
                desk.answer(answer)
        except CareVoiceError as error:
            desk.fail(request.id, error)
        except (ChannelClosed, ProtocolError):
            raise
        except Exception as error:  # the parent gets the reason, and the worker lives on
            log.exception("request_failed", request_id=request.request_id)
            desk.fail(request.id, WorkerFailed(why=type(error).__name__))


class EngineRole:
    """Holds a Whisper model and decodes windows."""

    def prepare(self) -> None:
        import care_voice.engine.windows  # noqa: F401, PLC0415 - each role imports its own ML library

    def load(self, message: ToWorker) -> Ready:
        if not isinstance(message, LoadEngine):
            raise ProtocolError(f"{type(message).__name__} is not for an engine worker")
        started = time.monotonic()
        if message.gpu is not None:
            # CUDA counts the devices that it is shown: now the one that was chosen is its first, in whatever order.
            os.environ["CUDA_VISIBLE_DEVICES"] = message.gpu.uuid
        from care_voice.engine.windows import WindowDecoder  # noqa: PLC0415 - each role imports its own ML library

        self._decoder = WindowDecoder(message)
        runtime = self._decoder.runtime
        return msgspec.structs.replace(
            ready("engine", runtime.detail, started, multilingual=runtime.multilingual),
            capacity=runtime.capacity,
            capacity_s=runtime.capacity_s,
            counts_steps=runtime.counts_steps,
            preempts=runtime.preempts,
            device=runtime.device,
            gpu=runtime.gpu.index if runtime.gpu else None,
            compute_type=runtime.compute_type,
        )

    def serve(self, desk: Desk) -> None:
        progress = 0
        while True:
            self._let_go(desk)
            self._let_in(desk)
            for result in self._decoder.step():
                if isinstance(result, WindowDecoded):
                    desk.answer(result)
                else:
                    self._fail(desk, result.request, result.error)
            self._tell_limits(desk)
            if self._decoder.runtime.progress != progress:
                progress = self._decoder.runtime.progress
                desk.step()

    def _tell_limits(self, desk: Desk) -> None:
        """What memory has left of them."""
        runtime = self._decoder.runtime
        desk.halvings, desk.capacity, desk.capacity_s = runtime.halvings, runtime.capacity, runtime.capacity_s

    def _let_go(self, desk: Desk) -> None:
        """Drop what nobody waits for any more; what the runtime cannot let go of is answered in the end."""
        for key in desk.given_up:
            if self._decoder.drop(key):
                desk.drop(key)

    def _let_in(self, desk: Desk) -> None:
        """Begin what has come, of which the parent gives no more than is wanted; waits where there is nothing to do."""
        request: Request | None = None if len(self._decoder) else desk.take()
        while request := request or desk.take_now():
            self._begin(desk, request)
            request = None

    def _begin(self, desk: Desk, request: Request) -> None:
        """One bad request must not end the worker; the parent gets the reason."""
        if not isinstance(request, DecodeWindow):
            raise ProtocolError(f"{type(request).__name__} is not for an engine worker")
        try:
            self._decoder.begin(request)
        except Exception as error:  # noqa: BLE001 - `_fail` logs what is not an error of ours
            self._fail(desk, request, error)

    def _fail(self, desk: Desk, request: DecodeWindow, error: Exception) -> None:
        """Only a fault of our own is worth a log line with its traceback."""
        if isinstance(error, CareVoiceError):
            desk.fail(request.id, error)
            return
        log.error("request_failed", request_id=request.request_id, exc_info=error)
        desk.fail(request.id, WorkerFailed(why=type(error).__name__))


class MediaRole:
    """Decodes files and cuts them into windows."""

    def prepare(self) -> None:
        import care_voice.engine.deriving  # noqa: PLC0415 - each role imports its own ML library
        import care_voice.engine.media  # noqa: F401, PLC0415

    def load(self, message: ToWorker) -> Ready:
        if not isinstance(message, LoadMedia):
            raise ProtocolError(f"{type(message).__name__} is not for a media worker")
        started = time.monotonic()
        from care_voice.engine.deriving import derive  # noqa: PLC0415 - each role imports its own ML library
        from care_voice.engine.media import MediaReader  # noqa: PLC0415

        self._reader, self._derive = MediaReader(), derive
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (message.max_memory_bytes, hard))
        return ready("media", "PyAV, Silero VAD", started, multilingual=True)

    def serve(self, desk: Desk) -> None:
        serve_one_at_a_time(desk, self.handle)

    def handle(self, message: Request) -> Iterator[Answer]:
        """Read one file."""
        if isinstance(message, DeriveMedia):
            return self._derive(message)
        if not isinstance(message, OpenMedia):
            raise ProtocolError(f"{type(message).__name__} is not for a media worker")
        return self._reader.read(message)


def ready(role: str, detail: str, started: float, *, multilingual: bool) -> Ready:
    """The handshake's answer; `started` is the monotonic time at which loading began."""
    return Ready(
        version=PROTOCOL_VERSION,
        pid=os.getpid(),
        role=role,
        detail=detail,
        multilingual=multilingual,
        load_s=time.monotonic() - started,
        rss_bytes=resident_bytes(),
    )


def resident_bytes() -> int:
    """Resident memory of this process; 0 where /proc does not exist."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    except OSError:
        return 0
