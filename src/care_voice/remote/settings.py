"""What the remote engine may be told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from care_voice.domain.addresses import check_server_url

_HEADER_SAFE = re.compile(r"[\x21-\x7e]*")


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a remote engine counts as down."""

    failures: int = 5
    """It counts as down after so many failures in a row."""

    failure_ratio: float = 0.5
    """The same when this share of the requests of the last minute failed."""

    least_requests: int = 20
    """The share counts from so many requests in a minute on."""

    open_s: float = 2.0
    """Seconds until it is probed with a known clip; they double with each probe that fails."""

    open_max_s: float = 30.0
    """They double up to this."""


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """The server that decodes windows where CARE_VOICE_ENGINE__KIND is remote; see docs/remote.md."""

    url: str = ""
    """Base URL of an OpenAI-compatible API, such as https://speech.example/v1; /audio/transcriptions is added."""

    allow_plaintext: bool = False
    """An http:// address of another machine is refused without this: recordings would travel in clear."""

    api_key: str = field(default="", repr=False)
    """Sent as a bearer token; it is never logged or shown."""

    api_key_file: Path | None = None
    """File with the key, instead of API_KEY; read again at each probe, so that a key can be changed while it runs."""

    model: str = ""
    """The name that is sent; empty means the name of the served model. Models of ALSO_SERVED keep their own names."""

    extensions: bool = False
    """The server is another Care Voice: profile, beam size, temperatures and hotwords are sent in its own fields."""

    ca_file: Path | None = None
    """PEM file with the certificates that are trusted for https, instead of the usual ones. TLS is always verified."""

    timeout_s: float = 120.0
    """Longest time for one try: a window out, its words back."""

    connect_timeout_s: float = 5.0
    """Longest time for a connection, TLS included."""

    retries: int = 4
    """Further tries of a window after a failure that may pass. Tries that did not reach the server do not count; the
    breaker ends them."""

    backoff_first_s: float = 0.5
    """Longest wait before the second try; it doubles, and the wait is chosen by chance below it (full jitter)."""

    backoff_max_s: float = 10.0
    """It doubles up to this."""

    retry_after_max_s: float = 60.0
    """A server that asks to wait longer (Retry-After) is not waited for: the request gets 503."""

    most_in_flight: int = 8
    """Windows of one model that are sent at a time."""

    breaker: BreakerSettings = field(default_factory=BreakerSettings)

    def __post_init__(self) -> None:
        """Raises ValueError where private sound could leave by a way that nobody asked for, or a value cannot work."""
        if self.url:
            check_server_url(
                self.url,
                allow_plaintext=self.allow_plaintext,
                name="URL",
                credentials="API_KEY",
                permit="CARE_VOICE_REMOTE__ALLOW_PLAINTEXT",
            )
        if self.api_key and self.api_key_file is not None:
            raise ValueError("API_KEY and API_KEY_FILE are both set")
        _check_key(self.api_key)
        if self.most_in_flight < 1 or self.retries < 0:
            raise ValueError("MOST_IN_FLIGHT must be at least 1, RETRIES at least 0")
        if min(self.timeout_s, self.connect_timeout_s, self.breaker.open_s) <= 0 or self.breaker.failures < 1:
            raise ValueError("times must be above 0, and BREAKER__FAILURES at least 1")

    def read_key(self) -> str:
        """The key as it is now; empty where there is none.

        Raises:
            OSError, ValueError: The file cannot be read, or holds no key.
        """
        if self.api_key_file is None:
            return self.api_key
        key = self.api_key_file.read_text(encoding="ascii").strip()
        _check_key(key)
        if not key:
            raise ValueError("it is empty")
        return key


def _check_key(key: str) -> None:
    if not _HEADER_SAFE.fullmatch(key):
        raise ValueError("the API key must be printable ASCII without spaces")
