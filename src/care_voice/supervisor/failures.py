"""From a worker's `Failed` back to the error it names."""

from __future__ import annotations

from care_voice.domain import errors, service_errors, store_errors
from care_voice.engine.protocol import Failed


def to_error(failed: Failed) -> errors.CareVoiceError:
    """The error of the tree that the worker raised; a name that is not in the tree becomes `WorkerFailed`."""
    cls = getattr(errors, failed.error, None) or getattr(store_errors, failed.error, None)
    if isinstance(cls, type) and issubclass(cls, errors.CareVoiceError):
        return cls(**failed.fields)
    return service_errors.WorkerFailed(why=failed.error)
