"""Care Voice: self-hosted speech-to-text that an organisation can trust."""

from __future__ import annotations

__version__: str


def __getattr__(name: str) -> str:
    """The version, when it is asked for: importing what reads it costs each worker process 50 ms of its start."""
    if name != "__version__":
        raise AttributeError(name)
    from importlib.metadata import version  # noqa: PLC0415

    return version("care-voice")
