"""A CTranslate2 Whisper model becomes a directory that ONNX Runtime runs: same weights, matrices in int8."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import onnxruntime

from care_voice.domain.model_errors import ConversionFailed
from care_voice.engine.backends.ct2_file import ModelFile, open_model
from care_voice.engine.backends.onnxrt.graphs import write_decoder, write_encoder
from care_voice.engine.backends.onnxrt.layers import Kind
from care_voice.engine.backends.onnxrt.runtime import PARAMETERS_FILE
from care_voice.engine.backends.quantize import MODEL_FILE, make_empty

TOOL = f"care-voice, for onnxruntime {onnxruntime.__version__}"
"""What a derived model was made with."""

_COPIED = ("tokenizer.json", "preprocessor_config.json")
_START = "<|startoftranscript|>"


def write_onnx(source: Path, target: Path, encoder: Kind = "tokens", decoder: Kind = "blocks") -> None:
    """Make a complete model directory for `OnnxRuntime`. The same source gives the same bytes.

    Args:
        source: A directory with a CTranslate2 Whisper model of float16 or float32 weights and its tokenizer.json.
        target: A directory that is empty or does not exist. After an error it may hold a part of the model.
        encoder: How the encoder's matrices are stored.
        decoder: How the decoder's are.

    Raises:
        ConversionFailed: The source is not such a model, or the target is not empty.
        OSError: The target cannot be written.
    """
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    tokens = _tokens(source)
    with open_model(source / MODEL_FILE) as model:
        _check(model, source.name)
        make_empty(target, source.name)
        heads = config["alignment_heads"]
        write_encoder(model, target, encoder)
        write_decoder(model, target, decoder, tuple(sorted({layer for layer, _ in heads})))
    for name in _COPIED:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    parameters = {"alignment_heads": heads, "languages": _languages(config, tokens), "start": tokens[_START]}
    (target / PARAMETERS_FILE).write_text(json.dumps(parameters, indent=1) + "\n", encoding="utf-8")


def _check(model: ModelFile, name: str) -> None:
    if model.spec != "WhisperSpec":
        raise ConversionFailed(name=name, why=f"it is a {model.spec}, not a Whisper model")
    whole = [key for key, variable in model.variables.items() if key.endswith("/weight") and variable.dtype == "int8"]
    if whole:
        raise ConversionFailed(name=name, why="its weights are quantised already; take the model that it was made from")


def _tokens(source: Path) -> dict[str, int]:
    """Special tokens and their numbers."""
    tokenizer: dict[str, Any] = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    return {entry["content"]: int(entry["id"]) for entry in tokenizer["added_tokens"]}


def _languages(config: dict[str, Any], tokens: dict[str, int]) -> dict[str, int]:
    """Code -> token, for a model that knows more than one."""
    wanted = set(config.get("lang_ids", ()))
    found = {name.strip("<|>"): number for name, number in tokens.items() if number in wanted}
    return dict(sorted(found.items(), key=lambda pair: pair[1])) if len(found) > 1 else {}
