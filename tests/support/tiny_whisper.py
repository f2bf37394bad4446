"""A Whisper model of a few kilobytes with random weights, written by CTranslate2 itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from ctranslate2.specs import WhisperSpec
from ctranslate2.specs.model_spec import visit_spec

WIDTH, WORDS = 8, 12


def save_tiny_model(directory: Path, stored_as: str = "float16", weights: dict[str, float] | None = None) -> Path:
    """Save the model, with one value of each of the variables `weights` set by hand; return its directory."""
    spec = WhisperSpec(2, 1, 2, 1)
    values = _values(spec)
    for name, value in (weights or {}).items():
        values[name].flat[0] = value
    visit_spec(spec, lambda layer, name, _: _set(layer, name, values))
    spec.register_vocabulary([f"w{n}" for n in range(WORDS)])
    spec.config.alignment_heads = [(1, 0)]
    spec.validate()
    with np.errstate(invalid="ignore"):
        spec.optimize(quantization=stored_as)
    directory.mkdir(parents=True, exist_ok=True)
    spec.save(str(directory))
    return directory


def _set(layer: object, name: str, values: dict[str, npt.NDArray[np.float32]]) -> None:
    if name in values:
        setattr(layer, name.rpartition("/")[2], values[name])


def _values(spec: WhisperSpec) -> dict[str, npt.NDArray[np.float32]]:
    """Random values for all that a Whisper model must have, and for biases and positions."""
    names: list[str] = []
    visit_spec(spec, lambda _, name, value: names.append(name) if value is None or _is_wanted(name) else None)
    random = np.random.default_rng(7)
    values = {name: random.standard_normal(_shape(name), dtype=np.float32) for name in names}
    values["decoder/projection/weight"] = values["decoder/embeddings/weight"]
    return values


def _is_wanted(name: str) -> bool:
    return name.endswith(("linear_0/bias", "conv1/bias", "/encodings"))


def _shape(name: str) -> tuple[int, ...]:
    if "conv" in name and name.endswith("weight"):
        return WIDTH, WIDTH, 3
    if name.endswith("embeddings/weight"):
        return WORDS, WIDTH
    return (WIDTH, WIDTH) if name.endswith(("weight", "encodings")) else (WIDTH,)
