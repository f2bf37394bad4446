"""Care Voice: self-hosted speech-to-text that an organisation can trust."""

from importlib.metadata import version

__version__ = version("care-voice")
