"""The model manager for the command line. The configuration is read late: `--help` need not pay for it."""

from __future__ import annotations

from care_voice.models.build import build_puller, build_store
from care_voice.models.puller import Puller
from care_voice.models.settings import ModelSettings
from care_voice.models.store import ModelStore


def model_settings() -> ModelSettings:
    """What is configured. Raises SettingsInvalid."""
    from care_voice.config import load_settings  # noqa: PLC0415

    return load_settings().models


def served_model() -> str:
    """The model that the service serves. Raises SettingsInvalid."""
    from care_voice.config import load_settings  # noqa: PLC0415

    return load_settings().model


def store_of(settings: ModelSettings) -> ModelStore:
    return build_store(settings)


def puller_of(settings: ModelSettings) -> Puller:
    """A puller that can also make derived models."""
    from care_voice.supervisor.conversion import quantize  # noqa: PLC0415

    return build_puller(settings, convert=quantize)
