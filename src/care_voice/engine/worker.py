"""Main program of a worker process: `python -m care_voice.engine.worker --role engine --fd 7`.

Three threads: the main one computes, one reads requests, one sends heartbeats. The reader ends the process the moment
the parent's end of the socket closes, even in the middle of a computation, so that no worker outlives its parent.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import queue
import resource
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.engine.channel import ChannelClosed, WorkerChannel
from care_voice.engine.lifeline import die_with_parent
from care_voice.engine.protocol import (
    PROTOCOL_VERSION,
    DecodeWindow,
    Failed,
    Heartbeat,
    LoadEngine,
    LoadMedia,
    Message,
    OpenMedia,
    ProtocolError,
    Ready,
    ToWorker,
)
from care_voice.telemetry.logs import configure_logging

HEARTBEAT_S = 1.0
_EXIT_PARENT_GONE = 0
_EXIT_PROTOCOL = 70

log = structlog.get_logger(__name__)


class Role(Protocol):
    """What a worker does: load once, then answer requests."""

    def load(self, message: ToWorker) -> Ready:
        """Get ready; may take seconds."""

    def handle(self, message: ToWorker) -> Iterator[Message]:
        """Answer one request with one or more messages."""


class Busy:
    """What the main thread is doing, for the heartbeat."""

    def __init__(self) -> None:
        self._state: tuple[int, float] = (0, 0.0)

    def begin(self, request_id: int) -> None:
        self._state = (request_id, time.monotonic())

    def end(self) -> None:
        self._state = (0, 0.0)

    def snapshot(self) -> Heartbeat:
        request_id, since = self._state
        return Heartbeat(request_id, time.monotonic() - since if request_id else 0.0, resident_bytes())


class Worker:
    """Runs one role on one channel until the parent goes away."""

    def __init__(self, channel: WorkerChannel, role: Role) -> None:
        self._channel = channel
        self._role = role
        self._busy = Busy()
        self._inbox: queue.Queue[ToWorker] = queue.Queue()

    def run(self) -> None:
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        if self._load(self._inbox.get()):
            while True:
                self._serve(self._inbox.get())

    def _load(self, message: ToWorker) -> bool:
        try:
            self._channel.send(self._role.load(message))
        except ChannelClosed:
            raise
        except Exception as error:  # whatever the ML library raises is the reason that the parent must be told
            log.exception("worker_load_failed")
            self._channel.send(Failed(0, "WorkerFailed", {"why": f"{type(error).__name__}: {error}"}))
            return False
        return True

    def _serve(self, message: ToWorker) -> None:
        if not isinstance(message, DecodeWindow | OpenMedia):
            raise ProtocolError(f"{type(message).__name__} came after loading")
        structlog.contextvars.bind_contextvars(request_id=message.request_id)
        self._busy.begin(message.id)
        try:
            for answer in self._role.handle(message):
                self._channel.send(answer)
        except CareVoiceError as error:
            self._channel.send(Failed(message.id, type(error).__name__, _plain(error.fields)))
        except (ChannelClosed, ProtocolError):
            raise
        except Exception as error:  # one bad request must not end the worker; the parent gets the reason
            log.exception("request_failed")
            self._channel.send(Failed(message.id, "WorkerFailed", {"why": type(error).__name__}))
        finally:
            self._busy.end()
            structlog.contextvars.clear_contextvars()

    def _read(self) -> None:
        try:
            while True:
                self._inbox.put(self._channel.receive())
        except ChannelClosed:
            os._exit(_EXIT_PARENT_GONE)
        except ProtocolError:
            log.exception("protocol_error")
            os._exit(_EXIT_PROTOCOL)

    def _beat(self) -> None:
        try:
            while True:
                self._channel.send(self._busy.snapshot())
                time.sleep(HEARTBEAT_S)
        except ChannelClosed:
            os._exit(_EXIT_PARENT_GONE)


class EngineRole:
    """Holds a Whisper model and decodes windows."""

    def load(self, message: ToWorker) -> Ready:
        if not isinstance(message, LoadEngine):
            raise ProtocolError(f"{type(message).__name__} is not for an engine worker")
        started = time.monotonic()
        from care_voice.engine.windows import WindowDecoder  # noqa: PLC0415 - each role imports its own ML library

        self._decoder = WindowDecoder(message)
        return ready("engine", self._decoder.detail, started, multilingual=self._decoder.multilingual)

    def handle(self, message: ToWorker) -> Iterator[Message]:
        if not isinstance(message, DecodeWindow):
            raise ProtocolError(f"{type(message).__name__} is not for an engine worker")
        yield self._decoder.decode(message)


class MediaRole:
    """Decodes files and cuts them into windows."""

    def load(self, message: ToWorker) -> Ready:
        if not isinstance(message, LoadMedia):
            raise ProtocolError(f"{type(message).__name__} is not for a media worker")
        started = time.monotonic()
        from care_voice.engine.media import MediaReader  # noqa: PLC0415 - each role imports its own ML library

        self._reader = MediaReader()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (message.max_memory_bytes, hard))
        return ready("media", "PyAV, Silero VAD", started, multilingual=True)

    def handle(self, message: ToWorker) -> Iterator[Message]:
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


def _plain(fields: dict[str, object]) -> dict[str, str | int | float]:
    return {key: value if isinstance(value, str | int | float) else str(value) for key, value in fields.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--role", choices=["engine", "media"], required=True)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--log-format", choices=["auto", "json", "text"], default="auto")
    parser.add_argument("--log-level", default="info")
    arguments = parser.parse_args()
    die_with_parent()
    faulthandler.enable()
    configure_logging(arguments.log_format, arguments.log_level)
    role: Role = EngineRole() if arguments.role == "engine" else MediaRole()
    try:
        Worker(WorkerChannel(socket.socket(fileno=arguments.fd)), role).run()
    except ChannelClosed:
        sys.exit(_EXIT_PARENT_GONE)


if __name__ == "__main__":
    main()
