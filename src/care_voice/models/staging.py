"""The way into the store: receive bytes, verify them, publish them. Held by one process per model at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

import care_voice
from care_voice.models.catalogue import CatalogueModel
from care_voice.models.files import (
    clear_directory_at,
    hash_file,
    link_or_copy,
    mapped_errors,
    remove_entry,
    replace_durably,
    write_whole,
)
from care_voice.models.manifest import ALREADY_STORED, Manifest, ManifestFile, read_manifest
from care_voice.models.partial import Partial, covered_bytes, discard_partial, open_partial
from care_voice.models.pins import Pin
from care_voice.models.progress import Watch
from care_voice.models.rules import Wanted, judge_digest
from care_voice.models.store import ModelStore
from care_voice.models.times import utc_now


class Staging:
    """One model's place in `incoming/`, while its lock is held. What is not finished stays there for the next pull."""

    def __init__(self, store: ModelStore, name: str, watch: Watch) -> None:
        self._store = store
        self._watch = watch
        self.name = name
        self.directory = store.incoming / name
        """Where incoming bytes are written."""
        self.keep_free_bytes = store.keep_free_bytes
        """What they leave free."""

    @contextmanager
    def partial(self, wanted: Wanted) -> Iterator[Partial]:
        """Open a file for its bytes, with what an earlier pull got of it. Raises DiskFull, StoreUnwritable."""
        path = self.partial_path(wanted)
        with mapped_errors(self._store.directory, wanted.size), open_partial(path, wanted.size) as partial:
            yield partial

    def partial_path(self, wanted: Wanted) -> Path:
        """Named by digest: what was got of other bytes can never be taken for this file's."""
        return self.directory / (wanted.sha256 or f"{wanted.name}.unpinned")

    def seal(self, wanted: Wanted, partial: Partial, source: str) -> str:
        """Hash a complete partial file, and publish it as a blob if it is the pinned one. Returns its SHA-256.

        Raises DigestMismatch, StoreUnwritable, DiskFull, PullCancelled; then nothing of it has a final name.
        """
        with mapped_errors(self._store.directory, wanted.size):
            partial.sync()
            identity, digest = hash_file(partial.path, lambda done: self._verifying(wanted, done, source))
            judge_digest(wanted, source, identity.size, digest)
            blob = self._store.blob_path(digest)
            clear_directory_at(blob)
            replace_durably(partial.path, blob)
            discard_partial(partial.path)
        return digest

    def _verifying(self, wanted: Wanted, done: int, source: str) -> None:
        self._watch.report("verifying", wanted.name, done, wanted.size, source=source)

    def scratch(self, source: str) -> Path:
        """A directory for what a source needs on disk, with what an earlier pull left there."""
        path = self.directory / f"scratch-{source}"
        with mapped_errors(self._store.directory):
            path.mkdir(mode=0o700, exist_ok=True)
        return path

    def clear_scratch(self, source: str) -> None:
        """Forget what a source left: something of it was wrong."""
        remove_entry(self.directory / f"scratch-{source}")

    def tidy(self, wanted: Iterable[Wanted]) -> None:
        """Remove the partial files of which nothing came: they cannot help the next pull."""
        for each in wanted:
            if not covered_bytes(self.partial_path(each), each.size):
                discard_partial(self.partial_path(each))

    def close(self) -> None:
        """Remove the directories that are empty."""
        for path in (*self.directory.glob("scratch-*"), self.directory):
            with suppress(OSError):
                path.rmdir()

    def clear(self) -> None:
        """Remove everything that is not needed any more."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def publish(self, model: CatalogueModel, sources: Mapping[str, str], healthy: frozenset[str], by: str) -> None:
        """Write manifest and view of blobs that are all there.

        `sources` says where fetched files came from; `healthy` files are left as they are in the view. A blob that a
        concurrent `remove` took away meanwhile leaves a broken view, which the next inspection finds.
        """
        store = self._store
        with mapped_errors(store.directory), store.ownership_lock():
            old, pin = read_manifest(store.manifest_path(model.name)), store.mend_pin(model.name)
            if old is None or not old.describes(model) or sources or old.pin != pin:
                self._write_manifest(model, old, sources, by, pin)
            self._refresh_view(model, healthy)
            store.drop_unneeded(file.sha256 for file in (old.files if old else ()))

    def _write_manifest(
        self, model: CatalogueModel, old: Manifest | None, sources: Mapping[str, str], by: str, pin: Pin | None
    ) -> None:
        before = {file.entry: file.source for file in (old.files if old else ())}
        files = tuple(
            ManifestFile(
                entry.name, entry.size, entry.sha256, sources.get(entry.name) or before.get(entry, ALREADY_STORED)
            )
            for entry in model.files
        )
        manifest = Manifest(
            name=model.name,
            revision=model.revision,
            licence=model.licence,
            format=model.format,
            files=files,
            pulled_at=utc_now(),
            tool=f"care-voice {care_voice.__version__}",
            pulled_by=by,
            derived=model.derived,
            hub_repo=model.hub_repo,
            pin=pin,
        )
        self.write(self._store.manifest_path(model.name), manifest.encode())

    def write(self, path: Path, content: bytes) -> None:
        """Give a small file of the store its new content, whole or not at all. Raises StoreUnwritable, DiskFull."""
        with mapped_errors(self._store.directory):
            write_whole(path, content, self.directory)

    def _refresh_view(self, model: CatalogueModel, healthy: frozenset[str]) -> None:
        """Make the view hold the model's files and nothing else."""
        view = self._store.view_path(model.name)
        view.mkdir(parents=True, exist_ok=True)
        known = {entry.name for entry in model.files}
        for path in view.iterdir():
            if path.name not in known or path.is_dir():
                remove_entry(path)
        for entry in model.files:
            if entry.name not in healthy:
                with suppress(FileNotFoundError):
                    link_or_copy(self._store.blob_path(entry.sha256), view / entry.name, self.directory)


@contextmanager
def staging(store: ModelStore, name: str, watch: Watch) -> Iterator[Staging]:
    """Take the model's lock and open a place for incoming bytes, with what an interrupted pull left in it.

    Raises StoreUnwritable, PullCancelled.
    """
    with _locked(store, name, watch):
        with mapped_errors(store.directory):
            store.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            (store.incoming / name).mkdir(mode=0o700, exist_ok=True)
        place = Staging(store, name, watch)
        try:
            yield place
        finally:
            place.close()


@contextmanager
def _locked(store: ModelStore, name: str, watch: Watch) -> Iterator[None]:
    lock = store.lock(name)
    with mapped_errors(store.directory):
        if not try_lock(lock):
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


def try_lock(lock: FileLock) -> bool:
    """Whether the lock was free, and is now held."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True
