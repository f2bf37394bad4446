"""Small models of real bytes, pullers that lose patience quickly, and what must be true of a store at any moment."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from pathlib import Path

from care_voice.models.catalogue import WEIGHTS, CatalogueModel, FileEntry
from care_voice.models.partial import covered_bytes
from care_voice.models.settings import ModelSettings
from care_voice.models.store import ModelStore
from care_voice.models.transfer import TransferSettings

REPO = "owner/repo"
REVISION = "1" * 40
QUICK = TransferSettings(
    connections=1, attempts=3, first_attempts=2, backoff_first_s=0.01, backoff_max_s=0.03, retry_after_max_s=2
)


def noise(seed: int, size: int) -> bytes:
    """Bytes that cannot be confused with anything, and none of which is 0: what was never written shows."""
    return random.Random(seed).randbytes(size).replace(b"\0", b"\1")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def model_of(name: str, contents: Mapping[str, bytes], *, repo: str | None = REPO) -> CatalogueModel:
    """A model of the catalogue with these files."""
    return CatalogueModel(
        name=name,
        languages="multilingual",
        note="",
        licence="MIT",
        format="test",
        hub_repo=repo,
        revision=REVISION if repo else "",
        files=tuple(FileEntry(file, len(content), sha256(content)) for file, content in contents.items()),
    )


def on_hub(name: str, repo: str = REPO) -> str:
    """The path on the hub of a file at the pinned revision."""
    return f"/{repo}/resolve/{REVISION}/{name}"


def on_mirror(model: str, name: str) -> str:
    """The path on a mirror of a file of a model."""
    return f"/{model}/{name}"


def impatient(directory: Path, transfer: TransferSettings = QUICK, **changed: object) -> ModelSettings:
    """Settings under which every fault shows within a second."""
    quick = {
        "hub_connect_timeout_s": 2.0,
        "hub_answer_timeout_s": 0.6,
        "hub_read_timeout_s": 0.3,
        "least_bytes_s": 20_000.0,
        "transfer": transfer,
    }
    return ModelSettings(directory, **{**quick, **changed})  # type: ignore[arg-type]


def files_below(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def bytes_kept(store: ModelStore, model: CatalogueModel, name: str) -> int:
    """How many bytes of a file that is not complete an earlier pull has left for the next one."""
    entry = next(entry for entry in model.files if entry.name == name)
    return covered_bytes(store.incoming / model.name / entry.sha256, entry.size)


def require_sound(store: ModelStore) -> None:
    """Nothing that has a final name holds a wrong byte, whatever happened before."""
    for blob in files_below(store.directory / "blobs"):
        assert sha256(blob.read_bytes()) == blob.name, f"{blob} is not what its name says"
    for model in store.catalogue.models:
        pinned = {entry.name: entry.sha256 for entry in model.files}
        for path in files_below(store.view_path(model.name)):
            assert sha256(path.read_bytes()) == pinned[path.name], f"{path} is not what is pinned"


def require_whole(store: ModelStore, name: str, contents: Mapping[str, bytes]) -> None:
    """The model is there with exactly these bytes, verified, and nothing is left over."""
    assert {path.name: path.read_bytes() for path in store.view_path(name).iterdir()} == contents
    report = store.verify(name)
    assert report.ok, report.why
    assert files_below(store.incoming) == []
    require_sound(store)


def inverted(source: Path, target: Path, to: str, cancelled: Callable[[], bool]) -> None:
    """A converter: the weights with every bit turned over, all other files as they are."""
    target.mkdir()
    for path in source.iterdir():
        content = path.read_bytes()
        (target / path.name).write_bytes(bytes(255 - byte for byte in content) if path.name == WEIGHTS else content)
