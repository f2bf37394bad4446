"""Continuous batching: rows of many windows share each step of the decoder; windows join and leave between steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from care_voice.engine.backends.onnxrt.rows import Rows, Sounds
from care_voice.engine.backends.onnxrt.session import Array, Binding, Decoder, Sound
from care_voice.engine.search import BeamSearch, Found, Moves, Sampling, Search

_FAR_BELOW = -1e30


@dataclass(frozen=True, slots=True)
class Suppression:
    """Tokens that are never given (`always`), or not as the first one (`first`)."""

    always: tuple[int, ...]
    first: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """A window to decode.

    `start` is the index of the start-of-transcript token in `prompt`. `cap` limits the tokens without the end token.
    `temperature` 0 is a beam search of `beam_size`; above 0, `beam_size` samples are drawn.
    """

    prompt: tuple[int, ...]
    start: int
    end: int
    no_speech: int
    suppression: Suppression
    cap: int
    beam_size: int
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Probe:
    """Of what probability are the tokens `probed` after the single token `token`?"""

    token: int
    probed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The best hypothesis of a job. `queries` (tokens, layers * width): of the prompt from its start token on, and of
    each token of the hypothesis.
    """

    best: Found
    no_speech_prob: float
    queries: Array
    sound: Sound


@dataclass(slots=True, eq=False)
class _Open:
    key: int
    sound: Sound
    job: Job
    search: Search
    rows: list[int]
    no_speech_prob: float = 0.0
    queries: list[Array] = field(default_factory=list)


class BatchDecoder:
    """Holds the windows in flight. Not thread-safe.

    All windows in flight at one time have the same `suppression.always`: the graph adds one bias to all rows.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._rows = Rows(decoder)
        self._sounds = Sounds()
        self._open: list[_Open] = []
        self._prompting, self._stepping = Binding(decoder), Binding(decoder)
        self._no_bias = np.zeros(decoder.vocabulary, np.float32)
        self._bias = self._no_bias
        self._biased: tuple[int, ...] = ()
        self._done: list[tuple[int, Outcome]] = []
        self._layout: dict[str, Array] | None = None

    def __len__(self) -> int:
        """Windows whose outcome has not been given yet."""
        return len(self._open) + len(self._done)

    def add(self, key: int, sound: Sound, job: Job) -> None:
        """Read the prompt of a window; its first tokens are chosen at once. `key` names the window in the results.

        Raises:
            ValueError: Windows are in flight that suppress other tokens.
        """
        self._suppress(job.suppression.always)
        before = self._rows.count
        entry = _Open(key, sound, job, self._search(job), [self._rows.take()])
        try:
            ids, logprobs = self._read_prompt(entry)
            self._sounds.add(sound)
            self._open.append(entry)
            self._layout = None
            self._apply(entry, entry.search.advance(ids, logprobs))
        except Exception:
            if entry in self._open:
                self._leave(entry)
            # Its rows are the last ones, those too that were taken for a beam that it did not get.
            self._rows.count = before
            raise

    def step(self) -> list[tuple[int, Outcome]]:
        """Give every window its next token; the windows that are done now, with their keys."""
        if self._open:
            count = max(entry.search.candidates for entry in self._open)
            step = self._stepping.run(self._next_inputs(count))
            rows = slice(0, self._rows.count)
            self._rows.queries[np.arange(self._rows.count), self._rows.lengths[rows]] = step.queries[:, 0]
            self._rows.lengths[rows] += 1
            moves = [(e, e.search.advance(*_first(step.ids, step.logprobs, e))) for e in self._open]
            for entry, move in moves:
                self._apply(entry, move)
        done, self._done = self._done, []
        return done

    def drop(self, key: int) -> bool:
        """End a window without an outcome; whether it was in flight."""
        before = len(self)
        self._done = [(other, outcome) for other, outcome in self._done if other != key]
        for entry in [entry for entry in self._open if entry.key == key]:
            self._leave(entry)
        return len(self) < before

    def probe(self, sound: Sound, probe: Probe) -> Array:
        """The log-probabilities that are asked for."""
        places = np.zeros((1, 1), np.int64)
        inputs = _row_inputs((probe.token,), places) | {
            "take": np.zeros(1, np.int64),
            "probed": np.array([probe.probed]),
        }
        row = self._rows.take()
        try:
            self._bind_prompt(sound, row, 1)
            step = self._prompting.run(inputs | {"count": np.ones(1, np.int64), "token_bias": self._no_bias})
        finally:
            self._rows.count -= 1
        result: Array = step.probes[0].copy()
        return result

    def _bind_prompt(self, sound: Sound, row: int, length: int) -> None:
        self._prompting.cache(self._rows.cache, row, 1)
        self._prompting.sounds(sound.states)
        self._prompting.input("sound_mask", np.zeros((1, 1, length, sound.positions), np.float32))

    def _search(self, job: Job) -> Search:
        if job.temperature == 0:
            return BeamSearch(job.beam_size, job.end, job.cap)
        random = np.random.default_rng(job.seed)
        vocabulary = self._decoder.vocabulary
        return Sampling(job.beam_size, job.end, job.cap, vocabulary, job.temperature, random.random)

    def _suppress(self, tokens: tuple[int, ...]) -> None:
        if tokens != self._biased:
            if self._open:
                raise ValueError("windows that are decoded together must suppress the same tokens")
            self._bias = self._no_bias.copy()
            self._bias[np.array(tokens, np.int64)] = _FAR_BELOW
            self._biased = tokens

    def _read_prompt(self, entry: _Open) -> tuple[Array, Array]:
        """The first candidates, suppressed tokens taken out of the distribution."""
        job, row = entry.job, entry.rows[0]
        length = len(job.prompt)
        banned = np.array([*job.suppression.always, *job.suppression.first], np.int64)
        wanted = min(entry.search.candidates + len(banned), self._decoder.vocabulary)
        probed = np.concatenate([banned, [job.no_speech]])
        self._bind_prompt(entry.sound, row, length)
        step = self._prompting.run(_prompt_inputs(job, probed, wanted) | {"token_bias": self._no_bias})
        self._rows.tokens[row, :length] = job.prompt
        self._rows.queries[row, :length] = step.queries[0]
        self._rows.lengths[row] = length
        entry.no_speech_prob = float(np.exp(step.probes[0, -1]))
        return without(banned, step.ids[1], step.logprobs[1], step.probes[1, :-1], entry.search.candidates)

    def _next_inputs(self, count: int) -> dict[str, Array]:
        rows = self._rows
        n = rows.count
        lengths = rows.lengths[:n]
        self._stepping.cache(rows.cache, 0, n)
        self._stepping.sounds(self._sounds.states)
        if self._layout is None:
            self._layout = self._laid_out()
        return self._layout | {
            "tokens": rows.tokens[np.arange(n), lengths][:, np.newaxis],
            "positions": lengths[:, np.newaxis].copy(),
            "lengths": lengths.astype(np.int32),
            "total": np.array([lengths.max() + 1], np.int32),
            "token_bias": self._bias,
            "count": np.array([count]),
        }

    def _laid_out(self) -> dict[str, Array]:
        """Which rows belong to which window; it changes only when a window joins, leaves, or gets other rows."""
        beams = max(len(entry.rows) for entry in self._open)
        to_windows = np.zeros((len(self._open), beams), np.int64)
        from_windows = np.zeros((self._rows.count, 1), np.int64)
        for n, entry in enumerate(self._open):
            to_windows[n, : len(entry.rows)] = entry.rows
            from_windows[entry.rows, 0] = n * beams + np.arange(len(entry.rows))
        return {
            "to_windows": to_windows,
            "from_windows": from_windows,
            "take": np.arange(self._rows.count),
            "probed": np.zeros((self._rows.count, 1), np.int64),
            "sound_mask": self._sounds.mask(beams),
        }

    def _apply(self, entry: _Open, moves: Moves) -> None:
        """Keep what ended, let children take their parents' rows, and copy a row for each child beyond the first."""
        for parent in moves.ended:
            row = entry.rows[parent]
            entry.queries.append(self._rows.queries[row, entry.job.start : self._rows.lengths[row]].copy())
        if not moves.rows:
            self._close(entry)
            return
        entry.rows = self._placed(entry, moves.rows)
        tokens = self._rows.tokens
        for row, (_, token) in zip(entry.rows, moves.rows, strict=True):
            tokens[row, self._rows.lengths[row]] = token

    def _placed(self, entry: _Open, children: Sequence[tuple[int, int]]) -> list[int]:
        """The row of each child. A parent's row goes to its first child, so nothing that is copied was overwritten."""
        unused = dict.fromkeys(entry.rows)
        placed: dict[int, int] = {}
        for n, (parent, _) in enumerate(children):
            row = entry.rows[parent]
            if row in unused:
                del unused[row]
                placed[n] = row
        free = list(unused)
        for n, (parent, _) in enumerate(children):
            if n not in placed:
                placed[n] = self._copied(entry.rows[parent], free)
        entry.rows = [placed[n] for n in range(len(children))] + free
        for row in sorted(free, reverse=True):
            self._release(entry, row)
        return entry.rows

    def _copied(self, source: int, free: list[int]) -> int:
        if free:
            row = free.pop()
            self._rows.copy(source, row, related=True)
            return row
        self._layout = None
        row = self._rows.take()
        self._rows.copy(source, row, related=False)
        return row

    def _close(self, entry: _Open) -> None:
        best = max(range(len(entry.search.found)), key=lambda n: entry.search.found[n].score)
        outcome = Outcome(entry.search.found[best], entry.no_speech_prob, entry.queries[best], entry.sound)
        self._leave(entry)
        self._done.append((entry.key, outcome))

    def _leave(self, entry: _Open) -> None:
        index = self._open.index(entry)
        self._open[index] = self._open[-1]
        self._open.pop()
        self._sounds.remove(index)
        for row in sorted(entry.rows, reverse=True):
            self._release(entry, row)

    def _release(self, entry: _Open, row: int) -> None:
        """Give a row back; the last one moves into its place."""
        self._layout = None
        entry.rows.remove(row)
        last = self._rows.count - 1
        if row != last:
            length = self._rows.lengths[last]
            self._rows.copy(last, row, related=False)
            self._rows.tokens[row, length] = self._rows.tokens[last, length]
            for other in (entry, *self._open):
                other.rows = [row if r == last else r for r in other.rows]
        self._rows.count -= 1


def _first(ids: Array, logprobs: Array, entry: _Open) -> tuple[Array, Array]:
    count = entry.search.candidates
    return ids[entry.rows, :count], logprobs[entry.rows, :count]


def _prompt_inputs(job: Job, probed: Array, wanted: int) -> dict[str, Array]:
    length = len(job.prompt)
    return _row_inputs(job.prompt, np.arange(length)[np.newaxis]) | {
        "take": np.array([job.start, length - 1]),
        "count": np.array([wanted]),
        "probed": np.stack([probed, probed]),
    }


def _row_inputs(prompt: tuple[int, ...], places: Array) -> dict[str, Array]:
    return {
        "tokens": np.array([prompt]),
        "positions": places,
        "lengths": np.array([len(prompt) - 1], np.int32),
        "total": np.array([len(prompt)], np.int32),
        "to_windows": places,
        "from_windows": places,
    }


def without(banned: Array, ids: Array, logprobs: Array, banned_logprobs: Array, count: int) -> tuple[Array, Array]:
    """The best `count` of one row that are not banned, (1, count); the probability of the banned is shared out."""
    allowed = ~np.isin(ids, banned)
    lost = min(float(np.exp(banned_logprobs).sum()), 1 - 1e-6)
    return ids[allowed][np.newaxis, :count], logprobs[allowed][np.newaxis, :count] - np.log1p(-lost)
