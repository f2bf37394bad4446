"""What webhooks say, who hears it, and that its signature is one that the specification's own library accepts."""

from __future__ import annotations

import base64
import json
import time

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from care_voice.domain import webhooks
from care_voice.domain.webhooks import Webhook
from care_voice.notify.settings import WebhookSettings
from care_voice.notify.signing import new_secret, signed_headers


def test_a_message_has_the_shape_of_the_specification() -> None:
    message = webhooks.payload("job.done", 1_700_000_000.1234, {"recording_id": "rec_1"})

    assert message == '{"type":"job.done","timestamp":"2023-11-14T22:13:20.123Z","data":{"recording_id":"rec_1"}}'


def test_what_people_wrote_or_said_is_not_told() -> None:
    body = {
        "title": "林太太",
        "notes": "…",
        "message": "text",
        "text": "…",
        "reason": "…",
        "job_id": "job_1",
        "code": "empty_file",
    }

    assert webhooks.told(body) == {"job_id": "job_1", "code": "empty_file"}


def test_words_are_added_where_the_endpoint_wants_them() -> None:
    message = webhooks.payload("transcript.created", 0, {"recording_id": "rec_1", "transcript_id": "tr_1"})
    full = json.loads(webhooks.with_transcript(message, {"text": "你好"}))

    assert webhooks.transcript_named(message) == ("rec_1", "tr_1")
    assert webhooks.transcript_named(webhooks.payload("job.done", 0, {"recording_id": "rec_1"})) is None
    assert full["data"] == {"recording_id": "rec_1", "transcript_id": "tr_1", "transcript": {"text": "你好"}}


@pytest.mark.parametrize(
    ("events", "kind", "heard"),
    [
        (("*",), "job.done", True),
        (("job.*",), "job.done", True),
        (("job.done",), "job.done", True),
        (("job.failed", "recording.*"), "job.done", False),
        (("jobs.*",), "job.done", False),
        ((), "job.done", False),
    ],
)
def test_an_endpoint_hears_what_it_asked_for(events: tuple[str, ...], kind: str, heard: bool) -> None:
    assert webhooks.wants(events, kind) is heard


def test_events_that_never_come_are_found() -> None:
    assert webhooks.unknown_events(("job.done", "*", "job.*", "job.progress", "nothing.*")) == (
        "job.progress",
        "nothing.*",
    )


def test_a_secret_is_as_the_specification_says() -> None:
    secret = new_secret()

    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert secret != new_secret()


def test_the_library_of_the_specification_accepts_the_signature_of_each_secret() -> None:
    old, new, foreign = new_secret(), new_secret(), new_secret()
    message = webhooks.payload("job.done", time.time(), {"text": "開會 ünïcode"})
    headers = signed_headers([new, old], "dlv_1", time.time(), message)

    for secret in (old, new):
        assert Verifier(secret).verify(message, headers)["data"] == {"text": "開會 ünïcode"}
    with pytest.raises(WebhookVerificationError):
        Verifier(foreign).verify(message, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(new).verify(message.replace("done", "gone"), headers)


def test_the_old_secret_signs_until_its_time_is_up_and_no_secret_is_shown() -> None:
    webhook = Webhook(
        id="whk_1", url="https://hooks.example/", events=("*",), description="", include_text=False, created_at=0.0,
        secret="whsec_new", old_secret="whsec_old", old_secret_until=100.0,
    )  # fmt: skip

    assert webhook.secrets(99.0) == ("whsec_new", "whsec_old")
    assert webhook.secrets(100.0) == ("whsec_new",)
    assert "whsec_" not in repr(webhook)


@pytest.mark.parametrize(
    "wrong", [{"timeout_s": 0.0}, {"most_at_once": 0}, {"most_per_endpoint": 0}, {"timeout_s": 20.0, "lease_s": 21.0}]
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        WebhookSettings(**wrong)  # type: ignore[arg-type] # int and float alike
