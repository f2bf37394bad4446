"""Every metric of the service, in one place. Names follow the Prometheus conventions: base units and `_total`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_LATENCY_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)
_RTF_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5)


class Metrics:
    """One registry for one service; tests make their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._define_http()
        self._define_transcription()
        self._define_health()
        self._define_models()
        self._define_remote()
        self._define_jobs()
        self._define_webhooks()
        self._define_intake()
        self._define_audio_storage()

    def _define_http(self) -> None:
        self.http_requests = Counter(
            "care_voice_http_requests_total",
            "HTTP requests answered, by route template and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.http_seconds = Histogram(
            "care_voice_http_request_duration_seconds",
            "From the first byte of the request to the last byte of the answer.",
            ["method", "route"],
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )

    def _define_transcription(self) -> None:
        self.transcriptions = Counter(
            "care_voice_transcriptions_total",
            "Transcriptions that ended, by outcome: done, cancelled or an error code.",
            ["model", "outcome"],
            registry=self.registry,
        )
        self.in_progress = Gauge(
            "care_voice_transcriptions_in_progress", "Transcriptions running now.", registry=self.registry
        )
        self.audio_seconds = Counter(
            "care_voice_audio_seconds_total", "Seconds of recordings transcribed.", ["model"], registry=self.registry
        )
        self.rtf = Histogram(
            "care_voice_real_time_factor",
            "Wall time of a transcription over the length of its recording.",
            ["model"],
            buckets=_RTF_BUCKETS,
            registry=self.registry,
        )
        self.windows = Counter("care_voice_windows_total", "Windows decoded.", ["model"], registry=self.registry)
        self.extra_passes = Counter(
            "care_voice_window_extra_passes_total",
            "Decoder runs that a guard rail asked for beyond the first.",
            ["model"],
            registry=self.registry,
        )
        self.window_seconds = Histogram(
            "care_voice_window_compute_seconds",
            "Time a worker took for one window.",
            ["model"],
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.queue_audio = Gauge(
            "care_voice_queue_audio_seconds",
            "Audio of admitted recordings that is not transcribed yet, by priority.",
            ["model", "priority"],
            registry=self.registry,
        )
        self.rate = Gauge(
            "care_voice_audio_seconds_per_second",
            "Measured rate of the engine: audio seconds decoded per second of work.",
            ["model"],
            registry=self.registry,
        )
        self.queued_windows = Gauge(
            "care_voice_windows_queued", "Windows waiting for a worker.", ["model"], registry=self.registry
        )

    def _define_health(self) -> None:
        self.ready = Gauge("care_voice_ready", "1 while the service takes work.", registry=self.registry)
        self.workers = Gauge(
            "care_voice_workers_ready", "1 while the slot's worker takes work.", ["slot"], registry=self.registry
        )
        self.crash_looping = Gauge(
            "care_voice_worker_crash_looping",
            "Unexpected ends of the slot's workers in the last minute, once there are three; else 0.",
            ["slot"],
            registry=self.registry,
        )
        self.renewals = Counter(
            "care_voice_worker_renewals_total",
            "Workers replaced by fresh ones, by reason: age or memory.",
            ["role", "reason"],
            registry=self.registry,
        )
        self.worker_exits = Counter(
            "care_voice_worker_exits_total",
            "Worker processes that ended, by cause.",
            ["role", "cause"],
            registry=self.registry,
        )
        self.worker_memory = Gauge(
            "care_voice_worker_resident_memory_bytes",
            "Resident memory of a worker at its last heartbeat.",
            ["slot"],
            registry=self.registry,
        )
        self.batch_halvings = Gauge(
            "care_voice_worker_batch_halvings",
            "How often a worker ran out of memory and made its batches half as large, at its last heartbeat.",
            ["slot"],
            registry=self.registry,
        )
        self.retried = Counter(
            "care_voice_work_retried_total",
            "Requests sent again because the worker that had them ended.",
            ["role"],
            registry=self.registry,
        )
        self.startup_seconds = Gauge(
            "care_voice_startup_stage_seconds",
            "How long each stage of the last start took.",
            ["stage"],
            registry=self.registry,
        )

    def _define_models(self) -> None:
        self.model_verified = Gauge(
            "care_voice_model_verified_timestamp_seconds",
            "When the model's digests were last found right.",
            ["model"],
            registry=self.registry,
        )
        self.model_repairs = Counter(
            "care_voice_model_repairs_total",
            "Pulls that the service started because the model was missing or damaged.",
            ["model"],
            registry=self.registry,
        )
        self.scrubs = Counter(
            "care_voice_model_scrubs_total",
            "Full checks of installed models while the service was idle, by result: whole or damaged.",
            ["model", "result"],
            registry=self.registry,
        )
        self.scrubbed = Gauge(
            "care_voice_model_scrubbed_timestamp_seconds",
            "When the scrub last read all of a model.",
            ["model"],
            registry=self.registry,
        )
        self.signature_expires = Gauge(
            "care_voice_model_signature_expires_timestamp_seconds",
            "When the first certificate behind the served model's signature expires.",
            ["model"],
            registry=self.registry,
        )
        self.model_operations = Counter(
            "care_voice_model_operations_total",
            "Pulls and verifications of models that ended, by outcome: done, failed or cancelled.",
            ["model", "kind", "outcome"],
            registry=self.registry,
        )

    def _define_intake(self) -> None:
        self.recordings_received = Counter(
            "care_voice_recordings_received_total",
            "Recordings that clients have begun to send, and those that are complete.",
            ["source", "state"],
            registry=self.registry,
        )
        self.recording_bytes = Counter(
            "care_voice_recording_bytes_total",
            "Bytes of recordings that have come in.",
            ["source"],
            registry=self.registry,
        )

    def _define_audio_storage(self) -> None:
        self.recordings_stored = Gauge(
            "care_voice_recordings_stored_bytes",
            "Bytes of recordings and of what was derived from them, as the database counts them.",
            registry=self.registry,
        )
        self.recordings_free = Gauge(
            "care_voice_recordings_free_bytes",
            "Room for recordings where a directory holds them.",
            registry=self.registry,
        )
        self.disk_free = Gauge(
            "care_voice_disk_free_bytes",
            "Room on the disk with the recordings, the database and the files of transcriptions.",
            registry=self.registry,
        )
        self.database_up = Gauge(
            "care_voice_database_up", "1 while the database can be worked with.", registry=self.registry
        )
        self.rollout_taken_back = Gauge(
            "care_voice_rollout_taken_back_timestamp_seconds",
            "When a rollout was last taken back (Unix time); 0 for never, or where that is not known here.",
            registry=self.registry,
        )
        self.slot_restarts = Gauge(
            "care_voice_slot_restarts",
            "How often what is in a slot behind the entrance ended by itself and was started again; 0 where that is not"
            " known here. It begins anew with each release.",
            ["slot"],
            registry=self.registry,
        )
        self.disk_level = Gauge(
            "care_voice_disk_level",
            "0: enough room; 1: what can wait is put off; 2: nothing is transcribed, recordings are still received.",
            registry=self.registry,
        )
        self.objects_deleted = Counter(
            "care_voice_recordings_objects_deleted_total",
            "Objects of the audio storage deleted.",
            registry=self.registry,
        )
        self.objects_doomed = Gauge(
            "care_voice_recordings_objects_doomed", "Objects that are still to be deleted.", registry=self.registry
        )
        self.objects_unnamed = Gauge(
            "care_voice_recordings_objects_unnamed",
            "Objects that no row names and that are not to be deleted yet, at the last comparison.",
            registry=self.registry,
        )
        self.objects_missing = Gauge(
            "care_voice_recordings_objects_missing",
            "Objects that rows name and that are gone or too short, at the last comparison.",
            registry=self.registry,
        )

    def _define_remote(self) -> None:
        self.remote_requests = Counter(
            "care_voice_remote_requests_total",
            "Requests to the remote engine by outcome: ok, a status, unreachable, timeout, cut or misread.",
            ["model", "outcome"],
            registry=self.registry,
        )
        self.remote_retries = Counter(
            "care_voice_remote_retries_total",
            "Windows that were sent to the remote engine once more.",
            ["model"],
            registry=self.registry,
        )
        self.breaker_state = Gauge(
            "care_voice_remote_breaker_state",
            "The circuit breaker towards the remote engine: 0 closed, 1 half-open, 2 open.",
            ["model"],
            registry=self.registry,
        )
        self.breaker_opened = Counter(
            "care_voice_remote_breaker_opened_total",
            "How often the circuit breaker opened.",
            ["model"],
            registry=self.registry,
        )

    def _define_webhooks(self) -> None:
        self.webhook_tries = Counter(
            "care_voice_webhook_tries_total",
            "Tries to deliver webhooks, by outcome: ok, a status, or no_answer.",
            ["outcome"],
            registry=self.registry,
        )
        self.webhook_seconds = Histogram(
            "care_voice_webhook_try_seconds",
            "From looking up an endpoint's name to its answer, or to the end of waiting for it.",
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.webhooks_disabled = Counter(
            "care_voice_webhooks_disabled_total",
            "Endpoints that were given up: they answered 410, or nothing got through for days.",
            registry=self.registry,
        )

    def _define_jobs(self) -> None:
        self.jobs_running = Gauge("care_voice_jobs_running", "Jobs that this node works on.", registry=self.registry)
        self.jobs_ended = Counter(
            "care_voice_job_attempts_total",
            "Attempts of jobs that ended here, by outcome: done, failed, retried, released, cancelled or lost.",
            ["kind", "outcome"],
            registry=self.registry,
        )
        self.jobs_reaped = Counter(
            "care_voice_jobs_taken_back_total",
            "Jobs that this node took back from nodes that had ended.",
            ["kind"],
            registry=self.registry,
        )

    def render(self) -> bytes:
        """All of it in the text format that Prometheus scrapes."""
        return generate_latest(self.registry)
