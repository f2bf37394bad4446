"""CTranslate2's `model.bin`: read without trust, one variable at a time, and written as CTranslate2 writes it.

Binary version 6, little-endian. A text is its length with the final NUL (uint16), the bytes and the NUL.

    uint32 binary version, text name of the specification, uint32 its revision
    uint32 number of variables, each: text name, uint8 rank, uint32 per dimension, uint8 type, uint32 size, the values
    uint32 number of aliases, each: text alias, text name of the variable
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from care_voice.domain.model_errors import ConversionFailed

BINARY_VERSION = 6
DTYPES = ("float32", "int8", "int16", "int32", "float16")
"""The position is the type's number in the file. Number 5, bfloat16, does not occur in Whisper models."""

_MAX_VARIABLES = 10_000
_MAX_RANK = 8
_MAX_VARIABLE_BYTES = 1 << 30
"""Whisper large-v3 has 1,260 variables of at most 3 dimensions; its largest is 266 MB as float32."""

_NAME = re.compile(r"[A-Za-z0-9_/.]{1,200}")

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Variable:
    """Where a variable lies in the file, and what it is."""

    shape: tuple[int, ...]
    dtype: str
    offset: int


class ModelFile:
    """An open `model.bin` whose outline was checked; use `open_model`. Values are read when they are asked for."""

    def __init__(self, file: IO[bytes], model: str, size: int) -> None:
        self._file = file
        self._cursor = _Cursor(file, model, size)
        self._cursor.expect(
            self._cursor.number("<I") == BINARY_VERSION, f"it is not of binary version {BINARY_VERSION}"
        )
        self.spec = self._cursor.name()
        self.revision = self._cursor.number("<I")
        self.variables = self._read_variables()
        self.aliases = self._read_aliases()
        self._cursor.expect(self._cursor.left == 0, "something follows its end")

    def read(self, name: str) -> Array:
        """The values of a variable, in memory of their own.

        Raises:
            ConversionFailed: The file has become shorter.
        """
        variable = self.variables[name]
        self._file.seek(variable.offset)
        values = np.fromfile(self._file, variable.dtype, math.prod(variable.shape))
        self._cursor.expect(values.size == math.prod(variable.shape), "it ends too early")
        return values.reshape(variable.shape)

    def _read_variables(self) -> dict[str, Variable]:
        found: dict[str, Variable] = {}
        for _ in range(self._cursor.count(_MAX_VARIABLES)):
            name = self._cursor.name()
            self._cursor.expect(name not in found, f"it has two variables {name}")
            found[name] = self._read_variable(name)
        return found

    def _read_variable(self, name: str) -> Variable:
        cursor = self._cursor
        rank = cursor.number("<B")
        cursor.expect(rank <= _MAX_RANK, f"{name} has {rank} dimensions")
        shape = tuple(cursor.number("<I") for _ in range(rank))
        kind, size = cursor.number("<B"), cursor.number("<I")
        cursor.expect(kind < len(DTYPES), f"{name} has the type {kind}, which is not supported")
        fits = 0 < size <= _MAX_VARIABLE_BYTES and size == math.prod(shape) * np.dtype(DTYPES[kind]).itemsize
        cursor.expect(fits, f"the size of {name} is not that of its shape")
        return Variable(shape, DTYPES[kind], cursor.skip(size))

    def _read_aliases(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for _ in range(self._cursor.count(_MAX_VARIABLES)):
            alias, name = self._cursor.name(), self._cursor.name()
            self._cursor.expect(alias not in found and alias not in self.variables, f"it has {alias} twice")
            self._cursor.expect(name in self.variables, f"{alias} stands for {name}, which it does not have")
            found[alias] = name
        return found


@contextmanager
def open_model(path: Path) -> Iterator[ModelFile]:
    """Check the outline of a `model.bin` and keep it open. Memory use does not depend on what the file claims.

    Raises:
        ConversionFailed: The file cannot be opened, or is not a whole model file of binary version 6.
    """
    name = path.parent.name
    if not path.is_file():
        raise ConversionFailed(name=name, why=f"{path} is not a file")
    try:
        file = path.open("rb")
    except OSError as error:
        raise ConversionFailed(name=name, why=f"{path} cannot be opened: {error.strerror}") from error
    with file:
        yield ModelFile(file, name, path.stat().st_size)


def write_model(
    path: Path, outline: tuple[str, int], variables: Iterable[tuple[str, Array]], aliases: Mapping[str, str]
) -> None:
    """Write a `model.bin`, holding one variable in memory at a time.

    Args:
        path: A file that does not exist yet.
        outline: Name of the specification and its revision.
        variables: Names in ascending order, as CTranslate2 stores them, and values of one of `DTYPES`.
        aliases: Second name of a variable -> its name.

    Raises:
        OSError: The file cannot be written.
    """
    with path.open("xb") as file:
        file.write(struct.pack("<I", BINARY_VERSION) + _text(outline[0]) + struct.pack("<I", outline[1]))
        at = file.tell()
        file.write(struct.pack("<I", 0))
        count = sum(_write_variable(file, name, values) for name, values in variables)
        file.write(struct.pack("<I", len(aliases)))
        file.writelines(_text(alias) + _text(name) for alias, name in sorted(aliases.items()))
        file.seek(at)
        file.write(struct.pack("<I", count))


def _write_variable(file: IO[bytes], name: str, values: Array) -> int:
    kind = DTYPES.index(values.dtype.name)
    file.write(_text(name) + struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape))
    file.write(struct.pack("<BI", kind, values.nbytes))
    file.write(np.ascontiguousarray(values).data)
    return 1


def _text(text: str) -> bytes:
    data = text.encode("ascii") + b"\0"
    return struct.pack("<H", len(data)) + data


class _Cursor:
    """Reads forward and never past the size that the file had when it was opened."""

    def __init__(self, file: IO[bytes], model: str, size: int) -> None:
        self._file = file
        self._model = model
        self.left = size

    def expect(self, condition: bool, why: str) -> None:
        if not condition:
            raise ConversionFailed(name=self._model, why=f"its model.bin is damaged or of another kind: {why}")

    def number(self, layout: str) -> int:
        return int(struct.unpack(layout, self._take(struct.calcsize(layout)))[0])

    def count(self, limit: int) -> int:
        count = self.number("<I")
        self.expect(count <= limit, f"it claims {count} entries")
        return count

    def name(self) -> str:
        data = self._take(self.number("<H"))
        text = data[:-1].decode("ascii", "replace")
        self.expect(data[-1:] == b"\0" and _NAME.fullmatch(text) is not None, "a name in it is not valid")
        return text

    def skip(self, size: int) -> int:
        """Pass over `size` bytes; the offset at which they begin."""
        self.expect(size <= self.left, "it ends too early")
        self.left -= size
        return self._file.seek(size, 1) - size

    def _take(self, size: int) -> bytes:
        data = self._file.read(size) if size <= self.left else b""
        self.expect(len(data) == size, "it ends too early")
        self.left -= size
        return data
