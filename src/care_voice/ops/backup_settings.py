"""What can be set of backups."""

from __future__ import annotations

from dataclasses import dataclass, field

from care_voice.store.audio_settings import S3Settings


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """Backups of recordings: `care-voice backup`."""

    keep: int = 7
    """How many points a backup keeps. What was deleted for good stays in older ones until they are dropped."""

    s3: S3Settings = field(default_factory=S3Settings)
    """How an s3:// target is reached; BUCKET and PREFIX are those of the target."""

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if self.keep < 1:
            raise ValueError("KEEP must be at least 1")
