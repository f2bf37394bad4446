"""Error rates beside faster-whisper: same weights, same recordings, beam 5. For times see benchmarks/accuracy.py."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
MAX_DIFFERENCE = 0.3
"""Percentage points by which the error rate may be higher than the peer's."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["en", "zh"])
def test_the_error_rate_is_not_above_that_of_faster_whisper(
    name: str, speech: Path, model_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert speech.is_dir()
    monkeypatch.syspath_prepend(str(PROJECT / "benchmarks"))
    monkeypatch.setenv("CARE_VOICE_MODELS__DIRECTORY", str(model_store))
    import accuracy  # noqa: PLC0415

    try:
        (ours,) = asyncio.run(accuracy.care_voice([name], "base"))
        (peer,) = accuracy.faster_whisper([name], "base")
    finally:
        sys.modules.pop("accuracy", None)
    assert ours.clips == peer.clips >= 40
    assert ours.error_percent <= peer.error_percent + MAX_DIFFERENCE
