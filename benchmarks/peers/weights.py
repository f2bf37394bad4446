"""The verified weights of a CTranslate2 Whisper model under the names that openai-whisper gives them.

CTranslate2 keeps query, key and value in one linear layer (in the cross-attention key and value), and gives keys a bias
that Whisper does not have: it is zero.

    .venv/bin/python benchmarks/peers/weights.py MODEL_DIR STATE.npz
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from care_voice.engine.backends.ct2_file import ModelFile, open_model

Array = npt.NDArray[Any]
Pair = tuple[str, Array]

_MLP = {"linear_0": "mlp.0", "linear_1": "mlp.2"}


def dimensions(model: ModelFile) -> dict[str, int]:
    """The sizes, named and ordered as in openai-whisper's ModelDimensions; whisper.cpp keeps them in the same order."""
    state, mels, _ = model.variables["encoder/conv1/weight"].shape
    vocabulary, text_state = model.variables["decoder/embeddings/weight"].shape
    return {
        "n_mels": mels,
        "n_vocab": vocabulary,
        "n_audio_ctx": model.variables["encoder/position_encodings/encodings"].shape[0],
        "n_audio_state": state,
        "n_audio_head": int(model.read("encoder/num_heads")),
        "n_audio_layer": _layers(model, "encoder"),
        "n_text_ctx": model.variables["decoder/position_encodings/encodings"].shape[0],
        "n_text_state": text_state,
        "n_text_head": int(model.read("decoder/num_heads")),
        "n_text_layer": _layers(model, "decoder"),
    }


def state_of(model_dir: Path) -> tuple[dict[str, int], dict[str, Array]]:
    """The dimensions, and every weight as float32 in memory."""
    with open_model(model_dir / "model.bin") as model:
        pairs = [*_encoder(model), *_decoder(model)]
        return dimensions(model), {name: values.astype(np.float32) for name, values in pairs}


def _layers(model: ModelFile, side: str) -> int:
    return sum(name.startswith(f"{side}/layer_") and name.endswith("/ffn/layer_norm/gamma") for name in model.variables)


def _encoder(model: ModelFile) -> Iterator[Pair]:
    yield "encoder.positional_embedding", model.read("encoder/position_encodings/encodings")
    for name in ("conv1", "conv2"):
        yield from _weight_and_bias(model, f"encoder/{name}", f"encoder.{name}")
    for n in range(_layers(model, "encoder")):
        yield from _block(model, f"encoder/layer_{n}", f"encoder.blocks.{n}")
    yield from _norm(model, "encoder/layer_norm", "encoder.ln_post")


def _decoder(model: ModelFile) -> Iterator[Pair]:
    yield "decoder.token_embedding.weight", model.read("decoder/embeddings/weight")
    yield "decoder.positional_embedding", model.read("decoder/position_encodings/encodings")
    for n in range(_layers(model, "decoder")):
        source, target = f"decoder/layer_{n}", f"decoder.blocks.{n}"
        yield from _block(model, source, target)
        attention = f"{source}/attention"
        yield from _norm(model, f"{attention}/layer_norm", f"{target}.cross_attn_ln")
        yield from _weight_and_bias(model, f"{attention}/linear_0", f"{target}.cross_attn.query")
        yield from _split(model, f"{attention}/linear_1", f"{target}.cross_attn", ("key", "value"))
        yield from _weight_and_bias(model, f"{attention}/linear_2", f"{target}.cross_attn.out")
    yield from _norm(model, "decoder/layer_norm", "decoder.ln")


def _block(model: ModelFile, source: str, target: str) -> Iterator[Pair]:
    """Self-attention and feed-forward layers, which encoder and decoder share."""
    attention = f"{source}/self_attention"
    yield from _norm(model, f"{attention}/layer_norm", f"{target}.attn_ln")
    yield from _split(model, f"{attention}/linear_0", f"{target}.attn", ("query", "key", "value"))
    yield from _weight_and_bias(model, f"{attention}/linear_1", f"{target}.attn.out")
    yield from _norm(model, f"{source}/ffn/layer_norm", f"{target}.mlp_ln")
    for linear, name in _MLP.items():
        yield from _weight_and_bias(model, f"{source}/ffn/{linear}", f"{target}.{name}")


def _split(model: ModelFile, source: str, target: str, parts: tuple[str, ...]) -> Iterator[Pair]:
    weights, biases = (np.split(model.read(f"{source}/{kind}"), len(parts)) for kind in ("weight", "bias"))
    for part, weight, bias in zip(parts, weights, biases, strict=True):
        yield f"{target}.{part}.weight", weight
        if part != "key":
            yield f"{target}.{part}.bias", bias
        elif np.any(bias):
            raise ValueError(f"{source} has a bias for keys, which Whisper has not")


def _weight_and_bias(model: ModelFile, source: str, target: str) -> Iterator[Pair]:
    yield f"{target}.weight", model.read(f"{source}/weight")
    yield f"{target}.bias", model.read(f"{source}/bias")


def _norm(model: ModelFile, source: str, target: str) -> Iterator[Pair]:
    yield f"{target}.weight", model.read(f"{source}/gamma")
    yield f"{target}.bias", model.read(f"{source}/beta")


def save(model_dir: Path, target: Path) -> None:
    """Write the state for a program that has no reader for CTranslate2's format."""
    dims, state = state_of(model_dir)
    with target.open("wb") as file:
        np.savez(file, dims=json.dumps(dims), **state)


if __name__ == "__main__":
    save(Path(sys.argv[1]), Path(sys.argv[2]))
