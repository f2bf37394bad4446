"""Models that travel in a bundle: whole and verified on the other side, or refused with a reason."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from care_voice.domain.model_errors import (
    DigestMismatch,
    DiskFull,
    ModelDamaged,
    ModelNotInstalled,
    PinConflict,
    PullCancelled,
    SignatureInvalid,
    SignatureMissing,
    StoreUnwritable,
    TargetUnwritable,
    TransferIncomplete,
    UnknownCatalogueModel,
)
from care_voice.models import intake, landing
from care_voice.models.acceptance import acceptance
from care_voice.models.bundle_import import import_bundle
from care_voice.models.bundle_writer import export_bundle
from care_voice.models.catalogue import Catalogue, CatalogueModel
from care_voice.models.pins import read_pins
from care_voice.models.puller import Puller
from care_voice.models.sealed import encode_sealed
from care_voice.models.signature_policy import Policy
from care_voice.models.signatures import SignatureSettings, sign_with_key
from care_voice.models.store import ModelStore
from support.authority import new_key, write_private, write_public
from support.stores import files_below, model_of, noise, require_sound, sha256
from support.transfers import (
    CancelAt,
    changed,
    contents_of,
    flip,
    leftovers,
    members_of,
    stamps,
    with_index,
    write_bundle,
)


@pytest.fixture
def bundle(full: ModelStore, tmp_path: Path) -> Path:
    return export_bundle(full, (), tmp_path / "models.tar").path


def adopted(store: ModelStore, folder: Path, name: str, files: dict[str, bytes]) -> CatalogueModel:
    """A model of the operator's own in a store."""
    folder.mkdir()
    for file, content in files.items():
        (folder / file).write_bytes(content)
    model = replace(model_of(name, {}, repo=None))
    Puller(store, []).adopt(model, folder)
    return store.catalogue.get(name)


VISITS = {"config.json": b'{"other": 1}\n', "model.bin": noise(3, 5000)}


def test_everything_arrives_as_it_was(bundle: Path, full: ModelStore, other: ModelStore) -> None:
    taken = import_bundle(other, bundle)
    taken.require()
    assert taken.written == ["one", "one-int8", "two", "visits"]
    assert contents_of(other) == contents_of(full)
    assert leftovers(other) == []
    for name in taken.written:
        assert other.catalogue.get(name) == full.catalogue.get(name)
    assert {manifest.source for manifest in other.installed()} == {"bundle", "bundle+store"}
    assert all(path.stat().st_mode & 0o777 == 0o444 for path in files_below(other.directory / "blobs"))


def test_what_the_catalogue_does_not_know_is_pinned_from_the_bundle(bundle: Path, other: ModelStore) -> None:
    import_bundle(other, bundle).require()
    pins = read_pins(other.directory / "pins")
    assert set(pins) == {"one-int8", "visits"}
    assert pins["visits"].pinned_by.endswith(", from a bundle")
    assert pins["one-int8"].model.derived is not None


def test_a_second_import_writes_nothing(bundle: Path, other: ModelStore) -> None:
    import_bundle(other, bundle).require()
    before = stamps(other.directory)
    taken = import_bundle(other, bundle)
    assert (taken.written, taken.kept) == ([], ["one", "one-int8", "two", "visits"])
    assert stamps(other.directory) == before


def test_only_what_is_damaged_is_written(bundle: Path, other: ModelStore) -> None:
    import_bundle(other, bundle).require()
    blob = other.blob_path(next(e.sha256 for e in other.catalogue.get("two").files if e.name == "two.bin"))
    before = stamps(other.directory)
    flip(blob)
    assert import_bundle(other, bundle).written == ["two"]
    assert changed(before, stamps(other.directory)) == {
        str(blob.relative_to(other.directory)),
        "views/two/two.bin",
        "manifests/two.json",
        "records/two.json",
    }
    contents_of(other)


def test_a_bundle_may_come_from_a_pipe(bundle: Path, full: ModelStore, other: ModelStore) -> None:
    import_bundle(other, io.BytesIO(bundle.read_bytes())).require()
    assert contents_of(other) == contents_of(full)


def test_single_models_can_be_chosen(full: ModelStore, other: ModelStore, tmp_path: Path) -> None:
    written = export_bundle(full, ["visits", "two", "visits"], tmp_path / "some.tar")
    assert written.models == ("visits", "two")
    assert written.size == written.path.stat().st_size
    import_bundle(other, written.path).require()
    assert set(contents_of(other)) == {"two", "visits"}


def test_a_name_of_the_catalogue_with_other_digests_is_refused(
    full: ModelStore, tmp_path: Path, contents: dict[str, bytes]
) -> None:
    """Also where the bundle comes from an installation with another catalogue."""
    bundle = export_bundle(full, ("one", "two"), tmp_path / "models.tar").path
    files = {**contents, "model.bin": noise(5, 100_000)}
    strict = ModelStore(tmp_path / "strict", Catalogue((model_of("one", files), full.catalogue.get("two"))))
    taken = import_bundle(strict, bundle)
    with pytest.raises(TransferIncomplete, match=r"'model\.bin' from one as offered is not what the catalogue pins"):
        taken.require()
    assert isinstance(taken.refused["one"], DigestMismatch)
    assert set(contents_of(strict)) == {"two"}
    require_sound(strict)


def test_files_are_taken_in_the_order_of_the_bundle(full: ModelStore, tmp_path: Path) -> None:
    """Another version of the catalogue may list them in another order, and a pipe goes one way."""
    bundle = export_bundle(full, ("one", "two"), tmp_path / "models.tar").path
    turned = [replace(model, files=model.files[::-1]) for model in full.shipped.models]
    store = ModelStore(tmp_path / "turned", Catalogue(tuple(turned)))
    import_bundle(store, io.BytesIO(bundle.read_bytes())).require()
    assert set(contents_of(store)) == {"one", "two"}


def test_a_name_that_is_pinned_here_with_other_digests_is_refused(
    bundle: Path, other: ModelStore, tmp_path: Path
) -> None:
    mine = adopted(other, tmp_path / "mine", "visits", VISITS)
    before = stamps(other.directory / "blobs")
    taken = import_bundle(other, bundle)
    assert taken.written == ["one", "one-int8", "two"]
    error = taken.refused["visits"]
    assert isinstance(error, PinConflict)
    assert "care-voice models rm visits" in error.advice
    assert mine.digest in error.message
    assert contents_of(other)["visits"] == VISITS
    assert before.items() <= stamps(other.directory / "blobs").items()
    other.remove("visits")
    assert isinstance(import_bundle(other, bundle).refused["visits"], PinConflict)


def test_a_model_whose_recorded_digests_are_forgotten_can_be_imported(
    bundle: Path, full: ModelStore, other: ModelStore, tmp_path: Path
) -> None:
    adopted(other, tmp_path / "mine", "visits", VISITS)
    other.remove("visits", forget=True)
    import_bundle(other, bundle).require()
    assert contents_of(other)["visits"] == contents_of(full)["visits"]


def test_the_addresses_that_a_bundle_names_are_not_kept(full: ModelStore, other: ModelStore, tmp_path: Path) -> None:
    pin = read_pins(full.directory / "pins")["visits"]
    full.pin_path("visits").chmod(0o644)
    told = replace(pin.model, urls={"model.bin": "http://127.0.0.1:9/beacon"}, directory="/etc")
    full.pin_path("visits").write_bytes(encode_sealed(replace(pin, model=told)))
    import_bundle(other, export_bundle(full, ["visits"], tmp_path / "told.tar").path).require()
    assert full.catalogue.get("visits").urls
    assert (other.catalogue.get("visits").urls, other.catalogue.get("visits").directory) == ({}, None)
    assert other.verify("visits").ok


def own_entry(model: CatalogueModel, **fields: Any) -> CatalogueModel:
    """An entry of models.toml for a model that was never pulled here."""
    return replace(model, files=(), **fields)


def test_an_entry_of_the_operators_is_filled_by_a_bundle_of_the_same_origin(
    full: ModelStore, tmp_path: Path, catalogue: Catalogue
) -> None:
    bundle = export_bundle(full, ["visits"], tmp_path / "models.tar").path
    visits = full.catalogue.get("visits")
    store = ModelStore(tmp_path / "third", catalogue, [own_entry(visits, note="ours")])
    import_bundle(store, bundle).require()
    assert (store.catalogue.get("visits").files, store.catalogue.get("visits").note) == (visits.files, "ours")
    assert store.verify("visits").ok


def test_an_entry_of_the_operators_of_another_origin_is_not(
    full: ModelStore, tmp_path: Path, catalogue: Catalogue
) -> None:
    bundle = export_bundle(full, ["visits"], tmp_path / "models.tar").path
    entry = own_entry(full.catalogue.get("visits"), directory="/srv/models/visits")
    store = ModelStore(tmp_path / "third", catalogue, [entry])
    with pytest.raises(PinConflict, match="it comes from directory:/srv/models/visits here"):
        import_bundle(store, bundle).require()
    assert read_pins(store.directory / "pins") == {}


def damaged(bundle: Path, number: int) -> Path:
    """Another content in the place of a blob, of the same size: only the digest tells."""
    members = members_of(bundle)
    name, content = members[number]
    members[number] = (name, bytes(len(content)))
    return write_bundle(bundle, members)


def test_a_damaged_model_does_not_keep_the_others_out_and_is_named(
    full: ModelStore, other: ModelStore, tmp_path: Path
) -> None:
    bundle = damaged(export_bundle(full, ["two", "visits", "one"], tmp_path / "models.tar").path, 4)
    taken = import_bundle(other, bundle)
    with pytest.raises(TransferIncomplete, match=r"visits: 'blobs/sha256/\w+' from bundle .*\. Whole: one, two\.$"):
        taken.require()
    assert set(contents_of(other)) == {"one", "two"}
    assert "visits" not in read_pins(other.directory / "pins")
    assert leftovers(other) == []
    require_sound(other)


def test_what_came_for_a_refused_model_goes_again(full: ModelStore, other: ModelStore, tmp_path: Path) -> None:
    bundle = damaged(export_bundle(full, ["visits"], tmp_path / "models.tar").path, 2)
    with pytest.raises(DigestMismatch):
        import_bundle(other, bundle).require()
    assert files_below(other.directory / "blobs") == []
    assert leftovers(other) == []


def test_a_file_that_came_with_a_refused_model_cannot_be_had_for_another(
    full: ModelStore, other: ModelStore, tmp_path: Path
) -> None:
    """`one` and `two` share tokenizer.json; a pipe cannot be read twice."""

    def refuse_one(name: str, view: Path, signature: bytes | None) -> bool:
        if name == "one":
            raise SignatureMissing(name=name)
        return True

    bundle = export_bundle(full, ["one", "two"], tmp_path / "models.tar").path
    taken = import_bundle(other, bundle, accept=refuse_one)
    assert isinstance(taken.refused["one"], SignatureMissing)
    assert "came before, with a model that was not taken" in taken.refused["two"].message
    assert other.manifest_names() == []
    assert import_bundle(other, export_bundle(full, ["two"], tmp_path / "two.tar").path).whole == ("two",)


def test_damage_in_the_store_is_not_exported(full: ModelStore, tmp_path: Path) -> None:
    target = tmp_path / "models.tar"
    export_bundle(full, (), target)
    before = target.read_bytes()
    flip(full.view_path("two") / "two.bin")
    with pytest.raises(ModelDamaged, match=r"two\.bin is wrong digest"):
        export_bundle(full, (), target)
    assert target.read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("*models*")) == ["models", "models.tar"]


@pytest.mark.parametrize("size", [0, 30, 40])
def test_a_blob_of_another_size_is_not_exported(full: ModelStore, tmp_path: Path, size: int) -> None:
    blob = full.view_path("two") / "two.bin"
    blob.chmod(0o644)
    blob.write_bytes(bytes(size))
    with pytest.raises(ModelDamaged, match=r"two\.bin is wrong size"):
        export_bundle(full, ["two"], tmp_path / "models.tar")


@pytest.mark.parametrize(
    ("break_it", "error"),
    [
        (lambda store: store.manifest_path("two").write_bytes(b"{}"), ModelDamaged),
        (lambda store: store.remove("two"), ModelNotInstalled),
        (lambda store: [path.unlink() for path in (store.directory / "blobs" / "sha256").iterdir()], ModelDamaged),
    ],
)
def test_what_is_not_whole_is_not_exported(full: ModelStore, tmp_path: Path, break_it: Any, error: type) -> None:
    (full.manifest_path("two")).chmod(0o644)
    break_it(full)
    with pytest.raises(error):
        export_bundle(full, ["two"], tmp_path / "models.tar")
    assert not list(tmp_path.glob("*.tar"))


def test_an_unknown_model_is_not_exported(full: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(UnknownCatalogueModel):
        export_bundle(full, ["whisper-9"], tmp_path / "models.tar")


def test_an_export_needs_a_place_that_can_be_written(full: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for target in (tmp_path, tmp_path / "nowhere" / "models.tar", tmp_path / "file" / "models.tar"):
        with pytest.raises(TargetUnwritable):
            export_bundle(full, ["two"], target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "models"]


def test_a_disk_that_forgets_is_noticed_and_the_file_before_stays(
    full: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = export_bundle(full, ["two"], tmp_path / "models.tar").path
    before = target.read_bytes()
    monkeypatch.setattr(landing, "hash_file", lambda *_: (None, "0" * 64))
    with pytest.raises(TargetUnwritable, match="does not give back what was written"):
        export_bundle(full, ["two"], target)
    assert target.read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_space_is_asked_for_before_anything_is_written(
    bundle: Path, full: ModelStore, other: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "free_bytes", lambda _: 1000)
    monkeypatch.setattr(landing, "free_bytes", lambda _: 1000)
    with pytest.raises(TransferIncomplete, match="not enough disk space"):
        import_bundle(other, bundle).require()
    assert files_below(other.directory / "blobs") == []
    with pytest.raises(DiskFull, match="1000 are free"):
        export_bundle(full, (), tmp_path / "x.tar")
    assert not list(tmp_path.glob("*x.tar*"))


@pytest.mark.parametrize(
    ("phase", "file"), [("copying", "model.bin"), ("copying", "config.json"), ("verifying", "config.json")]
)
def test_a_cancelled_import_leaves_nothing(bundle: Path, other: ModelStore, phase: str, file: str) -> None:
    cancel = CancelAt(phase, file)
    with pytest.raises(PullCancelled):
        import_bundle(other, bundle, progress=cancel, cancel=cancel)
    assert phase in cancel.seen
    assert other.manifest_names() == []
    assert files_below(other.directory / "blobs") == []
    assert leftovers(other) == []
    import_bundle(other, bundle).require()


@pytest.mark.parametrize("last", ["two.bin", "tokenizer.json"])
def test_a_cancelled_export_leaves_what_was_there(full: ModelStore, tmp_path: Path, last: str) -> None:
    """Also between the last byte that is written and the first that is read back."""
    target = tmp_path / "models.tar"
    target.write_bytes(b"from last week")
    cancel = CancelAt("copying", last)
    with pytest.raises(PullCancelled):
        export_bundle(full, ["two"], target, progress=cancel, cancel=cancel)
    assert target.read_bytes() == b"from last week"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("below", ["", "models"])
def test_a_store_that_cannot_be_written_is_named(
    full: ModelStore, tmp_path: Path, catalogue: Catalogue, below: str
) -> None:
    bundle = export_bundle(full, ["two"], tmp_path / "two.tar").path
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnwritable):
        import_bundle(ModelStore(tmp_path / "file" / below, catalogue), bundle).require()


def test_two_imports_at_a_time_bring_each_model_once(bundle: Path, full: ModelStore, other: ModelStore) -> None:
    with ThreadPoolExecutor() as threads:
        both = list(threads.map(lambda _: import_bundle(other, bundle), range(2)))
    assert all(taken.whole == ("one", "one-int8", "two", "visits") for taken in both)
    assert contents_of(other) == contents_of(full)
    assert leftovers(other) == []


def test_a_model_is_judged_before_it_is_published(bundle: Path, other: ModelStore, contents: dict[str, bytes]) -> None:
    seen: dict[str, dict[str, bytes]] = {}

    def accept(name: str, view: Path, signature: bytes | None) -> bool:
        assert name not in other.manifest_names()
        assert signature is None
        seen[name] = {path.name: path.read_bytes() for path in view.iterdir()}
        return True

    import_bundle(other, bundle, accept=accept).require()
    assert seen["one"] == contents
    assert seen == contents_of(other)


class Signed:
    """The store `full` with a signature for `two`."""

    def __init__(self, store: ModelStore, folder: Path) -> None:
        key = new_key()
        self.private = write_private(folder / "private.pem", key)
        self.public = write_public(folder / "public.pem", key)
        sign_with_key(store.view_path("two"), self.private, store.signature_path("two"))
        self.signature = store.signature_path("two").read_bytes()

    def accept(self, policy: Policy = "require") -> Any:
        return acceptance(SignatureSettings(policy, (self.public,)))


@pytest.fixture
def signed(full: ModelStore, tmp_path: Path) -> Signed:
    return Signed(full, tmp_path)


def test_a_signature_comes_along_and_is_checked(
    signed: Signed, full: ModelStore, other: ModelStore, tmp_path: Path
) -> None:
    bundle = export_bundle(full, ["two", "visits"], tmp_path / "models.tar").path
    assert members_of(bundle)[1] == ("signatures/two.sig", signed.signature)
    taken = import_bundle(other, bundle, accept=signed.accept())
    assert taken.written == ["two"]
    assert isinstance(taken.refused["visits"], SignatureMissing)
    assert other.signature_path("two").read_bytes() == signed.signature
    assert set(contents_of(other)) == {"two"}
    assert "visits" not in read_pins(other.directory / "pins")
    assert {path.name for path in files_below(other.directory / "blobs")} == {
        entry.sha256 for entry in other.catalogue.get("two").files
    }


def forged(bundle: Path, signature: bytes) -> Path:
    """The bundle with another signature, as its index says."""
    members = members_of(bundle)
    members[1] = ("signatures/two.sig", signature)
    write_bundle(bundle, members)

    def change(value: Any) -> None:
        value["models"][0]["signature"].update(size=len(signature), sha256=sha256(signature))

    return with_index(bundle, change)


def test_a_signature_that_does_not_vouch_refuses_the_model(
    signed: Signed, full: ModelStore, other: ModelStore, tmp_path: Path
) -> None:
    bundle = forged(export_bundle(full, ["two"], tmp_path / "models.tar").path, b"{}")
    with pytest.raises(SignatureInvalid):
        import_bundle(other, bundle, accept=signed.accept()).require()
    assert other.manifest_names() == []
    assert files_below(other.directory / "blobs") == []
    assert not other.signature_path("two").exists()


def test_a_signature_that_is_damaged_on_the_way_refuses_the_model(
    signed: Signed, full: ModelStore, other: ModelStore, tmp_path: Path
) -> None:
    """Also where no policy asks for it."""
    bundle = damaged(export_bundle(full, ["two"], tmp_path / "models.tar").path, 1)
    with pytest.raises(DigestMismatch, match=r"signatures/two\.sig"):
        import_bundle(other, bundle).require()
    assert not other.signature_path("two").exists()


def test_a_bad_signature_does_not_replace_a_good_one_under_warn(
    signed: Signed, full: ModelStore, other: ModelStore, tmp_path: Path
) -> None:
    good = export_bundle(full, ["two"], tmp_path / "good.tar").path
    import_bundle(other, good, accept=signed.accept("warn")).require()
    bad = forged(export_bundle(full, ["two"], tmp_path / "bad.tar").path, b"{}")
    import_bundle(other, bad, accept=signed.accept("warn")).require()
    assert other.signature_path("two").read_bytes() == signed.signature


def test_a_new_signature_reaches_a_model_that_is_whole(full: ModelStore, other: ModelStore, tmp_path: Path) -> None:
    import_bundle(other, export_bundle(full, ["two"], tmp_path / "unsigned.tar").path).require()
    signed = Signed(full, tmp_path)
    before = stamps(other.directory)
    taken = import_bundle(other, export_bundle(full, ["two"], tmp_path / "signed.tar").path, accept=signed.accept())
    assert taken.written == ["two"]
    assert other.signature_path("two").read_bytes() == signed.signature
    assert changed(before, stamps(other.directory)) == {"signatures/two.sig", "records/two.json"}


def test_without_a_policy_nothing_is_asked() -> None:
    assert acceptance(SignatureSettings()) is None
