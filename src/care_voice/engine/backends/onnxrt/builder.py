"""Writes ONNX graphs: the few messages of the format that are needed, with the weights in a file of their own.

The same calls give the same bytes. ONNX is protocol buffers (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3);
the field numbers below are those of that file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Attribute = int | float | str | Sequence[int]

CONTRIB: Final = "com.microsoft"
_IR_VERSION = 10
_OPSETS = (("", 20), (CONTRIB, 1))
_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
_ALIGNMENT = 4096
"""Weights begin on a page, so that they can be mapped into memory."""


class GraphBuilder:
    """Collects nodes and weights, and writes `NAME.onnx` and `NAME.bin` into a directory."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name
        self._graph = bytearray(_text(2, name))
        self._count = 0
        self._offset = 0
        self._weights = (directory / f"{name}.bin").open("xb")

    def input(self, name: str, dtype: str, shape: Sequence[int | str]) -> str:
        """Declare an input; a text in `shape` names a dimension that is known at run time only."""
        self._graph += _message(11, _value_info(name, dtype, shape))
        return name

    def output(self, name: str, dtype: str, shape: Sequence[int | str]) -> None:
        """Declare an output; `name` must be given to a node as what it computes."""
        self._graph += _message(12, _value_info(name, dtype, shape))

    def weight(self, name: str, values: Array) -> str:
        """Store `values` and make them known as `name`."""
        values = np.ascontiguousarray(values)
        self._weights.write(bytes(-self._offset % _ALIGNMENT))
        self._offset += -self._offset % _ALIGNMENT
        self._weights.write(values.tobytes())
        place = (("location", f"{self._name}.bin"), ("offset", str(self._offset)), ("length", str(values.nbytes)))
        self._offset += values.nbytes
        tensor = _tensor_head(name, values) + _varint_field(14, 1)
        tensor += b"".join(_message(13, _text(1, key) + _text(2, value)) for key, value in place)
        self._graph += _message(5, tensor)
        return name

    def constant(self, values: Array) -> str:
        """A small constant, stored in the graph itself."""
        name = self._fresh("constant")
        self._graph += _message(5, _tensor_head(name, values) + _message(9, np.ascontiguousarray(values).tobytes()))
        return name

    def node(
        self, op: str, inputs: Iterable[str], *, domain: str = "", output: str = "", **attributes: Attribute
    ) -> str:
        """Add a node with one output and return the output's name; an empty name among the inputs leaves one out."""
        return self.nodes(op, inputs, [output or self._fresh(op)], domain=domain, **attributes)[0]

    def nodes(
        self, op: str, inputs: Iterable[str], outputs: Sequence[str], *, domain: str = "", **attributes: Attribute
    ) -> list[str]:
        """Add a node with the outputs named; an empty name leaves one out."""
        body = b"".join(_text(1, name) for name in inputs) + b"".join(_text(2, name) for name in outputs)
        body += _text(3, self._fresh(f"node_{op}")) + _text(4, op)
        body += b"".join(_message(5, _attribute(key, value)) for key, value in sorted(attributes.items()))
        self._graph += _message(1, body + _text(7, domain))
        return list(outputs)

    def fresh(self, count: int) -> list[str]:
        """Names that nothing has yet."""
        return [self._fresh("value") for _ in range(count)]

    def save(self) -> None:
        """Write the graph and close the weights.

        Raises:
            OSError: They cannot be written.
        """
        self._weights.close()
        opsets = b"".join(_message(8, _text(1, domain) + _varint_field(2, version)) for domain, version in _OPSETS)
        model = _varint_field(1, _IR_VERSION) + _text(2, "care-voice") + _message(7, bytes(self._graph)) + opsets
        (self._directory / f"{self._name}.onnx").write_bytes(model)

    def _fresh(self, what: str) -> str:
        self._count += 1
        return f"{what}_{self._count}"


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


def _varint_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _message(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode())


def _tensor_head(name: str, values: Array) -> bytes:
    dims = b"".join(_varint_field(1, size) for size in values.shape)
    return dims + _varint_field(2, _TYPES[values.dtype.name]) + _text(8, name)


def _value_info(name: str, dtype: str, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(_message(1, _varint_field(1, n) if isinstance(n, int) else _text(2, n)) for n in shape)
    tensor = _varint_field(1, _TYPES[dtype]) + _message(2, dims)
    return _text(1, name) + _message(2, _message(1, tensor))


def _attribute(name: str, value: Attribute) -> bytes:
    """Types: 1 float, 2 integer, 3 text, 7 integers."""
    head = _text(1, name)
    if isinstance(value, float):
        return head + _varint(2 << 3 | 5) + struct.pack("<f", value) + _varint_field(20, 1)
    if isinstance(value, int):
        return head + _varint_field(3, value) + _varint_field(20, 2)
    if isinstance(value, str):
        return head + _text(4, value) + _varint_field(20, 3)
    return head + b"".join(_varint_field(8, item) for item in value) + _varint_field(20, 7)
