"""Rows that are decoded together: what each has in its cache, and the sounds that they attend to."""

from __future__ import annotations

import numpy as np

from care_voice.engine.backends.onnxrt.session import MAX_POSITIONS, Array, Decoder, Sound

_FAR_BELOW = np.float32(-1e30)
"""Added to what must not be attended to; infinity would make not-a-number of a row that is all so."""


class Rows:
    """Slots [0, count) are in use. Of each: the tokens that were read, their keys and values, and their queries.

    Slots that were never used take no memory: the system gives a page of zeros when it is first written to.
    """

    def __init__(self, decoder: Decoder, capacity: int = 32) -> None:
        self.count = 0
        self.cache = np.zeros(
            (2 * decoder.layers, capacity, decoder.heads, MAX_POSITIONS, decoder.head_size), np.float32
        )
        self.queries = np.zeros((capacity, MAX_POSITIONS, decoder.query_width), np.float32)
        self.tokens = np.zeros((capacity, MAX_POSITIONS), np.int64)
        self.lengths = np.zeros(capacity, np.int64)

    def take(self) -> int:
        """A new row at the end, with nothing in it."""
        if self.count == len(self.lengths):
            self._grow()
        self.count += 1
        self.lengths[self.count - 1] = 0
        return self.count - 1

    def copy(self, source: int, target: int, *, related: bool) -> None:
        """Make `target` what `source` is; where both come from one prompt only what differs is copied."""
        length = int(self.lengths[source])
        start = self._common(source, target, length) if related else 0
        for values in (self.tokens, self.queries):
            values[target, start:length] = values[source, start:length]
        self.cache[:, target, :, start:length] = self.cache[:, source, :, start:length]
        self.lengths[target] = length

    def _common(self, source: int, target: int, length: int) -> int:
        differs = self.tokens[source, :length] != self.tokens[target, :length]
        first = int(differs.argmax()) if length else 0
        return first if length and differs[first] else length

    def _grow(self) -> None:
        """Twice the slots; only what is in use is copied. The token after a row's last one is in use too."""
        used = int(self.lengths.max()) + 1
        cache, queries = self.cache, self.queries
        states, slots, *rest = cache.shape
        self.cache = np.zeros((states, 2 * slots, *rest), np.float32)
        self.cache[:, :slots, :, :used] = cache[:, :, :, :used]
        self.queries = np.zeros((2 * slots, *queries.shape[1:]), np.float32)
        self.queries[:slots, :used] = queries[:, :used]
        self.tokens = np.concatenate([self.tokens, np.zeros_like(self.tokens)])
        self.lengths = np.concatenate([self.lengths, np.zeros_like(self.lengths)])


class Sounds:
    """The keys and values of the windows in flight, one beside the other, padded to the longest."""

    def __init__(self) -> None:
        self._list: list[Sound] = []
        self._stacked: tuple[Array, ...] = ()
        self.frames = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self._list)

    def add(self, sound: Sound) -> None:
        """Where it raises, nothing was added."""
        self._restack([*self._list, sound])

    def remove(self, index: int) -> None:
        """The last one takes its place."""
        left = list(self._list)
        left[index] = left[-1]
        self._restack(left[:-1])

    @property
    def states(self) -> tuple[Array, ...]:
        """For each state of a `Sound` those of the windows, one beside the other."""
        return self._list[0].states if len(self._list) == 1 else self._stacked

    def mask(self, beams: int) -> Array:
        """(windows, 1, beams, frames): 0 where a window has sound."""
        padding = np.arange(self.frames.max()) >= self.frames[:, np.newaxis]
        values = np.where(padding, _FAR_BELOW, np.float32(0))[:, np.newaxis, np.newaxis]
        return np.ascontiguousarray(np.broadcast_to(values, (len(self), 1, beams, values.shape[-1])))

    def _restack(self, sounds: list[Sound]) -> None:
        by_state = zip(*(sound.states for sound in sounds), strict=True) if len(sounds) > 1 else ()
        self._stacked = tuple(_padded(states) for states in by_state)
        self.frames = np.array([sound.positions for sound in sounds])
        self._list = sounds


def _padded(states: tuple[Array, ...]) -> Array:
    """One beside the other, with zeros up to the longest."""
    shape = np.max([values.shape for values in states], axis=0)
    stacked = np.zeros((len(states), *shape[1:]), states[0].dtype)
    for place, values in zip(stacked, states, strict=True):
        place[tuple(slice(size) for size in values.shape[1:])] = values[0]
    return stacked
