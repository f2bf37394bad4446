"""What was measured on this machine, kept for the next start, and when it no longer says anything."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import structlog

from care_voice.engine.processor import graphics_cards, read_processor
from care_voice.models.catalogue import CatalogueModel
from care_voice.models.files import write_whole
from care_voice.models.sealed import encode_sealed, read_sealed
from care_voice.models.times import utc_now
from care_voice.service.tuning_policy import EnginePlan, Measurement
from care_voice.supervisor.settings import EngineSettings

log = structlog.get_logger(__name__)

_MEASURING = 1
"""Counts the ways in which plans are measured and chosen: what another one found is not compared with this one's."""
_LIBRARIES = ("ctranslate2", "onnxruntime", "numpy")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """All that the figures depend on. Figures of another fingerprint are not used."""

    measuring: int
    processor: str
    flags: str
    """SHA-256 of what the processor can do."""
    graphics: tuple[str, ...]
    cores: int
    libraries: tuple[str, ...]
    model: str
    """Digest of the model's files."""
    graphs: str
    """How the graphs are made from it: the same parent and tool give the same bytes. Empty where there are none."""
    asked: str
    """What the settings leave open."""


@dataclass(frozen=True, slots=True)
class TuningRecord:
    """One measuring of a model: the figures of every plan, and the plan that was chosen. `measured_at` is in UTC."""

    model: str
    fingerprint: Fingerprint
    plan: EnginePlan
    measurements: tuple[Measurement, ...]
    measured_at: str

    @property
    def trouble(self) -> str:
        """Why ONNX Runtime could not be considered, though it was tried; empty where it could."""
        tried = [each for each in self.measurements if each.plan.runtime == "onnxruntime" and each.outcome != "skipped"]
        return "" if any(each.outcome == "measured" for each in tried) else next((each.why for each in tried), "")

    @property
    def lasting(self) -> bool:
        """Whether it would come out the same again: what failed to start may do so for want of disk or memory."""
        return not any(each.outcome == "failed" for each in self.measurements)


def fingerprint_of(
    model: CatalogueModel, graphs: CatalogueModel | None, settings: EngineSettings, cores: int
) -> Fingerprint:
    """The fingerprint of this machine, these models and these settings."""
    from importlib.metadata import version  # noqa: PLC0415 - the start is not to wait for it

    processor = read_processor()
    return Fingerprint(
        measuring=_MEASURING,
        processor=processor.name,
        flags=hashlib.sha256(" ".join(sorted(processor.flags)).encode()).hexdigest(),
        graphics=graphics_cards(),
        cores=cores,
        libraries=tuple(f"{name} {version(name)}" for name in _LIBRARIES),
        model=model.digest,
        graphs=graphs.origin if graphs is not None else "",
        asked=" ".join(map(str, _asked(settings))),
    )


def _asked(settings: EngineSettings) -> tuple[str | int, ...]:
    return settings.runtime, settings.workers, settings.threads, settings.device, settings.compute_type, settings.batch


def record_of(
    model: str, fingerprint: Fingerprint, chosen: EnginePlan, measurements: list[Measurement]
) -> TuningRecord:
    """A record with the time of now."""
    return TuningRecord(model, fingerprint, chosen, tuple(measurements), utc_now())


class TuningStore:
    """A small sealed file for each model in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, model: str) -> Path:
        """Where the record of a model is."""
        return self._directory / f"{model}.json"

    def read(self, model: str, fingerprint: Fingerprint) -> TuningRecord | None:
        """The record that was made under this fingerprint; None where there is none, or it is damaged."""
        record = read_sealed(self.path(model), TuningRecord)
        return record if record is not None and record.fingerprint == fingerprint else None

    def write(self, record: TuningRecord) -> bool:
        """Keep a record, whole or not at all. Where it cannot be written the next start measures again."""
        try:
            write_whole(self.path(record.model), encode_sealed(record), self._directory)
        except OSError as error:
            log.warning("tuning_not_stored", path=str(self.path(record.model)), why=str(error))
            return False
        return True
