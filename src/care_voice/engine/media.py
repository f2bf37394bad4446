"""The media worker's work: an `OpenMedia` in; what the file claims, its windows of speech and its length out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from care_voice.audio.decode import Pcm, in_blocks, open_media
from care_voice.audio.windows import FRAME_S, FRAME_SAMPLES, Window, WindowPlanner, WindowSettings
from care_voice.engine.backends.silero import SileroVad, load_session
from care_voice.engine.bookmarks import Bookmark, read_bookmark, write_bookmark
from care_voice.engine.protocol import (
    MediaDone,
    MediaOpened,
    MediaProgress,
    MediaWindow,
    OpenMedia,
    VadOptions,
)

_BLOCK_FRAMES = 62
"""Frames given to voice activity detection at a time: about 2 s."""

_PROGRESS_EVERY_S = 10.0


class MediaReader:
    """Reads files one after the other; the VAD graph is loaded once."""

    def __init__(self) -> None:
        self._session = load_session()

    def read(self, message: OpenMedia) -> Iterator[MediaOpened | MediaWindow | MediaProgress | MediaDone]:
        """Decode a file as a stream: memory holds one window of sound, however long the file is.

        Raises:
            MediaError: The file cannot be used.
        """
        with open_media(Path(message.path), message.max_duration_s) as media:
            blocks = in_blocks(media.blocks(), _BLOCK_FRAMES * FRAME_SAMPLES)
            # Sound must come out before anything is said: a file without any is then refused with its own status.
            first = list(islice(blocks, 1))
            yield MediaOpened(message.id, media.claimed_duration_s)
            mark = read_bookmark(message.bookmark, message.vad)
            cutter = _Cutter(SileroVad(self._session), message.vad, mark)
            announced_s = 0.0
            for block in chain(first, blocks):
                yield from (self._wire(message.id, cut) for cut in cutter.feed(block))
                if cutter.idle and media.decoded_s - announced_s >= _PROGRESS_EVERY_S:
                    announced_s = media.decoded_s
                    yield MediaProgress(message.id, announced_s)
            yield from (self._wire(message.id, cut) for cut in cutter.finish())
            yield MediaDone(message.id, media.decoded_s)

    @staticmethod
    def _wire(request_id: int, cut: _Cut) -> MediaWindow:
        window = cut.window
        speech = tuple(((s.start - window.start) * FRAME_S, (s.end - window.start) * FRAME_S) for s in window.speech)
        return MediaWindow(
            id=request_id,
            pcm=cut.pcm.astype("<i2").tobytes(),
            start_s=window.start * FRAME_S,
            end_s=window.end * FRAME_S,
            speech=speech,
            number=cut.number,
            bookmark=cut.bookmark,
        )


@dataclass(frozen=True, slots=True)
class _Cut:
    number: int
    window: Window
    pcm: Pcm
    bookmark: bytes


class _Cutter:
    """Keeps just the sound that a coming window may need."""

    def __init__(self, detector: SileroVad, options: VadOptions, mark: Bookmark | None) -> None:
        self._vad = detector
        self._options = options
        self._planner = WindowPlanner(window_settings(options))
        self._windows = 0
        self._read = 0
        self._kept: Pcm = np.zeros(0, dtype=np.int16)
        self._kept_from = 0
        if mark is not None:
            self._vad.restore(mark.detector)
            self._planner = WindowPlanner.restored(window_settings(options), mark.planner)
            self._windows = mark.windows

    @property
    def idle(self) -> bool:
        """Whether nothing that was read waits to be given out, also before the bookmark."""
        return self._read < self._planner.frame or self._planner.idle

    def feed(self, block: Pcm) -> Iterator[_Cut]:
        """Take a block; its last frame may be short at the end of the file and is then filled with silence."""
        self._kept = np.concatenate([self._kept, block])
        short = -len(block) % FRAME_SAMPLES
        before_bookmark = self._read < self._planner.frame
        self._read += (len(block) + short) // FRAME_SAMPLES
        if not before_bookmark:
            samples = np.pad(block, (0, short)).astype(np.float32) / 32768.0
            yield from self._cuts(lambda: self._planner.push(self._vad.probabilities(samples).tolist()))
        self._forget()

    def finish(self) -> Iterator[_Cut]:
        yield from self._cuts(self._planner.finish)

    def _cuts(self, plan: Callable[[], Iterable[Window]]) -> Iterator[_Cut]:
        state = (self._windows, self._planner.state, self._vad.state)
        for window in plan():
            first = window.start * FRAME_SAMPLES - self._kept_from
            pcm = self._kept[first : window.end * FRAME_SAMPLES - self._kept_from]
            self._windows += 1
            yield _Cut(self._windows - 1, window, pcm, write_bookmark(self._options, *state))

    def _forget(self) -> None:
        drop = min(self._planner.needed_from * FRAME_SAMPLES - self._kept_from, len(self._kept))
        if drop > 0:
            self._kept = self._kept[drop:]
            self._kept_from += drop


def window_settings(vad: VadOptions) -> WindowSettings:
    """The planner's settings for what a request asks of voice activity detection."""
    return WindowSettings(
        threshold=vad.threshold, min_silence_s=vad.min_silence_ms / 1000, pad_s=vad.speech_pad_ms / 1000
    )
