"""Errors of what is kept: recordings, jobs, transcripts and where they lie. The tree is drawn in `domain.errors`."""

from __future__ import annotations

from care_voice.domain.errors import CareVoiceError, RequestError
from care_voice.domain.service_errors import ServiceError


class NotFound(RequestError):
    """There is no such thing."""

    code = "not_found"


class UnknownRecording(NotFound):
    """There is no recording '{recording_id}'."""

    code = "recording_not_found"
    hint = (
        "It may be in the trash (restore it first), or deleted for good: GET /api/v1/recordings and"
        " `care-voice recordings list` list what is there."
    )


class UnknownJob(NotFound):
    """There is no job '{job_id}'."""

    code = "job_not_found"
    hint = "`care-voice recordings show ID` and GET /api/v1/recordings/ID/jobs list the jobs of a recording."


class UnknownTranscript(NotFound):
    """The recording has no such transcript: {which}."""

    code = "transcript_not_found"
    hint = (
        "It may not have been written yet; `care-voice recordings show ID` and GET /api/v1/recordings/ID/transcripts"
        " list those that are there."
    )


class UnknownAsset(NotFound):
    """The recording has no {kind} yet."""

    code = "asset_not_found"
    hint = "It is made after the recording is complete; follow the recording's events, or use the original audio."


class TranscriptionFailed(NotFound):
    """The recording has no transcript, because it could not be transcribed: {why}."""

    code = "transcription_failed"
    hint = "{advice}"


class AssetFailed(NotFound):
    """The recording has no {kind}, because it could not be made: {why}."""

    code = "asset_failed"
    hint = "{advice}"


class UnknownWebhook(NotFound):
    """There is no webhook or delivery '{webhook_id}'."""

    code = "webhook_not_found"
    hint = "`care-voice webhooks list` and GET /api/v1/webhooks list those that are there."


class UnknownReceipt(NotFound):
    """There is no receipt '{receipt_id}'."""

    code = "receipt_not_found"
    hint = "GET /api/v1/receipts lists those that are there."


class UnknownRule(NotFound):
    """There is no retention rule '{rule_id}'."""

    code = "rule_not_found"
    hint = "GET /api/v1/retention lists those that are there."


class OffsetConflict(RequestError):
    """The recording holds {received} bytes, so nothing can be appended at {offset}."""

    code = "offset_conflict"
    hint = "Ask for the offset again (HEAD) and go on from there."


class AppendConflict(RequestError):
    """Another client has begun to append to this recording."""

    code = "append_conflict"
    hint = "Nothing that was acknowledged is lost. Ask for the offset again (HEAD) if you are the one to go on."


class ChecksumMismatch(RequestError):
    """The bytes that arrived do not have the checksum that was announced; none of them were kept."""

    code = "checksum_mismatch"
    hint = "Send them again from the same offset."


class UploadStalled(RequestError):
    """No byte came for {stall_s} s, so the request was ended."""

    code = "upload_stalled"
    hint = "What came before is kept. Ask for the offset (HEAD) and go on from there."


class UnsupportedContentType(RequestError):
    """The body of this request must be {expected}."""

    code = "unsupported_content_type"
    hint = "Say so in the header Content-Type."


class UnsupportedTusVersion(RequestError):
    """This service speaks version {version} of the tus protocol; the request says {spoken}."""

    code = "unsupported_tus_version"
    hint = "Send the header Tus-Resumable: {version}."


class UploadExpired(RequestError):
    """Nobody went on with this upload in time, and it was given up."""

    code = "upload_expired"
    hint = "Begin a new one."


class RecordingComplete(RequestError):
    """The recording is complete: it is no upload any more, which could be appended to or given up."""

    code = "recording_complete"
    hint = (
        "To send more, begin a new one. To delete it: DELETE /api/v1/recordings/ID, or `care-voice recordings rm ID`."
    )


class RecordingIncomplete(RequestError):
    """The recording is still being received."""

    code = "recording_incomplete"
    hint = "Send the rest of it; only a live one is ended with POST /api/v1/recordings/ID/complete."


class RecordingTooLarge(RequestError):
    """A recording may hold {limit_bytes} bytes at most."""

    code = "recording_too_large"
    hint = "Send a compressed file, or divide the recording."


class QuotaExceeded(RequestError):
    """There is no room for this recording: {what} may hold {limit_bytes} bytes and hold {used_bytes} already."""

    code = "quota_exceeded"
    hint = "Delete recordings that are not needed and empty the trash, or ask whoever runs this service for more room."


class IdempotencyMismatch(RequestError):
    """The idempotency key '{key}' was used for a different request."""

    code = "idempotency_mismatch"
    hint = "Use a new key for a new request."


class RangeNotSatisfiable(RequestError):
    """The range that was asked for lies outside of the {size} bytes that there are."""

    code = "range_not_satisfiable"
    hint = "Ask for a range within them, or for the whole without a Range header."


class EditConflict(RequestError):
    """The transcript has been changed meanwhile: it is at revision {revision}."""

    code = "edit_conflict"
    hint = "Read it again and make your change to what it says now."


class EditInvalid(RequestError):
    """The edit cannot be made: {why}."""

    code = "edit_invalid"


class NothingToUndo(RequestError):
    """There is nothing to {what}."""

    code = "nothing_to_undo"


class VersionConflict(RequestError):
    """The recording has been changed meanwhile: it is at version {version}."""

    code = "version_conflict"
    hint = "Read it again and make your change to what it says now."


class JobNotActive(RequestError):
    """The job '{job_id}' is {state}."""

    code = "job_not_active"
    hint = "Only a job that waits or runs can be cancelled, and only one that failed or was cancelled can be retried."


class LegalHold(RequestError):
    """The recording is kept by a legal hold: {why}."""

    code = "legal_hold"
    hint = "Release the hold first, if you may."


class WebhookUrlRefused(RequestError):
    """This address cannot get webhooks: {why}."""

    code = "webhook_url_refused"
    hint = "Use a public https address, or let whoever runs this service allow private ones."


class StoreError(CareVoiceError):
    """What is kept cannot be reached or is not as it should be."""

    code = "store_error"


class StoreUnavailable(StoreError):
    """The database cannot be reached: {why}."""

    code = "store_unavailable"
    hint = "Try again in a few seconds; nothing that was acknowledged is lost."


class StoreBusy(StoreError):
    """The database is held by another process for too long."""

    code = "store_busy"
    hint = "Try again in a few seconds."


class SchemaTooNew(StoreError):
    """The database has the schema {found}, and this version knows {known} at most."""

    code = "schema_too_new"
    hint = "Run the version that made it, or a later one."


class SchemaTooOld(StoreError):
    """The database has the schema {found}, and this version needs {needed}."""

    code = "schema_too_old"
    hint = "Run `care-voice db migrate`."


class AudioUnavailable(StoreError):
    """The storage of recordings cannot be reached: {why}."""

    code = "audio_unavailable"
    hint = "Try again in a few seconds; nothing that was acknowledged is lost."


class AudioMissing(StoreError):
    """Audio of this recording is missing or cut short: {key}."""

    code = "audio_missing"
    hint = "Whoever runs this service must restore it from a backup."


class BackupInvalid(StoreError):
    """The backup cannot be used: {why}."""

    code = "backup_invalid"
    hint = "Use another backup."


class BackupUnavailable(StoreError):
    """The backup in {target} cannot be read or written: {why}."""

    code = "backup_unavailable"
    hint = "Check the address, whether this user may read and write there, and for S3 CARE_VOICE_BACKUP__S3__*."


class ServiceRunning(StoreError):
    """A service works on this database: the node {node} was heard of {seconds} s ago."""

    code = "service_running"
    hint = (
        "Stop it first: `care-voice stop`, or ./stop.sh, on each machine. One that was killed is forgotten in a minute."
    )


class TargetNotEmpty(StoreError):
    """There are recordings here already: {what}."""

    code = "target_not_empty"
    hint = "Restore into an empty installation, or use --force to replace what is there."


class LeaseLost(ServiceError):
    """Another node works on this job now."""

    code = "lease_lost"
    hint = "Nothing needs to be done."


class JobGaveUp(ServiceError):
    """The job was given up after {failures} attempts: the process that worked on it ended each time."""

    code = "job_gave_up"
    hint = "Whoever runs this service finds the cause in the log; the recording is kept, and the job can be retried."
