"""The waveform's file: it says of every stretch of sound how far it goes down and up, however the sound came."""

from __future__ import annotations

import io
import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from care_voice.audio.encode import RATES, rate_for
from care_voice.audio.peaks import PAIRS_PER_SECOND, PeaksWriter

RATE = 400
PER_PAIR = RATE // PAIRS_PER_SECOND
samples = st.lists(st.integers(-32768, 32767), max_size=60)


def peaks_of(blocks: list[list[int]]) -> bytes:
    file = io.BytesIO()
    writer = PeaksWriter(file, RATE)
    for block in blocks:
        writer.write(np.array(block, dtype=np.int16))
    writer.finish()
    return file.getvalue()


@given(st.lists(samples, max_size=6))
def test_peaks_are_those_of_the_sound_whatever_blocks_it_came_in(blocks: list[list[int]]) -> None:
    whole = [sample for block in blocks for sample in block]
    rows = [whole[start : start + PER_PAIR] for start in range(0, len(whole), PER_PAIR)]

    version, flags, rate, samples_per_pair, count = struct.unpack("<iiiiI", peaks_of(blocks)[:20])
    pairs = list(struct.iter_unpack("bb", peaks_of(blocks)[20:]))

    assert (version, flags, rate, samples_per_pair, count) == (1, 1, RATE, PER_PAIR, len(rows))
    assert pairs == [(min(row) // 256, max(row) // 256) for row in rows]


@given(st.integers(1, 200_000))
def test_a_copy_keeps_all_of_the_sound_up_to_what_speech_needs(source_rate: int) -> None:
    rate = rate_for(source_rate)

    assert rate in RATES
    assert rate >= min(source_rate, RATES[-1])
    assert rate % PAIRS_PER_SECOND == 0
