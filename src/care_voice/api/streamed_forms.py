"""A multipart form that is read as it comes: its file's bytes are handed on and are never collected.

Starlette's own reader spools a file to disk before anyone sees it, so that it is written twice.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from care_voice.domain.errors import InvalidParameter, MissingParameter, UnsupportedParameter

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_MAX_FIELDS = 64
_MAX_FIELD_BYTES = 256 * 1024
_DIRECTORIES = re.compile(r".*[/\\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FileHead:
    """What the client says of the file. `filename` has no directories in it."""

    filename: str
    media_type: str


@dataclass(slots=True)
class _Part:
    """The part that is being read."""

    name: str = ""
    data: bytearray = field(default_factory=bytearray)
    headers: dict[bytes, bytes] = field(default_factory=dict)
    is_file: bool = False


class StreamedForm:
    """Read in this order: `to_file`, `chunks`, `rest`. `fields` grows meanwhile: name -> values in order.

    All of them raise InvalidParameter where the form is malformed, cut short or holds more than it may, and
    UnsupportedParameter where a field is not in `known`.
    """

    def __init__(self, content_type: str, body: AsyncIterator[bytes], known: frozenset[str]) -> None:
        """Raises InvalidParameter where the body is not announced as a multipart form."""
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise InvalidParameter(param="file", why="the request must be multipart/form-data with a part named 'file'")
        self.fields: dict[str, list[str]] = {}
        self._known = known
        self._body = body
        self._part = _Part()
        self._header: list[bytearray] = [bytearray(), bytearray()]
        self._head: FileHead | None = None
        self._pieces: deque[bytes] = deque()
        self._file_ended = False
        self._whole = False
        self._parser = _parser(options[b"boundary"], self._callbacks())

    async def to_file(self) -> FileHead:
        """Read up to the file's first byte. Raises MissingParameter where there is no file."""
        while self._head is None:
            if not await self._feed():
                raise MissingParameter(param="file")
        return self._head

    async def chunks(self) -> AsyncIterator[bytes]:
        """The file's bytes as they come."""
        while True:
            while self._pieces:
                yield self._pieces.popleft()
            if self._file_ended:
                return
            if not await self._feed():
                raise _malformed("it ends within the file")

    async def rest(self) -> None:
        """Read what follows the file."""
        while await self._feed():
            pass

    async def _feed(self) -> bool:
        """Parse the next piece of the body; False at its end."""
        data = await anext(self._body, None)
        if data is None:
            if not self._whole:
                raise _malformed("its last boundary is missing")
            return False
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _malformed(str(error)) from error
        return True

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._header_ended,
            "on_headers_finished": self._headers_ended,
            "on_part_data": self._data,
            "on_part_end": self._ended,
            "on_end": self._closed,
        }

    def _begin(self) -> None:
        self._part = _Part()

    def _header_ended(self) -> None:
        name, value = self._header
        self._part.headers[bytes(name).lower()] = bytes(value)
        self._header = [bytearray(), bytearray()]

    def _headers_ended(self) -> None:
        part = self._part
        _, options = parse_options_header(part.headers.get(b"content-disposition"))
        part.name, part.is_file = _text(options.get(b"name", b"")), b"filename" in options
        if part.name == "file":
            self._file_begins(options.get(b"filename"))
        elif part.is_file:
            raise InvalidParameter(param=part.name[:80], why="it must be text, not a file")
        elif part.name not in self._known:
            raise UnsupportedParameter(param=part.name[:80], why="Care Voice does not know it")

    def _file_begins(self, filename: bytes | None) -> None:
        if filename is None:
            raise InvalidParameter(param="file", why="it must be an uploaded file, with a file name")
        if self._head is not None:
            raise InvalidParameter(param="file", why="it came more than once")
        media_type = _text(self._part.headers.get(b"content-type", b""))
        self._head = FileHead(_DIRECTORIES.sub("", _text(filename)), media_type)

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part.is_file:
            self._pieces.append(data[start:end])
            return
        part.data += data[start:end]
        if len(part.data) > _MAX_FIELD_BYTES:
            raise InvalidParameter(param=part.name, why=f"it is longer than {_MAX_FIELD_BYTES} bytes")

    def _ended(self) -> None:
        part = self._part
        if part.is_file:
            self._file_ended = True
            return
        self.fields.setdefault(part.name, []).append(_text(part.data))
        if sum(len(values) for values in self.fields.values()) > _MAX_FIELDS:
            raise InvalidParameter(param=part.name, why=f"there are more than {_MAX_FIELDS} fields")

    def _closed(self) -> None:
        self._whole = True


def _parser(boundary: bytes, callbacks: MultipartCallbacks) -> MultipartParser:
    try:
        return MultipartParser(boundary, callbacks)
    except FormParserError as error:
        raise _malformed(str(error)) from error


def _malformed(why: str) -> InvalidParameter:
    return InvalidParameter(param="file", why=f"the multipart form is malformed: {why}")


def _text(raw: bytes | bytearray) -> str:
    """UTF-8, as browsers send it; what is not is kept byte for byte."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
