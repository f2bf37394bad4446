"""Cut a stream of speech probabilities into windows for the recogniser, at pauses. Pure: no sound, no model, no I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

FRAME_SAMPLES = 512
"""Samples per probability: Silero looks at 32 ms of 16 kHz sound at a time."""
FRAME_S = FRAME_SAMPLES / 16_000
_LEAST_SILENCE = 0.01


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """How speech is found and cut. The two-threshold rule with a hangover is the usual one for VAD probabilities."""

    threshold: float = 0.4
    """Probability from which a frame starts speech: below 0.5, since a lost word costs more than a decoded breath."""

    release: float = 0.15
    """Speech ends once the probability stays this far below `threshold`."""

    min_silence_s: float = 0.3
    """Seconds of silence that end a span of speech; shorter ones are the gaps inside a phrase."""

    min_speech_s: float = 0.1
    """A shorter span is a click, not speech."""

    pad_s: float = 0.4
    """Seconds kept before and after speech, so that soft consonants are not cut off."""

    max_window_s: float = 29.0
    """Longest window in seconds: Whisper sees 30, and needs a little room after the last word."""

    max_pause_s: float = 6.0
    """A longer pause ends the window: nothing is gained by decoding silence."""

    @property
    def silence_below(self) -> float:
        """Probability under which a frame is silent: above 0 even for a low `threshold`, or speech would never end."""
        return max(self.threshold - self.release, min(self.threshold, _LEAST_SILENCE))


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of frames [start, end)."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Window:
    """Frames [start, end) to decode, and the spans of speech in it; all counted from the start of the recording."""

    start: int
    end: int
    speech: tuple[Span, ...]


@dataclass(slots=True)
class _Speech:
    start: int
    silent_since: int | None = None
    continues: bool = False
    """The rest of speech that a full window cut: it counts however short it is."""


@dataclass(frozen=True, slots=True)
class PlannerState:
    """All that a planner knows after `frame` frames: from here another one gives the same windows. `speech` is the
    running speech as (start, silent since, continues); `recent` are the probabilities since its start.
    """

    frame: int
    floor: int
    spans: tuple[Span, ...]
    speech: tuple[int, int | None, bool] | None
    recent: tuple[float, ...]


@dataclass(slots=True)
class WindowPlanner:
    """Turns probabilities, one per frame, into windows as early as they are certain.

    Every frame of speech is in exactly one window; windows do not overlap and come in order.
    """

    settings: WindowSettings = field(default_factory=WindowSettings)
    _frame: int = 0
    _spans: list[Span] = field(default_factory=list)
    _speech: _Speech | None = None
    _floor: int = 0
    _recent: deque[float] = field(init=False)

    def __post_init__(self) -> None:
        self._recent = deque(maxlen=self._frames(self.settings.max_window_s))

    @classmethod
    def restored(cls, settings: WindowSettings, state: PlannerState) -> WindowPlanner:
        """A planner that goes on from there; `settings` must be those of the first."""
        planner = cls(settings, state.frame, list(state.spans), _floor=state.floor)
        planner._speech = _Speech(*state.speech) if state.speech is not None else None
        planner._recent.extend(state.recent)
        return planner

    @property
    def state(self) -> PlannerState:
        """What it knows now."""
        speech = self._speech
        # A cut looks back no further than to the start of the speech that it cuts.
        recent = list(self._recent)[-(self._frame - speech.start) :] if speech is not None else []
        running = (speech.start, speech.silent_since, speech.continues) if speech is not None else None
        return PlannerState(self._frame, self._floor, tuple(self._spans), running, tuple(recent))

    @property
    def frame(self) -> int:
        """How many frames it was given."""
        return self._frame

    @property
    def needed_from(self) -> int:
        """First frame that a later window may still contain; sound before it can be forgotten."""
        oldest = self._spans[0].start if self._spans else self._speech.start if self._speech else self._frame
        return max(self._floor, oldest - self._frames(self.settings.pad_s))

    @property
    def idle(self) -> bool:
        """Whether no speech is waiting to be given out."""
        return not self._spans and self._speech is None

    def push(self, probabilities: Iterable[float]) -> Iterator[Window]:
        """Take the next frames' probabilities; give the windows that they complete."""
        for probability in probabilities:
            self._advance(probability)
            if self._pause_is_long():
                yield self._emit(len(self._spans), self._frame)
            elif self._is_full():
                yield self._cut()

    def finish(self) -> Iterator[Window]:
        """The recording is over: give what is left."""
        self._close_speech(self._frame)
        if self._spans:
            yield self._emit(len(self._spans), self._frame)

    def _advance(self, probability: float) -> None:
        self._recent.append(probability)
        if probability >= self.settings.threshold:
            if self._speech is None:
                self._speech = _Speech(start=self._frame)
            self._speech.silent_since = None
        elif self._speech is not None and probability < self.settings.silence_below:
            if self._speech.silent_since is None:
                self._speech.silent_since = self._frame
            elif self._frame - self._speech.silent_since >= self._frames(self.settings.min_silence_s):
                self._close_speech(self._speech.silent_since)
        self._frame += 1

    def _close_speech(self, end: int) -> None:
        speech, self._speech = self._speech, None
        if speech is None:
            return
        end = min(end, speech.silent_since) if speech.silent_since is not None else end
        if end - speech.start >= (1 if speech.continues else self._frames(self.settings.min_speech_s)):
            self._spans.append(Span(speech.start, end))

    def _pause_is_long(self) -> bool:
        if not self._spans or self._speech is not None:
            return False
        return self._frame - self._spans[-1].end >= self._frames(self.settings.max_pause_s)

    def _is_full(self) -> bool:
        room = self._frames(self.settings.max_window_s) - self._frames(self.settings.pad_s)
        return not self.idle and self._frame - self.needed_from >= room

    def _cut(self) -> Window:
        """A full window: end it at the longest pause of its later half, else of any part, else in mid-speech."""
        if self._speech is None:
            return self._emit(len(self._spans), self._frame)
        if self._spans:
            return self._emit(self._best_gap(), self._frame)
        return self._cut_in_speech(self._speech)

    def _best_gap(self) -> int:
        """How many of the spans to give out: up to the longest gap, which may be the one before running speech."""
        assert self._speech is not None
        starts = [span.start for span in self._spans[1:]] + [self._speech.start]
        gaps = [start - span.end for span, start in zip(self._spans, starts, strict=True)]
        half = self.needed_from + self._frames(self.settings.max_window_s) // 2
        late = [n for n, span in enumerate(self._spans) if span.end >= half] or list(range(len(gaps)))
        return max(late, key=lambda n: (gaps[n], n)) + 1

    def _cut_in_speech(self, speech: _Speech) -> Window:
        """No pause at all: cut where the speech is least certain in the last third of the window."""
        length = self._frame - speech.start
        tail = list(self._recent)[-(length // 3) :]
        quietest = min(range(len(tail)), key=lambda n: (tail[n], -n))
        cut = self._frame - len(tail) + quietest
        self._spans.append(Span(speech.start, cut))
        self._speech = _Speech(start=cut, silent_since=speech.silent_since, continues=True)
        if speech.silent_since is not None:
            self._speech.silent_since = max(speech.silent_since, cut)
        return self._emit(1, self._frame, pad_end=False)

    def _emit(self, count: int, now: int, *, pad_end: bool = True) -> Window:
        """Give out the first `count` spans, padded, and keep the rest."""
        given, self._spans = self._spans[:count], self._spans[count:]
        start = max(self._floor, given[0].start - self._frames(self.settings.pad_s))
        following = self._spans[0].start if self._spans else self._speech.start if self._speech else None
        end = given[-1].end
        if pad_end:
            end = min(end + self._frames(self.settings.pad_s), now)
            if following is not None:
                end = min(end, (given[-1].end + following + 1) // 2)
        self._floor = end
        return Window(start, end, tuple(given))

    @staticmethod
    def _frames(seconds: float) -> int:
        return round(seconds / FRAME_S)
