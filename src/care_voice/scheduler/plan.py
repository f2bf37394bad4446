"""Which window goes to which worker next. Pure: it neither waits nor sends.

There is no wait for company: a worker that computes several windows together takes each as it comes.
"""

from __future__ import annotations

import bisect
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from care_voice.scheduler.queue import Entry, WindowQueue
from care_voice.scheduler.suspicion import Suspicion, Verdict
from care_voice.scheduler.work import Window


class Station(Hashable, Protocol):
    """A worker, as far as planning is concerned."""

    @property
    def in_flight(self) -> int:
        """Windows that it has."""

    @property
    def load_s(self) -> float:
        """Audio seconds that it has."""

    def has_room(self, audio_s: float, *, patient: bool) -> bool:
        """Whether it wants a window of this length now; `patient` ones can wait."""


S = TypeVar("S", bound=Station)


@dataclass(slots=True)
class _Given(Generic[S]):
    station: S
    entry: Entry
    wanted: bool = True


class Plan(Generic[S]):
    """All windows that wait or are being computed."""

    def __init__(self, queue: WindowQueue, suspicion: Suspicion) -> None:
        self._queue = queue
        self._suspicion = suspicion
        self._given: dict[int, _Given[S]] = {}
        self._suspects: list[Entry] = []

    @property
    def waiting(self) -> int:
        """Windows that no worker has."""
        return len(self._queue) + len(self._suspects)

    @property
    def computing(self) -> int:
        """Windows that workers have."""
        return len(self._given)

    def add(self, window: Window, now: float) -> None:
        """A new window."""
        self._queue.push(window, now)

    def next(self, stations: Sequence[S], now: float) -> tuple[S, Window] | None:
        """One window and the worker that gets it; None when there is nothing that could be given out now."""
        accused = {given.station for n, given in self._given.items() if self._suspicion.must_be_alone(n)}
        free = [station for station in stations if station not in accused]
        if self._suspects and free:
            # One worker is kept for the suspects: it gets nothing else until it is empty and can take the first.
            kept = min(free, key=_load)
            first = self._suspects[0].window
            if kept.in_flight == 0 and kept.has_room(first.audio_s, patient=first.patient):
                return self._give(kept, self._suspects.pop(0))
            free.remove(kept)
        return self._next_in_company(free, now)

    def withdraw(self, number: int) -> S | None:
        """Nobody waits for this window any more; the worker that has it, which must say so itself, or None."""
        given = self._given.get(number)
        if given is not None:
            given.wanted = False
            return given.station
        self._queue.withdraw(number)
        self._suspects = [entry for entry in self._suspects if entry.window.number != number]
        self._suspicion.forget(number)
        return None

    def done(self, number: int) -> Window:
        """A worker has answered for this window."""
        self._suspicion.forget(number)
        return self._given.pop(number).entry.window

    def lost(self, station: S, now: float, *, blamed: bool) -> dict[int, Verdict]:
        """A worker has ended: what becomes of each window that it had and somebody still waits for."""
        lost = {number: given for number, given in self._given.items() if given.station == station}
        verdicts: dict[int, Verdict] = {}
        for number, given in lost.items():
            del self._given[number]
            if not given.wanted:
                self._suspicion.forget(number)
                continue
            verdicts[number] = self._suspicion.lost(number, blamed=blamed, alone=len(lost) == 1)
            self._put_back(given.entry, verdicts[number], now)
        return verdicts

    def losses(self, number: int) -> int:
        """Workers that have ended while they had this window."""
        return self._suspicion.losses(number)

    def forget(self, number: int) -> None:
        """A window that was put aside."""
        self._suspicion.forget(number)

    def _put_back(self, entry: Entry, verdict: Verdict, now: float) -> None:
        if verdict is Verdict.ALONE:
            bisect.insort(self._suspects, entry)
        elif verdict is Verdict.AGAIN:
            self._queue.restore(entry, now)

    def _next_in_company(self, free: Sequence[S], now: float) -> tuple[S, Window] | None:
        """A window whose class no station has room for lets the next class go first."""
        longest_s = 0.0
        for entry in self._queue.heads(now):
            # One that is only too long for the room that is left keeps it: shorter ones would fill it again and again.
            longest_s = max(longest_s, entry.window.audio_s)
            willing = [station for station in free if station.has_room(longest_s, patient=entry.window.patient)]
            if willing:
                self._queue.pop(entry, now)
                return self._give(min(willing, key=_load), entry)
        return None

    def _give(self, station: S, entry: Entry) -> tuple[S, Window]:
        self._given[entry.window.number] = _Given(station, entry)
        return station, entry.window


def _load(station: Station) -> tuple[float, int]:
    return station.load_s, station.in_flight
