"""What an error means for a job: decided for every kind of error there is."""

from __future__ import annotations

import pytest

from care_voice.domain import errors, service_errors, store_errors
from care_voice.domain.errors import CareVoiceError
from care_voice.service.job_faults import Fault, fault_of, wait_s

CHANCE = {"WorkerFailed", "DeadlineExceeded", "EngineOutOfMemory", "CareVoiceError", "SettingsInvalid"}
RECORDING = {"AudioMissing", "RemoteRefused", "WindowQuarantined"}


def every_error(kind: type[CareVoiceError] = CareVoiceError) -> list[type[CareVoiceError]]:
    return [kind, *(each for sub in kind.__subclasses__() for each in every_error(sub))]


def made(kind: type[CareVoiceError]) -> CareVoiceError:
    """An instance without the fields that its message would need."""
    return kind.__new__(kind)


@pytest.mark.parametrize(
    "kind", [kind for kind in every_error() if kind.__module__ in (errors.__name__, store_errors.__name__)]
)
def test_every_error_is_somebodys_fault(kind: type[CareVoiceError]) -> None:
    if issubclass(kind, errors.RequestError) or kind.__name__ in RECORDING:
        expected = Fault.RECORDING
    else:
        expected = Fault.CHANCE if kind.__name__ in CHANCE else Fault.SERVICE
    assert fault_of(made(kind)) is expected


def test_a_bug_may_depend_on_chance() -> None:
    assert fault_of(KeyError("x")) is Fault.CHANCE


def test_it_waits_for_as_long_as_the_error_says() -> None:
    assert wait_s(service_errors.Overloaded(retry_after_s=30)) == 30.0
    assert wait_s(service_errors.NotReady(why="it starts")) == wait_s(KeyError("x")) == 5.0
