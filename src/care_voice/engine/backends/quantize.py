"""A smaller copy of a Whisper model, made by CTranslate2's own arithmetic, variable by variable.

The same source gives the same bytes on every machine: each value is rounded on its own, in the order of the names, and
nothing of the run (time, threads, hash seed) gets into the files.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import ctranslate2
import numpy as np
from ctranslate2.specs import WhisperSpec
from ctranslate2.specs.common_spec import Conv1DSpec, LayerNormSpec, LinearSpec
from ctranslate2.specs.model_spec import NumpyVariable, visit_spec

from care_voice.domain.model_errors import ConversionFailed
from care_voice.engine.backends.ct2_file import Array, ModelFile, open_model, write_model

Precision = Literal["int8", "int8_float16", "float16", "float32"]
"""int8 quantises the matrices and leaves biases, norms and convolutions in the type that they have."""

TOOL = f"ctranslate2 {ctranslate2.__version__}"
"""What a derived model was made with."""

MODEL_FILE = "model.bin"
_OUTLINE = ("WhisperSpec", 3)
_BITS = {"int8": 8, "int8_float16": 8, "float16": 16, "float32": 32}
_LAYER = re.compile(r"/layer_(0|[1-9]\d{0,3})/")


def quantize(source: Path, target: Path, to: Precision) -> None:
    """Make a complete model directory whose matrices are stored as `to`; files beside model.bin are copied as they are.

    Args:
        source: A directory with a CTranslate2 Whisper model of float16 or float32 weights.
        target: A directory that is empty or does not exist. After an error it may hold a part of the copy.
        to: What the weights become.

    Raises:
        ConversionFailed: The source is not such a model, is no more precise than `to`, or holds a value that `to`
            cannot express; or the target is not empty.
        OSError: The target cannot be written.
    """
    name = source.name
    with open_model(source / MODEL_FILE) as model:
        why_not = _why_not(model, to)
        if why_not:
            raise ConversionFailed(name=name, why=why_not)
        make_empty(target, name)
        for path in sorted(source.iterdir()):
            if path.is_file() and path.name != MODEL_FILE:
                shutil.copyfile(path, target / path.name)
        write_model(target / MODEL_FILE, _OUTLINE, _converted(model, name, to), model.aliases)


def make_empty(target: Path, name: str) -> None:
    """Create the directory `target` for a copy of the model `name`.

    Raises:
        ConversionFailed: There is something in it.
        OSError: It cannot be created.
    """
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise ConversionFailed(name=name, why=f"{target} is not empty")


def _why_not(model: ModelFile, to: Precision) -> str | None:
    if (model.spec, model.revision) != _OUTLINE:
        return f"it is a {model.spec} of revision {model.revision}, not a {_OUTLINE[0]} of revision {_OUTLINE[1]}"
    matrices = {name: variable for name, variable in model.variables.items() if _known().get(_pattern(name))}
    types = {variable.dtype for variable in matrices.values()}
    whole = sorted(types - {"float16", "float32"})
    if whole:
        return f"its weights are quantised to {whole[0]} already; take the model that it was made from"
    unknown = sorted(name for name in (*model.variables, *model.aliases) if _pattern(name) not in _known())
    if unknown:
        return f"it has the variable {unknown[0]}, which no Whisper model has"
    if not types or any(len(variable.shape) != 2 for variable in matrices.values()):
        return "its weights are not matrices"
    least = min(types, key=lambda dtype: _BITS[dtype])
    return f"its weights are {least} already" if _BITS[least] <= _BITS[to] else None


@cache
def _known() -> dict[str, bool]:
    """Every variable of a Whisper model, each layer called 0, and whether it is a matrix that is quantised.

    CTranslate2's converter quantises convolutions too, but CTranslate2 does not when it quantises while loading. Here
    they stay as they are: a stored int8 copy then computes exactly what the source computes when it is loaded as int8.
    """
    found: dict[str, bool] = {}

    def note(layer: object, name: str, _value: object) -> None:
        if not name.endswith(("/weight_scale", "/weight_zero")):
            found[name] = name.endswith("/weight") and not isinstance(layer, Conv1DSpec)

    visit_spec(WhisperSpec(1, 1, 1, 1), note)
    return found


def _pattern(name: str) -> str:
    return _LAYER.sub("/layer_0/", name)


def _converted(model: ModelFile, model_name: str, to: Precision) -> Iterator[tuple[str, Array]]:
    for name in sorted(model.variables):
        before = model.read(name)
        after = _matrix(name, before, to) if _known()[_pattern(name)] else [(name, _other(before, to))]
        for values in (before, *(values for _, values in after)):
            if not np.isfinite(values).all():
                raise ConversionFailed(name=model_name, why=f"{name} holds a value that {to} cannot express")
        yield from after


def _matrix(name: str, values: Array, to: Precision) -> list[tuple[str, Array]]:
    """The matrix as CTranslate2 stores it, and where it is quantised the scale of each row."""
    layer = _optimized(LinearSpec(), "weight", values, to)
    if isinstance(layer.weight_scale, NumpyVariable):
        return [(name, layer.weight.numpy()), (f"{name}_scale", layer.weight_scale.numpy())]
    return [(name, layer.weight.numpy())]


def _other(values: Array, to: Precision) -> Array:
    """A variable that is never quantised, but may become float16 or float32; a scalar stays as it is."""
    converted: Array = _optimized(LayerNormSpec(rms_norm=True), "gamma", values, to).gamma.numpy()
    return converted


def _optimized(layer: Any, attribute: str, values: Array, to: Precision) -> Any:
    setattr(layer, attribute, NumpyVariable(values))
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit is found, and refused, afterwards
        layer.optimize(quantization=to)
    return layer
