"""The log-mel spectrogram that Whisper was trained on (Radford et al. 2022, section 2.2), in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from care_voice.engine.protocol import SAMPLE_RATE

HOP_SAMPLES = 160
"""10 ms from frame to frame."""

_WINDOW_SAMPLES = 400
_HALF = _WINDOW_SAMPLES // 2
_FLOOR = 1e-10
_RANGE = 8.0
"""Decades below the loudest value of the window; what is quieter is raised to it."""

Float32 = npt.NDArray[np.float32]


class LogMel:
    """Computes spectrograms of `bands` mel bands. Safe to use from several threads."""

    def __init__(self, bands: int) -> None:
        self._filters = mel_filters(bands).astype(np.float32)
        self._taper = np.hanning(_WINDOW_SAMPLES + 1)[:-1].astype(np.float32)

    def __call__(self, samples: Float32, size: int) -> Float32:
        """The spectrogram (bands, size // 160) of sound in [-1, 1] at 16 kHz, followed by silence up to `size` samples.

        Digital silence has a known value in every band, so it is filled in and not computed.
        """
        heard = min(size, len(samples))
        sounding = min(size, -(-(heard + _WINDOW_SAMPLES) // HOP_SAMPLES) * HOP_SAMPLES)
        sound = np.zeros(sounding, np.float32)
        sound[:heard] = samples[:heard]
        spectrogram = np.full((len(self._filters), size // HOP_SAMPLES), np.log10(_FLOOR), np.float32)
        spectrogram[:, : sounding // HOP_SAMPLES] = np.log10(np.maximum(self._energies(sound), _FLOOR))
        loudest = spectrogram.max(initial=np.log10(_FLOOR))
        result: Float32 = (np.maximum(spectrogram, loudest - _RANGE) + 4.0) / 4.0
        return result

    def _energies(self, sound: Float32) -> Float32:
        """Energy in each band of frames that are centred on every 160th sample; the ends are mirrored."""
        mirrored = np.pad(sound, _HALF, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(mirrored, _WINDOW_SAMPLES)[::HOP_SAMPLES]
        spectrum = np.fft.rfft(frames[: len(sound) // HOP_SAMPLES] * self._taper)
        energies: Float32 = self._filters @ (np.square(spectrum.real) + np.square(spectrum.imag)).T
        return energies


def mel_filters(bands: int) -> npt.NDArray[np.float64]:
    """Triangles of unit area, (bands, 201), on the scale of Slaney's Auditory Toolbox (1998)."""
    edges = _hertz(np.linspace(0.0, _mel(SAMPLE_RATE / 2), bands + 2))[:, np.newaxis]
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    bins = np.arange(_HALF + 1) * SAMPLE_RATE / _WINDOW_SAMPLES
    triangles = np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre))
    filters: npt.NDArray[np.float64] = np.maximum(triangles, 0.0) * 2.0 / (upper - lower)
    return filters


_LINEAR_TO_HZ = 1000.0
_HZ_PER_MEL = 200.0 / 3.0
_LINEAR_TO_MEL = _LINEAR_TO_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0


def _mel(hertz: float) -> float:
    """A frequency above 1 kHz on Slaney's scale."""
    return _LINEAR_TO_MEL + float(np.log(hertz / _LINEAR_TO_HZ)) / float(_LOG_STEP)


def _hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Linear up to 1 kHz, logarithmic above."""
    above = np.maximum(mels - _LINEAR_TO_MEL, 0.0)
    return np.where(mels < _LINEAR_TO_MEL, mels * _HZ_PER_MEL, _LINEAR_TO_HZ * np.exp(above * _LOG_STEP))
