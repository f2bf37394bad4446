"""Signatures of webhooks (Standard Webhooks 1.0.0, HMAC-SHA256, `v1`)."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """256 random bits, written as the specification says."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed_headers(signers: Sequence[str], message_id: str, at: float, body: str) -> dict[str, str]:
    """The three headers of a message that is sent `at` (Unix seconds), signed with each of the secrets."""
    from standardwebhooks import Webhook  # noqa: PLC0415 - 15 ms that a service without webhooks never pays

    moment = datetime.fromtimestamp(int(at), UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, moment, body) for secret in signers),
    }
