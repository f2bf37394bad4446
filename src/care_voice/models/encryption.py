"""Encryption to public keys in the format of age, both ways as a stream: no model is ever whole in memory.

What comes out of a decryption was authenticated piece by piece, and is verified by its digest like anything else.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

from care_voice.domain.errors import InvalidParameter
from care_voice.domain.model_errors import DecryptionFailed
from care_voice.models.streams import CHUNK_BYTES, Joined, Readable, Sink

Recipient: TypeAlias = object
"""A public key, as the library holds it."""
Identity: TypeAlias = object
"""A private key, as the library holds it."""

MAGIC = b"age-encryption.org/v1\n"
SUFFIX = ".age"
_END_OF_HEADER = re.compile(rb"\n---[^\n]*\n")
_HEADER_LIMIT_BYTES = 64 * 1024
_IDENTITY_LIMIT_BYTES = 64 * 1024


def recipients_of(texts: Sequence[str]) -> tuple[Recipient, ...]:
    """Public keys to encrypt to: `age1...`, `ssh-ed25519 ...` or `ssh-rsa ...`. Raises InvalidParameter."""
    return tuple(_recipient(text.strip()) for text in texts)


def _recipient(text: str) -> Recipient:
    import pyrage  # noqa: PLC0415 - a library of several megabytes, which only encryption needs

    kind = pyrage.ssh.Recipient if text.startswith("ssh-") else pyrage.x25519.Recipient
    try:
        return kind.from_str(text)
    except pyrage.RecipientError as error:
        raise InvalidParameter(param="recipient", why=f"{text!r} is not an age or SSH public key ({error})") from error


def identities_of(paths: Sequence[Path]) -> tuple[Identity, ...]:
    """Private keys in files: age identities, one a line, or an SSH key without passphrase. Raises InvalidParameter."""
    return tuple(identity for path in paths for identity in _identities_in(path))


def _identities_in(path: Path) -> list[Identity]:
    import pyrage  # noqa: PLC0415 - see above

    try:
        with path.open("rb") as file:
            content = file.read(_IDENTITY_LIMIT_BYTES)
        if content.startswith(b"-----BEGIN"):
            return [pyrage.ssh.Identity.from_buffer(content)]
        lines = (line.strip() for line in content.decode("ascii").splitlines())
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError, pyrage.IdentityError) as error:
        # The reason is not passed on when it is about the content: nothing of a private key belongs into a message.
        why = error.strerror if isinstance(error, OSError) else "it holds no private key of age or SSH"
        raise InvalidParameter(param="identity", why=f"{path}: {why}") from error
    if not found:
        raise InvalidParameter(param="identity", why=f"{path}: it is empty")
    return found


def is_encrypted(start: bytes) -> bool:
    """Whether a file that begins with these bytes is encrypted."""
    return start.startswith(MAGIC)


def encrypt(source: Readable, sink: Sink, recipients: Sequence[Recipient]) -> None:
    """Encrypt everything from `source` into `sink`. Raises what they raise."""
    import pyrage  # noqa: PLC0415 - see above

    reader, writer = _Reader(source), _Writer(sink)
    try:
        pyrage.encrypt_io(reader, writer, recipients)
    except Exception as error:
        raise (reader.error or writer.error or error) from error


def decrypt(source: Readable, path: Path, sink: Sink, identities: Sequence[Identity]) -> None:
    """Decrypt everything from `source`, which `path` names for people, into `sink`.

    Raises DecryptionFailed, also at the end where the file is cut off, and what `source` and `sink` raise.
    """
    import pyrage  # noqa: PLC0415 - see above

    if not identities:
        raise DecryptionFailed(path=path, why="it is encrypted, and no private key was given")
    reader, writer = _Reader(_with_whole_header(source, path)), _Writer(sink)
    try:
        pyrage.decrypt_io(reader, writer, identities)
    except Exception as error:
        if (own := reader.error or writer.error) is not None:
            raise own from error
        none_fits = "No matching keys" in str(error)
        why = "none of the private keys given fits" if none_fits else f"it is damaged or cut off ({error})"
        raise DecryptionFailed(path=path, why=why) from error


def _with_whole_header(source: Readable, path: Path) -> Readable:
    """The stream, once its header is known to end: the library would read one without an end into memory."""
    head = b""
    while not _END_OF_HEADER.search(head):
        more = source.read(_HEADER_LIMIT_BYTES - len(head))
        if not more:
            raise DecryptionFailed(path=path, why="its header has no end")
        head += more
    return Joined(head, source)


class _Reader:
    """Keeps what the stream raised: the library passes on its text alone."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self.error: BaseException | None = None

    def read(self, count: int) -> bytes:
        try:
            return self._stream.read(count)
        except BaseException as error:
            self.error = error
            raise


class _Writer:
    """The same for what is written."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.error: BaseException | None = None

    def write(self, chunk: bytes) -> int:
        try:
            return self._sink.write(chunk)
        except BaseException as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._sink.flush()


@contextmanager
def encrypting(sink: Sink, recipients: Sequence[Recipient]) -> Iterator[Sink]:
    """Yield a sink whose bytes arrive in `sink` encrypted, all of them by the end of the block.

    Without recipients it is `sink` itself. Raises what `sink` raises, in this thread.
    """
    if not recipients:
        yield sink
        return
    reading, writing = _pipe()

    def work() -> None:
        with reading:
            encrypt(reading, sink, recipients)

    task = _Task(work)
    try:
        with writing:
            yield writing
    except BrokenPipeError:
        task.result()
        raise
    finally:
        task.wait()
    task.result()


@contextmanager
def decrypting(source: Readable, path: Path, identities: Sequence[Identity]) -> Iterator[Readable]:
    """Yield a stream of what `source` holds encrypted. Reading it raises DecryptionFailed and what `source` raises."""
    reading, writing = _pipe()

    def work() -> None:
        # Where nobody reads any more this fails, and nobody asks why.
        with writing:
            decrypt(source, path, writing, identities)

    task = _Task(work)
    try:
        with reading:
            yield _Decrypted(reading, task)
    finally:
        task.wait()


class _Decrypted:
    """At its end it says whether that was the end of the file, or of the decryption."""

    def __init__(self, stream: Readable, task: _Task) -> None:
        self._stream = stream
        self._task = task

    def read(self, count: int, /) -> bytes:
        chunk = self._stream.read(count)
        if count and not chunk:
            self._task.result()
        return chunk


class _Task:
    """Work in a thread beside this one."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), name="age", daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised in the other thread
            self._error = error

    def wait(self) -> None:
        self._thread.join()

    def result(self) -> None:
        """Wait, and raise what the work raised."""
        self.wait()
        if self._error is not None:
            raise self._error


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    """The two ends of a pipe. Closing one ends the other side's work."""
    reading, writing = os.pipe()
    return os.fdopen(reading, "rb", buffering=CHUNK_BYTES), os.fdopen(writing, "wb", buffering=CHUNK_BYTES)
