"""Backups while uploads, joins, edits and deletions go on, and of an upload in the middle."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from care_voice.domain.recordings import Wish
from care_voice.ops.backup_target import BackupTarget
from care_voice.ops.restore import check, restore
from care_voice.store import recordings
from support.installations import BusyPlace, Opener, Place, content
from support.kept import everything


def test_of_an_upload_that_goes_on_only_what_was_committed_is_backed_up(
    here: Place, there: Place, target: BackupTarget
) -> None:
    with here.audio.writer("rec_1", 0, 1) as writer:
        writer.write(b"committed, ")
        [part] = writer.sync()
        here.database.write(lambda c: recordings.insert(c, "rec_1", client="ann", source="live", wish=Wish()))
        here.database.write(partial(recordings.put_parts, recording_id="rec_1", new=[part]))
        writer.write(b"synced")
        [grown] = writer.sync()

        here.back_up(target)
        restore(there.database, there.audio, target)
        assert there.sound("rec_1") == b"committed, "

        here.database.write(partial(recordings.put_parts, recording_id="rec_1", new=[grown]))
    report = here.back_up(target)
    assert report.copied_bytes == len(b"committed, synced")
    for point in target.points():
        check(target, point)
    restore(there.database, there.audio, target, force=True)
    assert there.sound("rec_1") == b"committed, synced"


def test_backups_while_uploads_joins_and_deletions_go_on_are_consistent(
    here: Place, opener: Opener, target: BackupTarget, tmp_path: Path
) -> None:
    points = []
    with BusyPlace(here) as busy:
        for _ in range(4):
            report = here.back_up(target)
            assert report.missing == []
            points.append(report.point)
    assert busy.trouble == []
    assert busy.rounds > 4

    checked = 0
    for number, point in enumerate(points):
        there = Place(opener("sqlite"), tmp_path / f"there-{number}")
        restore(there.database, there.audio, target, point=point)
        for row in everything(there.database)["recordings"]:
            sound = there.sound(row["id"])
            assert len(sound) == row["received"]
            assert sound == content(row["id"], len(sound))
            checked += 1
    assert checked
