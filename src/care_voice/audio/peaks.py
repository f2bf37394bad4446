"""The peaks of a recording, from which a page draws its waveform without the sound.

The file is that of BBC audiowaveform (https://github.com/bbc/audiowaveform, doc/DataFormat.md, version 1): a header of
five little-endian 32-bit words (version 1, flags 1 for 8 bit, sample rate in Hz, samples in a pair, number of pairs),
then a signed byte for the least and one for the greatest sample of each pair.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import numpy as np

from care_voice.audio.decode import Pcm

PAIRS_PER_SECOND = 50
_HEADER = struct.Struct("<iiiiI")
_VERSION, _FLAG_8_BIT = 1, 1


class PeaksWriter:
    """Writes peaks as the sound comes; memory holds less than one pair of it."""

    def __init__(self, file: BinaryIO, rate: int) -> None:
        """`file` can seek; `rate` is in Hz."""
        self._file = file
        self._rate = rate
        self._samples = round(rate / PAIRS_PER_SECOND)
        self._rest: Pcm = np.zeros(0, dtype=np.int16)
        self._pairs = 0
        self._write_header()

    def write(self, block: Pcm) -> None:
        """Take the next samples. Raises OSError."""
        samples = np.concatenate([self._rest, block])
        whole = len(samples) // self._samples * self._samples
        self._write_pairs(samples[:whole].reshape(-1, self._samples))
        self._rest = samples[whole:]

    def finish(self) -> None:
        """Write what is left as a pair of its own, and how many there are into the header. Raises OSError."""
        if len(self._rest):
            self._write_pairs(self._rest.reshape(1, -1))
        self._file.seek(0)
        self._write_header()

    def _write_pairs(self, rows: Pcm) -> None:
        if len(rows):
            # The greater half of 16 bits, as audiowaveform takes it.
            self._file.write((np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1) >> 8).astype(np.int8).tobytes())
            self._pairs += len(rows)

    def _write_header(self) -> None:
        self._file.write(_HEADER.pack(_VERSION, _FLAG_8_BIT, self._rate, self._samples, self._pairs))
