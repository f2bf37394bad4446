"""Whisper's two graphs, written from a CTranslate2 model file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from care_voice.engine.backends.ct2_file import ModelFile
from care_voice.engine.backends.onnxrt.builder import CONTRIB, GraphBuilder
from care_voice.engine.backends.onnxrt.layers import Kind, Layers, by_blocks

MAX_POSITIONS = 448
SOUND_PARTS = ("keys", "values")
Declare = Callable[[str, str, Sequence[int | str]], object]
_GELU_LEAST = 0.17
"""GELU is nowhere below this, negated."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Sizes of a Whisper model."""

    width: int
    heads: int
    mels: int
    vocabulary: int
    encoder_layers: int
    decoder_layers: int

    @property
    def head_size(self) -> int:
        return self.width // self.heads


def outline_of(model: ModelFile) -> Outline:
    """Read the sizes from the shapes of the variables."""
    width, mels, _ = model.variables["encoder/conv1/weight"].shape
    return Outline(
        width=width,
        heads=int(model.read("encoder/num_heads")),
        mels=mels,
        vocabulary=model.variables["decoder/embeddings/weight"].shape[0],
        encoder_layers=_layers(model, "encoder"),
        decoder_layers=_layers(model, "decoder"),
    )


def _layers(model: ModelFile, side: str) -> int:
    found = (re.match(rf"{side}/layer_(\d+)/", name) for name in model.variables)
    return 1 + max(int(match[1]) for match in found if match)


def write_encoder(model: ModelFile, directory: Path, kind: Kind) -> None:
    """`encoder.onnx`: mel (1, mels, frames) -> for each decoder layer the keys and values of the cross-attention.

    Any even number of frames up to 3000.
    """
    outline = outline_of(model)
    builder = GraphBuilder(directory, "encoder")
    layers = Layers(builder, model)
    hidden = _convolutions(layers, builder.input("mel", "float32", [1, outline.mels, "frames"]), outline, kind)
    normed = layers.norm(hidden, "encoder/layer_0/self_attention/layer_norm")
    for n in range(outline.encoder_layers):
        name = f"encoder/layer_{n}"
        attended = _self_attention(layers, normed, f"{name}/self_attention", outline, kind)
        normed, hidden = layers.add_and_norm(attended, hidden, f"{name}/ffn/layer_norm")
        expanded = builder.node("Gelu", [layers.linear(normed, f"{name}/ffn/linear_0", kind)])
        following = f"encoder/layer_{n + 1}/self_attention/layer_norm"
        final = n == outline.encoder_layers - 1
        contracted = layers.linear(expanded, f"{name}/ffn/linear_1", kind, _GELU_LEAST)
        normed, hidden = layers.add_and_norm(contracted, hidden, "encoder/layer_norm" if final else following)
    _cross_keys_and_values(layers, normed, outline, kind)
    builder.save()


def _convolutions(layers: Layers, mel: str, outline: Outline, kind: Kind) -> str:
    """(1, mels, frames) -> (1, frames / 2, width), positions added.

    Both are a matrix times three frames side by side, so that int8 serves the second, which is the larger one.
    """
    builder = layers.builder
    frames = builder.node("Transpose", [mel], perm=[0, 2, 1])
    padded = builder.node("Pad", [frames, builder.constant(np.array([0, 1, 0, 0, 1, 0]))])
    triples = builder.node("Concat", [_cut(builder, padded, 1, n, n - 2) for n in range(3)], axis=-1)
    first = builder.node("Gelu", [_convolved(layers, triples, "encoder/conv1", "float")])
    # The second takes every other frame with its neighbours: the pair 2n, 2n + 1, and 2n - 1 of the pair before.
    pairs = builder.node("Reshape", [first, builder.constant(np.array([1, -1, 2 * outline.width]))])
    odd = _cut(builder, pairs, 2, outline.width, 0)
    before = builder.node("Pad", [odd, builder.constant(np.array([0, 1, 0, 0, -1, 0]))])
    triples = builder.node("Concat", [before, pairs], axis=-1)
    value = builder.node("Gelu", [_convolved(layers, triples, "encoder/conv2", kind)])
    length = builder.node("Shape", [value], start=1, end=2)
    zero, axis = builder.constant(np.array([0])), builder.constant(np.array([0]))
    positions = builder.node("Slice", [layers.weight("encoder/position_encodings/encodings"), zero, length, axis])
    return builder.node("Add", [value, positions])


def _cut(builder: GraphBuilder, value: str, axis: int, start: int, stop: int) -> str:
    """[start, stop) along an axis; `stop` counts from the end, 0 being the end itself."""
    bounds = [np.array([start]), np.array([stop or np.iinfo(np.int64).max]), np.array([axis])]
    return builder.node("Slice", [value, *(builder.constant(bound) for bound in bounds)])


def _convolved(layers: Layers, triples: str, name: str, kind: Kind) -> str:
    weight = layers.values(f"{name}/weight").transpose(0, 2, 1)
    return layers.matmul(
        layers.shared(triples, kind, _GELU_LEAST if kind == "tokens" else 0.0),
        name,
        weight.reshape(len(weight), -1),
        layers.values(f"{name}/bias"),
    )


def _self_attention(layers: Layers, normed: str, name: str, outline: Outline, kind: Kind) -> str:
    builder = layers.builder
    weights = np.split(layers.values(f"{name}/linear_0/weight"), 3)
    biases = np.split(layers.values(f"{name}/linear_0/bias"), 3)
    shared = layers.shared(normed, kind)
    parts = zip("qkv", weights, biases, strict=True)
    projected = [layers.matmul(shared, f"{name}/{part}", weight, bias) for part, weight, bias in parts]
    attended = builder.node("MultiHeadAttention", projected, domain=CONTRIB, num_heads=outline.heads)
    return layers.linear(attended, f"{name}/linear_1", kind)


def _cross_keys_and_values(layers: Layers, encoded: str, outline: Outline, kind: Kind) -> None:
    """Keys (1, heads, size, positions) and values (1, heads, positions, size) in int8, with a scale for each channel.

    Each step of the decoder reads all of them, and is bound by the memory that takes.
    """
    builder = layers.builder
    shared = layers.shared(encoded, kind)
    heads = builder.constant(np.array([1, -1, outline.heads, outline.head_size]))
    for n in range(outline.decoder_layers):
        name = f"decoder/layer_{n}/attention/linear_1"
        weights, biases = np.split(layers.values(f"{name}/weight"), 2), np.split(layers.values(f"{name}/bias"), 2)
        for part, weight, bias in zip(SOUND_PARTS, weights, biases, strict=True):
            projected = layers.matmul(shared, f"{name}/{part}", weight, bias)
            whole, scale = layers.channels(projected)
            turned = [0, 2, 3, 1] if part == "keys" else [0, 2, 1, 3]
            builder.node("Transpose", [builder.node("Reshape", [whole, heads])], output=f"{part}_{n}", perm=turned)
            scales = builder.node("Reshape", [scale, heads])
            builder.node("Transpose", [scales], output=f"{part}_scale_{n}", perm=[0, 2, 1, 3])
            _sound_of_layer(builder.output, part, n, outline, 1)


def _sound_of_layer(declare: Declare, part: str, n: int, outline: Outline, windows: int | str) -> None:
    """Declare one layer's keys or values and their scales as inputs or outputs."""
    heads, size = outline.heads, outline.head_size
    shape: list[int | str] = [size, "frames"] if part == "keys" else ["frames", size]
    declare(f"{part}_{n}", "int8", [windows, heads, *shape])
    declare(f"{part}_scale_{n}", "float32", [windows, heads, 1, size])


def write_decoder(model: ModelFile, directory: Path, kind: Kind, alignment_layers: tuple[int, ...]) -> None:
    """`decoder.onnx`: tokens of several rows -> the most probable next tokens, and each row's keys and values.

    Rows belong to windows, and the rows of a window share the keys and values of its sound. Inputs:

        tokens, positions (rows, length)      length 1, or the length of a prompt that is read into an empty cache
        lengths (rows,), total (1,)           tokens in each row's cache after this step, less 1; and the most of them
        self_keys_N, self_values_N            (rows, heads, capacity, size): bound as outputs too, written in place
        keys_N, values_N and their scales     from the encoder, one window beside the other
        sound_mask (windows, 1, beams, frames) added to the attention: 0, or a large negative number for padding
        to_windows (windows, beams)           which row (times length) each place of a window holds
        from_windows (rows, length)           in which place (window * beams + beam) each row is
        take (taken,)                         which rows (times length) to compute the vocabulary for
        token_bias (vocabulary,)              added to the logits: large negative numbers suppress tokens
        count (1,), probed (taken, probes)    how many of the most probable tokens to give, and further tokens to give

    Outputs: top_logprobs and top_ids (taken, count), probes (taken, probes), queries (rows, length, layers * width):
    the scaled queries of the cross-attention of `alignment_layers`.
    """
    outline = outline_of(model)
    builder = GraphBuilder(directory, "decoder")
    layers = Layers(builder, model)
    _decoder_inputs(builder, outline)
    shared = layers.builder.weight("embeddings", by_blocks(layers.values("decoder/embeddings/weight"))[0])
    scales = builder.weight("embeddings.s", by_blocks(layers.values("decoder/embeddings/weight"))[1])
    hidden = _embedded(layers, shared, scales)
    normed = layers.norm(hidden, "decoder/layer_0/self_attention/layer_norm")
    queries = []
    for n in range(outline.decoder_layers):
        name = f"decoder/layer_{n}"
        attended = _cached_attention(layers, normed, n, outline, kind)
        normed, hidden = layers.add_and_norm(attended, hidden, f"{name}/attention/layer_norm")
        query, attended = _cross_attention(layers, normed, n, outline, kind)
        queries.append(query)
        normed, hidden = layers.add_and_norm(attended, hidden, f"{name}/ffn/layer_norm")
        expanded = builder.node("Gelu", [layers.linear(normed, f"{name}/ffn/linear_0", kind)])
        contracted = layers.linear(expanded, f"{name}/ffn/linear_1", kind)
        final = n == outline.decoder_layers - 1
        following = "decoder/layer_norm" if final else f"decoder/layer_{n + 1}/self_attention/layer_norm"
        normed, hidden = layers.add_and_norm(contracted, hidden, following)
    builder.node("Concat", [queries[n] for n in alignment_layers], output="queries", axis=-1)
    builder.output("queries", "float32", ["rows", "length", len(alignment_layers) * outline.width])
    _vocabulary(layers, normed, shared, scales, outline)
    builder.save()


def _decoder_inputs(builder: GraphBuilder, outline: Outline) -> None:
    for name in ("tokens", "positions", "from_windows"):
        builder.input(name, "int64", ["rows", "length"])
    builder.input("to_windows", "int64", ["windows", "beams"])
    builder.input("lengths", "int32", ["rows"])
    builder.input("total", "int32", [1])
    builder.input("sound_mask", "float32", ["windows", 1, "beams", "frames"])
    builder.input("take", "int64", ["taken"])
    builder.input("token_bias", "float32", [outline.vocabulary])
    builder.input("count", "int64", [1])
    builder.input("probed", "int64", ["taken", "probes"])
    for n in range(outline.decoder_layers):
        for part in ("keys", "values"):
            shape: list[int | str] = ["rows", outline.heads, "capacity", outline.head_size]
            builder.input(f"self_{part}_{n}", "float32", shape)
            builder.output(f"new_{part}_{n}", "float32", shape)
            _sound_of_layer(builder.input, part, n, outline, "windows")


def _embedded(layers: Layers, shared: str, scales: str) -> str:
    """Embeddings come from the quantised matrix that also computes the vocabulary."""
    builder = layers.builder
    whole = builder.node("Cast", [builder.node("Gather", [shared, "tokens"])], to=1)
    centred = builder.node("Sub", [whole, builder.constant(np.array(128, np.float32))])
    axis = builder.constant(np.array([-1]))
    scale = builder.node("Unsqueeze", [builder.node("Gather", [scales, "tokens"]), axis])
    scaled = builder.node("Mul", [centred, scale])
    flat = builder.node("Reshape", [scaled, builder.constant(np.array([0, 0, -1]))])
    places = builder.node("Gather", [layers.weight("decoder/position_encodings/encodings"), "positions"])
    return builder.node("Add", [flat, places])


def _cached_attention(layers: Layers, normed: str, n: int, outline: Outline, kind: Kind) -> str:
    name = f"decoder/layer_{n}/self_attention"
    packed = layers.linear(normed, f"{name}/linear_0", kind)
    inputs = [packed, "", "", f"self_keys_{n}", f"self_values_{n}", "lengths", "total"]
    outputs = [*layers.builder.fresh(1), f"new_keys_{n}", f"new_values_{n}"]
    attended = layers.builder.nodes(
        "GroupQueryAttention", inputs, outputs, domain=CONTRIB, num_heads=outline.heads, kv_num_heads=outline.heads
    )[0]
    return layers.linear(attended, f"{name}/linear_1", kind)


def _cross_attention(layers: Layers, normed: str, n: int, outline: Outline, kind: Kind) -> tuple[str, str]:
    """The scaled queries, and what they attend to. The rows of a window are queries of one attention."""
    builder = layers.builder
    name = f"decoder/layer_{n}/attention"
    scale = np.float32(outline.head_size**-0.5)
    weight, bias = layers.values(f"{name}/linear_0/weight") * scale, layers.values(f"{name}/linear_0/bias") * scale
    query = layers.matmul(layers.shared(normed, kind), f"{name}/linear_0", weight, bias)
    flat = builder.constant(np.array([-1, outline.width]))
    by_window = builder.node("Gather", [builder.node("Reshape", [query, flat]), "to_windows"])
    attended = _attended(layers, by_window, n, outline)
    by_row = builder.node("Gather", [builder.node("Reshape", [attended, flat]), "from_windows"])
    return query, layers.linear(by_row, f"{name}/linear_2", kind)


def _attended(layers: Layers, queries: str, n: int, outline: Outline) -> str:
    """(windows, beams, width): the mean of the values by the softmax of the keys' products with the queries.

    Both products are of 8-bit numbers. A channel's scale goes to the other side of its product.
    """
    builder = layers.builder
    heads = builder.constant(np.array([0, 0, outline.heads, outline.head_size]))
    split = builder.node("Transpose", [builder.node("Reshape", [queries, heads])], perm=[0, 2, 1, 3])
    scaled = layers.shared(builder.node("Mul", [split, f"keys_scale_{n}"]), "tokens")
    logits = builder.node("Add", [layers.product(scaled, f"keys_{n}"), "sound_mask"])
    weights = layers.positive(builder.node("Softmax", [logits], axis=-1))
    mean = builder.node("Mul", [layers.product(weights, f"values_{n}"), f"values_scale_{n}"])
    whole = builder.constant(np.array([0, 0, outline.width]))
    return builder.node("Reshape", [builder.node("Transpose", [mean], perm=[0, 2, 1, 3]), whole])


def _vocabulary(layers: Layers, normed: str, shared: str, scales: str, outline: Outline) -> None:
    builder = layers.builder
    flat = builder.node("Reshape", [normed, builder.constant(np.array([-1, outline.width]))])
    taken = builder.node("Gather", [flat, "take"])
    shape = (outline.vocabulary, outline.width)
    logits = layers.matmul_of_blocks([taken, shared, scales, "", "", "token_bias"], shape)
    logprobs = builder.node("LogSoftmax", [logits], axis=-1)
    builder.nodes("TopK", [logprobs, "count"], ["top_logprobs", "top_ids"], axis=-1)
    builder.node("GatherElements", [logprobs, "probed"], output="probes", axis=-1)
    builder.output("top_logprobs", "float32", ["taken", "k"])
    builder.output("top_ids", "int64", ["taken", "k"])
    builder.output("probes", "float32", ["taken", "probes"])
