"""A multipart form with one file: its fields as they came, its file on disk under a name of ours."""

from __future__ import annotations

import asyncio
import errno
import shutil
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from care_voice.domain.errors import InvalidParameter, MissingParameter, UnsupportedParameter
from care_voice.domain.service_errors import StorageFull

_MAX_FIELDS = 64
_MAX_FIELD_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Form:
    """`fields` maps each name to its values in order; `path` is the uploaded file."""

    path: Path
    fields: Mapping[str, Sequence[str]]


@asynccontextmanager
async def received_form(request: Request, incoming_dir: Path, known: frozenset[str]) -> AsyncIterator[Form]:
    """Receive the request's form; the file is deleted when the context ends.

    Its name in the request is never used: it may hold path separators, and it may tell who was recorded.

    Raises:
        InvalidParameter: The body is not a multipart form, or a field is a file or is too long.
        MissingParameter: There is no file.
        StorageFull: The disk has no room for it.
        UnsupportedParameter: A field is not in `known`.
    """
    path = incoming_dir / uuid.uuid4().hex
    try:
        fields = await _receive(request, path, known)
        yield Form(path, fields)
    finally:
        path.unlink(missing_ok=True)


async def _receive(request: Request, path: Path, known: frozenset[str]) -> dict[str, list[str]]:
    try:
        form = await _parse(request)
        try:
            fields = _fields(form, known)
            await asyncio.to_thread(_store, _file(form), path)
        finally:
            await form.close()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull from error
        raise
    return fields


async def _parse(request: Request) -> FormData:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InvalidParameter(param="file", why="the request must be multipart/form-data with a part named 'file'")
    try:
        return await request.form(max_files=1, max_fields=_MAX_FIELDS, max_part_size=_MAX_FIELD_BYTES)
    except HTTPException as error:
        raise InvalidParameter(param="file", why=f"the multipart form is malformed: {error.detail}") from error


def _file(form: FormData) -> UploadFile:
    upload = form.get("file")
    if upload is None:
        raise MissingParameter(param="file")
    if not isinstance(upload, UploadFile):
        raise InvalidParameter(param="file", why="it must be an uploaded file, with a file name")
    return upload


def _fields(form: FormData, known: frozenset[str]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if name == "file":
            continue
        if not isinstance(value, str):
            raise InvalidParameter(param=name, why="it must be text, not a file")
        if name not in known:
            raise UnsupportedParameter(param=name, why="Care Voice does not know it")
        fields.setdefault(name, []).append(value)
    return fields


def _store(upload: UploadFile, path: Path) -> None:
    with path.open("xb") as file:
        path.chmod(0o600)
        shutil.copyfileobj(upload.file, file, 1 << 20)
