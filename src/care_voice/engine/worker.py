"""Main program of a worker process: `python -m care_voice.engine.worker --role engine --fd 7`.

Three threads: the main one computes, one reads requests, one sends heartbeats. The reader ends the process the moment
the parent's end of the socket closes, even in the middle of a computation, so that no worker outlives its parent.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Mapping

from care_voice.engine.channel import ChannelClosed, WorkerChannel
from care_voice.engine.desk import Desk
from care_voice.engine.lifeline import die_with_parent
from care_voice.engine.protocol import (
    Cancel,
    DecodeWindow,
    DeriveMedia,
    Failed,
    LoadEngine,
    LoadMedia,
    OpenMedia,
    ProtocolError,
    ToWorker,
)
from care_voice.engine.roles import EngineRole, MediaRole, Role, resident_bytes
from care_voice.telemetry.deferred import DeferredLogger, configure_logging_later

HEARTBEAT_S = 1.0
_EXIT_PARENT_GONE = 0
_EXIT_FAILED = 1
_EXIT_PROTOCOL = 70

ROLES: Mapping[str, type[Role]] = {"engine": EngineRole, "media": MediaRole}

log = DeferredLogger(__name__)


class Worker:
    """Runs one role on one channel until the parent goes away."""

    def __init__(self, channel: WorkerChannel, role: Role) -> None:
        self._channel = channel
        self._role = role
        self._desk = Desk(channel.send)
        self._first: queue.SimpleQueue[ToWorker] = queue.SimpleQueue()

    def run(self) -> None:
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        if self._load():
            self._role.serve(self._desk)

    def _load(self) -> bool:
        try:
            self._role.prepare()
            message = self._first.get()
            if isinstance(message, LoadEngine | LoadMedia):
                configure_logging_later(message.log_format, message.log_level)
            self._channel.send(self._role.load(message))
        except ChannelClosed:
            raise
        except Exception as error:  # whatever the ML library raises is the reason that the parent must be told
            log.exception("worker_load_failed")
            self._channel.send(Failed(0, "WorkerFailed", {"why": f"{type(error).__name__}: {error}"}))
            return False
        return True

    def _read(self) -> None:
        try:
            self._first.put(self._channel.receive())
            while True:
                self._take(self._channel.receive())
        except ChannelClosed:
            os._exit(_EXIT_PARENT_GONE)
        except ProtocolError:
            log.exception("protocol_error")
            os._exit(_EXIT_PROTOCOL)

    def _take(self, message: ToWorker) -> None:
        if isinstance(message, DecodeWindow | OpenMedia | DeriveMedia):
            self._desk.put(message)
        elif isinstance(message, Cancel):
            self._desk.cancel(message)
        else:
            raise ProtocolError(f"{type(message).__name__} came after loading")

    def _beat(self) -> None:
        try:
            while True:
                self._channel.send(self._desk.snapshot(resident_bytes(), time.process_time()))
                time.sleep(HEARTBEAT_S)
        except ChannelClosed:
            os._exit(_EXIT_PARENT_GONE)


def main(roles: Mapping[str, type[Role]] = ROLES) -> None:
    """Run the role that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--role", choices=list(roles), required=True)
    parser.add_argument("--fd", type=int, required=True)
    arguments = parser.parse_args()
    die_with_parent()
    faulthandler.enable()
    configure_logging_later()
    try:
        Worker(WorkerChannel(socket.socket(fileno=arguments.fd)), roles[arguments.role]()).run()
    except ChannelClosed:
        os._exit(_EXIT_PARENT_GONE)
    except Exception:
        log.exception("worker_failed")
        # At once: the interpreter's own end waits for threads, and crashes under what libraries still compute.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_EXIT_FAILED)


if __name__ == "__main__":
    main()
