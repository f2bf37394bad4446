"""Where the sound of recordings is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from care_voice.domain.addresses import check_server_url


@dataclass(frozen=True, slots=True)
class S3Settings:
    """S3-compatible storage, where CARE_VOICE_AUDIO__KIND is s3; docs/recordings.md says what it must be able to do."""

    bucket: str = ""
    """It must exist, belong to this installation alone or to a prefix of it, and keep no old versions of objects."""

    prefix: str = ""
    """Stands before all keys, such as `care-voice/`, so that a bucket can be shared."""

    endpoint: str = ""
    """Base URL of the server; empty for AWS, where the region says which."""

    region: str = ""
    """Such as eu-central-1. Many servers other than AWS do not care; us-east-1 is sent to them then."""

    addressing: Literal["auto", "path", "virtual"] = "auto"
    """Whether the bucket stands in the path or in the host name; auto is path with an endpoint, and what AWS asks for
    without one."""

    allow_plaintext: bool = False
    """An http:// endpoint on another machine is refused without this: recordings would travel in clear."""

    access_key: str = field(default="", repr=False)
    """Empty for what the AWS libraries find by themselves: AWS_* variables, a profile, the role of the machine."""

    secret_key: str = field(default="", repr=False)
    """It is never logged or shown."""

    ca_file: Path | None = None
    """PEM file with the certificates that are trusted for https, instead of the usual ones. TLS is always verified."""

    connect_timeout_s: float = 3.0
    """Longest time for a connection."""

    read_timeout_s: float = 20.0
    """Longest time without a byte of the answer."""

    attempts: int = 5
    """Tries of a request; then it has failed, and whoever sends sound is asked to send it again later."""

    backoff_first_s: float = 0.25
    """Longest wait before the second try; it doubles, and the wait is chosen by chance below it (full jitter)."""

    backoff_max_s: float = 5.0
    """It doubles up to this."""

    connections: int = 16
    """Connections at a time."""

    def __post_init__(self) -> None:
        """Raises ValueError where recordings could leave by a way that nobody asked for, or a value cannot work."""
        if self.endpoint:
            check_server_url(
                self.endpoint,
                allow_plaintext=self.allow_plaintext,
                name="ENDPOINT",
                credentials="ACCESS_KEY and SECRET_KEY",
                permit="CARE_VOICE_AUDIO__S3__ALLOW_PLAINTEXT",
            )
        if bool(self.access_key) != bool(self.secret_key):
            raise ValueError("ACCESS_KEY and SECRET_KEY belong together")
        if self.prefix.startswith("/") or (self.prefix and not self.prefix.endswith("/")):
            raise ValueError("PREFIX must end with a slash and must not begin with one")
        if min(self.connect_timeout_s, self.read_timeout_s) <= 0 or min(self.attempts, self.connections) < 1:
            raise ValueError("times must be above 0, ATTEMPTS and CONNECTIONS at least 1")


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """The sound of recordings."""

    kind: Literal["directory", "s3"] = "directory"
    """A directory of this machine, or S3-compatible storage, which several nodes can share."""

    directory: Path | None = None
    """None means `recordings` in the data directory. Nodes that share the work must share it too, or use s3."""

    s3: S3Settings = field(default_factory=S3Settings)

    def __post_init__(self) -> None:
        """Raises ValueError where S3 is asked for without a bucket."""
        if self.kind == "s3" and not self.s3.bucket:
            raise ValueError("KIND=s3 needs CARE_VOICE_AUDIO__S3__BUCKET")
