"""The spectrogram is the one that faster-whisper computes, which is openai-whisper's."""

from __future__ import annotations

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from care_voice.engine.features import HOP_SAMPLES, SAMPLE_RATE, LogMel


def sound(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Noise that swells, over a hum."""
    count = round(seconds * SAMPLE_RATE)
    noise = np.random.default_rng(7).standard_normal(count) * np.linspace(0.0, 0.3, count)
    return (noise + 0.1 * np.sin(np.arange(count) * 0.05)).astype(np.float32)


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("seconds", [0.0, 0.005, 0.1, 3.8, 14.98, 14.999, 15.0, 16.3])
def test_it_equals_that_of_faster_whisper(seconds: float, bands: int) -> None:
    size = 15 * SAMPLE_RATE
    heard = sound(seconds)
    padded = np.zeros(size, np.float32)
    padded[: len(heard)] = heard[:size]

    ours = LogMel(bands)(heard, size)

    assert ours.shape == (bands, size // HOP_SAMPLES)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, FeatureExtractor(feature_size=bands)(padded, padding=0), atol=1e-5)


def test_a_size_that_is_no_whole_number_of_frames() -> None:
    size = 15 * SAMPLE_RATE + 77
    heard = sound(14.0)
    padded = np.zeros(size, np.float32)
    padded[: len(heard)] = heard

    np.testing.assert_allclose(LogMel(80)(heard, size), FeatureExtractor()(padded, padding=0), atol=1e-5)
