"""What leaves the store, for a bundle or a backup: hashed on the way out, so that no damage is passed on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from care_voice.domain.errors import InvalidParameter
from care_voice.domain.model_errors import ModelDamaged, ModelNotInstalled, SignatureInvalid
from care_voice.models.catalogue import CatalogueModel, FileEntry
from care_voice.models.manifest import Manifest, read_manifest
from care_voice.models.pins import Pin
from care_voice.models.progress import Watch
from care_voice.models.rules import judge
from care_voice.models.sealed import read_sealed
from care_voice.models.signatures import MAX_SIGNATURE_BYTES
from care_voice.models.store import ModelStore
from care_voice.models.streams import CHUNK_BYTES


@dataclass(frozen=True)
class Outgoing:
    """An installed model with its records. `pin` is None where none is needed; the manifest has no copy of it."""

    model: CatalogueModel
    manifest: Manifest
    signature: bytes | None
    pin: Pin | None

    @property
    def signature_entry(self) -> FileEntry | None:
        """Name, size and digest of the signature."""
        if self.signature is None:
            return None
        digest = hashlib.sha256(self.signature).hexdigest()
        return FileEntry(f"{self.model.name}.sig", len(self.signature), digest)


def outgoing(store: ModelStore, name: str) -> Outgoing:
    """Read the records of an installed model.

    Raises UnknownCatalogueModel, ModelNotInstalled, ModelDamaged, SignatureInvalid.
    """
    model = store.catalogue.get(name)
    if name not in store.manifest_names():
        raise ModelNotInstalled(name=name)
    manifest = read_manifest(store.manifest_path(name))
    if manifest is None or not manifest.describes(model):
        raise ModelDamaged(name=name, why="the manifest differs")
    pin = read_sealed(store.pin_path(name), Pin) or manifest.pin
    return Outgoing(model, replace(manifest, pin=None), _signature(store, name), pin)


def names_or_all(store: ModelStore, names: Sequence[str]) -> tuple[str, ...]:
    """These models, each once, or all that are installed. Raises InvalidParameter when there are none."""
    chosen = tuple(dict.fromkeys(names)) or tuple(store.manifest_names())
    if not chosen:
        raise InvalidParameter(param="names", why="no model is installed")
    return chosen


def read_blob(store: ModelStore, name: str, entry: FileEntry, watch: Watch) -> Iterator[bytes]:
    """Yield the bytes of a file of the model `name`, in chunks.

    Raises ModelDamaged, at the latest after the last chunk: until then what was yielded is not to be trusted.
    """
    digest, done = hashlib.sha256(), 0
    try:
        with store.blob_path(entry.sha256).open("rb") as file:
            while done <= entry.size and (chunk := file.read(CHUNK_BYTES)):
                digest.update(chunk)
                done += len(chunk)
                watch.report("copying", entry.name, min(done, entry.size), entry.size)
                yield chunk
    except FileNotFoundError as error:
        raise ModelDamaged(name=name, why=f"{entry.name} is missing") from error
    except OSError as error:
        raise ModelDamaged(name=name, why=f"{entry.name} is unreadable") from error
    if (state := judge(entry, done, digest.hexdigest())) != "ok":
        raise ModelDamaged(name=name, why=f"{entry.name} is {state.replace('_', ' ')}")


def _signature(store: ModelStore, name: str) -> bytes | None:
    try:
        with store.signature_path(name).open("rb") as file:
            content = file.read(MAX_SIGNATURE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SignatureInvalid(name=name, why=f"it cannot be read: {error.strerror}") from error
    if not 0 < len(content) <= MAX_SIGNATURE_BYTES:
        raise SignatureInvalid(name=name, why=f"it has {len(content)} bytes")
    return content
