"""Every error that Care Voice raises on purpose, in one tree.

    CareVoiceError
    ├── RequestError                  the caller can mend it
    │   ├── InvalidParameter
    │   ├── MissingParameter
    │   ├── UnsupportedParameter
    │   ├── UnknownModel
    │   ├── BodyTooLarge
    │   ├── ForeignOrigin
    │   ├── ForeignHost
    │   ├── OperatorOnly
    │   ├── ModelInUse
    │   ├── ModelBusy
    │   ├── NotFound                  what is kept (in domain.store_errors, as all down to WebhookUrlRefused)
    │   │   ├── UnknownRecording
    │   │   ├── UnknownJob
    │   │   ├── UnknownTranscript
    │   │   ├── UnknownAsset
    │   │   ├── TranscriptionFailed
    │   │   ├── AssetFailed
    │   │   ├── UnknownWebhook
    │   │   ├── UnknownReceipt
    │   │   └── UnknownRule
    │   ├── OffsetConflict
    │   ├── AppendConflict
    │   ├── ChecksumMismatch
    │   ├── UploadStalled
    │   ├── UnsupportedContentType
    │   ├── UnsupportedTusVersion
    │   ├── UploadExpired
    │   ├── RecordingComplete
    │   ├── RecordingIncomplete
    │   ├── RecordingTooLarge
    │   ├── QuotaExceeded
    │   ├── IdempotencyMismatch
    │   ├── EditConflict
    │   ├── EditInvalid
    │   ├── RangeNotSatisfiable
    │   ├── NothingToUndo
    │   ├── VersionConflict
    │   ├── JobNotActive
    │   ├── LegalHold
    │   ├── WebhookUrlRefused
    │   └── MediaError                the file itself
    │       ├── EmptyFile
    │       ├── UnreadableMedia
    │       ├── NoAudioStream
    │       ├── EmptyRecording
    │       ├── MediaTooLong
    │       ├── MediaTooSlow
    │       └── MediaCrashedDecoder
    ├── ModelError                    the verified store and its sources
    │   ├── CatalogueInvalid
    │   ├── UnknownCatalogueModel
    │   ├── ModelNameTaken
    │   ├── ModelNotInstalled
    │   ├── ModelDamaged
    │   ├── DigestMismatch
    │   ├── FileNotOffered
    │   ├── SourceUnavailable
    │   ├── AllSourcesFailed
    │   ├── PullCancelled
    │   ├── ConversionFailed
    │   ├── SignatureProblem          the signature of a model
    │   │   ├── SignatureMissing
    │   │   ├── SignatureInvalid
    │   │   └── SignatureExpired
    │   ├── SigningFailed
    │   ├── BundleInvalid
    │   ├── PinConflict
    │   ├── DecryptionFailed
    │   ├── TargetUnwritable
    │   ├── TransferIncomplete
    │   ├── StoreUnwritable
    │   └── DiskFull
    ├── StoreError                    rows and audio (in domain.store_errors)
    │   ├── StoreUnavailable
    │   ├── StoreBusy
    │   ├── SchemaTooNew
    │   ├── SchemaTooOld
    │   ├── AudioUnavailable
    │   ├── AudioMissing
    │   ├── BackupInvalid
    │   ├── BackupUnavailable
    │   ├── ServiceRunning
    │   └── TargetNotEmpty
    ├── DeployError                   the entrance and its slots (in domain.deploy_errors)
    │   ├── EntranceFailed
    │   ├── StewardNotRunning
    │   ├── RolloutUnderWay
    │   ├── NoRollout
    │   ├── NothingKept
    │   ├── CandidateNotReady
    │   ├── ReleaseInvalid
    │   ├── ContainersUnknown
    │   └── DeploymentUnreadable
    ├── SettingsInvalid               the environment or the configuration file
    └── ServiceError                  the service cannot do it now
        ├── CannotListen
        ├── AlreadyRunning
        ├── NotReady
        ├── Draining
        ├── Overloaded
        ├── DeadlineExceeded
        ├── NotEnoughMemory
        ├── RuntimeUnavailable
        ├── EngineFallback
        ├── NotEnoughGpuMemory
        ├── EngineOutOfMemory
        ├── BatchesReduced
        ├── StorageFull
        ├── StorageLow
        ├── PreflightFailed
        ├── SelfTestFailed
        ├── WorkerFailed
        ├── WindowQuarantined
        ├── LeaseLost                 jobs (in domain.store_errors)
        ├── JobGaveUp
        ├── RemoteUnavailable         a server elsewhere that decodes
        ├── RemoteMisconfigured
        └── RemoteRefused

A docstring is the message: its fields are the keyword arguments the error was raised with. `code` is stable, so clients
may depend on it. `hint` says what the reader can do. The HTTP status is chosen in `care_voice.api.problems` alone.
"""

from __future__ import annotations

import inspect
from typing import ClassVar


class CareVoiceError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal_error"
    hint: ClassVar[str] = ""

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        super().__init__(inspect.cleandoc(type(self).__doc__ or "").replace("\n", " ").format(**fields))

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.fields))

    @property
    def message(self) -> str:
        """The sentence for people, without the hint."""
        return str(self)

    @property
    def advice(self) -> str:
        """What the reader can do about it; empty when there is nothing to do."""
        return self.hint.format(**self.fields)

    @property
    def param(self) -> str | None:
        """The request parameter at fault, where there is one."""
        value = self.fields.get("param")
        return None if value is None else str(value)


def _rebuild(cls: type[CareVoiceError], fields: dict[str, object]) -> CareVoiceError:
    return cls(**fields)


class RequestError(CareVoiceError):
    """The request cannot be served as it is."""

    code = "invalid_request"


class InvalidParameter(RequestError):
    """Parameter '{param}' is not valid: {why}."""

    code = "invalid_parameter"


class MissingParameter(RequestError):
    """Parameter '{param}' is required."""

    code = "missing_parameter"


class UnsupportedParameter(RequestError):
    """Parameter '{param}' is not supported: {why}."""

    code = "unsupported_parameter"
    hint = "Leave '{param}' out; Care Voice refuses what it would otherwise have to ignore."


class UnknownModel(RequestError):
    """The model '{model}' is not served here."""

    code = "model_not_found"
    hint = "GET /v1/models lists the models that are served, `care-voice models list` those that are installed."


class BodyTooLarge(RequestError):
    """The request body is larger than the limit of {limit_bytes} bytes."""

    code = "body_too_large"
    hint = "Send a shorter or a compressed recording, or raise CARE_VOICE_API__MAX_BODY_BYTES."


class ForeignOrigin(RequestError):
    """A page of another site may not use this service."""

    code = "foreign_origin"
    hint = "Open the service's own address in the browser."


class ForeignHost(RequestError):
    """This service does not answer to the name in the Host header."""

    code = "foreign_host"
    hint = "Use its IP address or localhost, or name the host in CARE_VOICE_API__ALLOWED_HOSTS."


class OperatorOnly(RequestError):
    """This is for whoever runs the service."""

    code = "operator_only"
    hint = "Ask on the machine itself, or send the operator's token: Authorization: Bearer TOKEN."


class ModelInUse(RequestError):
    """The model '{name}' is the one that this service serves."""

    code = "model_in_use"
    hint = "Serve another model first: set CARE_VOICE_MODEL and restart the service."


class ModelBusy(RequestError):
    """The model '{name}' is busy: {why}."""

    code = "model_busy"
    hint = "Wait until that has ended, or cancel it."


class MediaError(RequestError):
    """The file cannot be transcribed."""

    code = "media_error"


class EmptyFile(MediaError):
    """The file is empty (0 bytes)."""

    code = "empty_file"
    hint = "Check that the recording was saved before it was sent."


class UnreadableMedia(MediaError):
    """The file could not be read as audio or video: {why}."""

    code = "unreadable_media"
    hint = "Send an audio or video file, for example flac, mp3, mp4, m4a, ogg, wav or webm."


class NoAudioStream(MediaError):
    """The file holds no sound."""

    code = "no_audio_stream"
    hint = "Send a file with an audio track."


class EmptyRecording(MediaError):
    """The recording is 0 s long."""

    code = "empty_recording"
    hint = "Check that the recording ran before it was stopped."


class MediaTooLong(MediaError):
    """The recording is longer than the limit of {limit_s} s."""

    code = "media_too_long"
    hint = "Cut the recording, or raise CARE_VOICE_TRANSCRIPTION__MAX_DURATION_S."


class MediaTooSlow(MediaError):
    """Decoding the file was given up: no sound came out of it for {limit_s} s."""

    code = "media_too_slow"
    hint = "The file is probably damaged; convert it with a tool of your own and send the result."


class MediaCrashedDecoder(MediaError):
    """The file stopped the decoder process that read it, twice."""

    code = "media_crashed_decoder"
    hint = "The file is damaged or crafted; convert it with a tool of your own and send the result."


class ModelError(CareVoiceError):
    """A model cannot be used."""

    code = "model_error"


class CatalogueInvalid(ModelError):
    """The file with your own models, {path}, is not valid: {why}."""

    code = "catalogue_invalid"
    hint = "docs/models.md shows what it may hold."


class UnknownCatalogueModel(ModelError):
    """There is no model '{name}' in the catalogue; it has {known}."""

    code = "model_unknown"
    hint = "`care-voice models list` shows the catalogue."


class ModelNameTaken(ModelError):
    """There is already a model called '{name}'."""

    code = "model_name_taken"
    hint = "Choose another name."


class ModelNotInstalled(ModelError):
    """The model '{name}' is not installed."""

    code = "model_not_installed"
    hint = "Run `care-voice models pull {name}`."


class ModelDamaged(ModelError):
    """The model '{name}' is damaged: {why}."""

    code = "model_damaged"
    hint = "Run `care-voice models pull {name}`: only what is damaged is fetched again."


class DigestMismatch(ModelError):
    """'{file}' from {source} is not what the catalogue pins: {why}."""

    code = "digest_mismatch"
    hint = "The source serves other bytes than the catalogue trusts; nothing of it was kept."


class FileNotOffered(ModelError):
    """The source {source} does not have '{file}'."""

    code = "file_not_offered"


class SourceUnavailable(ModelError):
    """The source {source} could not be used: {why}."""

    code = "source_unavailable"


class AllSourcesFailed(ModelError):
    """No source could deliver the model '{name}': {why}."""

    code = "all_sources_failed"
    hint = "Check the network, the proxy (HTTPS_PROXY) and pip's own index settings, then pull again."


class PullCancelled(ModelError):
    """The pull of the model '{name}' was cancelled."""

    code = "pull_cancelled"
    hint = "Pull again when it suits: it goes on where it stopped."


class ConversionFailed(ModelError):
    """The model '{name}' could not be converted: {why}."""

    code = "conversion_failed"
    hint = "The source was left as it is, and nothing was stored."


class SignatureProblem(ModelError):
    """The signature of a model does not vouch for it."""

    code = "signature_problem"


class SignatureMissing(SignatureProblem):
    """The model '{name}' has no signature."""

    code = "signature_missing"
    hint = "Get the signature from whoever published the model, or check the model and sign it yourself."


class SignatureInvalid(SignatureProblem):
    """The signature of the model '{name}' is not valid: {why}."""

    code = "signature_invalid"
    hint = "Get the model and its signature again from whoever signed it, and check which keys are trusted here."


class SignatureExpired(SignatureProblem):
    """The signature of the model '{name}' counts no longer: the certificate {certificate} expired on {expired_on}."""

    code = "signature_expired"
    hint = "Have the model signed again with a certificate that is still valid, and check this machine's clock."


class SigningFailed(ModelError):
    """The files in {view} could not be signed: {why}."""

    code = "signing_failed"
    hint = "Signing takes an EC private key in PEM form (P-256, P-384 or P-521), and its password where it has one."


class BundleInvalid(ModelError):
    """'{path}' cannot be used as a bundle or a backup of models: {why}."""

    code = "bundle_invalid"
    hint = "Copy it again from where it was written, or write it again; no file of it was used unverified."


class PinConflict(ModelError):
    """The model '{name}' has other contents here: {why}."""

    code = "pin_conflict"
    hint = "To replace it, delete it here with its recorded digests: `care-voice models rm {name} --forget`."


class DecryptionFailed(ModelError):
    """'{path}' cannot be decrypted: {why}."""

    code = "decryption_failed"
    hint = "Give the file with the private key of one of its recipients (--identity); copy a damaged file again."


class TargetUnwritable(ModelError):
    """'{path}' cannot be written: {why}."""

    code = "target_unwritable"
    hint = "What was there before is as it was; choose a place that can be written to."


class TransferIncomplete(ModelError):
    """Not all models were transferred by way of '{path}': {why}. Whole: {whole}."""

    code = "transfer_incomplete"
    hint = "Mend the cause and run the same command again: what is whole is not copied again."


class StoreUnwritable(ModelError):
    """The model store {path} cannot be written: {why}."""

    code = "store_unwritable"
    hint = "Give the service's user write access to the directory, or set CARE_VOICE_DATA_DIR."


class DiskFull(ModelError):
    """There is not enough disk space in {path}: {needed_bytes} bytes are needed, {free_bytes} are free."""

    code = "disk_full"
    hint = "Free some space, or set CARE_VOICE_DATA_DIR to a larger disk."


class SettingsInvalid(CareVoiceError):
    """The setting {name} is not valid: {why}."""

    code = "settings_invalid"
    hint = "docs/configuration.md lists every setting."


class ServiceError(CareVoiceError):
    """The service cannot do this now."""

    code = "service_error"


class CannotListen(ServiceError):
    """The service cannot listen on {address}: {why}."""

    code = "cannot_listen"
    hint = "Choose another address with CARE_VOICE_API__HOST and CARE_VOICE_API__PORT, or end what uses this one."


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
