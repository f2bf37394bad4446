"""From a worker's `Failed` back to the error it names."""

from __future__ import annotations

from care_voice.domain import errors, model_errors, service_errors, store_errors
from care_voice.engine.protocol import Failed

_TREE = (errors, model_errors, service_errors, store_errors)


def to_error(failed: Failed) -> errors.CareVoiceError:
    """The error of the tree that the worker raised; a name that is not in the tree becomes `WorkerFailed`."""
    cls = next((vars(module)[failed.error] for module in _TREE if failed.error in vars(module)), None)
    if isinstance(cls, type) and issubclass(cls, errors.CareVoiceError):
        return cls(**failed.fields)
    return service_errors.WorkerFailed(why=failed.error)
