"""The Hugging Face hub, or a mirror of it, at the pinned revision.

The hub client's own session is used, so HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and proxies mean what they always mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import care_voice
from care_voice.domain.model_errors import SourceUnavailable
from care_voice.models.catalogue import CatalogueModel
from care_voice.models.progress import Watch
from care_voice.models.sources.base import HttpTimeouts

if TYPE_CHECKING:
    from care_voice.models.sources.http import HttpFiles

NAME = "hub"


@dataclass(frozen=True)
class HubSource:
    """Fetches single files over HTTP. Without `endpoint` the hub client's own setting counts."""

    endpoint: str | None = None
    timeouts: HttpTimeouts = field(default_factory=HttpTimeouts)
    name: str = NAME

    def offers(self, model: CatalogueModel) -> bool:
        return model.hub_repo is not None

    def scratch_bytes(self, model: CatalogueModel) -> int:  # noqa: ARG002 - it streams
        return 0

    @contextmanager
    def open(
        self,
        model: CatalogueModel,
        scratch: Path,  # noqa: ARG002 - it streams
        watch: Watch,
    ) -> Iterator[HttpFiles]:
        # Imported late: it takes a third of a second, which a start on a healthy store need not pay.
        from huggingface_hub import get_session, hf_hub_url, is_offline_mode  # noqa: PLC0415
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined] # noqa: PLC0415

        from care_voice.models.sources.http import HttpFiles  # noqa: PLC0415

        if is_offline_mode():
            raise SourceUnavailable(source=NAME, why="HF_HUB_OFFLINE is set")
        repo, revision = model.hub_repo, model.revision
        assert repo is not None
        headers = build_hf_headers(library_name="care-voice", library_version=care_voice.__version__)

        def url_of(name: str) -> str:
            return hf_hub_url(repo, name, revision=revision, endpoint=self.endpoint)

        yield HttpFiles(NAME, get_session(), url_of, watch, self.timeouts, headers=headers)
