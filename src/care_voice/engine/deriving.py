"""The media worker's other work: a `DeriveMedia` in, and files that are made of the sound."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from care_voice.audio.decode import MediaStream, in_blocks, open_media
from care_voice.audio.encode import open_playback, rate_for
from care_voice.audio.peaks import PeaksWriter
from care_voice.domain.service_errors import StorageFull, WorkerFailed
from care_voice.engine.protocol import DeriveMedia, MediaDerived, MediaOpened, MediaProgress

_BLOCK_S = 2
"""Seconds of sound that are encoded at a time."""

_PROGRESS_EVERY_S = 10.0


def derive(message: DeriveMedia) -> Iterator[MediaOpened | MediaProgress | MediaDerived]:
    """Decode a file as a stream and write its copy for playback and its peaks; memory holds seconds of sound.

    Raises:
        MediaError: The file cannot be used.
        StorageFull: The disk has no room for what is made.
        WorkerFailed: It could not be written for another reason.
    """
    finished = {Path(name): _partial(name) for name in (message.playback_path, message.waveform_path)}
    with open_media(Path(message.path), message.max_duration_s) as media:
        yield MediaOpened(message.id, media.claimed_duration_s)
        for decoded_s in _write_both(media, message):
            yield MediaProgress(message.id, decoded_s)
        with _writing():
            for final, partial in finished.items():
                partial.replace(final)
        yield MediaDerived(message.id, media.decoded_s)


def _write_both(media: MediaStream, message: DeriveMedia) -> Iterator[float]:
    """Write what a message asks for under names of their own; how many seconds have been decoded, now and then."""
    rate = rate_for(media.source_rate)
    playback, waveform = _partial(message.playback_path), _partial(message.waveform_path)
    announced_s = 0.0
    with _writing(), waveform.open("wb") as file, open_playback(playback, message.playback_format, rate) as copy:
        peaks = PeaksWriter(file, rate)
        for block in in_blocks(media.blocks(rate), _BLOCK_S * rate):
            copy.write(block)
            peaks.write(block)
            if media.decoded_s - announced_s >= _PROGRESS_EVERY_S:
                announced_s = media.decoded_s
                yield announced_s
        peaks.finish()


def _partial(name: str) -> Path:
    return Path(f"{name}.part")


@contextmanager
def _writing() -> Iterator[None]:
    """What the operating system says of a file that is written, as an error of ours."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StorageFull if full else WorkerFailed(why=f"a file could not be read or written: {error}") from error
