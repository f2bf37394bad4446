"""Looks after the served model's files while the service runs, and has them mended.

Workers serve from memory meanwhile.
"""

from __future__ import annotations

import asyncio

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.models.report import Verified
from care_voice.service.lifecycle_settings import LifecycleSettings
from care_voice.service.served_models import LocalEngine
from care_voice.supervisor.backoff import Backoff

log = structlog.get_logger(__name__)


class ModelWatch:
    """Of one model that is here."""

    def __init__(self, local: LocalEngine, settings: LifecycleSettings) -> None:
        self._local = local
        self._backoff = Backoff(settings.retry_first_s, settings.retry_max_s)
        self._mending = asyncio.Lock()
        self._disproved: Verified | None = None
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
        keeper = self._local.keeper
        await self._local.choice.look_after()
        # Wrong bytes that the scrub has found change no file's time, and the scrub itself comes back to them. They are
        # told until every byte was read anew, as before a worker loads files that somebody has put back.
        is_known = self.damage is None or keeper.proof is self._disproved
        if self._mending.locked() or (is_known and await keeper.unchanged()):
            return
        damage = await keeper.damage()
        if damage is not None:
            await self.mend(damage)
        elif self.damage is not None:
            self._is_whole()

    async def mend(self, damage: CareVoiceError) -> None:
        """Have the model pulled again, and say meanwhile what is wrong with it."""
        async with self._mending:
            await self._mend(damage)

    async def _mend(self, damage: CareVoiceError) -> None:
        keeper = self._local.keeper
        self.damage = damage
        log.warning("model_needs_mending", model=keeper.name, damage=damage.message)
        try:
            await keeper.ensure(full=True)
        except CareVoiceError as error:
            self.damage, self._disproved = error, keeper.proof
            log.error("mending_failed", code=error.code, detail=error.message, hint=error.advice)
            await asyncio.sleep(self._backoff.next_s())
        else:
            self._is_whole()

    def _is_whole(self) -> None:
        """Again, be it by us or by somebody who has put the files back."""
        self.damage = None
        self._backoff.reset()
        self._local.pool.retry_now()
        log.info("model_mended", model=self._local.keeper.name)
