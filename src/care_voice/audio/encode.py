"""Write mono PCM as a file that browsers play, as a stream, through PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer

from care_voice.audio.decode import Pcm

RATES = (8_000, 12_000, 16_000, 24_000)
"""Hz; what both codecs can hold. Speech has nothing above 12 kHz that helps to understand it, and the original
is kept."""


@dataclass(frozen=True, slots=True)
class _Form:
    """A container and a codec as FFmpeg names them; bits per second, where the codec loses some."""

    container: str
    codec: str
    bit_rate: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)


_FORMS = {
    "flac": _Form("flac", "flac"),
    # Half of libopus's greatest effort: more than three times as fast, and the file a sixth larger.
    "opus": _Form("webm", "libopus", 48_000, {"compression_level": "5"}),
}


def rate_for(source_rate: int) -> int:
    """The least rate that keeps all of a source's sound, and the greatest one where none does."""
    return next((rate for rate in RATES if rate >= source_rate), RATES[-1])


class PlaybackWriter:
    """An open file for playback."""

    def __init__(self, container: OutputContainer, stream: AudioStream) -> None:
        self._container = container
        self._stream = stream
        self._samples = 0

    def write(self, block: Pcm) -> None:
        """Take the next samples. Raises OSError."""
        frame = AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = self._stream.rate, self._samples
        self._samples += len(block)
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the codec still holds. Raises OSError."""
        self._container.mux(self._stream.encode(None))


@contextmanager
def open_playback(path: Path, playback_format: str, rate: int) -> Iterator[PlaybackWriter]:
    """Write a file at `path`, `flac` or `opus`, of sound at `rate` Hz, one of `RATES`. It is whole when the block ends.

    Raises:
        OSError: It could not be written.
    """
    form = _FORMS[playback_format]
    with av.open(str(path), mode="w", format=form.container) as container:
        stream = container.add_stream(form.codec, rate=rate, layout="mono", format="s16", options=dict(form.options))
        assert isinstance(stream, AudioStream)
        if form.bit_rate is not None:
            stream.bit_rate = form.bit_rate
        writer = PlaybackWriter(container, stream)
        yield writer
        writer.finish()
