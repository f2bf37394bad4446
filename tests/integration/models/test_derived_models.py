"""Models that are made from others: the same again without any network, or a clear error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from care_voice.domain.model_errors import (
    AllSourcesFailed,
    ConversionFailed,
    ModelNameTaken,
    PullCancelled,
    UnknownCatalogueModel,
)
from care_voice.models.build import build_puller
from care_voice.models.puller import GRAPH_FILES
from care_voice.models.settings import ModelSettings
from care_voice.models.sources import derivation
from support.faulty_server import FaultyServer
from support.own_models import CONTENTS, OTHER, SHIPPED, Site, by_urls, in_directory, serving_models
from support.stores import files_below, inverted, noise, on_mirror, require_sound, require_whole, sha256

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with serving_models() as server:
        yield server


@pytest.fixture
def site(tmp_path: Path, server: FaultyServer) -> Site:
    return Site(tmp_path / "store", server)


def made_from(contents: dict[str, bytes]) -> dict[str, bytes]:
    return {**contents, "model.bin": bytes(255 - byte for byte in contents["model.bin"])}


MADE = made_from(CONTENTS)


class Converter:
    """The test's converter, which counts its runs and can be told to fail."""

    def __init__(self) -> None:
        self.runs = 0
        self.instead: Callable[[Path, Path, Callable[[], bool]], None] | None = None

    def __call__(self, source: Path, target: Path, to: str, cancelled: Callable[[], bool]) -> None:
        self.runs += 1
        if self.instead is not None:
            self.instead(source, target, cancelled)
        else:
            inverted(source, target, to, cancelled)


@pytest.fixture
def converter() -> Converter:
    return Converter()


def test_a_model_is_made_and_made_again_without_any_network(
    site: Site, server: FaultyServer, converter: Converter
) -> None:
    puller = site.puller(converter)
    assert puller.derive("shipped", "int8").fetched == dict.fromkeys(CONTENTS, "derivation")
    require_whole(puller.store, "shipped-int8", MADE)
    derived = puller.store.catalogue.get("shipped-int8").derived
    assert derived is not None
    assert (derived.parent, derived.parent_digest) == ("shipped", SHIPPED.get("shipped").digest)
    server.heal()
    assert puller.derive("shipped", "int8").fetched == {}
    puller.store.blob_path(sha256(MADE["model.bin"])).unlink()
    assert puller.pull("shipped-int8").fetched == {"model.bin": "derivation"}
    require_whole(puller.store, "shipped-int8", MADE)
    assert (server.requests, converter.runs) == ([], 2)


def test_a_missing_parent_is_pulled_first(site: Site, server: FaultyServer, converter: Converter) -> None:
    puller = site.puller(converter)
    puller.derive("shipped", "int8")
    puller.store.remove("shipped")
    puller.store.remove("shipped-int8")
    server.heal()
    puller.pull("shipped-int8")
    require_whole(puller.store, "shipped-int8", MADE)
    assert {request.path for request in server.requests} == {on_mirror("shipped", name) for name in CONTENTS}


def test_another_result_is_refused(site: Site, converter: Converter) -> None:
    puller = site.puller(converter)
    puller.derive("shipped", "int8")
    puller.store.blob_path(sha256(MADE["model.bin"])).unlink()

    def differently(source: Path, target: Path, cancelled: Callable[[], bool]) -> None:
        inverted(source, target, "int8", cancelled)
        (target / "model.bin").write_bytes(noise(9, 200_000))

    converter.instead = differently
    with pytest.raises(AllSourcesFailed, match="from derivation is not what the catalogue pins"):
        puller.pull("shipped-int8")
    require_sound(puller.store)
    converter.instead = None
    puller.pull("shipped-int8")
    require_whole(puller.store, "shipped-int8", MADE)


def raises(source: Path, target: Path, cancelled: Callable[[], bool]) -> None:
    target.mkdir()
    (target / "model.bin").write_bytes(b"half")
    raise ConversionFailed(name="shipped", why="it holds no weights")


def writes_nothing(source: Path, target: Path, cancelled: Callable[[], bool]) -> None:
    """As a converter does that takes its work for done."""


def writes_an_empty_directory(source: Path, target: Path, cancelled: Callable[[], bool]) -> None:
    target.mkdir()


def writes_no_weights(source: Path, target: Path, cancelled: Callable[[], bool]) -> None:
    target.mkdir()
    (target / "config.json").write_bytes(b"{}")


@pytest.mark.parametrize("failure", [raises, writes_nothing, writes_an_empty_directory, writes_no_weights])
@pytest.mark.parametrize("again", [False, True])
def test_a_failed_conversion_says_why_and_leaves_nothing(
    site: Site, converter: Converter, failure: Callable[[Path, Path, Callable[[], bool]], None], *, again: bool
) -> None:
    puller = site.puller(converter)
    if again:
        puller.derive("shipped", "int8")
        puller.store.blob_path(sha256(MADE["model.bin"])).unlink()
    converter.instead = failure
    with pytest.raises((ConversionFailed, AllSourcesFailed), match=r"holds no weights|did not write"):
        puller.derive("shipped", "int8")
    require_sound(puller.store)
    assert files_below(puller.store.incoming) == []
    converter.instead = None
    puller.derive("shipped", "int8")
    require_whole(puller.store, "shipped-int8", MADE)


@pytest.mark.parametrize("says", [True, False])
def test_a_conversion_that_is_cancelled_is_a_cancelled_pull(site: Site, converter: Converter, *, says: bool) -> None:
    puller, cancel = site.puller(converter), threading.Event()

    def until_cancelled(source: Path, target: Path, cancelled: Callable[[], bool]) -> None:
        cancel.set()
        assert cancelled()
        inverted(source, target, "int8", cancelled)
        if says:
            raise ConversionFailed(name="shipped", why="it was cancelled")

    converter.instead = until_cancelled
    with pytest.raises(PullCancelled):
        puller.derive("shipped", "int8", None, cancel)
    assert "shipped-int8" not in {model.name for model in puller.store.catalogue.models}
    converter.instead = None
    puller.derive("shipped", "int8")
    require_whole(puller.store, "shipped-int8", MADE)


def test_a_parent_that_changed_is_not_used_for_what_was_made_before(
    site: Site, server: FaultyServer, tmp_path: Path, converter: Converter
) -> None:
    site.write(by_urls(server))
    site.puller(converter).derive("own", "int8")
    site.write(in_directory(tmp_path / "shelf", OTHER))
    puller = site.puller(converter)
    puller.pull("own")
    assert puller.store.verify("own-int8").ok
    puller.store.blob_path(sha256(MADE["model.bin"])).unlink()
    with pytest.raises(AllSourcesFailed, match="own is not the version that it was made from"):
        puller.pull("own-int8")
    puller.derive("own", "int8")
    require_whole(puller.store, "own-int8", made_from(OTHER))


def test_a_parent_that_is_gone_is_told_and_another_source_may_still_have_the_model(
    site: Site, server: FaultyServer, converter: Converter, tmp_path: Path
) -> None:
    site.write(by_urls(server))
    site.puller(converter).derive("own", "int8")
    site.write("")
    puller = site.puller(converter)
    puller.store.remove("own")
    (puller.store.directory / "pins" / "own.json").unlink()
    puller.store.blob_path(sha256(MADE["model.bin"])).unlink()
    with pytest.raises(AllSourcesFailed, match="no model 'own'"):
        puller.pull("own-int8")
    with pytest.raises(UnknownCatalogueModel):
        puller.derive("own", "int8")
    (tmp_path / "shelves" / "own-int8").mkdir(parents=True)
    (tmp_path / "shelves" / "own-int8" / "model.bin").write_bytes(MADE["model.bin"])
    settings = ModelSettings(puller.store.directory, directories=(tmp_path / "shelves",))
    assert build_puller(settings, SHIPPED, convert=converter).pull("own-int8").fetched == {"model.bin": "directory"}


def test_what_a_killed_conversion_left_is_not_taken_for_the_model(site: Site, converter: Converter) -> None:
    puller = site.puller(converter)
    left = puller.store.incoming / "shipped-int8" / "scratch-derivation" / "made"
    left.mkdir(parents=True)
    for name in CONTENTS:
        (left / name).write_bytes(noise(8, 1000))
    puller.derive("shipped", "int8")
    require_whole(puller.store, "shipped-int8", MADE)


def test_a_model_of_the_operators_is_not_taken_for_a_derived_one(
    site: Site, server: FaultyServer, converter: Converter
) -> None:
    site.write(by_urls(server).replace("models.own", 'models."shipped-int8"'))
    with pytest.raises(ModelNameTaken):
        site.puller(converter).derive("shipped", "int8")


def test_graphs_that_another_version_wrote_are_made_again(
    site: Site, converter: Converter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the version that wrote graphs knows how to run them, so an update must not be stopped by the old ones."""

    def writing(seed: int) -> Callable[[Path, Path, Callable[[], bool]], None]:
        def write(source: Path, target: Path, cancelled: Callable[[], bool]) -> None:
            target.mkdir()
            for name in GRAPH_FILES:
                (target / name).write_bytes(noise(seed, 1000))

        return write

    converter.instead = writing(1)
    monkeypatch.setattr(derivation, "_GRAPHS", 1)
    site.puller(converter).pull("shipped-onnx-int8")
    converter.instead = writing(2)
    assert site.puller(converter).pull("shipped-onnx-int8").fetched == {}
    monkeypatch.setattr(derivation, "_GRAPHS", 2)
    puller = site.puller(converter)
    assert set(puller.pull("shipped-onnx-int8").fetched) == set(GRAPH_FILES)
    assert puller.derive("shipped", "onnx-int8").fetched == {}
    require_whole(puller.store, "shipped-onnx-int8", dict.fromkeys(GRAPH_FILES, noise(2, 1000)))
