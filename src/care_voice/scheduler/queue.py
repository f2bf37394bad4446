"""The queue of windows: urgent before patient, and within a class fair between clients. Pure.

Fairness is start-time fair queueing: each client has a clock of its own that runs with the audio seconds it asked for,
and the window whose clock shows the least goes first. The clock of a client with three hours of audio has run far ahead
of the others', so that one who comes with a few seconds goes before it.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field

from care_voice.scheduler.work import Priority, Window

_SPARE_CLOCKS = 64


@dataclass(order=True, slots=True)
class Entry:
    """A window's place in the queue, which it keeps when it has to be computed again."""

    priority: Priority
    start: float
    order: int
    window: Window = field(compare=False)


@dataclass(slots=True)
class _Class:
    heap: list[Entry] = field(default_factory=list)
    clock: float = 0.0
    clients: dict[str, float] = field(default_factory=dict)
    waiting: int = 0
    unserved_since: float = 0.0


class WindowQueue:
    """All windows that wait for a worker. Times are monotonic seconds."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._orders = itertools.count()
        self._classes = {priority: _Class() for priority in Priority}
        self._waiting: dict[int, Entry] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def push(self, window: Window, now: float) -> None:
        """A new window: it goes behind what its client has asked for already."""
        each = self._classes[window.priority]
        start = max(each.clock, each.clients.get(window.client, 0.0))
        each.clients[window.client] = start + window.audio_s
        self._insert(Entry(window.priority, start, next(self._orders), window), now)

    def restore(self, entry: Entry, now: float) -> None:
        """A window that was given out and could not be computed: it gets its place back."""
        self._insert(entry, now)

    def withdraw(self, number: int) -> bool:
        """Nobody waits for this window any more; whether it was in the queue."""
        entry = self._waiting.pop(number, None)
        if entry is None:
            return False
        self._classes[entry.priority].waiting -= 1
        return True

    def heads(self, now: float) -> list[Entry]:
        """The first window of each class, in the order in which the classes have their turn.

        Windows that are past their deadline are dropped on the way.
        """
        entries = (self._first(self._classes[priority], now) for priority in self._turns(now))
        return [entry for entry in entries if entry is not None]

    def pop(self, entry: Entry, now: float) -> None:
        """Give out a window that `heads` has just named."""
        each = self._classes[entry.priority]
        heapq.heappop(each.heap)
        self.withdraw(entry.window.number)
        each.clock = max(each.clock, entry.start)
        each.unserved_since = now
        self._forget_idle_clients(each)

    def _insert(self, entry: Entry, now: float) -> None:
        each = self._classes[entry.priority]
        if each.waiting == 0:
            each.unserved_since = now
        each.waiting += 1
        self._waiting[entry.window.number] = entry
        heapq.heappush(each.heap, entry)

    def _turns(self, now: float) -> list[Priority]:
        """The classes in the order in which they are asked: first one whose patience has ended, then by urgency."""
        waiting = [priority for priority, each in self._classes.items() if each.waiting]
        starving = [p for p in waiting[1:] if now - self._classes[p].unserved_since >= self._patience_s]
        longest = sorted(starving, key=lambda p: self._classes[p].unserved_since)[:1]
        return longest + [priority for priority in waiting if priority not in longest]

    def _first(self, each: _Class, now: float) -> Entry | None:
        while each.heap:
            entry = each.heap[0]
            here = self._waiting.get(entry.window.number) is entry
            if here and entry.window.deadline > now:
                return entry
            heapq.heappop(each.heap)
            if here:
                self.withdraw(entry.window.number)
        return None

    @staticmethod
    def _forget_idle_clients(each: _Class) -> None:
        """Of clients that come once and never again nothing is kept: those that are least ahead are like new ones."""
        room = _SPARE_CLOCKS + each.waiting
        if len(each.clients) > 2 * room:
            furthest = heapq.nlargest(room, each.clients.items(), key=lambda item: item[1])
            each.clients = {client: clock for client, clock in furthest if clock > each.clock}
