"""The way into the store: receive bytes, verify them, publish them. Held by one process per model at a time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import structlog
from filelock import FileLock, Timeout

import care_voice
from care_voice.models.catalogue import CatalogueModel, FileEntry
from care_voice.models.files import (
    create_private,
    link_or_copy,
    mapped_errors,
    remove_entry,
    replace_durably,
    write_durably,
)
from care_voice.models.manifest import ALREADY_STORED, Manifest, ManifestFile, read_manifest
from care_voice.models.progress import Watch
from care_voice.models.rules import ExpectedBytes
from care_voice.models.sources.base import Sink
from care_voice.models.store import ModelStore

log = structlog.get_logger(__name__)


class _Incoming:
    """A sink that writes to disk only what the rules let pass."""

    def __init__(self, file: BinaryIO, rules: ExpectedBytes, watch: Watch) -> None:
        self._file = file
        self._rules = rules
        self._watch = watch

    def write(self, chunk: bytes) -> None:
        self._watch.check()
        self._rules.feed(chunk)
        self._file.write(chunk)


class Staging:
    """One model's place in `incoming/`, while its lock is held."""

    def __init__(self, store: ModelStore, model: CatalogueModel, watch: Watch) -> None:
        self._store = store
        self._model = model
        self._watch = watch
        self._directory = store.incoming / model.name

    @property
    def directory(self) -> Path:
        """Where incoming bytes are written."""
        return self._directory

    def receive(self, entry: FileEntry, source: str, fill: Callable[[Sink], None]) -> None:
        """Let `fill` write a file's bytes, and publish them as a blob if they are the pinned ones.

        Raises DigestMismatch, StoreUnwritable, DiskFull, and what `fill` raises; then nothing of it is left.
        """
        with mapped_errors(self._store.directory, entry.size), self._temporary() as (file, path):
            rules = ExpectedBytes(entry, source)
            fill(_Incoming(file, rules, self._watch))
            rules.finish()
            file.flush()
            os.fsync(file.fileno())
            file.close()
            blob = self._store.blob_path(entry.sha256)
            _clear_directory_at(blob)
            replace_durably(path, blob)

    @contextmanager
    def _temporary(self) -> Iterator[tuple[BinaryIO, Path]]:
        handle, path = create_private(self._directory)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file, path
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty directory for what a source needs on disk; removed afterwards."""
        path = self._directory / "scratch"
        with mapped_errors(self._store.directory):
            path.mkdir(mode=0o700)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def publish(self, sources: Mapping[str, str], healthy: frozenset[str]) -> None:
        """Write manifest and view of blobs that are all there.

        `sources` says where fetched files came from; `healthy` files are left as they are in the view. A blob that a
        concurrent `remove` took away meanwhile leaves a broken view, which the next inspection finds.
        """
        store = self._store
        with mapped_errors(store.directory), store.ownership_lock():
            old = read_manifest(store.manifest_path(self._model.name))
            if old is None or not old.describes(self._model) or sources:
                self._write_manifest(old, sources)
            self._refresh_view(healthy)
            store.drop_unneeded(file.sha256 for file in (old.files if old else ()))

    def _write_manifest(self, old: Manifest | None, sources: Mapping[str, str]) -> None:
        before = {file.entry: file.source for file in (old.files if old else ())}
        model = self._model
        files = tuple(
            ManifestFile(
                entry.name, entry.size, entry.sha256, sources.get(entry.name) or before.get(entry, ALREADY_STORED)
            )
            for entry in model.files
        )
        pulled_at = datetime.now(UTC).isoformat(timespec="seconds")
        manifest = Manifest(
            name=model.name,
            revision=model.revision,
            licence=model.licence,
            format=model.format,
            files=files,
            pulled_at=pulled_at,
            tool=f"care-voice {care_voice.__version__}",
        )
        path = self._store.manifest_path(model.name)
        _clear_directory_at(path)
        write_durably(path, manifest.encode(), self._directory)

    def _refresh_view(self, healthy: frozenset[str]) -> None:
        """Make the view hold the model's files and nothing else."""
        view = self._store.view_path(self._model.name)
        view.mkdir(parents=True, exist_ok=True)
        known = {entry.name for entry in self._model.files}
        for path in view.iterdir():
            if path.name not in known or path.is_dir():
                remove_entry(path)
        for entry in self._model.files:
            if entry.name not in healthy:
                with suppress(FileNotFoundError):
                    link_or_copy(self._store.blob_path(entry.sha256), view / entry.name, self._directory)


@contextmanager
def staging(store: ModelStore, model: CatalogueModel, watch: Watch) -> Iterator[Staging]:
    """Take the model's lock, sweep what dead processes left, and open a place for incoming bytes.

    Raises StoreUnwritable, PullCancelled.
    """
    directory = store.incoming / model.name
    with _locked(store, model, watch):
        with mapped_errors(store.directory):
            _sweep(store, model.name)
            store.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.mkdir(mode=0o700)
        try:
            yield Staging(store, model, watch)
        finally:
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _locked(store: ModelStore, model: CatalogueModel, watch: Watch) -> Iterator[None]:
    lock = store.lock(model.name)
    with mapped_errors(store.directory):
        if not _try(lock):
            watch.report("waiting")
            _wait(lock, watch)
    try:
        yield
    finally:
        lock.release()


def _wait(lock: FileLock, watch: Watch) -> None:
    try:
        lock.acquire(poll_interval=0.1, cancel_check=lambda: watch.cancelled)
    except Timeout:
        watch.check()
        raise


def _try(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def _sweep(store: ModelStore, mine: str) -> None:
    """Delete incoming bytes whose process is gone: whoever still works on a model holds its lock."""
    for left_over in store.incoming.glob("*"):
        if left_over.name == mine:
            remove_entry(left_over)
            continue
        lock = store.lock(left_over.name)
        if _try(lock):
            try:
                log.info("incoming_swept", model=left_over.name)
                remove_entry(left_over)
            finally:
                lock.release()


def _clear_directory_at(path: Path) -> None:
    """A rename cannot replace a directory, and one may have been put where a file belongs."""
    if path.is_dir() and not path.is_symlink():
        remove_entry(path)
