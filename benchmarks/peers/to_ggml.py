"""Write a model file for whisper.cpp, quantised to q8_0, from a CTranslate2 model.

    .venv/bin/python benchmarks/peers/to_ggml.py MODEL_DIR TARGET.bin

Little-endian: magic number, 11 sizes, mel filters, vocabulary, tensors with their dimensions in reverse. As with
whisper.cpp's own quantiser, matrices but for position encodings become q8_0, convolutions float16, the rest float32.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from tokenizers import Tokenizer
from weights import Array, state_of

from care_voice.engine.bytelevel import token_bytes

MAGIC = 0x67676D6C
F32, F16, Q8_0 = 0, 1, 8
MOSTLY_Q8_0 = 2 * 1000 + 7
"""File type 7 in version 2 of the quantisation formats."""
BLOCK = 32


def write(model_dir: Path, target: Path) -> None:
    """Convert a model."""
    dims, state = state_of(model_dir)
    with target.open("wb") as file:
        mels = dims.pop("n_mels")
        file.write(struct.pack("<12i", MAGIC, *dims.values(), mels, MOSTLY_Q8_0))
        _write_filters(file, mels)
        _write_vocabulary(file, model_dir / "tokenizer.json")
        for name, values in state.items():
            _write_tensor(file, name, values)


def _write_filters(file: IO[bytes], mels: int) -> None:
    filters = FeatureExtractor.get_mel_filters(16_000, n_fft=400, n_mels=mels).astype("<f4")
    file.write(struct.pack("<2i", *filters.shape) + filters.tobytes())


def _write_vocabulary(file: IO[bytes], path: Path) -> None:
    """Text tokens alone: whisper.cpp knows by itself what follows them."""
    tokens = list(_text_tokens(Tokenizer.from_file(str(path))))
    file.write(struct.pack("<i", len(tokens)))
    file.writelines(struct.pack("<i", len(token)) + token for token in tokens)


def _text_tokens(tokenizer: Tokenizer) -> Iterator[bytes]:
    for number in range(tokenizer.token_to_id("<|endoftext|>")):
        yield token_bytes(tokenizer.id_to_token(number))


def _write_tensor(file: IO[bytes], name: str, values: Array) -> None:
    if name.startswith("encoder.conv") and name.endswith("bias"):
        values = values[:, np.newaxis]
    kind, data = _encoded(name, values)
    label = name.encode()
    file.write(struct.pack("<3i", values.ndim, len(label), kind))
    file.write(struct.pack(f"<{values.ndim}i", *reversed(values.shape)) + label + data)


def _encoded(name: str, values: Array) -> tuple[int, bytes]:
    if values.ndim == 3:
        return F16, values.astype("<f2").tobytes()
    if values.ndim == 2 and name.endswith("weight"):
        return Q8_0, quantized(values)
    return F32, values.astype("<f4").tobytes()


def quantized(values: Array) -> bytes:
    """Blocks of 32: a float16 scale and 32 signed bytes, rounded half away from zero as ggml does."""
    blocks = values.reshape(-1, BLOCK).astype(np.float32)
    scales = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127)
    scaled = np.divide(blocks, scales, out=np.zeros_like(blocks), where=scales > 0)
    numbers = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.int8)
    packed = np.empty(len(blocks), dtype=[("scale", "<f2"), ("numbers", "i1", BLOCK)])
    packed["scale"], packed["numbers"] = scales[:, 0], numbers
    return packed.tobytes()


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
