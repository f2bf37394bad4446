"""A model of the operator's own, small enough to be pulled in a blink, beside the real one in a store of the test."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from pathlib import Path

from care_voice.models.build import build_puller
from care_voice.models.settings import ModelSettings
from support.hub import Hub

NAME = "visits"
REVISION = "0123456789abcdef0123456789abcdef01234567"
FILES = {"config.json": b'{"a": 1}\n', "model.bin": random.Random(5).randbytes(3_000_000)}


def store_with_own_model(model_store: Path, directory: Path) -> Path:
    """A store that holds `base` as `model_store` does, linked, and knows the model `visits` by its digests.

    A test may change the files of `visits` in it, and of no other model.
    """
    left_out = shutil.ignore_patterns("incoming", "locks", "*.lock")
    shutil.copytree(model_store, directory, ignore=left_out, copy_function=os.link)
    store = build_puller(ModelSettings(directory)).store
    for manifest in store.installed():
        if manifest.name != "base":
            store.remove(manifest.name)
    shutil.rmtree(directory / "pins", ignore_errors=True)
    (directory / "models.toml").write_text(_entry(), encoding="utf-8")
    return directory


def view_of_own_model(directory: Path) -> Path:
    """A folder with the files of `visits`, for a hub to serve."""
    directory.mkdir()
    for name, content in FILES.items():
        (directory / name).write_bytes(content)
    return directory


def pulling_from(hub: Hub) -> dict[str, str]:
    """Settings under which nothing but this hub is asked."""
    return {"MODELS__SOURCES": "hub", "MODELS__HUB_ENDPOINT": hub.url}


def _entry() -> str:
    digests = [
        f'"{name}" = {{ size = {len(content)}, sha256 = "{hashlib.sha256(content).hexdigest()}" }}'
        for name, content in FILES.items()
    ]
    head = f'[models.{NAME}]\nhub = "organisation/whisper-visits"\nrevision = "{REVISION}"\nnote = "Our own."\n'
    return head + f"[models.{NAME}.digests]\n" + "\n".join(digests) + "\n"
