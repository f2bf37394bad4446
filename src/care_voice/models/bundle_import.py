"""Bring the models of a bundle into the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from care_voice.models.bundle import BundledModel, blob_member, members_of, signature_member
from care_voice.models.bundle_reader import SOURCE, BundleReader, open_bundle
from care_voice.models.catalogue import FileEntry
from care_voice.models.intake import Accept, Bring, Intake, Offer, Taken, nothing
from care_voice.models.progress import CancelToken, ProgressCallback, Watch
from care_voice.models.store import ModelStore
from care_voice.models.streams import Sink


def import_bundle(
    store: ModelStore,
    source: Path | BinaryIO,
    *,
    identities: Sequence[Path] = (),
    accept: Accept | None = None,
    as_it_was: bool = False,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Taken:
    """Make every model of a bundle whole in the store; one that is refused does not keep the others out.

    `as_it_was` keeps the records of the store that the bundle comes from, as a restore does; else they say who imported
    it and when. `identities` are files with private keys. See `Taken.require` for errors of single models.
    Raises BundleInvalid, DecryptionFailed, InvalidParameter, PullCancelled.
    """
    with open_bundle(source, identities) as reader:
        taken = Taken(source if isinstance(source, Path) else Path("-"))
        intake = Intake(store, SOURCE, accept)
        order = {member.sha256: number for number, member in enumerate(members_of(reader.index))}
        last = reader.index.models[-1]
        for bundled in reader.index.models:
            name = bundled.model.name
            with taken.attempt(name):
                signature = _signature_of(reader, bundled)
                offer = Offer(bundled.model, bundled.manifest, signature, as_it_was=as_it_was, order=order)
                # What follows the last file is looked at before the last model is published.
                before = reader.finish if bundled is last else nothing
                wrote = intake.take(offer, _bringer(reader), Watch(name, progress, cancel), before)
                taken.note(name, wrote=wrote)
    return taken


def _signature_of(reader: BundleReader, bundled: BundledModel) -> bytes | None:
    if bundled.signature is None:
        return None
    return b"".join(reader.read(signature_member(bundled.signature)))


def _bringer(reader: BundleReader) -> Bring:
    def bring(entry: FileEntry, sink: Sink) -> None:
        for chunk in reader.read(blob_member(entry)):
            sink.write(chunk)

    return bring
