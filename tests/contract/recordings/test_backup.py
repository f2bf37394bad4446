"""Backup and restore, between both databases, in a directory and in S3, while others write, and damaged."""

from __future__ import annotations

import gzip
import json
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from care_voice.domain.recordings import Wish
from care_voice.domain.retention import Scope
from care_voice.domain.store_errors import (
    AudioMissing,
    BackupInvalid,
    BackupUnavailable,
    SchemaTooNew,
    ServiceRunning,
    TargetNotEmpty,
)
from care_voice.models.sealed import encode_sealed
from care_voice.ops import backup as backup_module
from care_voice.ops.backup_format import AppliedMigration, Manifest, manifest_name
from care_voice.ops.backup_settings import BackupSettings
from care_voice.ops.backup_target import BackupTarget, open_target
from care_voice.ops.restore import check, restore
from care_voice.store import deletion, doomed, named_audio, nodes, recordings, retention
from care_voice.store.database import Connection, Database
from care_voice.store.migrate import require_current
from care_voice.store.nodes import Node
from support.installations import Opener, Place, prepare_schema
from support.kept import everything, put
from support.s3 import S3Server


def as_restored(rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """What a restore makes of rows: nobody works on them."""
    idle = {"state": "queued", "owner": None, "lease_expires_at": None}
    jobs = [{**row, **idle} if row["state"] == "running" else row for row in rows["jobs"]]
    return {**rows, "jobs": jobs}


def searched(database: Database) -> list[dict[str, Any]]:
    text = "SELECT recording_id, body FROM search_documents ORDER BY recording_id"
    return database.read(lambda connection: connection.fetch(text, {}))


def furnish(place: Place) -> None:
    """Everything that there can be."""
    place.make()
    place.make(text="第二次 🩺 é", client="ben", tags=("門診", "study"), trashed_at=5.0)
    place.database.write(partial(retention.put_rule, scope=Scope.TAG, value="study", days=None))
    gone = place.make(text="gone", seed="2")
    place.database.write(partial(deletion.delete_for_good, recording_id=gone, who="ann", reason="asked for"))
    place.database.write(
        lambda c: put(c, "webhooks", id="whk_1", url="https://x", secret="whsec", events_json="[]", created_at=1.0)
    )


@pytest.mark.parametrize(
    ("source", "destination"), [("sqlite", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "sqlite")]
)
def test_what_is_restored_is_what_was_backed_up(
    opener: Opener, target: BackupTarget, tmp_path: Path, source: str, destination: str
) -> None:
    here, there = Place(opener(source), tmp_path / "here"), Place(opener(destination), tmp_path / "there")
    prepare_schema(here.database)
    furnish(here)

    report = here.back_up(target)
    restored = restore(there.database, there.audio, target)

    require_current(there.database)
    assert everything(there.database) == as_restored(everything(here.database))
    named = {key for key in here.objects() if key not in here.database.read(doomed.due)}
    assert there.objects() == {key: digest for key, digest in here.objects().items() if key in named}
    assert searched(there.database) == searched(here.database)
    assert (restored.point, restored.rows, restored.objects) == (report.point, report.rows, 4)
    assert report.missing == []
    assert check(target).rows == report.rows


def test_a_backup_in_s3_is_restored(here: Place, there: Place, s3_server: S3Server, tmp_path: Path) -> None:
    bucket = s3_server.new_bucket()
    settings = BackupSettings(s3=s3_server.settings("unused"))
    target = open_target(f"s3://{bucket}/care/backup", settings, tmp_path / "scratch")
    furnish(here)

    here.back_up(target)
    here.make(text="later", seed="3")
    again = here.back_up(target, verify=True)
    restore(there.database, there.audio, open_target(f"s3://{bucket}/care/backup/", settings, tmp_path / "scratch"))

    assert everything(there.database) == as_restored(everything(here.database))
    assert (again.kept_bytes, again.copied_bytes) == (70_000, 35_000)
    assert len(target.points()) == 2


def test_an_address_that_means_nothing_is_refused(tmp_path: Path) -> None:
    for text in ("s3://", "s3:bucket", "s3:///prefix"):
        with pytest.raises(BackupInvalid, match="s3://bucket/prefix"):
            open_target(text, BackupSettings(), tmp_path)


def test_sound_that_is_there_already_is_not_copied_again(here: Place, target: BackupTarget, tmp_path: Path) -> None:
    here.make(seed="1")
    first = here.back_up(target)
    inodes = {path: path.stat().st_ino for path in (tmp_path / "backup" / "audio").rglob("*") if path.is_file()}

    here.make(seed="2")
    second = here.back_up(target)

    assert (first.copied_bytes, first.kept_bytes) == (35_000, 0)
    assert (second.copied_bytes, second.kept_bytes) == (35_000, 35_000)
    assert {path: path.stat().st_ino for path in inodes} == inodes


def test_old_points_go_and_sound_that_none_needs_with_them(
    here: Place, there: Place, target: BackupTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, gone = here.make(seed="1"), here.make(seed="2")
    here.back_up(target)
    here.database.write(partial(deletion.delete_for_good, recording_id=gone, who="ann", reason="asked for"))
    second = here.back_up(target, keep=2)
    assert second.freed_bytes == 0
    assert len(target.points()) == 2

    fresh = here.back_up(target, keep=1)
    assert any(gone in key for key in target.sizes())  # another backup may just be copying it
    monkeypatch.setattr(backup_module, "_DAY_S", -60.0)
    last = here.back_up(target, keep=1)

    assert target.points() == [last.point]
    assert fresh.freed_bytes > 0
    assert last.freed_bytes > 35_000
    assert not any(gone in key for key in target.sizes())
    restore(there.database, there.audio, target)
    assert there.sound(kept) == here.sound(kept)


def test_an_older_point_can_be_restored(here: Place, there: Place, target: BackupTarget) -> None:
    first = here.make(seed="1")
    point = here.back_up(target).point
    here.make(seed="2")
    here.back_up(target)

    restore(there.database, there.audio, target, point=point)

    assert [row["id"] for row in everything(there.database)["recordings"]] == [first]


def test_a_run_that_was_broken_off_changes_nothing_and_is_gone_on_with(
    here: Place, target: BackupTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.make(seed="1")
    point = here.back_up(target).point
    here.make(seed="2")

    def pull_the_plug(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(backup_module._Run, "_write", pull_the_plug)
        with pytest.raises(KeyboardInterrupt):
            here.back_up(target)
    assert target.points() == [point]
    check(target)

    again = here.back_up(target)

    assert (again.copied_bytes, again.kept_bytes) == (0, 70_000)
    assert list(target.scratch.iterdir()) == []


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def damaged(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif how == "cut":
        path.write_bytes(content[:-20])
    else:
        path.unlink()


@pytest.mark.parametrize(
    ("which", "how"),
    [
        ("audio", "flipped"),
        ("audio", "cut"),
        ("audio", "gone"),
        ("rows", "flipped"),
        ("rows", "gone"),
        ("audio.jsonl.gz", "flipped"),
        ("manifest.json", "flipped"),
        ("manifest.json", "cut"),
    ],
)
def test_a_damaged_backup_is_refused_by_the_name_of_the_file(
    here: Place, there: Place, target: BackupTarget, tmp_path: Path, which: str, how: str
) -> None:
    furnish(here)
    point = here.back_up(target).point
    [path, *_] = [each for each in files_of(tmp_path / "backup") if each.name == which or each.parts[-3] == which] or [
        each for each in files_of(tmp_path / "backup") if which in each.parts
    ]
    damaged(path, how)
    prepare_schema(there.database)
    before = everything(there.database)

    name = path.relative_to(tmp_path / "backup").as_posix()
    for refused in (
        lambda: check(target, point),
        lambda: restore(there.database, there.audio, target, point=point),
        lambda: restore(there.database, there.audio, target, point=point, force=True),
    ):
        with pytest.raises(BackupInvalid) as caught:
            refused()
        assert name in str(caught.value)
    assert everything(there.database) == before


def test_verify_copies_again_what_is_damaged_in_the_backup(
    here: Place, there: Place, target: BackupTarget, tmp_path: Path
) -> None:
    here.make()
    here.back_up(target)
    damaged(next(path for path in files_of(tmp_path / "backup" / "audio") if path.stat().st_size == 30_000), "flipped")

    unaware = here.back_up(target)
    assert unaware.repaired_bytes == 0
    report = here.back_up(target, verify=True)

    assert (report.repaired_bytes, report.kept_bytes, report.copied_bytes) == (30_000, 5_000, 0)
    restore(there.database, there.audio, target)


def test_what_is_here_is_not_replaced_unless_told(here: Place, there: Place, target: BackupTarget) -> None:
    furnish(here)
    here.back_up(target)
    prepare_schema(there.database)
    mine = there.make(text="mine")
    before, objects = everything(there.database), there.objects()

    with pytest.raises(TargetNotEmpty, match="1"):
        restore(there.database, there.audio, target)
    assert (everything(there.database), there.objects()) == (before, objects)

    restore(there.database, there.audio, target, force=True)

    assert everything(there.database) == as_restored(everything(here.database))
    assert set(there.database.read(doomed.due)) == set(objects)
    assert all(mine in key for key in objects)


def test_sound_that_no_row_names_outlives_a_restore(here: Place, there: Place, target: BackupTarget) -> None:
    here.make(seed="1")
    here.back_up(target)
    with there.audio.writer("rec_lost", 0, 1) as writer:
        writer.write(b"its rows are what was lost")
        writer.sync()

    restore(there.database, there.audio, target)

    assert there.database.read(doomed.due) == []
    assert any(key.startswith("recordings/rec_lost/") for key in there.objects())


def test_a_restored_database_is_still_its_own_installation(here: Place, there: Place, target: BackupTarget) -> None:
    here.make()
    theirs = here.database.write(named_audio.installation_id)
    here.back_up(target)
    prepare_schema(there.database)
    own = there.database.write(named_audio.installation_id)

    restore(there.database, there.audio, target)

    assert there.database.write(named_audio.installation_id) == own != theirs


def test_a_restore_that_was_broken_off_goes_on(here: Place, there: Place, target: BackupTarget) -> None:
    furnish(here)
    here.back_up(target)
    calls = count()

    def pull_the_plug(*_: object) -> None:
        if next(calls) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(there.database, there.audio, target, on_object=pull_the_plug)
    report = restore(there.database, there.audio, target)

    assert report.kept_bytes > 0
    assert report.kept_bytes + report.copied_bytes == 70_000
    assert everything(there.database) == as_restored(everything(here.database))


def test_a_backup_of_an_older_schema_is_brought_up_to_date(
    opener: Opener, there: Place, target: BackupTarget, tmp_path: Path
) -> None:
    old = Place(opener("sqlite"), tmp_path / "old")
    prepare_schema(old.database, 1)
    with old.audio.writer("rec_1", 0, 1) as writer:
        writer.write(b"sound")
        [part] = writer.sync()

    def write(connection: Connection) -> None:
        recordings.insert(connection, "rec_1", client="ann", source="upload", wish=Wish(), title="old")
        recordings.put_parts(connection, "rec_1", [part])

    old.database.write(write)
    old.back_up(target)

    restore(there.database, there.audio, target)

    require_current(there.database)
    assert there.database.read(partial(recordings.get, recording_id="rec_1")).title == "old"
    assert there.sound("rec_1") == b"sound"


@pytest.mark.parametrize(
    ("number", "error"), [(9999, SchemaTooNew), (1, BackupInvalid)], ids=["later version", "another history"]
)
def test_a_backup_of_a_schema_that_is_not_known_is_refused(
    here: Place, there: Place, target: BackupTarget, tmp_path: Path, number: int, error: type[Exception]
) -> None:
    here.make()
    point = here.back_up(target).point
    manifest = target.manifest(point)
    others = [each for each in manifest.migrations if each.number != number]
    rewrite(tmp_path, manifest, migrations=(*others, AppliedMigration(number, "other", "0")))

    with pytest.raises(error, match=f"{number:04}"):
        restore(there.database, there.audio, target)


def rewrite(tmp_path: Path, manifest: Manifest, **changes: Any) -> None:
    path = tmp_path / "backup" / manifest_name(manifest.point)
    path.write_bytes(encode_sealed(msgspec.structs.replace(manifest, **changes)))


def test_sound_that_was_lost_before_is_named_and_the_rest_is_backed_up(
    here: Place, there: Place, target: BackupTarget
) -> None:
    lost, whole = here.make(seed="1"), here.make(seed="2")
    [part] = here.database.read(partial(recordings.parts, recording_id=lost))
    here.audio.delete([part.key])

    report = here.back_up(target)
    restored = restore(there.database, there.audio, target)

    assert report.missing == [part.key]
    assert restored.missing == (part.key,)
    assert there.sound(whole) == here.sound(whole)
    with pytest.raises(AudioMissing):
        there.sound(lost)


def test_rows_are_readable_without_this_program(here: Place, target: BackupTarget, tmp_path: Path) -> None:
    made = here.make()
    point = here.back_up(target).point

    path = tmp_path / "backup" / "points" / point / "rows" / "recordings.jsonl.gz"
    [row] = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]

    assert row["id"] == made


def test_there_is_no_backup_in_an_empty_directory(there: Place, target: BackupTarget) -> None:
    with pytest.raises(BackupInvalid, match="there is no backup"):
        restore(there.database, there.audio, target)
    with pytest.raises(BackupInvalid, match=r"no point '20260101T000000000Z-abcdef' in .*, nor any other"):
        check(target, "20260101T000000000Z-abcdef")


def test_a_point_that_is_not_there_is_told_with_those_that_are(here: Place, there: Place, target: BackupTarget) -> None:
    here.make()
    points = [here.back_up(target).point for _ in range(2)]

    for refused in (lambda: check(target, "nope"), lambda: restore(there.database, there.audio, target, point="nope")):
        with pytest.raises(BackupInvalid, match=f"no point 'nope' in .*; there are {points[1]}, {points[0]}"):
            refused()


def test_a_place_that_cannot_be_used_is_told_as_that_of_the_backup(
    here: Place, s3_server: S3Server, tmp_path: Path
) -> None:
    here.make()
    occupied = tmp_path / "occupied"
    occupied.write_text("a file")
    settings = BackupSettings(s3=s3_server.settings("unused"))
    for address, cause in ((str(occupied / "x"), "Not a directory"), ("s3://no-such-bucket/x", "NoSuchBucket")):
        place = open_target(address, settings, tmp_path / "scratch")
        for used in (lambda place=place: here.back_up(place), lambda place=place: check(place)):
            with pytest.raises(BackupUnavailable, match=cause) as caught:
                used()
            assert address in str(caught.value)


def test_nothing_is_restored_under_a_node_that_lives_whatever_is_forced(
    here: Place, there: Place, target: BackupTarget
) -> None:
    here.make()
    here.back_up(target)
    prepare_schema(there.database)
    node = Node("node_1", "ward", 7, "1")
    there.database.write(partial(nodes.seen, node=node, lease_s=15.0))
    before = everything(there.database)

    for force in (False, True):
        with pytest.raises(ServiceRunning, match=r"node_1 on ward \(process 7\)"):
            restore(there.database, there.audio, target, force=force)
    assert everything(there.database) == before

    there.database.write(lambda c: c.execute("UPDATE nodes SET seen_at = seen_at - 61", {}))
    restore(there.database, there.audio, target)


def test_texts_that_postgresql_cannot_hold_lose_what_it_cannot(
    here: Place, opener: Opener, target: BackupTarget, tmp_path: Path
) -> None:
    made = here.make()
    there = Place(opener("postgresql"), tmp_path / "there")
    here.database.write(lambda c: c.execute("UPDATE recordings SET title = :title", {"title": "a\0b"}))
    here.back_up(target)

    restore(there.database, there.audio, target)

    assert there.database.read(partial(recordings.get, recording_id=made)).title == "ab"
