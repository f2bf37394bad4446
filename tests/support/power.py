"""Loss of power, as a disk sees it: what was not synced may be gone, in whole or in part.

`LosingDisk` works on real files and writes down what it did. `survivors` plays that back, up to any moment, into a new
directory: bytes are there when their file was synced after them, names when their directory was. Of what was not synced
a disk may have kept anything: `kept` says what.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from care_voice.store.disk import Disk

T = TypeVar("T")
Kept = Callable[[], bool]


class _Durable(Generic[T]):
    """Something on the disk, and the changes to it that no sync has covered yet."""

    def __init__(self, safe: T) -> None:
        self.safe = safe
        self._pending: list[Callable[[T], None]] = []

    def change(self, change: Callable[[T], None]) -> None:
        self._pending.append(change)

    def sync(self) -> None:
        self.settle(lambda: True)

    def settle(self, kept: Kept) -> T:
        """What is on the disk once some changes are kept and the others lost."""
        for change in self._pending:
            if kept():
                change(self.safe)
        self._pending.clear()
        return self.safe


class _File(_Durable[bytearray]):
    def __init__(self) -> None:
        super().__init__(bytearray())


class _Directory(_Durable[dict[str, "_File | _Directory"]]):
    """`names` are those that programs see."""

    def __init__(self) -> None:
        super().__init__({})
        self.names: dict[str, _File | _Directory] = {}

    def put(self, name: str, thing: _File | _Directory) -> None:
        self.names[name] = thing
        self.change(lambda names: names.__setitem__(name, thing))

    def take(self, name: str) -> _File | _Directory:
        self.change(lambda names: names.pop(name, None) and None)
        return self.names.pop(name)


class _Model:
    """All below the directory `top`, which is safe itself."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._root = _Directory()

    def directory(self, path: Path) -> _Directory:
        found = self._root
        for name in path.relative_to(self._top).parts:
            below = found.names[name]
            assert isinstance(below, _Directory)
            found = below
        return found

    def put(self, path: Path, thing: _File | _Directory) -> None:
        self.directory(path.parent).put(path.name, thing)

    def take(self, path: Path) -> _File | _Directory:
        return self.directory(path.parent).take(path.name)

    def file(self, path: Path) -> _File:
        found = self.directory(path.parent).names[path.name]
        assert isinstance(found, _File)
        return found

    def write_to(self, target: Path, kept: Kept) -> None:
        _write(self._root, target, kept)


def _write(directory: _Directory, target: Path, kept: Kept) -> None:
    target.mkdir()
    for name, thing in directory.settle(kept).items():
        if isinstance(thing, _Directory):
            _write(thing, target / name, kept)
        else:
            (target / name).write_bytes(thing.settle(kept))


class LosingDisk(Disk):
    """Works on real files below `top`, and remembers every step. Nothing is really synced, which takes long."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._steps: list[Callable[[_Model], object]] = []
        self._open: dict[int, Path] = {}

    @property
    def moments(self) -> int:
        """How many steps there have been: the power can go after each."""
        return len(self._steps)

    def survivors(self, moment: int, target: Path, kept: Kept) -> None:
        """Make `target` what is left of the top directory when the power goes after so many steps."""
        model = _Model(self._top)
        for step in self._steps[:moment]:
            step(model)
        model.write_to(target, kept)

    def create(self, path: Path) -> int:
        descriptor = super().create(path)
        self._open[descriptor] = path
        self._steps.append(lambda model: model.put(path, _File()))
        return descriptor

    def write(self, descriptor: int, data: memoryview, offset: int) -> int:
        written = super().write(descriptor, data, offset)
        self._change(descriptor, partial(_overwrite, bytes(data[:written]), offset))
        return written

    def truncate(self, descriptor: int, length: int) -> None:
        super().truncate(descriptor, length)
        self._change(descriptor, partial(_cut, length))

    def _change(self, descriptor: int, change: Callable[[bytearray], None]) -> None:
        path = self._open[descriptor]
        self._steps.append(lambda model: model.file(path).change(change))

    def sync(self, descriptor: int) -> None:
        path = self._open[descriptor]
        self._steps.append(lambda model: model.file(path).sync())

    def close(self, descriptor: int) -> None:
        super().close(descriptor)
        del self._open[descriptor]

    def make_directory(self, path: Path) -> None:
        super().make_directory(path)
        self._steps.append(lambda model: model.put(path, _Directory()))

    def sync_directory(self, path: Path) -> None:
        if path.is_relative_to(self._top):
            self._steps.append(lambda model: model.directory(path).sync())

    def link(self, existing: Path, new: Path) -> None:
        super().link(existing, new)
        self._steps.append(lambda model: model.put(new, model.file(existing)))

    def replace(self, temporary: Path, final: Path) -> None:
        super().replace(temporary, final)
        self._steps.append(lambda model: model.put(final, model.take(temporary)))

    def unlink(self, path: Path) -> None:
        super().unlink(path)
        self._steps.append(lambda model: model.take(path))

    def remove_directory(self, path: Path) -> None:
        super().remove_directory(path)
        self._steps.append(lambda model: model.take(path))


def _overwrite(data: bytes, offset: int, content: bytearray) -> None:
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


def _cut(length: int, content: bytearray) -> None:
    del content[length:]


def nothing_kept() -> bool:
    """All is lost that was not synced."""
    return False


def kept_by_chance(seed: int) -> Kept:
    """Each step that was not synced is kept or lost."""
    drawn = random.Random(seed)
    return lambda: drawn.random() < 0.5
