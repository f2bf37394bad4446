"""Make a puller from settings."""

from __future__ import annotations

from care_voice.models.catalogue import Catalogue
from care_voice.models.puller import Puller
from care_voice.models.settings import ModelSettings, SourceName
from care_voice.models.sources.base import Source
from care_voice.models.sources.carriers import CarrierSource
from care_voice.models.sources.hub import HubSource
from care_voice.models.store import ModelStore


def build_puller(settings: ModelSettings, catalogue: Catalogue | None = None) -> Puller:
    """Return a puller for the store in `settings.directory`, with its sources in the order of the settings."""
    sources = [_source(name, settings) for name in settings.sources]
    return Puller(ModelStore(settings.directory, catalogue), sources)


def _source(name: SourceName, settings: ModelSettings) -> Source:
    if name == "carriers":
        return CarrierSource(settings.index_answer_timeout_s)
    return HubSource(
        endpoint=settings.hub_endpoint,
        connect_timeout_s=settings.hub_connect_timeout_s,
        answer_timeout_s=settings.hub_answer_timeout_s,
        read_timeout_s=settings.hub_read_timeout_s,
    )
