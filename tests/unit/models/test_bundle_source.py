"""A bundle among the sources of a pull."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from care_voice.domain.model_errors import AllSourcesFailed, FileNotOffered, SourceUnavailable
from care_voice.models.build import build_puller
from care_voice.models.bundle_writer import export_bundle
from care_voice.models.catalogue import Catalogue, CatalogueModel
from care_voice.models.progress import Watch
from care_voice.models.puller import Puller
from care_voice.models.settings import ModelSettings
from care_voice.models.sources.bundle import BundleSource
from care_voice.models.store import ModelStore
from support.stores import model_of
from support.transfers import contents_of, flip, new_key

WATCH = Watch("one")


@pytest.fixture
def bundle(full: ModelStore, tmp_path: Path) -> Path:
    return export_bundle(full, (), tmp_path / "models.tar").path


@pytest.fixture
def from_bundle(other: ModelStore, bundle: Path) -> Puller:
    return Puller(other, [BundleSource(bundle)])


def test_a_model_is_pulled_from_a_bundle(from_bundle: Puller, full: ModelStore) -> None:
    assert set(from_bundle.pull("one").fetched.values()) == {"bundle"}
    assert contents_of(from_bundle.store)["one"] == contents_of(full)["one"]


def test_a_damaged_file_is_repaired_from_a_bundle(from_bundle: Puller) -> None:
    flip(from_bundle.pull("one").view / "model.bin")
    assert from_bundle.pull("one").fetched == {"model.bin": "bundle"}


def test_the_settings_name_bundles(bundle: Path, tmp_path: Path, catalogue: Catalogue) -> None:
    settings = ModelSettings(tmp_path / "third", sources=("bundle",), bundles=(tmp_path / "gone.tar", bundle))
    assert set(build_puller(settings, catalogue).pull("two").fetched.values()) == {"bundle"}


def test_a_pinned_and_a_derived_model_come_from_a_bundle_as_well(
    full: ModelStore, bundle: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    entries = [full.catalogue.get(name) for name in ("visits", "one-int8")]
    third = ModelStore(tmp_path / "third", catalogue, entries)
    for name in ("visits", "one-int8"):
        assert set(Puller(third, [BundleSource(bundle)]).pull(name).fetched.values()) == {"bundle"}


def test_an_own_model_without_digests_comes_from_a_bundle_of_the_same_origin_alone(
    full: ModelStore, bundle: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    same = replace(full.catalogue.get("visits"), files=())
    third = ModelStore(tmp_path / "third", catalogue, [same])
    Puller(third, [BundleSource(bundle)]).pull("visits")
    assert contents_of(third)["visits"] == contents_of(full)["visits"]
    elsewhere = ModelStore(tmp_path / "fourth", catalogue, [replace(same, directory="/srv/visits")])
    with pytest.raises(AllSourcesFailed, match="no source that is configured carries it"):
        Puller(elsewhere, [BundleSource(bundle)]).pull("visits")


def test_another_model_of_that_name_gets_what_files_they_share(bundle: Path, contents: dict[str, bytes]) -> None:
    newer = model_of("one", {**contents, "model.bin": b"newer weights"})
    stranger = model_of("stranger", {"x.bin": b"never seen"})
    source = BundleSource(bundle)
    assert source.offers(newer)
    assert not source.offers(stranger)
    with source.open(newer, bundle.parent, WATCH) as session:
        wanted = {entry.name: entry for entry in newer.files}
        with session.body(wanted["tokenizer.json"], (100, 200)) as body:
            assert (body.start, b"".join(body.chunks)) == (100, contents["tokenizer.json"][100:200])
        with pytest.raises(FileNotOffered), session.body(wanted["model.bin"], (0, 13)):
            pass
        assert session.signature() is None


def test_a_signature_is_given_to_the_very_model_it_is_for(
    full: ModelStore, tmp_path: Path, contents: dict[str, bytes]
) -> None:
    full.signature_path("one").parent.mkdir()
    full.signature_path("one").write_bytes(b"signed")
    source = BundleSource(export_bundle(full, ["one"], tmp_path / "models.tar").path)
    for model, signature in ((full.catalogue.get("one"), b"signed"), (model_of("one", {"a": b"b"}), None)):
        with source.open(model, tmp_path, WATCH) as session:
            assert session.signature() == signature


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 10)


def _gone(path: Path) -> None:
    path.unlink()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _garbage(path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)


@pytest.mark.parametrize("break_it", [_cut, _gone, _pipe, _folder, _garbage])
def test_a_bundle_that_cannot_be_used_leaves_the_other_sources(
    bundle: Path, full: ModelStore, other: ModelStore, tmp_path: Path, break_it: object
) -> None:
    good = export_bundle(full, ["one"], tmp_path / "good.tar").path
    break_it(bundle)  # type: ignore[operator]
    with pytest.raises(AllSourcesFailed, match="The source bundle could not be used"):
        Puller(other, [BundleSource(bundle)]).pull("one")
    assert Puller(other, [BundleSource(bundle), BundleSource(good)]).pull("one").fetched


def test_an_encrypted_bundle_is_no_source(full: ModelStore, other: ModelStore, tmp_path: Path) -> None:
    key = new_key(tmp_path / "key.txt")
    bundle = export_bundle(full, ["one"], tmp_path / "x.tar", recipients=[key.recipient]).path
    with pytest.raises(AllSourcesFailed, match="it is encrypted"):
        Puller(other, [BundleSource(bundle)]).pull("one")


def test_wrong_bytes_in_a_bundle_are_refused(bundle: Path, other: ModelStore, model: CatalogueModel) -> None:
    with bundle.open("r+b") as file:
        content = bundle.read_bytes()
        file.seek(content.index(b"ustar", 5120) + 2000)
        file.write(b"other bytes")
    with pytest.raises(AllSourcesFailed, match="is not what the catalogue pins"):
        Puller(other, [BundleSource(bundle)]).pull("one")
    assert other.manifest_names() == []


def test_a_bundle_that_is_replaced_meanwhile_is_noticed(bundle: Path, full: ModelStore, model: CatalogueModel) -> None:
    with BundleSource(bundle).open(model, bundle.parent, WATCH) as session:
        export_bundle(full, ["visits"], bundle)
        entry = next(entry for entry in model.files if entry.name == "model.bin")
        with pytest.raises(SourceUnavailable, match="not what its index says"), session.body(entry, (0, 10)):
            pass
