"""Proof that a recording was deleted for good. It holds counts, sizes and digests, and nothing of what was said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Deleted:
    """What was there. Sizes in bytes, times in Unix seconds.

    `sha256` is that of the original sound, None where it had not been computed yet; `derived` that of each copy that
    was made of it, by kind. `rows` says by table how many rows went.
    """

    created_at: float
    completed_at: float | None
    audio_bytes: int
    derived_bytes: int
    sha256: str | None
    derived: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A deletion: of what, when, by whom and why. `audio_gone_at` is when the storage was seen to hold none of its
    audio any more; None until then.
    """

    id: str
    recording_id: str
    at: float
    who: str
    reason: str
    deleted: Deleted
    audio_gone_at: float | None = None
