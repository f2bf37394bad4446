"""What the model manager can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SourceName = Literal["hub", "carriers"]


@dataclass(frozen=True)
class ModelSettings:
    """Where models are kept and how they are fetched."""

    directory: Path
    """The model store (blobs, manifests, views). On one file system, so that publishing is a rename and a link."""

    sources: tuple[SourceName, ...] = ("hub", "carriers")
    """Sources in the order they are tried. The hub first: it has every model; carriers have a few."""

    hub_endpoint: str | None = None
    """Base URL of a hub or of a mirror of it; None means the hub client's own setting (HF_ENDPOINT, else the hub)."""

    hub_connect_timeout_s: float = 3.0
    """Seconds for one TCP or TLS connection: a hub that is blocked here must cost seconds, not minutes."""

    hub_answer_timeout_s: float = 10.0
    """Seconds until the hub begins to answer, over all addresses and redirects: a blocked name can have many."""

    hub_read_timeout_s: float = 30.0
    """Seconds without a byte after which a download counts as dead; long, because slow networks stall for a while."""

    index_answer_timeout_s: float = 30.0
    """Seconds until pip begins to receive. pip's own timeout is left alone: it also limits reads, so people with a slow
    mirror raise it, and then pip alone would wait for minutes on an index that never answers."""
