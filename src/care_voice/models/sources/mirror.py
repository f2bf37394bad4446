"""Any HTTP(S) server that holds model files: a mirror for all models, or the addresses of one of the operator's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from care_voice.models.catalogue import CatalogueModel
from care_voice.models.progress import Watch
from care_voice.models.sources.base import HttpTimeouts

if TYPE_CHECKING:
    from care_voice.models.sources.http import HttpFiles

_PLACES = ("{name}", "{file}", "{repo}", "{revision}", "{sha256}")


@dataclass(frozen=True)
class MirrorSource:
    """A server with all models. `base` may name {name}, {file}, {repo}, {revision} and {sha256}; without any of them
    `/{name}/{file}` is added, so that the `views` of another store can be served as they are."""

    base: str
    timeouts: HttpTimeouts = field(default_factory=HttpTimeouts)

    @property
    def name(self) -> str:
        """With the host: of several mirrors, the one that is wrong has to be known."""
        host = re.sub(r"[^A-Za-z0-9.]+", "-", urlsplit(self.base).netloc.rpartition("@")[2])
        return f"mirror-{host}"

    def offers(self, model: CatalogueModel) -> bool:
        return not model.derived and ("{repo}" not in self.base or model.hub_repo is not None)

    def scratch_bytes(self, model: CatalogueModel) -> int:  # noqa: ARG002 - it streams
        return 0

    @contextmanager
    def open(
        self,
        model: CatalogueModel,
        scratch: Path,  # noqa: ARG002 - it streams
        watch: Watch,
    ) -> Iterator[HttpFiles]:
        # Imported late: a start on a healthy store needs no HTTP client.
        from care_voice.models.sources.http import HttpFiles, new_client  # noqa: PLC0415

        with new_client() as client:
            yield HttpFiles(self.name, client, self._addresses(model), watch, self.timeouts)

    def _addresses(self, model: CatalogueModel) -> Callable[[str], str | None]:
        digests = {entry.name: entry.sha256 for entry in model.files}
        base = (
            self.base if any(place in self.base for place in _PLACES) else f"{self.base.rstrip('/')}/{{name}}/{{file}}"
        )

        def url_of(file: str) -> str | None:
            if "{sha256}" in base and file not in digests:
                return None
            values = (model.name, file, model.hub_repo or "", model.revision, digests.get(file, ""))
            url = base
            for place, value in zip(_PLACES, values, strict=True):
                url = url.replace(place, quote(value))
            return url

        return url_of


@dataclass(frozen=True)
class UrlSource:
    """The addresses that an entry of the operator's names itself."""

    timeouts: HttpTimeouts = field(default_factory=HttpTimeouts)
    name: str = "urls"

    def offers(self, model: CatalogueModel) -> bool:
        return bool(model.urls)

    def scratch_bytes(self, model: CatalogueModel) -> int:  # noqa: ARG002 - it streams
        return 0

    @contextmanager
    def open(
        self,
        model: CatalogueModel,
        scratch: Path,  # noqa: ARG002 - it streams
        watch: Watch,
    ) -> Iterator[HttpFiles]:
        # Imported late: a start on a healthy store needs no HTTP client.
        from care_voice.models.sources.http import HttpFiles, new_client  # noqa: PLC0415

        with new_client() as client:
            yield HttpFiles(self.name, client, model.urls.get, watch, self.timeouts)
