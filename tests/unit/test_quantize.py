"""Quantising a model of a few kilobytes, held against CTranslate2's own converter."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from care_voice.domain.model_errors import ConversionFailed
from care_voice.engine.backends.ct2_file import Array, open_model, write_model
from care_voice.engine.backends.quantize import Precision, quantize
from support.tiny_whisper import save_tiny_model

INT8 = ("int8", "int8_float16")
EVERY: tuple[Precision, ...] = ("int8", "int8_float16", "float16", "float32")


def contents(directory: Path) -> dict[str, Array]:
    with open_model(directory / "model.bin") as model:
        return {name: model.read(name) for name in model.variables}


def outline(directory: Path) -> tuple[object, ...]:
    with open_model(directory / "model.bin") as model:
        return model.spec, model.revision, list(model.variables), model.aliases


def is_same(one: Array, other: Array) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and bool(np.array_equal(one, other))


@pytest.mark.parametrize(("stored_as", "to"), [("float32", t) for t in EVERY[:3]] + [("float16", t) for t in INT8])
def test_the_copy_is_what_ctranslate2_makes_of_the_same_weights_but_for_convolutions(
    tmp_path: Path, stored_as: str, to: Precision
) -> None:
    source = save_tiny_model(tmp_path / "source", stored_as)
    quantize(source, tmp_path / "copy", to)
    made, before = contents(tmp_path / "copy"), contents(source)
    expected = contents(save_tiny_model(tmp_path / "expected", to if stored_as == "float32" else stored_as))

    assert outline(tmp_path / "copy")[3] == outline(source)[3]
    assert list(made) == sorted(made)
    scaled = {name for name in made if f"{name}_scale" in made}
    assert made.keys() - before.keys() == {f"{name}_scale" for name in scaled}
    assert scaled == ({name for name, values in before.items() if is_matrix(name)} if to in INT8 else set())
    for name, values in made.items():
        if "conv" in name and to == "int8":
            assert is_same(values, before[name])
        elif "conv" in name and to == "int8_float16":
            assert is_same(values, before[name].astype(np.float16))
        elif stored_as == "float32":
            assert is_same(values, expected[name])
        elif name in scaled:
            assert np.abs(values * (1 / made[f"{name}_scale"])[:, None] - before[name]).max() < 0.02
    for name in scaled:
        assert made[name].dtype == np.int8
        assert np.abs(made[name]).max(axis=1).tolist() == [127] * len(made[name])


def is_matrix(name: str) -> bool:
    return name.endswith("/weight") and "conv" not in name


def test_the_other_files_are_copied_byte_for_byte_and_the_source_is_left_alone(tmp_path: Path) -> None:
    source = save_tiny_model(tmp_path / "source")
    (source / "preprocessor_config.json").write_bytes(b'{"x":\r\n 1}')
    before = {path.name: path.read_bytes() for path in source.iterdir()}
    quantize(source, tmp_path / "copy", "int8")

    assert {path.name: path.read_bytes() for path in source.iterdir()} == before
    copied = {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()}
    assert copied.keys() == before.keys()
    assert {name for name in before if copied[name] != before[name]} == {"model.bin"}


@pytest.mark.parametrize(
    ("stored_as", "to"),
    [("int8", "int8"), ("int8", "int8_float16"), ("int8", "float16"), ("int8_float16", "float32"), ("int16", "int8"),
     ("float16", "float16"), ("float16", "float32"), ("float32", "float32")],
)  # fmt: skip
def test_a_source_that_is_no_more_precise_is_refused(tmp_path: Path, stored_as: str, to: str) -> None:
    source = save_tiny_model(tmp_path / "source", stored_as)

    with pytest.raises(ConversionFailed, match=f"{stored_as.partition('_')[0]} already"):
        quantize(source, tmp_path / "copy", cast("Precision", to))
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("name", ["encoder/conv2/weight", "decoder/embeddings/weight", "decoder/layer_norm/gamma"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_a_value_that_has_no_place_in_the_copy_is_refused(tmp_path: Path, name: str, value: float) -> None:
    source = save_tiny_model(tmp_path / "source", "float32", {name: value})

    with pytest.raises(ConversionFailed, match=name):
        quantize(source, tmp_path / "copy", "float16")
    if np.isfinite(value):
        quantize(source, tmp_path / "int8", "int8")
        assert np.isfinite(contents(tmp_path / "int8")[name]).all()
    else:
        with pytest.raises(ConversionFailed, match=name):
            quantize(source, tmp_path / "int8", "int8")


def test_a_row_of_zeros_stays_a_row_of_zeros(tmp_path: Path) -> None:
    source, name = save_tiny_model(tmp_path / "source"), "decoder/layer_1/ffn/linear_0/weight"
    values = contents(source)
    values[name][3] = 0
    rewrite(source, values)
    quantize(source, tmp_path / "copy", "int8")

    made = contents(tmp_path / "copy")
    assert not made[name][3].any()
    assert made[f"{name}_scale"][3] == 1
    assert np.isfinite(made[f"{name}_scale"]).all()


def rewrite(directory: Path, values: dict[str, Array], spec: tuple[str, int] = ("WhisperSpec", 3)) -> None:
    """Write the model file of a directory anew."""
    with open_model(directory / "model.bin") as model:
        aliases = dict(model.aliases)
    (directory / "model.bin").unlink()
    write_model(directory / "model.bin", spec, values.items(), aliases)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"decoder/layer_0/self_attention/rotary_dim": np.ones(3, np.float16)}, "rotary_dim"),
        ({"decoder/layer_01/ffn/linear_0/weight": np.ones((3, 3), np.float16)}, "layer_01"),
        ({"encoder/extra": np.ones(3, np.float16)}, "encoder/extra"),
        ({"decoder/embeddings/weight_scale": np.ones(3, np.float32)}, "weight_scale"),
        ({"decoder/embeddings/weight": np.ones(3, np.float16)}, "not matrices"),
        ({"decoder/embeddings/weight": np.ones((3, 3), np.int32)}, "int32"),
    ],
)
def test_what_no_whisper_model_has_is_refused(tmp_path: Path, changes: dict[str, Array], why: str) -> None:
    source = save_tiny_model(tmp_path / "source")
    rewrite(source, {**contents(source), **changes})

    with pytest.raises(ConversionFailed, match=why):
        quantize(source, tmp_path / "copy", "int8")


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    source = save_tiny_model(tmp_path / "source")
    for spec in (("TransformerSpec", 3), ("WhisperSpec", 2)):
        rewrite(source, contents(source), spec)
        with pytest.raises(ConversionFailed, match=f"{spec[0]} of revision {spec[1]}"):
            quantize(source, tmp_path / "copy", "int8")


def test_a_target_that_holds_something_is_refused_and_kept(tmp_path: Path) -> None:
    source = save_tiny_model(tmp_path / "source")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "notes.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(ConversionFailed, match="not empty"):
        quantize(source, tmp_path / "copy", "int8")
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["notes.txt"]
