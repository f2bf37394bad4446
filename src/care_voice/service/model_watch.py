"""Looks after the served model's files while the service runs, and has them mended.

Workers serve from memory meanwhile.
"""

from __future__ import annotations

import asyncio

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.service.lifecycle_settings import LifecycleSettings
from care_voice.service.served_models import LocalEngine
from care_voice.supervisor.backoff import Backoff

log = structlog.get_logger(__name__)


class ModelWatch:
    """Of one model that is here."""

    def __init__(self, local: LocalEngine, settings: LifecycleSettings) -> None:
        self._local = local
        self._backoff = Backoff(settings.retry_first_s, settings.retry_max_s)
        self.damage: CareVoiceError | None = None
        """What is wrong with its files, or why they could not be mended; None when nothing is."""

    @property
    def warning(self) -> CareVoiceError | None:
        """What an operator should know of the model and of what runs it; None when there is nothing."""
        local = self._local
        told = (local.keeper.signature_problem, local.choice.signature_problem, local.choice.notice, local.pool.reduced)
        return next(filter(None, (self.damage, *told)), None)

    async def look(self) -> None:
        """Mend what has changed; the workers look after themselves."""
        await self._local.choice.look_after()
        if await self._local.keeper.unchanged():
            return
        damage = await self._local.keeper.damage()
        if damage is not None:
            await self.mend(damage)

    async def mend(self, damage: CareVoiceError) -> None:
        """Have the model pulled again, and say meanwhile what is wrong with it."""
        keeper = self._local.keeper
        self.damage = damage
        log.warning("model_needs_mending", model=keeper.name, damage=damage.message)
        try:
            await keeper.ensure(full=True)
        except CareVoiceError as error:
            self.damage = error
            log.error("mending_failed", code=error.code, detail=error.message, hint=error.advice)
            await asyncio.sleep(self._backoff.next_s())
        else:
            self.damage = None
            self._backoff.reset()
            self._local.pool.retry_now()
            log.info("model_mended", model=keeper.name)
