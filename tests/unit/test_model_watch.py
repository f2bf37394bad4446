"""When a model that is served counts as damaged, and when no longer. Its files are stood in for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.model_errors import ModelDamaged
from care_voice.service.lifecycle_settings import LifecycleSettings
from care_voice.service.model_watch import ModelWatch

DAMAGE = ModelDamaged(name="base", why="model.bin is missing")


class Files:
    """Keeper, choice and pool in one. `changed` is what a look sees; `damaged` what reading every byte finds."""

    name = "base"

    def __init__(self) -> None:
        self.changed = self.damaged = self.source_works = False
        self.retried = 0
        self.proof: object = "of the start"

    async def look_after(self) -> None: ...

    async def unchanged(self) -> bool:
        return not self.changed

    async def damage(self) -> CareVoiceError | None:
        if self.damaged:
            return DAMAGE
        self.changed = False
        return None

    async def ensure(self, *, full: bool) -> None:
        assert full
        if not self.source_works:
            raise ModelDamaged(name="base", why="no source has it")
        self.changed = self.damaged = False

    def retry_now(self) -> None:
        self.retried += 1


def watched(files: Files) -> ModelWatch:
    local: Any = SimpleNamespace(keeper=files, choice=files, pool=files)
    return ModelWatch(local, LifecycleSettings(retry_first_s=0.001, retry_max_s=0.001))


def test_a_model_that_somebody_has_put_back_is_not_called_damaged_any_more() -> None:
    async def run() -> None:
        files = Files()
        watch = watched(files)
        files.changed = files.damaged = True
        await watch.look()
        assert watch.damage is not None
        files.damaged = False
        await watch.look()
        assert (watch.damage, files.retried) == (None, 1)

    asyncio.run(run())


def test_wrong_bytes_that_could_not_be_mended_stay_told_although_no_file_has_changed() -> None:
    async def run() -> None:
        files = Files()
        watch = watched(files)
        await watch.mend(DAMAGE)
        await watch.look()
        assert watch.damage is not None
        files.source_works = True
        await watch.mend(DAMAGE)
        assert (watch.damage, files.retried) == (None, 1)

    asyncio.run(run())


def test_files_that_a_worker_has_found_whole_before_the_next_look_are_whole() -> None:
    async def run() -> None:
        files = Files()
        watch = watched(files)
        files.changed = files.damaged = True
        await watch.look()
        files.changed = files.damaged = False
        files.proof = "of the worker"
        await watch.look()
        assert (watch.damage, files.retried) == (None, 1)

    asyncio.run(run())
