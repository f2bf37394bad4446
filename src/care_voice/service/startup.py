"""The stages of a start: what is done, what runs, what failed, and how long each took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import structlog

from care_voice.domain.errors import CareVoiceError

log = structlog.get_logger(__name__)

StageState = Literal["pending", "running", "done", "failed"]


@dataclass(slots=True)
class Stage:
    """One step of the start. `progress` is a fraction where the step knows it; `seconds` counts while it runs."""

    name: str
    state: StageState = "pending"
    detail: str = ""
    progress: float | None = None
    error: CareVoiceError | None = None
    attempts: int = 0
    started: float = 0.0
    spent_s: float = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started if self.state == "running" else self.spent_s

    def say(self, detail: str, progress: float | None = None) -> None:
        """Tell how far it is; safe to call from a thread."""
        self.detail, self.progress = detail, progress


class StartupBoard:
    """All stages in order."""

    def __init__(self, names: list[str]) -> None:
        self.stages = [Stage(name) for name in names]
        self.began = time.monotonic()
        self.total_s: float | None = None
        self._retry_at: float | None = None

    def __getitem__(self, name: str) -> Stage:
        return next(stage for stage in self.stages if stage.name == name)

    def begin(self) -> None:
        """From the first stage on, once more: what was done before is to be done again."""
        self._retry_at = None
        for stage in self.stages:
            if stage.state == "done":
                stage.state = "pending"

    def retry_in(self, wait_s: float) -> None:
        """The stage that failed is tried again after so many seconds."""
        self._retry_at = time.monotonic() + wait_s

    @property
    def retry_in_s(self) -> float | None:
        """Seconds until the next try; None while none is waited for."""
        return None if self._retry_at is None else max(0.0, self._retry_at - time.monotonic())

    @contextmanager
    def run(self, name: str) -> Iterator[Stage]:
        """Time a stage; an error marks it failed and goes on to the caller."""
        stage = self[name]
        stage.state, stage.error, stage.progress = "running", None, None
        stage.attempts += 1
        stage.started = time.monotonic()
        try:
            yield stage
        except Exception as error:
            stage.spent_s = time.monotonic() - stage.started
            stage.state, stage.error = "failed", error if isinstance(error, CareVoiceError) else CareVoiceError()
            log.warning("stage_failed", stage=name, seconds=round(stage.spent_s, 3), code=stage.error.code)
            raise
        stage.spent_s = time.monotonic() - stage.started
        stage.state, stage.progress = "done", None
        log.info("stage_done", stage=name, seconds=round(stage.spent_s, 3), detail=stage.detail)

    @property
    def current(self) -> Stage | None:
        """The stage that runs or failed; None when all are done or none began."""
        return next((stage for stage in self.stages if stage.state in ("running", "failed")), None)

    @property
    def complete(self) -> bool:
        return all(stage.state == "done" for stage in self.stages)

    def finish(self) -> None:
        """Every stage is done: note the whole time, once."""
        if self.total_s is None:
            self.total_s = time.monotonic() - self.began
