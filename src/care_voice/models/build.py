"""Make a puller from settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from care_voice.domain.model_errors import CatalogueInvalid
from care_voice.models.catalogue import Catalogue, CatalogueModel
from care_voice.models.puller import Puller
from care_voice.models.settings import ModelSettings, SourceName
from care_voice.models.sources.base import HttpTimeouts, Source
from care_voice.models.sources.bundle import BundleSource
from care_voice.models.sources.carriers import CarrierSource
from care_voice.models.sources.derivation import Convert
from care_voice.models.sources.hub import HubSource
from care_voice.models.sources.local import DirectorySource
from care_voice.models.sources.mirror import MirrorSource, UrlSource
from care_voice.models.store import ModelStore
from care_voice.models.user_entries import read_user_entries

OnInvalid = Callable[[CatalogueInvalid], None]
"""Gets the error of a list of own models that cannot be read; without one the error is raised."""


def build_store(
    settings: ModelSettings, catalogue: Catalogue | None = None, on_invalid: OnInvalid | None = None
) -> ModelStore:
    """Return the store in `settings.directory`, with the operator's own models. Raises CatalogueInvalid."""
    shipped = catalogue or Catalogue.load()
    own = _own_models(settings, shipped, on_invalid)
    return ModelStore(
        settings.directory,
        shipped,
        own,
        recheck_after_h=settings.recheck_after_h,
        keep_free_bytes=settings.keep_free_bytes,
    )


def build_puller(
    settings: ModelSettings,
    catalogue: Catalogue | None = None,
    convert: Convert | None = None,
    on_invalid: OnInvalid | None = None,
) -> Puller:
    """Return a puller for the store of the settings, with its sources in the order of the settings.

    `convert` is what makes derived models; without it they can only be fetched. Raises CatalogueInvalid, and
    SettingsInvalid when signatures are required and nobody is trusted.
    """
    # What an entry of the operator's names itself is asked first.
    named = [
        UrlSource(_timeouts(settings)),
        *(source for name in settings.sources for source in _named(name, settings)),
    ]
    store = build_store(settings, catalogue, on_invalid)
    return Puller(store, named, settings.transfer, signatures=settings.signatures, convert=convert)


def _own_models(
    settings: ModelSettings, shipped: Catalogue, on_invalid: OnInvalid | None
) -> tuple[CatalogueModel, ...]:
    try:
        return read_user_entries(settings.own_models_file, shipped)
    except CatalogueInvalid as error:
        if on_invalid is None:
            raise
        on_invalid(error)
        return ()


def _named(name: SourceName, settings: ModelSettings) -> Iterator[Source]:
    if name == "directory":
        yield DirectorySource(settings.directories)
    elif name == "bundle":
        yield from map(BundleSource, settings.bundles)
    elif name == "mirror":
        yield from (MirrorSource(base, _timeouts(settings)) for base in settings.mirrors)
    elif name == "carriers":
        yield CarrierSource(settings.index_answer_timeout_s)
    elif name == "hub":
        yield HubSource(settings.hub_endpoint, _timeouts(settings))


def _timeouts(settings: ModelSettings) -> HttpTimeouts:
    return HttpTimeouts(
        connect_s=settings.hub_connect_timeout_s,
        answer_s=settings.hub_answer_timeout_s,
        read_s=settings.hub_read_timeout_s,
        least_bytes_s=settings.least_bytes_s,
    )
