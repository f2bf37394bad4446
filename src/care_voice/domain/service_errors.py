"""What the service cannot do now. The tree is drawn in `domain.errors`."""

from __future__ import annotations

from care_voice.domain.errors import CareVoiceError


class ServiceError(CareVoiceError):
    """The service cannot do this now."""

    code = "service_error"


class CannotListen(ServiceError):
    """The service cannot listen on {address}: {why}."""

    code = "cannot_listen"
    hint = "Choose another address with {settings}, or end what uses this one."


class AlreadyRunning(ServiceError):
    """A server with the data directory {directory} is running already."""

    code = "already_running"
    hint = "Stop it with `care-voice stop`, or give this one a directory of its own with CARE_VOICE_DATA_DIR."


class NotReady(ServiceError):
    """The service is not ready: {why}."""

    code = "not_ready"
    hint = "Try again in a few seconds; GET /health/startup says what the service is doing."


class Draining(ServiceError):
    """The service is stopping and takes no new work."""

    code = "draining"
    hint = "Try again in {retry_after_s} seconds."


class Overloaded(ServiceError):
    """The service has as much work as it takes at a time."""

    code = "overloaded"
    hint = "Try again in {retry_after_s} seconds."


class DeadlineExceeded(ServiceError):
    """The request was not answered within its deadline of {timeout_s} s."""

    code = "deadline_exceeded"
    hint = "Send a shorter recording, ask for more time with X-Request-Timeout, or try again when less is going on."


class NotEnoughMemory(ServiceError):
    """There is not enough memory to load the model '{name}': {needed} are needed, {free} are free."""

    code = "not_enough_memory"
    hint = "Close other programs, serve a smaller model or fewer workers, or add memory."


class RuntimeUnavailable(ServiceError):
    """The model '{name}' cannot be run by {runtime}: {why}."""

    code = "runtime_unavailable"
    hint = "Mend the cause, or set CARE_VOICE_ENGINE__RUNTIME=auto and restart the service."


class EngineFallback(ServiceError):
    """The model '{name}' is run by CTranslate2, as ONNX Runtime cannot be used: {why}."""

    code = "engine_fallback"
    hint = "The service works. Mend the cause and restart it, or set CARE_VOICE_ENGINE__RUNTIME=ctranslate2."


class NotEnoughGpuMemory(ServiceError):
    """There is not enough GPU memory to load the model '{name}': {needed} are needed, {free} are free on {gpu}."""

    code = "not_enough_gpu_memory"
    hint = "Close other programs on the GPU, serve a smaller model, or set CARE_VOICE_ENGINE__DEVICE to cpu."


class EngineOutOfMemory(ServiceError):
    """The engine ran out of memory over a part of this recording, though it computed nothing beside it."""

    code = "engine_out_of_memory"
    hint = "Try again; if it comes back, whoever runs this service must free memory or serve a smaller model."


class BatchesReduced(ServiceError):
    """The engine ran out of memory and computes fewer windows together since: halved {halvings} times."""

    code = "batches_reduced"
    hint = "Free memory, or set CARE_VOICE_ENGINE__BATCH to less; a restarted worker begins with whole batches again."


class StorageFull(ServiceError):
    """The disk of the service is full; the recording could not be stored."""

    code = "storage_full"
    hint = "Keep the recording and try again later; whoever runs this service must free some space."


class StorageLow(ServiceError):
    """There is little room left for recordings: {free_mb} MB are free."""

    code = "storage_low"
    hint = "Free some space: imports, backups and copies for listening wait until then, so that recordings go first."


class PreflightFailed(ServiceError):
    """The check '{name}' failed: {why}."""

    code = "preflight_failed"
    hint = "{advice}"


class SelfTestFailed(ServiceError):
    """The self-test failed: {why}."""

    code = "self_test_failed"
    hint = "`care-voice doctor` checks the machine; the log has the details."


class WorkerFailed(ServiceError):
    """A worker process could not do its work: {why}."""

    code = "worker_failed"
    hint = "Try again; if it comes back, send the request id to whoever runs this service."


class WindowQuarantined(ServiceError):
    """A part of this recording stopped {kills} engine workers and was put aside."""

    code = "window_quarantined"
    hint = "The other parts are fine; send the request id to whoever runs this service."


class RemoteUnavailable(ServiceError):
    """The remote engine does not work now: {why}."""

    code = "remote_unavailable"
    hint = "Try again in {retry_after_s} seconds."


class RemoteMisconfigured(ServiceError):
    """The remote engine cannot be used as it is set up: {why}."""

    code = "remote_misconfigured"
    hint = "Whoever runs this service must check the settings CARE_VOICE_REMOTE__URL, API_KEY and MODEL."


class RemoteRefused(ServiceError):
    """The remote engine refused a part of this recording: {why}."""

    code = "remote_refused"
    hint = "It would refuse it again; try other options, or send the request id to whoever runs this service."
