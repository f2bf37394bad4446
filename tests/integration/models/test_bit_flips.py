"""Bits that rot anywhere in a store are found, and mended by fetching what is damaged and nothing else."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from care_voice.models.build import build_puller
from care_voice.models.catalogue import Catalogue
from care_voice.models.puller import Puller
from care_voice.models.settings import ModelSettings
from care_voice.models.store import ModelStore
from support.faulty_server import FaultyServer, faulty_server
from support.stores import files_below, inverted, model_of, noise, on_mirror, require_sound, sha256

SHARED = noise(1, 3_000)
ONE = {"config.json": b'{"a": 1}\n', "tokenizer.json": SHARED, "model.bin": noise(2, 20_000)}
TWO = {"config.json": b'{"a": 2}\n', "tokenizer.json": SHARED, "model.bin": noise(3, 10_000)}
OWN = {"config.json": b'{"a": 3}\n', "model.bin": noise(4, 5_000)}
MADE = {**ONE, "model.bin": bytes(255 - byte for byte in ONE["model.bin"])}
CONTENTS = {"one": ONE, "two": TWO, "own": OWN, "one-int8": MADE}
FLIPS = 200

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    fetched = {name: CONTENTS[name] for name in ("one", "two", "own")}
    files = {on_mirror(model, name): content for model, files in fetched.items() for name, content in files.items()}
    with faulty_server(files) as server:
        yield server


@pytest.fixture
def puller(server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Puller:
    """Four models: two of the catalogue that share a file, one of the operator's, one made from the first."""
    # No power is cut here, and waiting for the disk thousands of times takes longer than everything else.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    urls = [f'"{server.url}{on_mirror("own", name)}"' for name in OWN]
    settings = ModelSettings(tmp_path, sources=("mirror",), mirrors=(server.url,))
    settings.own_models_file.write_text(f"[models.own]\nurls = [{', '.join(urls)}]\n")
    puller = build_puller(settings, Catalogue((model_of("one", ONE), model_of("two", TWO))), convert=inverted)
    for name in ("one", "two", "own"):
        puller.pull(name)
    puller.derive("one", "int8")
    require_contents(puller.store)
    return puller


def require_contents(store: ModelStore) -> None:
    require_sound(store)
    for name, contents in CONTENTS.items():
        assert {path.name: path.read_bytes() for path in store.view_path(name).iterdir()} == contents
        assert store.verify(name).ok
    assert {manifest.name for manifest in store.installed()} == CONTENTS.keys()
    assert {model.name for model in store.catalogue.models if model.files} == CONTENTS.keys()


def flip(path: Path, chance: random.Random) -> None:
    """Turn one bit over, as a disk does: neither size nor times show it."""
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(stat.st_mode)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def damaged(store: ModelStore) -> set[str]:
    """The models of which something is not as it should be."""
    by_record = {name for name in CONTENTS if store.record(name) is None}
    return by_record | {name for name in CONTENTS if not store.verify(name).ok}


def users_of(path: Path) -> set[str]:
    """The models that a file of the store belongs to."""
    if path.parent.name != "sha256":
        return {path.stem}
    return {model for model, files in CONTENTS.items() for content in files.values() if sha256(content) == path.name}


def paths_to_fetch(path: Path) -> set[str]:
    """Where the server has a damaged blob; any one of them will do. None for what needs no network."""
    fetched = (("one", ONE), ("two", TWO), ("own", OWN))
    return {
        on_mirror(model, name)
        for model, files in fetched
        for name, content in files.items()
        if sha256(content) == path.name
    }


def test_two_hundred_flips_are_found_and_mended_and_nothing_else_is_fetched(
    puller: Puller, server: FaultyServer
) -> None:
    chance, store, hits = random.Random(200), puller.store, Counter[str]()
    for _ in range(FLIPS):
        folders = ("blobs", "manifests", "pins", "records")
        path = chance.choice([path for folder in folders for path in files_below(store.directory / folder)])
        hits[path.parent.name] += 1
        flip(path, chance)
        assert damaged(store) == users_of(path), path
        server.heal()
        for name in store.manifest_names():
            puller.pull(name)
        asked = [request.path for request in server.requests]
        assert len(asked) == bool(paths_to_fetch(path)), path
        assert set(asked) <= paths_to_fetch(path)
        require_contents(store)
    assert hits.keys() == {"sha256", "manifests", "pins", "records"}
    print(f"{FLIPS} found, {FLIPS} mended: {dict(hits)}")


def test_a_damaged_pin_is_written_again_from_the_manifest(puller: Puller, server: FaultyServer) -> None:
    store = puller.store
    pins = {path: path.read_bytes() for path in files_below(store.directory / "pins")}
    assert {path.stem for path in pins} == {"own", "one-int8"}
    for path, before in pins.items():
        for damage in (Path.unlink, lambda path: (path.chmod(0o644), path.write_bytes(b"{}"))):
            damage(path)
            assert store.verify(path.stem).pin == "damaged"
            assert store.verify(path.stem).why == "the record of its digests is damaged"
            server.heal()
            assert puller.pull(path.stem).fetched == {}
            assert path.read_bytes() == before
            assert server.requests == []


def test_a_damaged_manifest_gets_its_copy_of_the_pin_back(puller: Puller) -> None:
    store = puller.store
    for name in ("own", "one-int8"):
        store.manifest_path(name).unlink()
        puller.pull(name)
        store.pin_path(name).unlink()
        assert puller.pull(name).fetched == {}
    require_contents(store)


def test_a_damaged_pin_survives_the_removal_of_its_model(puller: Puller, server: FaultyServer) -> None:
    store = puller.store
    store.pin_path("own").unlink()
    store.remove("own")
    server.files[on_mirror("own", "model.bin")] = noise(9, 5_000)
    assert {entry.name for entry in store.catalogue.get("own").files} == OWN.keys()
