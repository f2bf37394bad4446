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
    ├── ModelError                    the verified store and its sources (in domain.model_errors)
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
    └── ServiceError                  the service cannot do it now (in domain.service_errors)
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
        sentence = inspect.cleandoc(type(self).__doc__ or "").replace("\n", " ").format(**fields)
        # What is quoted at the end may be a sentence itself.
        super().__init__(sentence[:-1] if sentence.endswith("..") and not sentence.endswith("...") else sentence)

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


class SettingsInvalid(CareVoiceError):
    """The setting {name} is not valid: {why}."""

    code = "settings_invalid"
    hint = "docs/configuration.md lists every setting."
