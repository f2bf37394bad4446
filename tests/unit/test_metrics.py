"""The metrics page: valid, complete, and named as Prometheus wants."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from care_voice.telemetry.metrics import Metrics


def test_the_page_parses_and_has_every_metric_before_anything_happened() -> None:
    families = {family.name for family in text_string_to_metric_families(Metrics().render().decode())}

    assert {name for name in families if name.startswith("care_voice")} == {
        "care_voice_http_requests",
        "care_voice_http_request_duration_seconds",
        "care_voice_transcriptions",
        "care_voice_transcriptions_in_progress",
        "care_voice_audio_seconds",
        "care_voice_real_time_factor",
        "care_voice_windows",
        "care_voice_window_extra_passes",
        "care_voice_window_compute_seconds",
        "care_voice_windows_queued",
        "care_voice_queue_audio_seconds",
        "care_voice_audio_seconds_per_second",
        "care_voice_worker_crash_looping",
        "care_voice_worker_renewals",
        "care_voice_ready",
        "care_voice_database_up",
        "care_voice_rollout_taken_back_timestamp_seconds",
        "care_voice_slot_restarts",
        "care_voice_workers_ready",
        "care_voice_worker_exits",
        "care_voice_worker_resident_memory_bytes",
        "care_voice_worker_batch_halvings",
        "care_voice_work_retried",
        "care_voice_model_verified_timestamp_seconds",
        "care_voice_model_repairs",
        "care_voice_model_scrubs",
        "care_voice_model_scrubbed_timestamp_seconds",
        "care_voice_model_signature_expires_timestamp_seconds",
        "care_voice_model_operations",
        "care_voice_startup_stage_seconds",
        "care_voice_remote_requests",
        "care_voice_remote_retries",
        "care_voice_remote_breaker_state",
        "care_voice_remote_breaker_opened",
        "care_voice_recordings_received",
        "care_voice_recording_bytes",
        "care_voice_jobs_running",
        "care_voice_job_attempts",
        "care_voice_jobs_taken_back",
        "care_voice_webhook_tries",
        "care_voice_webhook_try_seconds",
        "care_voice_webhook_try_seconds_created",
        "care_voice_webhooks_disabled",
        "care_voice_webhooks_disabled_created",
        "care_voice_recordings_stored_bytes",
        "care_voice_recordings_free_bytes",
        "care_voice_disk_free_bytes",
        "care_voice_disk_level",
        "care_voice_recordings_objects_deleted",
        "care_voice_recordings_objects_deleted_created",
        "care_voice_recordings_objects_doomed",
        "care_voice_recordings_objects_unnamed",
        "care_voice_recordings_objects_missing",
    }


def test_counters_end_in_total_and_every_metric_says_what_it_is() -> None:
    text = Metrics().render().decode()
    counters = [
        line.split()[2] for line in text.splitlines() if line.startswith("# TYPE care_voice") and "counter" in line
    ]

    assert counters
    assert all(name.endswith("_total") for name in counters)
    assert all(family.documentation.endswith(".") for family in text_string_to_metric_families(text)
               if family.name.startswith("care_voice"))  # fmt: skip


def test_what_is_counted_is_shown() -> None:
    metrics = Metrics()
    metrics.transcriptions.labels("base", "done").inc()
    metrics.worker_exits.labels("engine", "crashed").inc(2)
    text = metrics.render().decode()

    assert 'care_voice_transcriptions_total{model="base",outcome="done"} 1.0' in text
    assert 'care_voice_worker_exits_total{cause="crashed",role="engine"} 2.0' in text


def test_two_services_in_one_process_do_not_share_their_numbers() -> None:
    first, second = Metrics(), Metrics()
    first.in_progress.set(3)

    assert "care_voice_transcriptions_in_progress 0.0" in second.render().decode()
