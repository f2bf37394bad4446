"""The layers that Whisper's encoder and decoder share, as nodes of a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from care_voice.engine.backends.ct2_file import ModelFile
from care_voice.engine.backends.onnxrt.builder import CONTRIB, Array, GraphBuilder

Kind = Literal["float", "tokens", "blocks"]
"""How a matrix is stored, and how what it is multiplied with is quantised.

`float`: float32. `tokens`: int8 with a scale for each output; each row of activations has a scale of its own, since one
scale for all loses accuracy (WER 9.98 % instead of 8.41 %, `base`). `blocks`: int8 with a scale for each `BLOCK`
weights and activations, which is more exact, as fast for a few rows and slower for many. Either way a row's result does
not depend on the rows beside it.
"""

BLOCK = 128
EPSILON = 1e-5
_INT8_MAX = 127
_MIDDLE = 128
_LOW_ZERO = 16
"""Zero point of values that are hardly below 0."""


@dataclass(frozen=True, slots=True)
class Operand:
    """What is multiplied with a matrix: names of its values, of one scale and zero point, and of a scale per row."""

    kind: Kind
    name: str
    scale: str = ""
    zero: str = ""
    row_scale: str = ""


class Layers:
    """Reads variables of a model file and adds the nodes that use them."""

    def __init__(self, builder: GraphBuilder, model: ModelFile) -> None:
        self.builder = builder
        self._model = model

    def values(self, name: str) -> Array:
        """A variable in float32."""
        return self._model.read(self._model.aliases.get(name, name)).astype(np.float32)

    def weight(self, name: str) -> str:
        """A variable in float32, stored under its own name."""
        return self.builder.weight(name, self.values(name))

    def bias(self, name: str) -> Array | None:
        return self.values(f"{name}/bias") if f"{name}/bias" in self._model.variables else None

    def shared(self, value: str, kind: Kind, least: float = 0.0) -> Operand:
        """`value` made ready for several matrices. `least`: with `tokens`, nothing in `value` is below `-least`."""
        return self._tokens(value, least) if kind == "tokens" else Operand(kind, value)

    def _tokens(self, value: str, least: float) -> Operand:
        """Each row is divided by its greatest value. Rows that cannot fall far below 0 need few steps there."""
        b = self.builder
        axis = b.constant(np.array([-1]))
        peak = b.node("ReduceMax", [value if least else b.node("Abs", [value]), axis], keepdims=1)
        zero = _LOW_ZERO if least else _MIDDLE
        steps = b.constant(np.array(255 - zero, np.float32))
        smallest = b.constant(np.array(max(least / zero, 1e-9), np.float32))
        scale = b.node("Max", [b.node("Div", [peak, steps]), smallest])
        one, middle = b.constant(np.array(1, np.float32)), b.constant(np.array(zero, np.uint8))
        return Operand(
            "tokens", b.node("QuantizeLinear", [b.node("Div", [value, scale]), one, middle]), one, middle, scale
        )

    def channels(self, value: str) -> tuple[str, str]:
        """`value` (1, rows, channels) in int8, and the scale of each channel (1, 1, channels)."""
        b = self.builder
        peak = b.node("ReduceMax", [b.node("Abs", [value]), b.constant(np.array([1]))], keepdims=1)
        scale = b.node("Max", [b.node("Div", [peak, b.constant(np.array(_INT8_MAX, np.float32))]), self._tiny()])
        one, zero = b.constant(np.array(1, np.float32)), b.constant(np.array(0, np.int8))
        return b.node("QuantizeLinear", [b.node("Div", [value, scale]), one, zero]), scale

    def positive(self, value: str) -> Operand:
        """`value`, which is nowhere below 0, made ready for a product: each row is divided by its greatest value."""
        b = self.builder
        peak = b.node("ReduceMax", [value, b.constant(np.array([-1]))], keepdims=1)
        scale = b.node("Div", [peak, b.constant(np.array(255, np.float32))])
        one, zero = b.constant(np.array(1, np.float32)), b.constant(np.array(0, np.uint8))
        return Operand("tokens", b.node("QuantizeLinear", [b.node("Div", [value, scale]), one, zero]), one, zero, scale)

    def product(self, value: Operand, whole: str) -> str:
        """`value` times `whole`, an int8 value of the graph with zero in the middle."""
        b = self.builder
        one, zero = b.constant(np.array(1, np.float32)), b.constant(np.array(0, np.int8))
        inputs = [value.name, whole, value.scale, one, value.zero, zero]
        return b.node("Mul", [b.node("MatMulIntegerToFloat", inputs, domain=CONTRIB), value.row_scale])

    def _tiny(self) -> str:
        return self.builder.constant(np.array(1e-9, np.float32))

    def linear(self, value: str, name: str, kind: Kind, least: float = 0.0) -> str:
        """A whole linear layer of the model file."""
        return self.matmul(self.shared(value, kind, least), name, self.values(f"{name}/weight"), self.bias(name))

    def matmul(self, value: Operand, name: str, weight: Array, bias: Array | None) -> str:
        """`value` times the transpose of `weight` (outputs, inputs), plus `bias`."""
        if value.kind == "blocks":
            return self.matmul_by_blocks(value.name, name, weight, self._optional(f"{name}.b", bias))
        if value.kind == "float":
            product = self.builder.node("MatMul", [value.name, self.builder.weight(name, weight.T)])
        else:
            product = self.builder.node("Mul", [self._integer_matmul(value, name, weight), value.row_scale])
        return (
            self.builder.node("Add", [product, self.builder.weight(f"{name}.b", bias)]) if bias is not None else product
        )

    def _integer_matmul(self, value: Operand, name: str, weight: Array) -> str:
        scale = np.maximum(np.abs(weight).max(axis=1), 1e-12) / _INT8_MAX
        whole = np.rint(weight / scale[:, np.newaxis]).astype(np.int8)
        inputs = [
            value.name,
            self.builder.weight(name, whole.T),
            value.scale,
            self.builder.weight(f"{name}.s", scale.astype(np.float32)),
            value.zero,
            self.builder.weight(f"{name}.z", np.zeros(len(weight), np.int8)),
        ]
        return self.builder.node("MatMulIntegerToFloat", inputs, domain=CONTRIB)

    def matmul_by_blocks(self, value: str, name: str, weight: Array, bias: str) -> str:
        """`weight` with int8 blocks; `bias` is the name of a value, or empty."""
        blocks, scales = by_blocks(weight)
        inputs = [value, self.builder.weight(name, blocks), self.builder.weight(f"{name}.s", scales), "", "", bias]
        return self.matmul_of_blocks(inputs, weight.shape)

    def matmul_of_blocks(self, inputs: list[str], shape: tuple[int, ...]) -> str:
        return self.builder.node(
            "MatMulNBits",
            inputs,
            domain=CONTRIB,
            N=shape[0],
            K=shape[1],
            bits=8,
            block_size=block_of(shape[1]),
            accuracy_level=4,
        )

    def norm(self, value: str, name: str) -> str:
        inputs = [value, self.weight(f"{name}/gamma"), self.weight(f"{name}/beta")]
        return self.builder.node("LayerNormalization", inputs, axis=-1, epsilon=EPSILON)

    def add_and_norm(self, value: str, residual: str, name: str) -> tuple[str, str]:
        """The normalised sum, and the sum itself.

        One fused SkipLayerNormalization would do both, but over the many rows of the encoder takes three times as
        long.
        """
        total = self.builder.node("Add", [value, residual])
        return self.norm(total, name), total

    def _optional(self, name: str, values: Array | None) -> str:
        return self.builder.weight(name, values) if values is not None else ""


def block_of(inputs: int) -> int:
    """Weights that share a scale: `BLOCK`, or less for the small models of tests."""
    return min(BLOCK, max(16, 1 << (inputs - 1).bit_length()))


def by_blocks(weight: Array) -> tuple[Array, Array]:
    """uint8 values (outputs, blocks, block) around 128, and a scale for each block."""
    outputs, inputs = weight.shape
    block = block_of(inputs)
    padded = np.pad(weight, ((0, 0), (0, -inputs % block))).reshape(outputs, -1, block)
    scales = (np.maximum(np.abs(padded).max(axis=2), 1e-12) / _INT8_MAX).astype(np.float32)
    whole = np.rint(padded / scales[..., np.newaxis]) + 128
    return whole.astype(np.uint8), scales
