"""What became of several models that were transferred together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from care_voice.domain.model_errors import ModelError, PullCancelled, TransferIncomplete

log = structlog.get_logger(__name__)


@dataclass
class Outcome:
    """`path` is the bundle or the backup; `refused` says by model why it could not be transferred."""

    path: Path
    refused: dict[str, ModelError] = field(default_factory=dict)

    @property
    def whole(self) -> tuple[str, ...]:
        """The models that are whole where they were to get to."""
        raise NotImplementedError

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Take down why a model was refused, and let the others go on. Raises PullCancelled."""
        try:
            yield
        except PullCancelled:
            raise
        except ModelError as error:
            log.info("model_refused", model=name, path=str(self.path), error=error.code, why=error.message)
            self.refused[name] = error

    def require(self) -> None:
        """Raise what went wrong: the error itself where nothing else was achieved, else TransferIncomplete."""
        errors = list(self.refused.values())
        if errors and not self.whole and all(error is errors[0] for error in errors):
            raise errors[0]
        if errors:
            why = "; ".join(f"{name}: {error.message.removesuffix('.')}" for name, error in self.refused.items())
            raise TransferIncomplete(path=self.path, why=why, whole=", ".join(self.whole) or "none")
