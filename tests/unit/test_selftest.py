"""The known clip, where nobody has the time to read it."""

from __future__ import annotations

import pytest

from care_voice.domain.service_errors import WorkerFailed
from care_voice.engine.protocol import LoadMedia
from care_voice.service.selftest import known_window
from care_voice.supervisor.media_pool import MediaPool
from care_voice.supervisor.settings import MediaWorkerSettings, SupervisorSettings
from care_voice.supervisor.worker import WorkerSpec
from care_voice.telemetry.metrics import Metrics


async def never_needed() -> WorkerSpec:
    return WorkerSpec("media", LoadMedia(max_memory_bytes=1))


async def test_a_clip_that_no_worker_reads_is_not_waited_for_for_ever() -> None:
    idle = MediaPool(MediaWorkerSettings(), never_needed, SupervisorSettings(), Metrics())

    with pytest.raises(WorkerFailed, match="no media worker has read the known clip"):
        await known_window(idle, timeout_s=0.01)
