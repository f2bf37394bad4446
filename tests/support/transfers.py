"""Bundles that are made by hand, whole stores to compare, and keys to encrypt to."""

from __future__ import annotations

import os
import signal
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyrage

from care_voice.models.backup import backup
from care_voice.models.bundle import END, BundleIndex, decode_index, header_of
from care_voice.models.bundle_import import import_bundle
from care_voice.models.bundle_writer import export_bundle
from care_voice.models.catalogue import Catalogue
from care_voice.models.progress import Progress, ProgressCallback
from care_voice.models.restore import restore
from care_voice.models.sealed import encode_sealed
from care_voice.models.store import ModelStore

Member = tuple[str, bytes]


def members_of(bundle: Path) -> list[Member]:
    """What any tar reader finds in a bundle."""
    with tarfile.open(bundle, "r:") as tar:
        return [(info.name, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]


def index_of(bundle: Path) -> BundleIndex:
    return decode_index(members_of(bundle)[0][1])


def packed(name: str, content: bytes) -> bytes:
    """A member as it is in a bundle."""
    return header_of(name, len(content)) + padded(content)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def write_bundle(path: Path, members: Iterable[Member]) -> Path:
    path.write_bytes(b"".join(packed(*member) for member in members) + END)
    return path


def with_index(bundle: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Change the index of a bundle, and seal it anew: whoever writes a bundle can do that."""
    (name, raw), *others = members_of(bundle)
    value = msgspec.json.decode(raw)
    del value["seal"]
    change(value)
    return write_bundle(bundle, [(name, encode_sealed(value)), *others])


def contents_of(store: ModelStore) -> dict[str, dict[str, bytes]]:
    """The files of every installed model, as an engine would find them; each is verified."""
    for name in store.manifest_names():
        report = store.verify(name)
        assert report.ok, f"{name}: {report.why}"
    return {
        name: {path.name: path.read_bytes() for path in store.view_path(name).iterdir()}
        for name in store.manifest_names()
    }


def leftovers(store: ModelStore) -> list[Path]:
    """Bytes that are on their way, or were."""
    return [path for path in store.incoming.rglob("*") if path.is_file()]


def transfer(
    verb: str, directory: Path, catalogue: Catalogue, place: Path, progress: ProgressCallback | None = None
) -> None:
    """What a process of its own may do with a store: `place` is the bundle or the backup."""
    store = ModelStore(directory, catalogue)
    if verb == "export":
        export_bundle(store, (), place, progress=progress)
    elif verb == "backup":
        backup(store, place, progress=progress).require()
    elif verb == "import":
        import_bundle(store, place, progress=progress).require()
    else:
        restore(store, place, progress=progress).require()


def transfer_that_dies(verb: str, directory: Path, catalogue: Catalogue, place: Path, phase: str) -> None:
    """The same, killed by itself once it is in the middle of a file."""

    def die(event: Progress) -> None:
        if event.phase == phase and event.done_bytes > event.total_bytes // 3 > 100_000:
            os.kill(os.getpid(), signal.SIGKILL)

    transfer(verb, directory, catalogue, place, die)


@dataclass(frozen=True)
class Key:
    """A key pair of age, the private one in a file."""

    recipient: str
    identity: Path


def new_key(path: Path) -> Key:
    identity = pyrage.x25519.Identity.generate()
    path.write_text(f"# created: today\n# public key: {identity.to_public()}\n{identity}\n", encoding="ascii")
    return Key(str(identity.to_public()), path)


class CancelAt:
    """Cancels when the phase comes for the file, and remembers what happened until then."""

    def __init__(self, phase: str, file: str = "") -> None:
        self._phase = phase
        self._file = file
        self._set = False
        self.seen: list[str] = []

    def is_set(self) -> bool:
        return self._set

    def __call__(self, event: Progress) -> None:
        self.seen.append(event.phase)
        if event.phase == self._phase and event.file.startswith(self._file):
            self._set = True


def flip(path: Path, position: int = -1) -> None:
    """Flip a bit of a file, by default in its middle."""
    content = bytearray(path.read_bytes())
    content[position if position >= 0 else len(content) // 2] ^= 1
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(content)


def stamps(root: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of every file: equal only where nothing was written."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def changed(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> set[str]:
    """The files that were written, made or taken away."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
