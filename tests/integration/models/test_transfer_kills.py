"""SIGKILL while models are copied: what had a name keeps it, and the same command again simply completes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from care_voice.models.bundle import members_of
from care_voice.models.bundle_reader import open_bundle
from care_voice.models.catalogue import Catalogue
from care_voice.models.puller import Puller
from care_voice.models.sources.local import DirectorySource
from care_voice.models.store import ModelStore
from support.pulling import killed, killed_at_step
from support.stores import files_below, model_of, noise, require_sound, require_whole, sha256
from support.transfers import transfer, transfer_that_dies

MODELS = {
    "first": {"config.json": b'{"a": 1}\n', "model.bin": noise(6, 3_500_000)},
    "second": {"config.json": b'{"a": 1}\n', "model.bin": noise(7, 50_000)},
}
CATALOGUE = Catalogue(tuple(model_of(name, contents) for name, contents in MODELS.items()))

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def fill(tmp_path: Path) -> Callable[..., ModelStore]:
    """Brings models into the one store."""
    for name, contents in MODELS.items():
        (tmp_path / "folders" / name).mkdir(parents=True)
        for file, content in contents.items():
            (tmp_path / "folders" / name / file).write_bytes(content)

    def bring(*names: str) -> ModelStore:
        store = ModelStore(tmp_path / "store", CATALOGUE)
        for name in names:
            Puller(store, [DirectorySource((tmp_path / "folders",))]).pull(name)
        return store

    return bring


def models_in(bundle: Path) -> list[str]:
    """The models of a bundle, every byte of which is right."""
    with open_bundle(bundle) as reader:
        for member in members_of(reader.index):
            assert sum(map(len, reader.read(member))) == member.size
        reader.finish()
        return [each.model.name for each in reader.index.models]


def require_all(store: ModelStore) -> None:
    for name, contents in MODELS.items():
        require_whole(store, name, contents)


def test_an_export_that_is_killed_at_any_step_leaves_the_bundle_before(
    tmp_path: Path, fill: Callable[..., ModelStore]
) -> None:
    place, store = tmp_path / "out" / "models.tar", fill("first")
    place.parent.mkdir()
    transfer("export", store.directory, CATALOGUE, place)
    fill("second")
    for step in count():
        was_killed = killed_at_step(place.parent, step, transfer, "export", store.directory, CATALOGUE, place)
        assert models_in(place) in (["first"], ["first", "second"])
        if not was_killed:
            break
    assert step > 4
    assert models_in(place) == ["first", "second"]
    assert files_below(place.parent) == [place]


def test_an_export_that_is_killed_in_the_middle_of_a_file_leaves_the_bundle_before(
    tmp_path: Path, fill: Callable[..., ModelStore]
) -> None:
    place, store = tmp_path / "out" / "models.tar", fill("second")
    place.parent.mkdir()
    transfer("export", store.directory, CATALOGUE, place)
    fill("first")
    for phase in ("copying", "verifying"):
        assert killed(transfer_that_dies, "export", store.directory, CATALOGUE, place, phase)
        assert models_in(place) == ["second"]
        assert len(files_below(place.parent)) == 2
    transfer("export", store.directory, CATALOGUE, place)
    assert files_below(place.parent) == [place]


@pytest.mark.parametrize(("verb", "out", "stride"), [("import", "export", 1), ("restore", "backup", 3)])
def test_an_import_or_a_restore_that_is_killed_at_any_step_leaves_nothing_wrong(
    tmp_path: Path, fill: Callable[..., ModelStore], verb: str, out: str, stride: int
) -> None:
    place = tmp_path / "place.tar" if out == "export" else tmp_path / "place"
    transfer(out, fill("second").directory, CATALOGUE, place)
    for step in count(0, stride):
        there = ModelStore(tmp_path / "there" / str(step), CATALOGUE)
        was_killed = killed_at_step(there.directory, step, transfer, verb, there.directory, CATALOGUE, place)
        require_sound(there)
        transfer(verb, there.directory, CATALOGUE, place)
        require_whole(there, "second", MODELS["second"])
        if not was_killed:
            break
    assert step > 30


@pytest.mark.parametrize(("verb", "out"), [("import", "export"), ("restore", "backup")])
@pytest.mark.parametrize("phase", ["copying", "verifying"])
def test_an_import_or_a_restore_that_is_killed_in_the_middle_of_a_file_is_completed_by_the_next(
    tmp_path: Path, fill: Callable[..., ModelStore], verb: str, out: str, phase: str
) -> None:
    place = tmp_path / "place.tar" if out == "export" else tmp_path / "place"
    transfer(out, fill("first", "second").directory, CATALOGUE, place)
    there = ModelStore(tmp_path / "there", CATALOGUE)
    assert killed(transfer_that_dies, verb, there.directory, CATALOGUE, place, phase)
    require_sound(there)
    assert "first" not in there.manifest_names()
    transfer(verb, there.directory, CATALOGUE, place)
    require_all(there)


def test_a_backup_that_is_killed_at_any_step_leaves_the_one_before(
    tmp_path: Path, fill: Callable[..., ModelStore]
) -> None:
    place, store = tmp_path / "backup", fill("second")
    transfer("backup", store.directory, CATALOGUE, place)
    fill("first")
    for step in count():
        was_killed = killed_at_step(place, step, transfer, "backup", store.directory, CATALOGUE, place)
        there = ModelStore(tmp_path / "there" / str(step), CATALOGUE)
        transfer("restore", there.directory, CATALOGUE, place)
        assert there.manifest_names() in (["second"], ["first", "second"])
        require_whole(there, "second", MODELS["second"])
        if not was_killed:
            break
    assert step > 10
    require_all(there)
    for path in files_below(place / "blobs"):
        assert sha256(path.read_bytes()) == path.name
    assert files_below(place / "incoming") == []


@pytest.mark.parametrize("phase", ["copying", "verifying"])
def test_a_backup_that_is_killed_in_the_middle_of_a_file_is_completed_by_the_next(
    tmp_path: Path, fill: Callable[..., ModelStore], phase: str
) -> None:
    place, store = tmp_path / "backup", fill("first", "second")
    assert killed(transfer_that_dies, "backup", store.directory, CATALOGUE, place, phase)
    transfer("backup", store.directory, CATALOGUE, place)
    assert files_below(place / "incoming") == []
    there = ModelStore(tmp_path / "there", CATALOGUE)
    transfer("restore", there.directory, CATALOGUE, place)
    require_all(there)
