"""Runs the two graphs on buffers that ONNX Runtime reads and writes in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

Array = npt.NDArray[Any]

MAX_POSITIONS = 448


@dataclass(frozen=True, slots=True)
class Sound:
    """An encoded window.

    For each decoder layer four states: keys (1, heads, head size, positions) in int8, the scale of each of their
    channels (1, heads, 1, head size), and likewise the values (1, heads, positions, head size).
    """

    states: tuple[Array, ...]

    @property
    def positions(self) -> int:
        """Encoder positions, 20 ms each."""
        return int(self.states[0].shape[3])

    def keys(self, layer: int, head: int, positions: int) -> Array:
        """(positions, head size) in float32: the first `positions` keys of a head."""
        whole, scale = self.states[4 * layer][0, head, :, :positions], self.states[4 * layer + 1][0, head]
        result: Array = whole.T * scale
        return result


@dataclass(frozen=True, slots=True)
class Step:
    """What the decoder gave. `logprobs` and `ids` (taken, count) falling; `probes` (taken, probes); `queries`
    (rows, length, layers * width) of the cross-attention.
    """

    logprobs: Array
    ids: Array
    probes: Array
    queries: Array


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """`threads` CPU threads of one operation; 0 lets ONNX Runtime choose."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def open_session(path: Path, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Encoder:
    """mel -> `Sound`."""

    def __init__(self, directory: Path, options: onnxruntime.SessionOptions) -> None:
        self._session = open_session(directory / "encoder.onnx", options)

    @property
    def mels(self) -> int:
        return int(self._session.get_inputs()[0].shape[1])

    def encode(self, mel: Array) -> Sound:
        """`mel` (mels, frames): an even number of frames up to 3000."""
        return Sound(tuple(self._session.run(None, {"mel": np.ascontiguousarray(mel[np.newaxis])})))


class Decoder:
    """The decoder's graph and its sizes."""

    def __init__(self, directory: Path, options: onnxruntime.SessionOptions) -> None:
        self.session = open_session(directory / "decoder.onnx", options)
        inputs = {value.name: value.shape for value in self.session.get_inputs()}
        outputs = {value.name: value.shape for value in self.session.get_outputs()}
        self.layers = sum(name.startswith("self_keys_") for name in inputs)
        self.heads, self.head_size = int(inputs["self_keys_0"][1]), int(inputs["self_keys_0"][3])
        self.vocabulary = int(inputs["token_bias"][0])
        self.query_width = int(outputs["queries"][2])

    def names(self, *parts: str) -> list[str]:
        """Of each layer the inputs or outputs `parts`."""
        return [f"{part}_{n}" for n in range(self.layers) for part in parts]


class Binding:
    """Inputs and outputs of the decoder, bound by address. Those of one name are bound again only when they change."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._binding = decoder.session.io_binding()
        self._kept: dict[str, Array] = {}
        self._places: dict[str, tuple[int, tuple[int, ...]]] = {}
        self._self = decoder.names("self_keys", "self_values")
        self._new = decoder.names("new_keys", "new_values")
        self._sound = decoder.names("keys", "keys_scale", "values", "values_scale")

    def cache(self, cache: Array, first: int, count: int) -> None:
        """The rows [first, first + count) of (states, rows, heads, positions, size)."""
        shape = (count, *cache.shape[2:])
        for n, (name, new) in enumerate(zip(self._self, self._new, strict=True)):
            address = cache.ctypes.data + n * cache.strides[0] + first * cache.strides[1]
            if self._moved(name, address, shape):
                self._binding.bind_input(name, "cpu", 0, np.float32, shape, address)
                self._binding.bind_output(new, "cpu", 0, np.float32, shape, address)

    def sounds(self, states: Sequence[Array]) -> None:
        """For each state of a `Sound` those of the windows, one beside the other."""
        for name, values in zip(self._sound, states, strict=True):
            self.input(name, values)

    def input(self, name: str, values: Array) -> None:
        self._kept[name] = values
        address = values.ctypes.data
        if self._moved(name, address, values.shape):
            self._binding.bind_input(name, "cpu", 0, values.dtype.type, values.shape, address)

    def output(self, name: str, dtype: type[np.generic], shape: tuple[int, ...]) -> Array:
        """An array that is written by the next runs, as long as the shape stays."""
        values = self._kept.get(name)
        if values is None or values.shape != shape:
            values = np.empty(shape, dtype)
            self._kept[name] = values
            self._binding.bind_output(name, "cpu", 0, dtype, shape, values.ctypes.data)
        return values

    def run(self, inputs: Mapping[str, Array]) -> Step:
        """`inputs` as `write_decoder` describes them, without caches and sounds."""
        for name, values in inputs.items():
            self.input(name, values)
        taken, count = len(inputs["take"]), int(inputs["count"][0])
        rows = inputs["tokens"].shape
        step = Step(
            self.output("top_logprobs", np.float32, (taken, count)),
            self.output("top_ids", np.int64, (taken, count)),
            self.output("probes", np.float32, inputs["probed"].shape),
            self.output("queries", np.float32, (*rows, self._decoder.query_width)),
        )
        self._decoder.session.run_with_iobinding(self._binding)
        return step

    def _moved(self, name: str, address: int, shape: tuple[int, ...]) -> bool:
        place = (address, shape)
        if self._places.get(name) == place:
            return False
        self._places[name] = place
        return True
