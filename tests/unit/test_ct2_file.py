"""The reader of model.bin against CTranslate2's own files, crafted ones, and random damage."""

from __future__ import annotations

import os
import struct
import tempfile
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from ctranslate2.specs import WhisperSpec
from hypothesis import given, settings
from hypothesis import strategies as st

from care_voice.domain.model_errors import ConversionFailed
from care_voice.engine.backends.ct2_file import open_model, write_model
from care_voice.engine.backends.quantize import quantize
from support.tiny_whisper import WIDTH, WORDS, save_tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny") / "model.bin"


def text(value: str) -> bytes:
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def variable(name: str = "a/weight", shape: tuple[int, ...] = (2, 3), kind: int = 1, size: int = 6) -> bytes:
    head = text(name) + struct.pack(f"<B{len(shape)}I", len(shape), *shape) + struct.pack("<BI", kind, size)
    return head + bytes(min(size, 64))


def model(*variables: bytes, aliases: tuple[tuple[str, str], ...] = (), version: int = 6, more: bytes = b"") -> bytes:
    names = b"".join(text(alias) + text(name) for alias, name in aliases)
    head = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(variables))
    return head + b"".join(variables) + struct.pack("<I", len(aliases)) + names + more


def test_it_reads_what_ctranslate2_writes(tiny: Path) -> None:
    with open_model(tiny) as opened:
        variables = {name: opened.read(name) for name in opened.variables}

    assert (opened.spec, opened.revision) == (WhisperSpec(1, 1, 1, 1).name, WhisperSpec(1, 1, 1, 1).revision)
    assert opened.aliases["decoder/projection/weight"] == "decoder/embeddings/weight"
    assert variables["decoder/embeddings/weight"].shape == (WORDS, WIDTH)
    assert variables["encoder/conv1/weight"].shape == (WIDTH, WIDTH, 3)
    assert variables["decoder/embeddings/weight"].dtype == np.float16
    assert variables["encoder/num_heads"] == 1
    assert variables["decoder/alignment_layer"] == -1
    first = np.random.default_rng(7).standard_normal((WIDTH, WIDTH, 3), dtype=np.float32).astype(np.float16)
    assert np.array_equal(variables["encoder/conv1/weight"], first)


def test_it_writes_what_it_read_byte_for_byte(tiny: Path, tmp_path: Path) -> None:
    with open_model(tiny) as opened:
        variables = ((name, opened.read(name)) for name in opened.variables)
        write_model(tmp_path / "copy.bin", (opened.spec, opened.revision), variables, opened.aliases)

    assert (tmp_path / "copy.bin").read_bytes() == tiny.read_bytes()


CRAFTED = {
    "nothing": b"",
    "another version": model(version=5),
    "a byte too many": model(variable(), more=b"\0"),
    "one variable twice": model(variable(), variable()),
    "an alias that is a variable": model(variable(), aliases=(("a/weight", "a/weight"),)),
    "an alias twice": model(variable(), aliases=(("b", "a/weight"), ("b", "a/weight"))),
    "an alias of nothing": model(variable(), aliases=(("b", "c"),)),
    "an alias of an alias": model(variable(), aliases=(("b", "a/weight"), ("c", "b"))),
    "an unknown type": model(variable(kind=5, size=12)),
    "a size that is not its shape's": model(variable(size=7)),
    "an empty dimension": model(variable(shape=(0, 3), size=0)),
    "a product that wraps around in 64 bits": model(variable(shape=(2**31, 2**31, 4), size=0)),
    "too many dimensions": model(variable(shape=(1,) * 255, size=1)),
    "a variable of 4 GiB": model(variable(shape=(2**16, 2**16 - 1), size=2**32 - 2**16)),
    "a name of nothing": model(struct.pack("<H", 0) + variable()[2:]),
    "a name without its end": model(variable().replace(b"weight\0", b"weightx")),
    "a name with a line feed": model(variable("a\nb")),
    "a long name": model(variable("a" * 201)),
    "more variables than any model has": model(*(variable(f"v{n}", (1,), 1, 1) for n in range(10_001))),
    "four billion variables": model()[:-8] + struct.pack("<II", 2**32 - 1, 0),
    "four billion aliases": model()[:-4] + struct.pack("<I", 2**32 - 1),
}


@pytest.mark.parametrize("content", CRAFTED.values(), ids=CRAFTED.keys())
def test_a_crafted_file_is_refused_before_it_costs_memory(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "crafted" / "model.bin"
    path.parent.mkdir()
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ConversionFailed) as caught, open_model(path):
            pass
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.fields["name"] == "crafted"
    assert "model.bin" in caught.value.message


def test_the_crafted_files_are_one_step_from_a_valid_one(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(model(variable(), variable("b"), aliases=(("c", "b"),)))

    with open_model(path) as opened:
        assert opened.read("b").shape == (2, 3)


def test_a_file_that_is_cut_anywhere_is_refused(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(tiny.read_bytes())
    for length in reversed(range(path.stat().st_size)):
        os.truncate(path, length)
        with pytest.raises(ConversionFailed), open_model(path):
            pass


def test_a_file_that_shrinks_while_it_is_read_is_refused(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(tiny.read_bytes())
    with open_model(path) as opened:
        os.truncate(path, 100)
        with pytest.raises(ConversionFailed, match="too early"):
            opened.read("encoder/position_encodings/encodings")


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", "pipe", "."):
        with pytest.raises(ConversionFailed, match="not a file"), open_model(tmp_path / name):
            pass


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_random_damage_is_refused_or_read_and_nothing_else(tiny: Path, data: st.DataObject) -> None:
    content = bytearray(tiny.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "model.bin").write_bytes(content)
        with suppress(ConversionFailed):
            quantize(Path(directory), Path(directory) / "int8", "int8")
        with suppress(ConversionFailed):
            quantize(Path(directory), Path(directory) / "float16", "float16")
