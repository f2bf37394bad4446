"""What the routes work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from care_voice.api.callers import caller_of
from care_voice.api.health_report import HealthReport
from care_voice.api.operators import Operators
from care_voice.api.settings import ApiSettings
from care_voice.domain.errors import UnknownModel
from care_voice.scheduler.work import Caller
from care_voice.service.database_watch import DatabaseWatch
from care_voice.service.disk_watch import DiskWatch
from care_voice.service.event_feed import EventFeed
from care_voice.service.intake import Intake
from care_voice.service.jobs import Jobs
from care_voice.service.library import Library
from care_voice.service.lifecycle import Lifecycle
from care_voice.service.model_library import ModelLibrary
from care_voice.service.playback import Playback
from care_voice.service.retention import Retention
from care_voice.service.served_models import ServedModel
from care_voice.service.transcription import Transcriber
from care_voice.service.transcripts import Transcripts
from care_voice.service.webhooks import Webhooks
from care_voice.store.audio import AudioStore
from care_voice.store.database import Database
from care_voice.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class RecordingServices:
    """What the routes of recordings work with."""

    db: Database
    watch: DatabaseWatch
    retention: Retention
    audio: AudioStore
    intake: Intake
    library: Library
    playback: Playback
    jobs: Jobs
    feed: EventFeed
    transcripts: Transcripts
    webhooks: Webhooks
    disk: DiskWatch
    standing_by: Callable[[], bool]
    """Whether this node takes no jobs now."""


@dataclass(frozen=True, slots=True)
class ApiServices:
    """The parts of the application that HTTP reaches."""

    settings: ApiSettings
    lifecycle: Lifecycle
    transcriber: Transcriber
    library: ModelLibrary
    metrics: Metrics
    recordings: RecordingServices
    incoming_dir: Path
    operators: Operators = field(default_factory=Operators)
    health: HealthReport = field(default_factory=HealthReport)

    @property
    def models(self) -> list[str]:
        """Names that a request may give as `model`: what is served, the default one first, then the aliases."""
        served = self.transcriber.models.names
        aliases = [alias for alias, target in self.settings.model_aliases.items() if target in ("", *served)]
        return [*served, *(alias for alias in aliases if alias not in served)]

    async def admit(self, request: Request) -> Caller:
        """Let a request in before its body is read, and say whose it is. One that comes while the service starts waits
        for that: a restart of seconds is then no error for anybody.

        Raises:
            NotReady, Draining, Overloaded: Why it is not taken now.
            InvalidParameter: A header of it is not valid.
        """
        caller = caller_of(request, self.settings.trusted_proxies)
        await self.lifecycle.started()
        self.lifecycle.admit()
        self.transcriber.admit(self.transcriber.models.default, caller)
        return caller

    def model_named(self, name: str) -> ServedModel:
        """The model that a request means. Raises UnknownModel where it is not served."""
        if name not in self.models:
            raise UnknownModel(model=name[:80], param="model")
        served = self.transcriber.models
        target = name if name in served.names else self.settings.model_aliases[name]
        return served[target] if target else served.default


def _services(request: Request) -> ApiServices:
    services = request.app.state.services
    assert isinstance(services, ApiServices)
    return services


Services = Annotated[ApiServices, Depends(_services)]
