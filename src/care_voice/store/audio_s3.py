"""The sound of recordings in S3-compatible storage: an object for each stretch of bytes that was made durable.

What the server must be able to do is in docs/recordings.md. Uploads carry Content-MD5, which every server checks, and
no checksums of newer kinds, which some refuse.
"""

from __future__ import annotations

import base64
import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.recordings import Part
from care_voice.domain.service_errors import StorageFull
from care_voice.domain.store_errors import AudioMissing, AudioUnavailable
from care_voice.store.audio import (
    BLOCK_BYTES,
    Digest,
    Joined,
    PartWriter,
    Put,
    StoredObject,
    checked_key,
    fixed_blocks,
    is_key,
    joined_key,
    part_key,
    spans,
)
from care_voice.store.audio_directory import blocks_of, private_copy
from care_voice.store.audio_settings import S3Settings

OBJECT_BYTES: Final = 8 * 1024 * 1024
"""So much of a writer's sound is held in memory, and sent in one request. S3 wants 5 MiB at least of it in uploads by
parts."""

_MOST_PARTS = 10_000
_DELETED_TOGETHER = 8
_GONE = frozenset({"NoSuchKey", "404", "InvalidRange", "416"})
"""Codes, not statuses: a bucket that is missing says 404 as well, and is no reason to call a recording lost."""
_NO_ROOM = frozenset({"507", "QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"})
_PASSING = frozenset({"429", "BadDigest", "RequestTimeout", "SlowDown", "Throttling", "TooManyRequests"})
_NO_ROOM_STATUS = 507


class S3Audio:
    """An `AudioStore` in a bucket. `scratch` is where private copies are made for a while (None: where the system has
    its temporary files)."""

    def __init__(self, settings: S3Settings, scratch: Path | None = None) -> None:
        self._settings = settings
        self._scratch = scratch
        self._made: Any = None
        self._lock = threading.Lock()

    def writer(self, recording_id: str, start: int, appender: int) -> PartWriter:
        return _ObjectWriter(self, recording_id, start, appender)

    def read(self, parts: Sequence[Part], start: int = 0, end: int | None = None) -> Iterator[bytes]:
        for key, first, last in spans(parts, start, end):
            yield from self._read_object(key, first, last)

    def _read_object(self, key: str, first: int, last: int) -> Iterator[bytes]:
        """Goes on at the byte after a cut: the server answers anew with what is left."""
        failures = 0
        while first < last:
            body = self._opened(key, first, last)
            try:
                with closing(body):
                    for block in body.iter_chunks(BLOCK_BYTES):
                        failures, first = 0, first + len(block)
                        yield block
            except _vendor_errors() as error:
                failures += 1
                self._wait_or_raise(error, failures, key)
            else:
                if first < last:
                    raise AudioMissing(key=key)

    def _opened(self, key: str, first: int, last: int) -> Any:
        answer = self._ask("get_object", key, Range=f"bytes={first}-{last - 1}")
        if not str(answer.get("ContentRange", "")).startswith(f"bytes {first}-"):
            answer["Body"].close()
            raise AudioUnavailable(why="the server does not answer with the range that was asked for")
        return answer["Body"]

    def join(self, recording_id: str, parts: Sequence[Part]) -> Joined:
        key, digest = joined_key(recording_id), Digest()
        size = parts[-1].end if parts else 0
        self._upload(key, digest.over(self.read(parts)), size)
        return Joined(Part(0, digest.size, key), digest.sha256, digest.size)

    def put_file(self, key: str, path: Path) -> Put:
        digest = Digest()
        try:
            size = path.stat().st_size
        except OSError as error:
            raise AudioUnavailable(why=error.strerror or str(error)) from error
        self._upload(key, digest.over(blocks_of(path)), size)
        return digest.put()

    def _upload(self, key: str, chunks: Iterable[bytes], size: int) -> None:
        """Store bytes of about this size; they appear whole or not at all."""
        block_bytes = max(OBJECT_BYTES, -(-size // _MOST_PARTS))
        blocks = fixed_blocks(chunks, block_bytes)
        first = next(blocks)
        if len(first) < block_bytes:
            self.put(key, first)
            return
        self._upload_in_parts(key, first, blocks)

    def _upload_in_parts(self, key: str, first: bytes, others: Iterator[bytes]) -> None:
        upload = self._ask("create_multipart_upload", key)["UploadId"]
        try:
            sent, number, block = [], 1, first
            while block:
                answer = self._ask(
                    "upload_part", key, UploadId=upload, PartNumber=number, Body=block, ContentMD5=_md5(block)
                )
                sent.append({"PartNumber": number, "ETag": answer["ETag"]})
                number, block = number + 1, next(others, b"")
            self._ask("complete_multipart_upload", key, UploadId=upload, MultipartUpload={"Parts": sent})
        except BaseException:
            # What stays of it is removed by the bucket's own rule.
            with suppress(CareVoiceError):
                self._ask("abort_multipart_upload", key, UploadId=upload)
            raise

    def put(self, key: str, content: bytes) -> None:
        """Store an object. Raises StorageFull, AudioUnavailable."""
        self._ask("put_object", key, Body=content, ContentMD5=_md5(content))

    def delete(self, keys: Iterable[str]) -> None:
        # One request for many keys exists, and is what S3-compatible servers agree on least.
        with ThreadPoolExecutor(min(_DELETED_TOGETHER, self._settings.connections)) as threads:
            for done in [threads.submit(self._ask, "delete_object", key) for key in keys]:
                done.result()

    def local(self, parts: Sequence[Part]) -> AbstractContextManager[Path]:
        return private_copy(self.read(parts), self._scratch)

    def keys(self, prefix: str = "") -> Iterator[StoredObject]:
        ours = len(self._settings.prefix)
        more: dict[str, str] = {}
        while True:
            page = self._try(partial(self._list, self._settings.prefix + prefix, more), "")
            for each in page.get("Contents", ()):
                if is_key(each["Key"][ours:]):
                    yield StoredObject(each["Key"][ours:], each["Size"], each["LastModified"].timestamp())
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _list(self, prefix: str, more: dict[str, str]) -> Any:
        return self._client().list_objects_v2(Bucket=self._settings.bucket, Prefix=prefix, **more)

    def free_bytes(self) -> int | None:
        return None

    def _ask(self, operation: str, key: str, **parameters: Any) -> Any:
        """One request about one object, tried again where that may help.

        Raises:
            AudioMissing, StorageFull, AudioUnavailable: As the server says, or does not say in time.
        """
        name = self._settings.prefix + checked_key(key)
        call = getattr(self._client(), operation)
        return self._try(partial(call, Bucket=self._settings.bucket, Key=name, **parameters), key)

    def _try(self, call: Callable[[], Any], key: str) -> Any:
        failures = 0
        while True:
            try:
                return call()
            except _vendor_errors() as error:
                failures += 1
                self._wait_or_raise(error, failures, key)

    def _wait_or_raise(self, error: Exception, failures: int, key: str) -> None:
        if failures >= self._settings.attempts or not _may_pass(error):
            raise _in_our_words(error, key) from error
        longest_s = min(self._settings.backoff_max_s, self._settings.backoff_first_s * 2 ** (failures - 1))
        time.sleep(random.uniform(0, longest_s))  # noqa: S311 - spreads requests, and guards nothing

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = _made_client(self._settings)
            return self._made


class _ObjectWriter:
    """A `PartWriter` that makes an object at each sync, and whenever it holds as much as one object may have."""

    def __init__(self, store: S3Audio, recording_id: str, start: int, appender: int) -> None:
        self._store = store
        self._recording_id = recording_id
        self._appender = appender
        self._end = start
        """Where the bytes begin that are held here."""
        self._held = bytearray()
        self._parts: list[Part] = []
        self._safe = 0
        """How many of the parts a sync has returned."""

    def __enter__(self) -> _ObjectWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.clear()
        unsafe = [part.key for part in self._parts[self._safe :]]
        if unsafe:
            # What stays is swept.
            with suppress(CareVoiceError):
                self._store.delete(unsafe)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._held and len(self._held) + len(data) > OBJECT_BYTES:
            self._send()
        self._held += data

    def sync(self) -> list[Part]:
        if self._held:
            self._send()
        self._safe = len(self._parts)
        return list(self._parts)

    def _send(self) -> None:
        # Each try of ours has a key of its own: a request that was given up may still arrive, after a later one.
        key = part_key(self._recording_id, self._end, self._appender)
        self._store.put(key, bytes(self._held))
        self._parts.append(Part(self._end, len(self._held), key))
        self._end += len(self._held)
        self._held.clear()


def _md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def _made_client(settings: S3Settings) -> Any:
    import boto3  # noqa: PLC0415 - 200 ms that a directory never pays
    from botocore.config import Config  # noqa: PLC0415 - as above

    style = settings.addressing
    config = Config(
        connect_timeout=settings.connect_timeout_s,
        read_timeout=settings.read_timeout_s,
        max_pool_connections=settings.connections,
        retries={"total_max_attempts": 1, "mode": "standard"},
        s3={"addressing_style": "path" if style == "auto" and settings.endpoint else style},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = boto3.session.Session(
        aws_access_key_id=settings.access_key or None,
        aws_secret_access_key=settings.secret_key or None,
        region_name=settings.region or ("us-east-1" if settings.endpoint else None),
    )
    verify = str(settings.ca_file) if settings.ca_file else None
    return session.client("s3", endpoint_url=settings.endpoint or None, verify=verify, config=config)


def _vendor_errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as for the client

    return BotoCoreError, ClientError


def _may_pass(error: Exception) -> bool:
    """Whether the same request may work later."""
    from botocore import exceptions as vendor  # noqa: PLC0415 - as for the client

    if isinstance(error, vendor.ClientError):
        return (_status(error) >= 500 and not _is_full(error)) or not _PASSING.isdisjoint(_codes(error))
    return isinstance(error, vendor.ConnectionError | vendor.HTTPClientError | vendor.IncompleteReadError)


def _in_our_words(error: Exception, key: str) -> CareVoiceError:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - as for the client

    if isinstance(error, ClientError):
        if key and _code(error) in _GONE:
            return AudioMissing(key=key)
        if _is_full(error):
            return StorageFull()
    return AudioUnavailable(why=str(error))


def _is_full(error: Any) -> bool:
    return _status(error) == _NO_ROOM_STATUS or not _NO_ROOM.isdisjoint(_codes(error))


def _codes(error: Any) -> set[str]:
    return {_code(error), str(_status(error))}


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
