"""A small catalogue of real bytes, and a source in memory that serves whatever a test puts into it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from care_voice.domain.model_errors import FileNotOffered
from care_voice.models.catalogue import Catalogue, CatalogueModel, FileEntry
from care_voice.models.intervals import Span
from care_voice.models.progress import Watch
from care_voice.models.puller import Puller
from care_voice.models.rules import Wanted, mismatch
from care_voice.models.sources.base import SIGNATURE_NAME, Body
from care_voice.models.store import ModelStore

_CHUNK = 4096


@pytest.fixture
def contents() -> dict[str, bytes]:
    """What the files of the model `one` are, as the catalogue pins them."""
    noise = random.Random(7)
    return {
        "config.json": b'{"a": 1}\n',
        "tokenizer.json": noise.randbytes(20_000),
        "model.bin": noise.randbytes(100_000),
    }


@pytest.fixture
def served(contents: dict[str, bytes]) -> dict[str, bytes]:
    """What the source in memory serves; the same bytes unless a test changes them."""
    return {**contents, "two.bin": b"weights of the model called two"}


@pytest.fixture
def asked() -> list[str]:
    """The files that the source in memory was asked for, in order."""
    return []


@pytest.fixture
def catalogue(contents: dict[str, bytes], served: dict[str, bytes]) -> Catalogue:
    """The models `one` and `two`, which share tokenizer.json."""
    one = [_entry(name, content) for name, content in contents.items()]
    two = [_entry("two.bin", served["two.bin"]), _entry("tokenizer.json", contents["tokenizer.json"])]
    return Catalogue((_model("one", one), _model("two", two)))


@pytest.fixture
def model(catalogue: Catalogue) -> CatalogueModel:
    return catalogue.get("one")


@pytest.fixture
def store(tmp_path: Path, catalogue: Catalogue) -> ModelStore:
    return ModelStore(tmp_path / "models", catalogue)


@pytest.fixture
def puller(store: ModelStore, served: dict[str, bytes], asked: list[str]) -> Puller:
    return Puller(store, [_MemorySource(served, asked)])


def _entry(name: str, content: bytes) -> FileEntry:
    return FileEntry(name, len(content), hashlib.sha256(content).hexdigest())


def _model(name: str, files: list[FileEntry]) -> CatalogueModel:
    return CatalogueModel(
        name=name,
        languages="multilingual",
        note="",
        licence="MIT",
        format="test",
        hub_repo="owner/repo",
        revision="0" * 40,
        files=tuple(files),
    )


@dataclass(frozen=True)
class _MemorySource:
    served: dict[str, bytes]
    asked: list[str]
    name: str = "memory"

    def offers(self, model: CatalogueModel) -> bool:  # noqa: ARG002 - the interface
        return True

    def scratch_bytes(self, model: CatalogueModel) -> int:  # noqa: ARG002 - the interface
        return 0

    @contextmanager
    def open(self, model: object, scratch: Path, watch: Watch) -> Iterator[_MemorySession]:  # noqa: ARG002 - the interface
        yield _MemorySession(self)


@dataclass(frozen=True)
class _MemorySession:
    source: _MemorySource
    parallel: bool = False

    @contextmanager
    def body(self, wanted: Wanted, span: Span) -> Iterator[Body]:
        self.source.asked.append(wanted.name)
        content = self.source.served.get(wanted.name)
        if content is None:
            raise FileNotOffered(source="memory", file=wanted.name)
        if len(content) < wanted.size:
            raise mismatch(wanted, "memory", f"it ends after {len(content)} of {wanted.size} bytes")
        chunks = (content[start : start + _CHUNK] for start in range(span[0], len(content), _CHUNK))
        yield Body(span[0], whole=False, chunks=chunks)

    def size(self, name: str) -> int | None:
        content = self.source.served.get(name)
        return None if content is None else len(content)

    def signature(self) -> bytes | None:
        return self.source.served.get(SIGNATURE_NAME)


@pytest.fixture
def full(store: ModelStore, served: dict[str, bytes], asked: list[str], tmp_path: Path) -> ModelStore:
    """A store with all there can be: `one` and `two` of the catalogue, `one` quantised, the operator's `visits`."""
    puller = Puller(store, [_MemorySource(served, asked)], convert=_halve)
    puller.pull("two")
    puller.derive("one", "int8")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "config.json").write_bytes(b'{"visits": 1}\n')
    (folder / "model.bin").write_bytes(random.Random(11).randbytes(70_001))
    puller.adopt(replace(_model("visits", []), hub_repo=None, revision=""), folder)
    return store


@pytest.fixture
def other(tmp_path: Path, catalogue: Catalogue) -> ModelStore:
    """An empty store of another installation with the same catalogue."""
    return ModelStore(tmp_path / "elsewhere" / "models", catalogue)


def _halve(view: Path, made: Path, to: str, cancelled: Callable[[], bool]) -> None:
    """What a converter does: the same bytes each time, and fewer."""
    made.mkdir()
    for path in view.iterdir():
        content = path.read_bytes()
        (made / path.name).write_bytes(content[::2] if path.name == "model.bin" else content)
