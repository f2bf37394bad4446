"""Encodes in the background, while the decoder goes on."""

from __future__ import annotations

import os
import threading
import time
import weakref
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue

from care_voice.engine.backends.onnxrt.session import Array, Encoder, Sound

_Queue = SimpleQueue["tuple[Future[Sound], Array] | None"]


@dataclass(slots=True)
class _Watch:
    """Since when the encoding has been running that runs now, on the monotonic clock."""

    since: float | None = None


class EncoderThread:
    """Encodes one window after the other, in the order in which they come; cancelled ones are passed over.

    The thread is a daemon: a process that has to end waits neither for what it encodes nor for what is queued.

    Args:
        encoder: A graph, which other threads may use too.
        niceness: Added to that of the thread.
    """

    def __init__(self, encoder: Encoder, niceness: int) -> None:
        self._queue: _Queue = SimpleQueue()
        self._watch = _Watch()
        work = (encoder, self._queue, self._watch, niceness)
        threading.Thread(target=_encode_all, args=work, name="encoder", daemon=True).start()
        weakref.finalize(self, self._queue.put, None)

    def encode(self, mel: Array) -> Future[Sound]:
        """Encode it when those before it are done."""
        sound: Future[Sound] = Future()
        self._queue.put((sound, mel))
        return sound

    @property
    def running_s(self) -> float:
        """For how many seconds it has been encoding one and the same window; 0 where it encodes none."""
        since = self._watch.since
        return 0.0 if since is None else time.monotonic() - since


def _encode_all(encoder: Encoder, queue: _Queue, watch: _Watch, niceness: int) -> None:
    _yield_to_others(niceness)
    while _encode_next(encoder, queue, watch):
        pass


def _encode_next(encoder: Encoder, queue: _Queue, watch: _Watch) -> bool:
    """A function of its own, so that nothing of a window is kept while the thread waits for the next one."""
    work = queue.get()
    if work is None:
        return False
    sound, mel = work
    if sound.set_running_or_notify_cancel():
        watch.since = time.monotonic()
        try:
            result = encoder.encode(mel)
        except Exception as error:  # noqa: BLE001 - whoever waits for the sound gets it
            watch.since = None
            sound.set_exception(error)
        else:
            watch.since = None
            sound.set_result(result)
    return True


def _yield_to_others(niceness: int) -> None:
    """Lower the priority of this thread alone, where the system can: Linux counts threads as processes there."""
    if niceness:
        with suppress(OSError, AttributeError):
            ours = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(19, ours + niceness))
