"""When a start may do without reading a model: whatever was changed, moved, made up or grew old is read."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from care_voice.models import belief
from care_voice.models import store as store_module
from care_voice.models.belief import is_believed, seen_files
from care_voice.models.catalogue import Catalogue
from care_voice.models.puller import Puller
from care_voice.models.records import Record, write_record
from care_voice.models.report import Verified
from care_voice.models.store import ModelStore

NAME = "one"


@pytest.fixture
def believing(puller: Puller, store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    """A store with a model that was checked a while after its files had come to rest."""
    puller.pull(NAME)
    trusting = ModelStore(store.directory, store.shipped, recheck_after_h=1.0)
    monkeypatch.setattr(belief, "_SETTLED_NS", 0)
    trusting.verify(NAME)
    return trusting


def vouched(store: ModelStore) -> Verified | None:
    return store.vouched(store.catalogue.get(NAME))


def a_file(store: ModelStore) -> Path:
    return min(store.view_path(NAME).iterdir())


def test_a_model_in_which_nothing_has_changed_is_believed_to_be_whole(believing: ModelStore) -> None:
    found = vouched(believing)

    assert found is not None
    assert found.identities == believing.verify(NAME).require().identities
    assert found.digests == {entry.name: entry.sha256 for entry in believing.catalogue.get(NAME).files}
    assert datetime.fromisoformat(found.recorded_at) <= datetime.now(UTC)


def test_nothing_is_believed_where_the_settings_say_so(believing: ModelStore) -> None:
    assert vouched(ModelStore(believing.directory, believing.shipped)) is None


def rewritten(store: ModelStore) -> None:
    """The same length, other bytes, and the time of the change put back."""
    path = a_file(store)
    before = path.stat()
    path.chmod(0o644)
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(store: ModelStore) -> None:
    path = a_file(store)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)


def removed(store: ModelStore) -> None:
    a_file(store).unlink()


def joined_by_another(store: ModelStore) -> None:
    (store.view_path(NAME) / "extra.bin").write_bytes(b"x")


def without_manifest(store: ModelStore) -> None:
    store.manifest_path(NAME).unlink()


def with_a_record_that_anyone_may_write(store: ModelStore) -> None:
    store.record_path(NAME).chmod(0o666)


def with_a_record_that_is_a_link(store: ModelStore) -> None:
    path = store.record_path(NAME)
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def with_a_record_that_was_edited(store: ModelStore) -> None:
    path = store.record_path(NAME)
    path.write_bytes(path.read_bytes().replace(b'"verified_ok": true', b'"verified_ok":  true').replace(b"2", b"3", 1))


CHANGES = [
    rewritten,
    replaced,
    removed,
    joined_by_another,
    without_manifest,
    with_a_record_that_anyone_may_write,
    with_a_record_that_is_a_link,
    with_a_record_that_was_edited,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_model_of_which_anything_has_changed_is_read_again(
    believing: ModelStore, change: Callable[[ModelStore], None]
) -> None:
    change(believing)
    assert vouched(believing) is None


def test_damage_that_was_found_is_not_forgotten(believing: ModelStore) -> None:
    rewritten(believing)
    assert not believing.verify(NAME).ok
    assert vouched(believing) is None


def test_other_digests_in_the_catalogue_count_from_the_first_start_on(believing: ModelStore) -> None:
    model = believing.catalogue.get(NAME)
    files = (replace(model.files[0], sha256="0" * 64), *model.files[1:])
    newer = ModelStore(believing.directory, Catalogue((replace(model, files=files),)), recheck_after_h=1.0)
    assert vouched(newer) is None


def test_a_file_that_had_only_just_changed_when_it_was_read_is_read_again(puller: Puller, store: ModelStore) -> None:
    puller.pull(NAME)
    report = ModelStore(store.directory, store.shipped).inspect(store.catalogue.get(NAME), _watch())
    later = replace(report, began_ns=time.time_ns() + 3_000_000_000)

    assert report.ok
    assert seen_files(report) == ()
    assert {file.name for file in seen_files(later)} == report.healthy


def _watch() -> store_module.Watch:
    return store_module.Watch(NAME, None, None)


@pytest.mark.parametrize(("age_h", "believed"), [(0.0, True), (0.9, True), (1.1, False), (-0.1, False)])
def test_a_record_counts_for_a_while_and_one_from_the_future_never(
    believing: ModelStore, age_h: float, believed: bool
) -> None:
    record = believing.record(NAME)
    assert record is not None
    found = belief.files_in(believing.view_path(NAME))
    now = datetime.fromisoformat(record.verified_at) + timedelta(hours=age_h)

    assert is_believed(record, believing.catalogue.get(NAME).files, found, now, 1.0) is believed


def test_a_record_of_an_older_version_says_nothing_of_files(believing: ModelStore) -> None:
    write_record(believing.record_path(NAME), Record(datetime.now(UTC).isoformat(), verified_ok=True, why=""))
    assert vouched(believing) is None
