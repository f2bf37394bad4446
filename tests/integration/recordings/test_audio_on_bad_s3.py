"""S3 that answers with errors, slowly, or not at all: bounded tries, a clear error, and nothing lost."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from care_voice.domain.recordings import Part
from care_voice.domain.service_errors import StorageFull
from care_voice.domain.store_errors import AudioMissing, AudioUnavailable
from care_voice.store import audio_s3
from care_voice.store.audio_s3 import S3Audio
from support.s3 import (
    PAGE_KEYS,
    SECRET,
    Exchange,
    FaultyS3,
    S3Server,
    cut_after,
    done_but_refused,
    hang_up,
    late,
    refused,
    silent,
)

ID = "rec_0one"
WHOLE = bytes(range(256)) * 40_000
Make = Callable[..., S3Audio]


@pytest.fixture
def make(s3_server: S3Server, s3_bucket: str, faulty_s3: FaultyS3, tmp_path: Path) -> Make:
    """Makes a storage that reaches the server by way of the proxy."""
    return lambda **others: S3Audio(s3_server.settings(s3_bucket, faulty_s3.url, **others), tmp_path / "scratch")


@pytest.fixture
def audio(make: Make) -> S3Audio:
    return make()


def stored(audio: S3Audio, content: bytes = b"acknowledged") -> list[Part]:
    with audio.writer(ID, 0, 1) as writer:
        writer.write(content)
        return writer.sync()


def content(audio: S3Audio, parts: list[Part]) -> bytes:
    return b"".join(audio.read(parts))


def keys(audio: S3Audio) -> list[str]:
    return [each.key for each in list(audio.keys())]


PASSING = [
    refused(500),
    refused(503, "SlowDown"),
    refused(429, "TooMany"),
    refused(400, "RequestTimeout"),
    done_but_refused,
    hang_up,
]


@pytest.mark.parametrize("fault", PASSING)
def test_faults_that_pass_are_not_noticed(
    audio: S3Audio, faulty_s3: FaultyS3, fault: Callable[[Exchange], None]
) -> None:
    faulty_s3.faults.extend([fault, fault])
    parts = stored(audio)
    faulty_s3.faults.extend([fault, fault])
    assert content(audio, parts) == b"acknowledged"
    faulty_s3.faults.extend([fault, fault])
    assert keys(audio) == [parts[0].key]
    faulty_s3.faults.extend([fault, fault])
    joined = audio.join(ID, parts)
    faulty_s3.faults.extend([fault, fault])
    audio.delete([parts[0].key])

    assert keys(audio) == [joined.part.key]
    assert content(audio, [joined.part]) == b"acknowledged"


def test_a_server_that_stays_away_is_given_up_after_the_tries_that_were_set(
    audio: S3Audio, faulty_s3: FaultyS3
) -> None:
    parts = stored(audio)
    faulty_s3.then = refused(500)
    faulty_s3.asked.clear()
    for ask in (
        lambda: content(audio, parts), lambda: stored(audio), lambda: audio.delete([parts[0].key]), lambda: keys(audio),
        lambda: audio.put_file(f"recordings/{ID}/playback.flac", Path(__file__)), lambda: audio.join(ID, parts),
    ):  # fmt: skip
        with pytest.raises(AudioUnavailable):
            ask()
        assert len(faulty_s3.asked) == 3
        faulty_s3.asked.clear()
    faulty_s3.then = None
    assert content(audio, parts) == b"acknowledged"
    assert keys(audio) == [parts[0].key]


def test_what_a_failed_sync_held_can_be_synced_later_with_more(audio: S3Audio, faulty_s3: FaultyS3) -> None:
    with audio.writer(ID, 0, 1) as writer:
        writer.write(b"one ")
        writer.sync()
        writer.write(b"two ")
        # All three tries reach the server, and no answer comes back: its object must not be taken for the later one.
        faulty_s3.faults.extend([done_but_refused] * 3)
        with pytest.raises(AudioUnavailable):
            writer.sync()
        writer.write(b"three")
        parts = writer.sync()

    assert content(audio, parts) == b"one two three"
    assert len(keys(audio)) == 3, "one that no part names is left for the sweep"


def test_an_answer_that_never_comes_is_a_failed_try(make: Make, faulty_s3: FaultyS3) -> None:
    audio = make(read_timeout_s=0.5)
    faulty_s3.faults.append(silent)
    assert content(audio, stored(audio)) == b"acknowledged"
    faulty_s3.then = silent
    with pytest.raises(AudioUnavailable):
        stored(audio)


def test_a_slow_answer_is_waited_for(audio: S3Audio, faulty_s3: FaultyS3) -> None:
    faulty_s3.then = late(0.3)
    assert content(audio, stored(audio)) == b"acknowledged"
    assert faulty_s3.asked == ["PUT", "GET"]


def test_a_server_that_is_not_there_is_given_up(s3_server: S3Server) -> None:
    audio = S3Audio(s3_server.settings("bucket", "http://127.0.0.1:9"))
    with pytest.raises(AudioUnavailable, match="Could not connect"):
        stored(audio)


@pytest.mark.parametrize("cut", [0, 1, 2_000_000, len(WHOLE) - 1])
def test_a_read_that_is_cut_goes_on_at_the_next_byte(audio: S3Audio, faulty_s3: FaultyS3, cut: int) -> None:
    parts = stored(audio, WHOLE)
    faulty_s3.faults.extend([cut_after(cut), cut_after(cut // 2)])
    read = content(audio, parts)

    assert hashlib.sha256(read).digest() == hashlib.sha256(WHOLE).digest()


def test_a_read_that_is_always_cut_ends(audio: S3Audio, faulty_s3: FaultyS3) -> None:
    parts = stored(audio, WHOLE)
    faulty_s3.then = cut_after(0)
    with pytest.raises(AudioUnavailable):
        content(audio, parts)


def test_a_full_server_is_a_full_disk(audio: S3Audio, faulty_s3: FaultyS3) -> None:
    for fault in (refused(507, "XMinioStorageFull"), refused(403, "QuotaExceeded")):
        faulty_s3.faults.append(fault)
        faulty_s3.asked.clear()
        with pytest.raises(StorageFull):
            stored(audio)
        assert faulty_s3.asked == ["PUT"], "to try again would not help"


def test_a_server_that_refuses_is_asked_once(audio: S3Audio, faulty_s3: FaultyS3) -> None:
    faulty_s3.faults.append(refused(403, "AccessDenied"))
    with pytest.raises(AudioUnavailable, match="AccessDenied"):
        stored(audio)
    assert faulty_s3.asked == ["PUT"]


def test_a_bucket_that_is_not_there_is_no_lost_recording(s3_server: S3Server) -> None:
    audio = S3Audio(s3_server.settings("no-such-bucket"))
    with pytest.raises(AudioUnavailable, match="NoSuchBucket"):
        content(audio, [Part(0, 5, f"recordings/{ID}/x")])
    with pytest.raises(AudioUnavailable, match="NoSuchBucket"):
        stored(audio)


def test_a_bucket_that_holds_other_things_shows_ours_alone(s3_server: S3Server, s3_bucket: str) -> None:
    ours, theirs = (S3Audio(s3_server.settings(s3_bucket, prefix=prefix)) for prefix in ("care/", "other/"))
    mine, other = stored(ours, b"mine"), stored(theirs, b"theirs")

    assert (keys(ours), keys(theirs)) == ([mine[0].key], [other[0].key])
    with pytest.raises(AudioMissing):
        content(ours, other)


def test_many_objects_are_listed_page_by_page(
    audio: S3Audio, faulty_s3: FaultyS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio_s3, "OBJECT_BYTES", 1)
    with audio.writer(ID, 0, 1) as writer:
        for number in range(PAGE_KEYS * 2 + 1):
            writer.write(bytes([number % 256]))
        parts = writer.sync()
    faulty_s3.asked.clear()
    found = keys(audio)

    assert found == sorted(part.key for part in parts)
    assert (len(found), faulty_s3.asked) == (PAGE_KEYS * 2 + 1, ["GET", "GET", "GET"])


def test_an_upload_by_parts_that_fails_leaves_no_object(
    audio: S3Audio, faulty_s3: FaultyS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio_s3, "OBJECT_BYTES", 5 * 1024 * 1024)
    parts = stored(audio, WHOLE[: 4 * 1024 * 1024])
    more = stored(audio, WHOLE[: 4 * 1024 * 1024])
    whole = [*parts, Part(parts[0].end, more[0].length, more[0].key)]
    before = keys(audio)

    def fails_at_the_end(exchange: Exchange) -> None:
        if exchange.method == "POST" and "uploadId" in exchange.path:
            refused(500)(exchange)
        else:
            exchange.answer(exchange.forward())

    faulty_s3.then = fails_at_the_end
    with pytest.raises(AudioUnavailable):
        audio.join(ID, whole)
    faulty_s3.then = None
    assert keys(audio) == before
    assert faulty_s3.asked[-2:] == ["DELETE", "GET"], "the upload was given back"
    assert audio.join(ID, whole).size == 8 * 1024 * 1024


def test_secrets_are_in_no_text(
    audio: S3Audio, faulty_s3: FaultyS3, s3_server: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    parts = stored(audio)
    faulty_s3.faults.append(refused(403, "SignatureDoesNotMatch"))
    with pytest.raises(AudioUnavailable) as refusal:
        content(audio, parts)

    assert SECRET not in repr(s3_server.settings("bucket"))
    assert SECRET not in f"{refusal.value!r} {refusal.value.__cause__!r}"
    assert SECRET not in caplog.text
