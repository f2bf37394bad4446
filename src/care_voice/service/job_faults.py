"""What an error means for the job in which it came up. Pure."""

from __future__ import annotations

from enum import Enum, auto

from care_voice.domain import errors, model_errors, service_errors, store_errors
from care_voice.domain.errors import CareVoiceError

_SOON_S = 5.0


class Fault(Enum):
    """Whose fault it is."""

    RECORDING = auto()
    """It would come again each time: the job has failed."""

    CHANCE = auto()
    """It may pass: the job is tried again, and not for ever."""

    SERVICE = auto()
    """Nothing is wrong with the job: it waits until the service can do it, however long that takes."""


_FAULTS: list[tuple[type[CareVoiceError], Fault]] = [
    (store_errors.AudioMissing, Fault.RECORDING),
    (service_errors.RemoteRefused, Fault.RECORDING),
    (service_errors.WindowQuarantined, Fault.RECORDING),
    (errors.RequestError, Fault.RECORDING),
    (service_errors.WorkerFailed, Fault.CHANCE),
    (service_errors.DeadlineExceeded, Fault.CHANCE),
    (service_errors.EngineOutOfMemory, Fault.CHANCE),
    (service_errors.ServiceError, Fault.SERVICE),
    (model_errors.ModelError, Fault.SERVICE),
    (store_errors.StoreError, Fault.SERVICE),
]
"""First match wins. What is not here is a bug, which may depend on chance."""


def fault_of(error: BaseException) -> Fault:
    """Whose fault an error is."""
    return next((fault for kind, fault in _FAULTS if isinstance(error, kind)), Fault.CHANCE)


def wait_s(error: BaseException) -> float:
    """Seconds until it is worth while to try again what was no fault of the job's."""
    named = error.fields.get("retry_after_s") if isinstance(error, CareVoiceError) else None
    return float(named) if isinstance(named, int | float) else _SOON_S
