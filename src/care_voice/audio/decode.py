"""Decode any media file to mono PCM as a stream, with limits, through PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from care_voice.domain.errors import EmptyFile, EmptyRecording, MediaTooLong, NoAudioStream, UnreadableMedia
from care_voice.domain.store_errors import AudioMissing

SAMPLE_RATE = 16_000
Pcm = npt.NDArray[np.int16]

_NO_PROTOCOL = "none"
"""FFmpeg may open no file or address of its own: playlists and manifests inside a file name other files otherwise."""

_MIN_GAP_S = 0.25
_MAX_GAP_S = 60.0
"""A hole in the timestamps between these is silence that was not stored; a larger jump is a broken timestamp."""

_PROBE_BYTES = "5000000"


class MediaStream:
    """An opened file: `claimed_duration_s` from its header (None without one), `source_rate` in Hz, and its sound as
    blocks of PCM.
    """

    def __init__(self, container: InputContainer, stream: AudioStream, max_duration_s: float) -> None:
        self._container = container
        self._stream = stream
        self._max_duration_s = max_duration_s
        self._rate = SAMPLE_RATE
        self._samples = 0
        self.source_rate = int(stream.sample_rate)
        self.claimed_duration_s = _claimed_duration(container, stream)
        if self.claimed_duration_s is not None and self.claimed_duration_s > max_duration_s + 1:
            raise MediaTooLong(limit_s=round(max_duration_s))

    @property
    def decoded_s(self) -> float:
        """Seconds of sound that `blocks` has given so far."""
        return self._samples / self._rate

    def blocks(self, rate: int = SAMPLE_RATE) -> Iterator[Pcm]:
        """PCM at `rate` Hz in order; damaged packets are skipped, holes in the timestamps become silence.

        Raises:
            MediaTooLong: More sound than the limit came out of the file.
            UnreadableMedia: No packet could be decoded.
            EmptyRecording: The file is whole and holds no samples.
        """
        self._rate = rate
        damaged = yield from self._decode_all()
        if self._samples == 0:
            raise UnreadableMedia(why="its sound is damaged") if damaged else EmptyRecording()

    def _decode_all(self) -> Generator[Pcm, None, int]:
        resampler = _new_resampler(self._rate)
        layout: tuple[object, ...] | None = None
        frames = _FrameReader(self._container, self._stream)
        for frame in frames:
            shape = (frame.format.name, frame.layout.name, frame.sample_rate)
            if layout not in (None, shape):
                yield from self._count(resampler.resample(None))
                resampler = _new_resampler(self._rate)
            layout = shape
            gap = self._gap_samples(frame)
            if gap:
                yield self._admit(np.zeros(gap, dtype=np.int16))
            frame.pts = None
            yield from self._count(_resampled(resampler, frame))
        if layout is not None:
            yield from self._count(resampler.resample(None))
        return frames.damaged

    def _count(self, frames: list[AudioFrame]) -> Iterator[Pcm]:
        for frame in frames:
            yield self._admit(frame.to_ndarray().reshape(-1).astype(np.int16, copy=False))

    def _admit(self, block: Pcm) -> Pcm:
        self._samples += len(block)
        if self.decoded_s > self._max_duration_s:
            raise MediaTooLong(limit_s=round(self._max_duration_s))
        return block

    def _gap_samples(self, frame: AudioFrame) -> int:
        if frame.time is None:
            return 0
        gap_s = frame.time - (self._container.start_time or 0) / av.time_base - self.decoded_s
        return int(gap_s * self._rate) if _MIN_GAP_S < gap_s < _MAX_GAP_S else 0


class _FrameReader:
    """Iterates over a stream's frames and counts the packets that could not be decoded."""

    def __init__(self, container: InputContainer, stream: AudioStream) -> None:
        self._packets = container.demux(stream)
        self.damaged = 0

    def __iter__(self) -> Iterator[AudioFrame]:
        while True:
            try:
                packet = next(self._packets)
                frames = packet.decode()
            except (StopIteration, av.error.EOFError):
                return
            except av.error.FFmpegError:
                self.damaged += 1
                if self.damaged > _MAX_DAMAGED_PACKETS:
                    return
                continue
            yield from frames


_MAX_DAMAGED_PACKETS = 10_000


@contextmanager
def open_media(path: Path, max_duration_s: float) -> Iterator[MediaStream]:
    """Open a file for decoding.

    Raises:
        EmptyFile: The file has no bytes.
        UnreadableMedia: FFmpeg knows no format that fits.
        NoAudioStream: There is no sound in it, as in an image or a silent film.
        MediaTooLong: Its header claims more than `max_duration_s`.
        AudioMissing: It was deleted meanwhile.
    """
    try:
        if path.stat().st_size == 0:
            raise EmptyFile
    except FileNotFoundError as error:
        raise AudioMissing(key=path.name) from error
    with path.open("rb") as file, _open_container(file) as container:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            raise NoAudioStream
        # A stream whose codec FFmpeg does not know has no such attribute.
        if not getattr(stream, "sample_rate", 0):
            raise UnreadableMedia(why="its sound is in a format that is not known")
        yield MediaStream(container, stream, max_duration_s)


def in_blocks(stream: Iterable[Pcm], size: int) -> Iterator[Pcm]:
    """The same sound in blocks of `size` samples; only the last block may be shorter."""
    parts: list[Pcm] = []
    held = 0
    for piece in stream:
        parts.append(piece)
        held += len(piece)
        if held >= size:
            joined = np.concatenate(parts)
            whole = held // size * size
            yield from np.split(joined[:whole], whole // size)
            parts, held = [joined[whole:]], held - whole
    if held:
        yield np.concatenate(parts)


@contextmanager
def _open_container(file: BinaryIO) -> Iterator[InputContainer]:
    options = {"protocol_whitelist": _NO_PROTOCOL, "probesize": _PROBE_BYTES}
    try:
        container = av.open(file, mode="r", options=options, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        raise UnreadableMedia(why="no known format fits its content") from error
    with container:
        yield container


def _claimed_duration(container: InputContainer, stream: AudioStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None:
        return float(container.duration / av.time_base)
    return None


def _resampled(resampler: AudioResampler, frame: AudioFrame) -> list[AudioFrame]:
    """The frame as mono. Raises UnreadableMedia where FFmpeg cannot mix what it decoded, as 64 channels."""
    try:
        return resampler.resample(frame)
    except av.error.FFmpegError as error:
        why = f"sound with {frame.layout.nb_channels} channels at {frame.sample_rate} Hz cannot be converted"
        raise UnreadableMedia(why=why) from error


def _new_resampler(rate: int) -> AudioResampler:
    return AudioResampler(format="s16", layout="mono", rate=rate)
