"""What a machine can do at most: multiply-adds of int8 and float32 matrices, and bytes read from memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

Array = npt.NDArray[Any]
SHAPES = ((1500, 512, 2048), (2048, 2048, 2048))
"""Rows, inner size and columns: the largest product in the encoder of `base`, and one that favours the machine."""
READ_BYTES = 1 << 29
"""Far more than any cache holds."""
TRIES = 12
FLOAT, UINT8, INT8, INT32 = 1, 2, 3, 6
"""Types of tensors in ONNX."""


def best_s(work: Callable[[], object], tries: int = TRIES) -> float:
    """The shortest of several runs: what else the machine does only ever adds."""
    return min(_seconds(work) for _ in range(tries))


def int8_ops(threads: int) -> float:
    """Operations a second (a multiply-add is two) of ONNX Runtime's MatMulInteger, unsigned by signed 8 bit."""
    return max(_matmul_integer(shape, threads) for shape in SHAPES)


def float32_ops(threads: int) -> float:
    """Operations a second of the faster of NumPy's BLAS and ONNX Runtime."""
    return max(max(_numpy(shape), _matmul(shape, threads)) for shape in SHAPES)


def bytes_read(threads: int) -> float:
    """Bytes a second that all cores read together."""
    parts = [np.ones(READ_BYTES // 4 // threads, np.float32) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        return READ_BYTES / best_s(lambda: list(pool.map(np.max, parts)))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _numpy(shape: tuple[int, int, int]) -> float:
    rows, inner, columns = shape
    left, right = np.ones((rows, inner), np.float32), np.ones((inner, columns), np.float32)
    return _operations(shape) / best_s(lambda: left @ right)


def _matmul(shape: tuple[int, int, int], threads: int) -> float:
    rows, inner, columns = shape
    weights = np.ones((inner, columns), np.float32)
    return _run("MatMul", np.ones((rows, inner), np.float32), weights, (FLOAT, FLOAT, FLOAT), threads)


def _matmul_integer(shape: tuple[int, int, int], threads: int) -> float:
    rows, inner, columns = shape
    generator = np.random.default_rng(1)
    values = generator.integers(0, 255, (rows, inner), np.uint8)
    weights = generator.integers(-127, 127, (inner, columns), np.int8)
    return _run("MatMulInteger", values, weights, (UINT8, INT8, INT32), threads)


def _run(op: str, values: Array, weights: Array, types: tuple[int, int, int], threads: int) -> float:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    model = _product(op, values.shape, weights, types)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return _operations((*values.shape, weights.shape[1])) / best_s(lambda: session.run(None, {"values": values}))


def _operations(shape: tuple[int, ...]) -> float:
    return 2.0 * float(np.prod(shape))


def _product(op: str, rows: tuple[int, ...], weights: Array, types: tuple[int, int, int]) -> bytes:
    """An ONNX model with one node: the values times weights that it holds, which lets ONNX Runtime pack them."""
    left, right, result = types
    node = [(1, b"values"), (1, b"weights"), (2, b"result"), (4, op.encode())]
    held = [*((1, size) for size in weights.shape), (2, right), (8, b"weights"), (9, weights.tobytes())]
    graph = [
        (1, _message(node)),
        (2, b"product"),
        (5, _message(held)),
        (11, _value("values", left, rows)),
        (12, _value("result", result, (rows[0], weights.shape[1]))),
    ]
    return _message([(1, 8), (7, _message(graph)), (8, _message([(2, 17)]))])


def _value(name: str, kind: int, shape: Iterable[int]) -> bytes:
    dimensions = _message((1, _message([(1, size)])) for size in shape)
    tensor = _message([(1, kind), (2, dimensions)])
    return _message([(1, name.encode()), (2, _message([(1, tensor)]))])


def _message(fields: Iterable[tuple[int, int | bytes]]) -> bytes:
    """Protocol Buffers: numbers as varints, the rest with its length before it."""
    out = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(value)
        else:
            out += _varint(number << 3 | 2) + _varint(len(value)) + value
    return bytes(out)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
