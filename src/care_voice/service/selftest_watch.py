"""Proves the engine again while the service runs: by the windows that it decodes, else by the known clip.

An engine can be alive, send heartbeats and hear nothing rightly any more. What finds that without load is the clip,
which goes behind all other work and costs no one anything.
"""

from __future__ import annotations

import asyncio
import time

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import Draining, NotReady, Overloaded, SelfTestFailed
from care_voice.scheduler.work import Caller
from care_voice.service.lifecycle_settings import LifecycleSettings
from care_voice.service.selftest import run_self_test
from care_voice.service.transcription import SELF_TEST, Transcriber

log = structlog.get_logger(__name__)

_BEHIND_ALL = Caller(SELF_TEST, bulk=True)
_TRIES = 2
_LOOKS = 10
_LATE = 3
"""So many intervals without any proof, and the service does not count as ready: whoever should have looked did not."""


class SelfTestWatch:
    """Of the default model, where it is decoded here."""

    def __init__(self, transcriber: Transcriber, settings: LifecycleSettings) -> None:
        self._transcriber = transcriber
        self._settings = settings
        self._every_s = settings.self_test_every_s if transcriber.models.default.local is not None else 0.0
        self._proved_at = time.monotonic()
        self.passed_at: float | None = None
        """Unix time of the last self-test that was passed."""
        self.detail = ""
        """What came out of it, for people."""

    def passed(self, detail: str) -> None:
        """The clip was heard rightly just now."""
        self._proved_at, self.passed_at, self.detail = time.monotonic(), time.time(), detail

    @property
    def lateness(self) -> CareVoiceError | None:
        """Why the engine counts as unproved; None while it does not."""
        if self._every_s <= 0 or self._unproved_s <= self._every_s * _LATE + self._settings.self_test_timeout_s:
            return None
        return NotReady(why=f"no self-test was passed for {self._unproved_s:.0f} s")

    @property
    def _unproved_s(self) -> float:
        return time.monotonic() - max(self._proved_at, self._transcriber.decoded_at)

    async def failure(self) -> SelfTestFailed:
        """Test now and again; returns once the engine has failed twice in a row."""
        while True:
            await asyncio.sleep(self._every_s / _LOOKS if self._every_s > 0 else 3600.0)
            if 0 < self._every_s <= self._unproved_s and (failure := await self._failed()) is not None:
                return failure

    async def _failed(self) -> SelfTestFailed | None:
        """What is wrong with the engine; None where nothing is, or where it could not be tested."""
        failure: SelfTestFailed | None = None
        for _ in range(_TRIES):
            try:
                self.passed(await run_self_test(self._transcriber, self._settings.self_test_timeout_s, _BEHIND_ALL))
            except SelfTestFailed as error:
                log.warning("self_test_failed", detail=error.message)
                if isinstance(error.__cause__, Overloaded | Draining) or self._unproved_s < self._every_s:
                    return None  # it has work, and does it
                failure = error
            except Exception as error:  # a bug must not be the end of all looking, after which nothing is ready again
                log.exception("self_test_stumbled")
                failure = SelfTestFailed(why=type(error).__name__)
            else:
                return None
        return failure
