"""Clients that never try again, for as long as a test wants them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

Send = Callable[[httpx.Client], httpx.Response]


@dataclass
class Load:
    """What the clients were answered: statuses, or the name of an exception."""

    answers: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0

    @property
    def failures(self) -> dict[str, int]:
        return {answer: count for answer, count in self.answers.items() if answer != "200"}

    @property
    def total(self) -> int:
        return sum(self.answers.values())


@contextmanager
def under_load(url: str, sends: list[Send]) -> Iterator[Load]:
    """One client after another for each of `sends`, which keep connections as browsers do, until the block ends."""
    load, over, lock = Load(), threading.Event(), threading.Lock()

    def work(send: Send) -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            while not over.is_set():
                started = time.monotonic()
                try:
                    answer = str(send(client).status_code)
                except httpx.HTTPError as error:
                    answer = repr(error)
                with lock:
                    load.answers[answer] += 1
                    load.slowest_s = max(load.slowest_s, time.monotonic() - started)

    threads = [threading.Thread(target=work, args=(send,)) for send in sends]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        over.set()
        for thread in threads:
            thread.join()
