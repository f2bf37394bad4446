"""The first pull of a model of the operator's own: its digests are recorded, and required from then on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

import care_voice
from care_voice.domain.model_errors import AllSourcesFailed, FileNotOffered, ModelError, SourceUnavailable
from care_voice.models.account import account
from care_voice.models.catalogue import CatalogueModel, FileEntry
from care_voice.models.fetch import Fetch, ask_size
from care_voice.models.files import mapped_errors
from care_voice.models.partial import discard_partial
from care_voice.models.pins import Pin
from care_voice.models.progress import Watch
from care_voice.models.rules import Unpinned
from care_voice.models.sealed import encode_sealed
from care_voice.models.sources.base import Source
from care_voice.models.staging import Staging
from care_voice.models.store import ModelStore
from care_voice.models.times import utc_now
from care_voice.models.transfer import TransferSettings

log = structlog.get_logger(__name__)

_REQUIRED = ("config.json", "model.bin")
_USUAL = (*_REQUIRED, "tokenizer.json", "vocabulary.txt", "vocabulary.json", "preprocessor_config.json")
"""Files of a converted Whisper model; not every converter writes the ones beyond the first two."""


def record_digests(
    model: CatalogueModel,
    sources: Sequence[Source],
    place: Staging,
    store: ModelStore,
    watch: Watch,
    settings: TransferSettings,
) -> tuple[CatalogueModel, dict[str, str]]:
    """Fetch all files from one source, and pin what came. Returns the model with its files, and the source of each.

    No two sources are mixed: without digests nothing would tell their versions apart. And only the origin that the
    entry names may say what the model is, or a bundle with the digests that another store recorded from that origin;
    mirrors may copy it later. Raises what a pull raises.
    """
    origin = origin_of(model)
    able, failures = [each for each in sources if each.name in (origin, "bundle") and each.offers(model)], list[str]()
    for source in able:
        try:
            # What an earlier pull got may be of another version, and no digest would tell.
            place.clear_scratch(source.name)
            wanted = _survey(model, source, place, watch, settings)
            for each in wanted:
                discard_partial(place.partial_path(each))
            fetch = Fetch(model, wanted, place, watch, settings)
            fetched = fetch.run([source])
        except (AllSourcesFailed, SourceUnavailable, FileNotOffered) as error:
            failures.append(_reason(error))
            continue
        files = tuple(FileEntry(each.name, each.size, fetch.digests[each.name]) for each in wanted)
        pinned = replace(model, files=files)
        _pin(pinned, place, store)
        return pinned, fetched
    none = f"no source that is configured carries it: its digests are recorded from its own origin, {origin}"
    raise AllSourcesFailed(name=model.name, why="; ".join(failures) or none)


def origin_of(model: CatalogueModel) -> str:
    """The name of the source that an entry of the operator's is defined by."""
    if model.derived is not None:
        return "derivation"
    if model.hub_repo is not None:
        return "hub"
    return "urls" if model.urls else "directory"


def _survey(
    model: CatalogueModel, source: Source, place: Staging, watch: Watch, settings: TransferSettings
) -> list[Unpinned]:
    """Which files there are, and how large. Raises SourceUnavailable and FileNotOffered."""
    named = model.wanted or tuple(model.urls)
    found: list[Unpinned] = []
    scratch = place.scratch(source.name)
    with mapped_errors(place.directory), source.open(model, scratch, watch) as session:
        for name in named or _USUAL:
            watch.report("resolving", name, source=source.name)
            size = ask_size(session, name, source.name, watch, settings)
            if size:
                found.append(Unpinned(name, size))
            elif name in (named or _REQUIRED):
                raise FileNotOffered(source=source.name, file=name)
    return found


def _pin(model: CatalogueModel, place: Staging, store: ModelStore) -> None:
    pin = Pin(model, utc_now(), account(), f"care-voice {care_voice.__version__}")
    with store.ownership_lock():
        if store.pin_path(model.name).exists():
            log.warning("digests_recorded_anew", model=model.name, why="another origin, or a damaged record")
        place.write(store.pin_path(model.name), encode_sealed(pin))
    log.info("model_pinned", model=model.name, digest=model.digest, origin=model.origin)


def _reason(error: ModelError) -> str:
    why = error.fields.get("why") if isinstance(error, AllSourcesFailed) else None
    return str(why or error.message).removesuffix(".")
