"""The form of a bundle: what other tools make of it, and what an index may say."""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from care_voice.domain.errors import InvalidParameter
from care_voice.domain.model_errors import BundleInvalid
from care_voice.models.bundle import INDEX_LIMIT_BYTES, header_of
from care_voice.models.bundle_import import import_bundle
from care_voice.models.bundle_writer import export_bundle
from care_voice.models.pins import Pin
from care_voice.models.sealed import encode_sealed, read_sealed
from care_voice.models.store import ModelStore
from support.transfers import index_of, leftovers, members_of, with_index, write_bundle

TIME = "2031-05-01T12:00:00+00:00"


@pytest.fixture
def bundle(full: ModelStore, tmp_path: Path) -> Path:
    return export_bundle(full, (), tmp_path / "models.tar").path


def refusal(store: ModelStore, bundle: Path) -> str:
    """Why a bundle is refused; the store must be as if it had never been looked at."""
    with pytest.raises(BundleInvalid) as caught:
        import_bundle(store, bundle).require()
    assert store.manifest_names() == []
    assert not store.directory.exists() or not [path for path in store.directory.rglob("*") if path.suffix != ".lock"]
    assert leftovers(store) == []
    return caught.value.message


def test_any_tar_tool_reads_a_bundle(bundle: Path) -> None:
    found = members_of(bundle)
    assert found[0][0] == "bundle.json"
    for name, content in found[1:]:
        assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"
    with tarfile.open(bundle, "r:") as tar:
        infos = {(info.type, info.mode, info.uid, info.gid, info.mtime) for info in tar}
    assert infos == {(tarfile.REGTYPE, 0o644, 0, 0, 0)}


def test_shared_files_are_in_a_bundle_once(bundle: Path, full: ModelStore) -> None:
    blobs = [name for name, _ in members_of(bundle)[1:]]
    assert len(blobs) == len(set(blobs))
    assert set(blobs) == {
        f"blobs/sha256/{entry.sha256}" for name in full.manifest_names() for entry in full.catalogue.get(name).files
    }


def test_the_index_says_where_models_come_from(bundle: Path, full: ModelStore) -> None:
    by_name = {each.model.name: each for each in index_of(bundle).models}
    assert list(by_name) == ["one", "one-int8", "two", "visits"]
    assert by_name["one"].manifest.files[0].source == "memory"
    assert by_name["one-int8"].model.derived == full.catalogue.get("one-int8").derived
    assert by_name["visits"].model.origin == "adopted"


def test_the_same_models_give_the_same_bytes(full: ModelStore, tmp_path: Path) -> None:
    paths = [export_bundle(full, (), tmp_path / name, created_at=TIME).path for name in ("a.tar", "b.tar")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    later = export_bundle(full, (), tmp_path / "c.tar", created_at="2031-05-01T12:00:01+00:00").path
    first, second = (members_of(path) for path in (paths[0], later))
    assert first[1:] == second[1:]
    assert first[0][1] != second[0][1]


def test_a_header_is_what_the_standard_library_reads() -> None:
    info = tarfile.TarInfo.frombuf(header_of("signatures/one.sig", 8**11 - 1), "ascii", "strict")
    assert (info.name, info.size, info.mode, info.isreg()) == ("signatures/one.sig", 8**11 - 1, 0o644, True)


def test_a_bundle_without_a_signature_says_so(bundle: Path) -> None:
    assert [each.signature for each in index_of(bundle).models] == [None] * 4


def _no_models(value: dict[str, Any]) -> None:
    value["models"] = []


def _twice(value: dict[str, Any]) -> None:
    value["models"].append(value["models"][0])


def _many(value: dict[str, Any]) -> None:
    names, first = [f"m{number}" for number in range(257)], value["models"][0]
    value["models"] = [
        {**first, **{part: {**first[part], "name": name} for part in ("model", "manifest")}} for name in names
    ]


def _two_sizes(value: dict[str, Any]) -> None:
    for part in ("model", "manifest"):
        value["models"][1][part]["files"][0].update(value["models"][0][part]["files"][0], size=99)


def _same_file_twice(value: dict[str, Any]) -> None:
    for part in ("model", "manifest"):
        value["models"][0][part]["files"][1]["name"] = value["models"][0][part]["files"][0]["name"]


def _set(*path: str | int, to: object) -> Any:
    def change(value: Any) -> None:
        for step in path[:-1]:
            value = value[step]
        value[path[-1]] = to

    return change


def _rename(to: str) -> Any:
    def change(value: dict[str, Any]) -> None:
        value["models"][0]["model"]["name"] = value["models"][0]["manifest"]["name"] = to

    return change


MODEL, OWN = ("models", 0, "model"), ("models", 3, "model")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_no_models, "between 1 and 256 models"),
        (_twice, "two models of one name"),
        (_many, "between 1 and 256 models"),
        (_two_sizes, "one file two sizes"),
        (_same_file_twice, "named twice"),
        (_set("format", to="care-voice-bundle/2"), "another format"),
        (_set("models", 0, "manifest", "files", to=[]), "describes other files"),
        (_set("models", 0, "manifest", "name", to="two"), "describes other files"),
        (_set(*OWN, "files", 0, "size", to=8**11), "larger than"),
        (_set(*MODEL, "files", 0, "size", to=0), "damaged"),
        (_set(*MODEL, "files", 0, "size", to=-1), "damaged"),
        (_set(*OWN, "files", 0, "size", to=10**15), "larger than"),
        (_set(*OWN, "files", 0, "size", to=10**30), "larger than"),
        (_set(*MODEL, "files", 0, "name", to="../../etc/passwd"), "damaged"),
        (_set(*MODEL, "files", 0, "name", to="/etc/passwd"), "damaged"),
        (_set(*MODEL, "files", 0, "name", to=""), "damaged"),
        (_set(*MODEL, "files", 0, "sha256", to="../" * 20 + "aaaa"), "damaged"),
        (_rename("../../outside"), "damaged"),
        (_rename("-rf"), "damaged"),
        (_rename("a\nb"), "damaged"),
        (_rename("x" * 81), "longer than 80"),
        (_set(*MODEL, "note", to="\x1b[2J all is well"), "control characters"),
        (_set(*MODEL, "note", to="x" * 8001), "too long"),
        (_set("tool", to="a\u202eb"), "control characters"),
        (_set("models", 0, "signature", to={"name": "other.sig", "size": 5, "sha256": "0" * 64}), "another name"),
        (_set("models", 0, "signature", to={"name": "one.sig", "size": 2**20 + 1, "sha256": "0" * 64}), "no signature"),
        (_set("models", 0, "signature", to={"name": "../one.sig", "size": 5, "sha256": "0" * 64}), "damaged"),
    ],
)
def test_an_index_that_says_what_cannot_be_is_refused(bundle: Path, other: ModelStore, change: Any, why: str) -> None:
    assert why in refusal(other, with_index(bundle, change))


def test_an_index_without_its_seal_is_refused(bundle: Path, other: ModelStore) -> None:
    (name, raw), *others = members_of(bundle)
    changed = raw.replace(b'"multilingual"', b'"english"', 1)
    assert "its index is damaged" in refusal(other, write_bundle(bundle, [(name, changed), *others]))


@pytest.mark.parametrize("raw", [b'{"a":' * 200_000, b"[" * 500_000, b'{"format":' + b"[" * 300_000 + b"]" * 300_000])
def test_an_index_of_a_thousand_storeys_is_refused(tmp_path: Path, other: ModelStore, raw: bytes) -> None:
    assert "its index is" in refusal(other, write_bundle(tmp_path / "deep.tar", [("bundle.json", raw)]))


def test_an_index_that_is_too_large_is_not_read(tmp_path: Path, other: ModelStore) -> None:
    path = tmp_path / "large.tar"
    path.write_bytes(header_of("bundle.json", INDEX_LIMIT_BYTES + 1) + bytes(2 * INDEX_LIMIT_BYTES))
    assert f"its index has {INDEX_LIMIT_BYTES + 1} bytes" in refusal(other, path)


def described_as(store: ModelStore, name: str, note: str) -> None:
    pin = read_sealed(store.pin_path(name), Pin)
    assert pin is not None
    store.pin_path(name).unlink()
    store.pin_path(name).write_bytes(encode_sealed(replace(pin, model=replace(pin.model, note=note))))


@pytest.mark.parametrize("note", ["x" * 8001, "\x07"])
def test_what_no_reader_would_take_is_not_written(full: ModelStore, tmp_path: Path, note: str) -> None:
    described_as(full, "visits", note)
    with pytest.raises(BundleInvalid, match="too long, or has control characters"):
        export_bundle(full, ["visits"], tmp_path / "x.tar")
    assert not list(tmp_path.glob("*.tar*"))


def test_people_may_write_what_they_like_about_their_models(
    full: ModelStore, other: ModelStore, tmp_path: Path
) -> None:
    note = "家訪用 👩\u200d⚕️\n\tsecond line, [red]no markup[/]"
    described_as(full, "visits", note)
    import_bundle(other, export_bundle(full, ["visits"], tmp_path / "x.tar").path).require()
    assert other.catalogue.get("visits").note == note


def test_nothing_is_exported_from_an_empty_store(other: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="no model is installed"):
        export_bundle(other, (), tmp_path / "x.tar")
