"""What every storage of sound must do: a directory, and S3."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from care_voice.domain.ids import new_id
from care_voice.domain.recordings import Part
from care_voice.domain.store_errors import AudioMissing
from care_voice.store import audio_s3
from care_voice.store.audio import AudioStore, PartWriter, checked_key
from care_voice.store.audio_directory import DirectoryAudio

MIB = 1024 * 1024
ID = "rec_0one"


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.fixture(params=["directory", "s3"])
def audio(request: pytest.FixtureRequest, tmp_path: Path) -> AudioStore:
    if request.param == "directory":
        return DirectoryAudio(tmp_path / "audio", tmp_path / "scratch")
    return request.getfixturevalue("s3_audio")  # type: ignore[no-any-return]


def stored(audio: AudioStore, *pieces: bytes, recording_id: str = ID, start: int = 0, appender: int = 1) -> list[Part]:
    """The pieces, synced one by one by one writer."""
    parts: list[Part] = []
    with audio.writer(recording_id, start, appender) as writer:
        for piece in pieces:
            writer.write(piece)
            parts = writer.sync()
    return parts


def content(audio: AudioStore, parts: Sequence[Part], start: int = 0, end: int | None = None) -> bytes:
    return b"".join(audio.read(parts, start, end))


def keys_of(audio: AudioStore, prefix: str = "") -> list[str]:
    return [each.key for each in audio.keys(prefix)]


def test_what_was_synced_is_read_back(audio: AudioStore) -> None:
    parts = stored(audio, b"one ", b"two ", b"three")

    assert content(audio, parts) == b"one two three"
    assert (parts[0].start, parts[-1].end) == (0, 13)
    assert all(part.key.startswith(f"recordings/{ID}/") for part in parts)


def test_each_sync_tells_of_everything_the_writer_has_made_durable(audio: AudioStore) -> None:
    with audio.writer(ID, 0, 1) as writer:
        assert writer.sync() == []
        writer.write(b"one")
        first = writer.sync()
        assert writer.sync() == first
        writer.write(b"two")
        assert content(audio, first) == b"one"
        assert content(audio, writer.sync()) == b"onetwo"
        assert content(audio, first) == b"one"


def test_what_was_not_synced_is_gone_after_the_block(audio: AudioStore) -> None:
    with audio.writer(ID, 0, 1) as writer:
        writer.write(b"kept")
        parts = writer.sync()
        writer.write(b"lost")
    with audio.writer(ID, 4, 2) as writer:
        writer.write(b"lost too")

    assert content(audio, parts) == b"kept"
    assert [(each.key, each.size) for each in list(audio.keys())] == [(parts[0].key, 4)]


def test_an_error_in_the_block_costs_only_what_was_not_synced(audio: AudioStore) -> None:
    parts: list[Part] = []

    def fails(writer: PartWriter) -> None:
        with writer:
            writer.write(b"kept")
            parts.extend(writer.sync())
            writer.write(b"lost")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails(audio.writer(ID, 0, 1))
    assert content(audio, parts) == b"kept"


def test_two_writers_at_one_offset_do_not_touch_each_others_objects(audio: AudioStore) -> None:
    with audio.writer(ID, 0, 1) as old, audio.writer(ID, 0, 2) as new, audio.writer(ID, 0, 2) as twin:
        for writer, said in ((old, b"old"), (new, b"newer"), (twin, b"twin")):
            writer.write(said)
        mine = [writer.sync() for writer in (new, old, twin)]

    assert [content(audio, parts) for parts in mine] == [b"newer", b"old", b"twin"]
    assert len({part.key for parts in mine for part in parts}) == 3


def test_writers_go_on_where_others_stopped(audio: AudioStore) -> None:
    parts = [*stored(audio, b"0123", b"4567"), *stored(audio, b"89", start=8, appender=2)]

    assert content(audio, parts) == b"0123456789"
    assert content(audio, parts, 3, 9) == b"345678"
    assert content(audio, parts, 9) == b"9"
    assert content(audio, parts, 0, 100) == b"0123456789"
    assert content(audio, parts, 5, 5) == b""


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    sizes=st.lists(st.lists(st.integers(0, 40), max_size=4), max_size=4), edges=st.tuples(*[st.integers(0, 200)] * 2)
)
def test_any_stretch_of_any_parts_is_the_same_stretch_of_the_bytes(
    audio: AudioStore, sizes: list[list[int]], edges: tuple[int, int]
) -> None:
    whole, parts = b"", list[Part]()
    for appender, pieces in enumerate(sizes):
        blocks = [noise(size, len(whole) + number) for number, size in enumerate(pieces)]
        parts += stored(audio, *blocks, start=len(whole), appender=appender)
        whole += b"".join(blocks)

    assert content(audio, parts, *edges) == whole[slice(*edges)]
    joined = audio.join(ID, parts)
    assert (content(audio, [joined.part]), joined.sha256) == (whole, hashlib.sha256(whole).hexdigest())


def test_large_blocks_and_all_kinds_of_buffers_are_taken(audio: AudioStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_s3, "OBJECT_BYTES", MIB)
    whole = noise(3 * MIB + 5)
    with audio.writer(ID, 0, 1) as writer:
        writer.write(bytearray(whole[:MIB]))
        writer.write(memoryview(whole)[MIB:])
        parts = writer.sync()

    assert content(audio, parts) == whole
    assert content(audio, parts, 2 * MIB - 1, 2 * MIB + 1) == whole[2 * MIB - 1 : 2 * MIB + 1]


def test_a_writer_that_never_syncs_leaves_nothing_however_much_it_took(
    audio: AudioStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio_s3, "OBJECT_BYTES", 100)
    with audio.writer(ID, 0, 1) as writer:
        for _ in range(5):
            writer.write(noise(70))

    assert keys_of(audio) == []


@pytest.mark.parametrize("cuts", [[], [12], [3, 7, 12]])
def test_joined_parts_are_one_object_beside_the_old_ones(audio: AudioStore, cuts: list[int]) -> None:
    whole, parts = noise(cuts[-1] if cuts else 0), list[Part]()
    for appender, (start, end) in enumerate(pairwise([0, *cuts])):
        parts += stored(audio, whole[start:end], start=start, appender=appender)
    before = keys_of(audio)
    joined = audio.join(ID, parts)

    assert joined.part == Part(0, len(whole), joined.part.key)
    assert (joined.size, joined.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert keys_of(audio) == sorted([*before, joined.part.key])
    audio.delete([part.key for part in parts])
    assert content(audio, [joined.part]) == whole
    assert keys_of(audio) == [joined.part.key]


def test_a_large_recording_is_joined_whole(audio: AudioStore) -> None:
    whole = noise(audio_s3.OBJECT_BYTES * 2 + 17)
    parts = stored(audio, whole[:MIB], whole[MIB : 2 * MIB])
    parts += stored(audio, whole[2 * MIB :], start=2 * MIB, appender=2)
    joined = audio.join(ID, parts)

    assert joined.sha256 == hashlib.sha256(whole).hexdigest()
    assert content(audio, [joined.part]) == whole


def test_a_file_is_stored_whole_and_can_be_replaced(audio: AudioStore, tmp_path: Path) -> None:
    key, source = f"recordings/{ID}/playback.flac", tmp_path / "made.flac"
    for made in (b"", b"first", noise(3 * MIB)):
        source.write_bytes(made)
        put = audio.put_file(key, source)
        assert (put.size, put.sha256) == (len(made), hashlib.sha256(made).hexdigest())
        assert content(audio, [Part(0, put.size, key)]) == made
    assert keys_of(audio) == [key]


def test_keys_are_listed_in_order_below_a_prefix(audio: AudioStore) -> None:
    for name in ("rec_b", "rec_a", "rec_a-b", "rec_a.b"):
        stored(audio, b"12345", recording_id=name)
    listed = list(audio.keys())

    assert [each.key for each in listed] == sorted(each.key for each in listed)
    assert {each.size for each in listed} == {5}
    assert all(each.modified > 1.6e9 for each in listed)
    assert [key.split("/")[1] for key in keys_of(audio, "recordings/rec_a/")] == ["rec_a"]
    assert len(keys_of(audio, "recordings/rec_a")) == 3
    assert keys_of(audio, "nothing/") == []


def test_deleted_objects_are_gone_and_others_stay(audio: AudioStore) -> None:
    gone, kept = stored(audio, b"gone"), stored(audio, b"kept", appender=2)
    audio.delete([part.key for part in gone])
    audio.delete([part.key for part in gone])

    assert keys_of(audio) == [kept[0].key]
    assert content(audio, kept) == b"kept"
    with pytest.raises(AudioMissing, match="missing or cut short"):
        content(audio, gone)
    audio.delete([kept[0].key])
    assert keys_of(audio) == []


def test_parts_that_are_longer_than_they_were_acknowledged_count_as_acknowledged(
    audio: AudioStore, tmp_path: Path
) -> None:
    (whole,) = stored(audio, b"acknowledged, and not")
    part = Part(0, 12, whole.key)

    assert content(audio, [part]) == b"acknowledged"
    with audio.local([part]) as path:
        assert path.read_bytes() == b"acknowledged"
    joined = audio.join(ID, [part])
    assert content(audio, [joined.part]) == b"acknowledged"
    assert {each.size for each in list(audio.keys()) if each.key == joined.part.key} == {12}


def test_an_object_that_is_short_or_gone_is_missed(audio: AudioStore) -> None:
    (part,) = stored(audio, b"0123456789")
    short = [Part(0, 11, part.key)]
    for missed in (short, [part, Part(10, 5, f"recordings/{ID}/never")], [Part(0, 4, part.key), Part(5, 5, part.key)]):
        with pytest.raises(AudioMissing):
            content(audio, missed)
        with pytest.raises(AudioMissing):
            audio.join(ID, missed)
        with pytest.raises(AudioMissing), audio.local(missed):
            pass
    with pytest.raises(AudioMissing):
        content(audio, short, 10)
    assert content(audio, short, 0, 10) == b"0123456789"
    assert keys_of(audio) == [part.key]


def test_a_local_file_has_the_bytes_of_all_parts(audio: AudioStore, tmp_path: Path) -> None:
    one, two = stored(audio, b"0123"), stored(audio, b"4567", start=4, appender=2)
    with audio.local(one) as single, audio.local([*one, *two]) as several:
        assert (single.read_bytes(), several.read_bytes()) == (b"0123", b"01234567")
        assert several.stat().st_mode & 0o077 == 0
    assert not several.exists()
    assert list((tmp_path / "scratch").iterdir()) == []
    assert content(audio, one) == b"0123"


def test_room_that_is_left_is_known_or_said_to_be_unknown(audio: AudioStore) -> None:
    free = audio.free_bytes()
    assert free is None or free > 0


@pytest.mark.parametrize(
    "key",
    ["", "x", "/etc/passwd", "recordings/../../etc/passwd", "recordings//x", "recordings/.x", "a/b/", "a/b\n", "a/\x00",
     "../a/b"],
)  # fmt: skip
def test_a_key_cannot_lead_out_of_the_storage(audio: AudioStore, key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        audio.delete([key])
    with pytest.raises(ValueError, match="key"):
        audio.put_file(key, Path(__file__))
    with pytest.raises(ValueError, match="key"):
        content(audio, [Part(0, 1, key)])


def test_real_ids_make_good_keys(audio: AudioStore) -> None:
    (part,) = stored(audio, b"x", recording_id=new_id("rec", 1.7e9))
    assert checked_key(part.key) == part.key


def test_what_others_have_put_there_is_no_object(tmp_path: Path) -> None:
    audio = DirectoryAudio(tmp_path / "audio")
    [part] = stored(audio, b"sound")
    folder = (tmp_path / "audio" / part.key).parent
    for name in (".DS_Store", ".nfs0001", "copy of it.wav", "錄音.wav"):
        (folder / name).write_bytes(b"")

    assert keys_of(audio) == [part.key]
