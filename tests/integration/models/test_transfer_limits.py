"""Copies of models on disks that are full or may not be written, and in little memory."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from care_voice.domain.model_errors import DiskFull, ModelError, StoreUnwritable, TargetUnwritable
from care_voice.models.backup import backup
from care_voice.models.bundle_import import import_bundle
from care_voice.models.bundle_writer import export_bundle
from care_voice.models.catalogue import Catalogue
from care_voice.models.progress import Progress, ProgressCallback
from care_voice.models.puller import Puller
from care_voice.models.restore import restore
from care_voice.models.sources.local import DirectorySource
from care_voice.models.store import ModelStore
from support.stores import files_below, model_of, noise, require_sound
from support.transfers import contents_of, new_key, stamps

MIB = 1024 * 1024
CONTENTS = {"config.json": b'{"a": 1}\n', "model.bin": noise(1, 3 * MIB)}
CATALOGUE = Catalogue((model_of("one", CONTENTS),))

pytestmark = pytest.mark.timeout(120)


class Disk:
    """A file system of its own, in memory, of 40 MiB."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Take every byte that is free."""
        with (self.path / "filler").open("ab", buffering=0) as file:
            for piece in (65536, 4096):
                while takes(file, bytes(piece)):
                    pass

    def filled_at(self, phase: str, name: str) -> ProgressCallback:
        """Fills the disk in the middle of the work: no question about space beforehand helps then."""

        def look(event: Progress) -> None:
            if (event.phase, event.file) == (phase, name):
                self.fill()

        return look

    def allow_no_writing(self) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(self.path)], check=True)


def takes(file: io.FileIO, content: bytes) -> bool:
    """Whether there was room for some of it."""
    try:
        return bool(file.write(content))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can be mounted by root alone")
    yield Disk(path)
    subprocess.run(["umount", str(path)], check=True)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    folder = tmp_path / "folders" / "one"
    folder.mkdir(parents=True)
    for file, content in CONTENTS.items():
        (folder / file).write_bytes(content)
    store = ModelStore(tmp_path / "store", CATALOGUE)
    Puller(store, [DirectorySource((folder.parent,))]).pull("one")
    return store


@pytest.mark.parametrize("encrypted", [False, True])
def test_an_export_onto_a_disk_that_fills_up_leaves_what_was_there(
    disk: Disk, store: ModelStore, tmp_path: Path, encrypted: bool
) -> None:
    recipients = [new_key(tmp_path / "key").recipient] if encrypted else []
    target = disk.path / ("models.tar.age" if encrypted else "models.tar")
    target.write_bytes(b"from last week")
    with pytest.raises(DiskFull):
        export_bundle(store, (), target, recipients=recipients, progress=disk.filled_at("copying", "model.bin"))
    assert target.read_bytes() == b"from last week"
    assert {path.name for path in disk.path.iterdir()} == {target.name, "filler"}
    (disk.path / "filler").unlink()
    export_bundle(store, (), target, recipients=recipients)


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_backup_onto_a_disk_that_fills_up_leaves_the_one_before(
    disk: Disk, store: ModelStore, tmp_path: Path, encrypted: bool
) -> None:
    recipients = [new_key(tmp_path / "key").recipient] if encrypted else []
    target = disk.path / "backup"
    with pytest.raises(ModelError):
        backup(store, target, recipients=recipients, progress=disk.filled_at("copying", "model.bin")).require()
    (disk.path / "filler").unlink()
    assert files_below(target / "incoming") == []
    backup(store, target, recipients=recipients).require()


def test_an_import_onto_a_disk_that_fills_up_leaves_a_store_that_is_right(
    disk: Disk, store: ModelStore, tmp_path: Path
) -> None:
    bundle = export_bundle(store, (), tmp_path / "models.tar").path
    backup(store, tmp_path / "backup").require()
    there = ModelStore(disk.path / "models", CATALOGUE)
    for place, act in ((bundle, import_bundle), (tmp_path / "backup", restore)):
        with pytest.raises(DiskFull):
            act(there, place, progress=disk.filled_at("copying", "config.json")).require()  # type: ignore[operator]
        assert there.manifest_names() == []
        require_sound(there)
        assert files_below(there.incoming) == []
        (disk.path / "filler").unlink()
        act(there, place).require()  # type: ignore[operator]
        assert contents_of(there) == {"one": CONTENTS}
        there.remove("one")


def test_a_disk_that_is_too_small_is_noticed_before_anything_is_written(
    disk: Disk, store: ModelStore, tmp_path: Path
) -> None:
    bundle = export_bundle(store, (), tmp_path / "models.tar").path
    (disk.path / "filler").write_bytes(bytes(38 * MIB))
    with pytest.raises(DiskFull, match="bytes are needed"):
        export_bundle(store, (), disk.path / "models.tar")
    with pytest.raises(DiskFull, match="bytes are needed"):
        backup(store, disk.path / "backup")
    there = ModelStore(disk.path / "models", CATALOGUE)
    with pytest.raises(DiskFull, match="bytes are needed"):
        import_bundle(there, bundle).require()
    assert files_below(there.directory / "blobs") == files_below(disk.path / "backup" / "blobs") == []


def test_what_may_not_be_written_is_named_and_can_still_be_read(disk: Disk, store: ModelStore, tmp_path: Path) -> None:
    target = disk.path / "backup"
    backup(store, target).require()
    bundle = export_bundle(store, (), disk.path / "models.tar").path
    here = ModelStore(disk.path / "store", CATALOGUE)
    import_bundle(here, bundle).require()
    (here.view_path("one") / "config.json").unlink()
    disk.allow_no_writing()
    with pytest.raises(TargetUnwritable, match="Read-only file system"):
        backup(store, target)
    with pytest.raises(TargetUnwritable, match="Read-only file system"):
        export_bundle(store, (), bundle)
    with pytest.raises(StoreUnwritable, match="Read-only file system"):
        restore(here, target).require()
    # A medium that cannot be written, and a store that is whole: nothing has to be.
    for place, act in ((bundle, import_bundle), (target, restore)):
        there = ModelStore(tmp_path / act.__name__, CATALOGUE)  # type: ignore[attr-defined]
        act(there, place).require()  # type: ignore[operator]
        assert contents_of(there) == {"one": CONTENTS}


def test_a_whole_store_that_may_not_be_written_is_restored_by_doing_nothing(disk: Disk, store: ModelStore) -> None:
    target = disk.path / "backup"
    backup(store, target).require()
    here = ModelStore(disk.path / "store", CATALOGUE)
    restore(here, target).require()
    disk.allow_no_writing()
    before = stamps(disk.path)
    assert restore(here, target).kept == ["one"]
    assert stamps(disk.path) == before
    # An export reads from such a store as from any other.
    assert export_bundle(here, (), disk.path.parent / "x.tar").models == ("one",)


MEASURE = """
import hashlib, resource, sys
from pathlib import Path
from care_voice.models.backup import backup
from care_voice.models.bundle_import import import_bundle
from care_voice.models.bundle_writer import export_bundle
from care_voice.models.catalogue import Catalogue
from care_voice.models.puller import Puller
from care_voice.models.restore import restore
from care_voice.models.sources.local import DirectorySource
from care_voice.models.store import ModelStore
from support.stores import model_of
from support.transfers import new_key

SIZE, place = 150_000_000, Path(sys.argv[1])
folder = place / "folders" / "one"
folder.mkdir(parents=True)
(folder / "config.json").write_bytes(b"{}")
with (folder / "model.bin").open("wb") as file:
    file.truncate(SIZE)
entry = model_of("one", {"config.json": b"{}"})
digest, rest = hashlib.sha256(), SIZE
while rest:
    piece = bytes(min(rest, 1_000_000))
    digest.update(piece)
    rest -= len(piece)
weights = type(entry.files[0])("model.bin", SIZE, digest.hexdigest())
catalogue = Catalogue((type(entry)(**{**vars(entry), "files": (*entry.files, weights)}),))
store, key = ModelStore(place / "store", catalogue), new_key(place / "key")
Puller(store, [DirectorySource((folder.parent,))]).pull("one")

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def fresh(name):
    return ModelStore(place / name, catalogue)

before = peak()
export_bundle(store, (), place / "plain.tar")
export_bundle(store, (), place / "secret.tar", recipients=[key.recipient])
import_bundle(fresh("a"), place / "plain.tar").require()
import_bundle(fresh("b"), place / "secret.tar.age", identities=[key.identity]).require()
backup(store, place / "backup").require()
restore(fresh("c"), place / "backup").require()
backup(store, place / "backup", recipients=[key.recipient]).require()
restore(fresh("d"), place / "backup", identities=[key.identity]).require()
print(peak() - before)
"""


def test_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    tests = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(tests)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    grown = int(done.stdout.splitlines()[-1])
    assert grown < 40_000_000
