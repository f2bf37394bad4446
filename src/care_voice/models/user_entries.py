"""The operator's own models, from a TOML file.

[models.visits]                       # fine-tuned weights on a hub, at one commit
hub = "organisation/whisper-visits"
revision = "0123456789abcdef0123456789abcdef01234567"
files = ["config.json", "model.bin", "tokenizer.json", "vocabulary.txt"]

[models.local]                        # a directory on this machine
directory = "/srv/models/local"

[models.mirrored]                     # single addresses
urls = ["https://models.example/a/config.json", "https://models.example/a/model.bin"]

[models.mirrored.digests]             # optional: else they are recorded at the first pull
"model.bin" = { size = 145217532, sha256 = "d01c3014..." }
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec

from care_voice.domain.model_errors import CatalogueInvalid
from care_voice.models.catalogue import Catalogue, CatalogueModel, FileEntry, RepoName, Revision, SafeName, Sha256


class _Digest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: Annotated[int, msgspec.Meta(ge=1)]
    sha256: Sha256


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hub: RepoName | None = None
    revision: Revision = ""
    directory: str | None = None
    urls: tuple[str, ...] = ()
    files: tuple[SafeName, ...] = ()
    digests: dict[SafeName, _Digest] = {}
    languages: Literal["multilingual", "english"] = "multilingual"
    note: str = ""
    licence: str = "not stated"
    format: str = "CTranslate2"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    models: dict[str, Any] = {}


def read_user_entries(path: Path, shipped: Catalogue) -> tuple[CatalogueModel, ...]:
    """The models in the file; none when there is no file.

    Raises:
        CatalogueInvalid: It cannot be read, an entry is not valid, or it takes the name of a shipped model. The entry
            is named.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueInvalid(path=path, why=str(error)) from error
    try:
        file = msgspec.convert(tomllib.loads(content), _File)
        return tuple(_named(name, fields, shipped) for name, fields in file.models.items())
    except RecursionError as error:
        raise CatalogueInvalid(path=path, why="it is nested too deeply") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as error:
        raise CatalogueInvalid(path=path, why=str(error)) from error


def _named(name: str, fields: object, shipped: Catalogue) -> CatalogueModel:
    """One model. What is wrong with it is told with its name: a file can have many."""
    try:
        return _model(_safe(name), msgspec.convert(fields, _Entry), shipped)
    except ValueError as error:
        raise ValueError(f"`{name}`: {error}") from error


def _model(name: str, entry: _Entry, shipped: Catalogue) -> CatalogueModel:
    if shipped.knows(name):
        raise ValueError("this is the name of a model that Care Voice knows; choose another one")
    _require_one_origin(entry)
    urls = _by_file_name(entry.urls)
    return CatalogueModel(
        name=name,
        languages=entry.languages,
        note=entry.note,
        licence=entry.licence,
        format=entry.format,
        files=_pinned(entry, set(urls) | set(entry.files)),
        hub_repo=entry.hub,
        revision=entry.revision,
        urls=urls,
        wanted=entry.files,
        directory=entry.directory,
    )


def _require_one_origin(entry: _Entry) -> None:
    if sum((entry.hub is not None, entry.directory is not None, bool(entry.urls))) != 1:
        raise ValueError("it needs exactly one of hub, directory and urls")
    if (entry.hub is not None) != bool(entry.revision):
        raise ValueError("a hub repository needs a revision, its full commit, and nothing else has one")
    if entry.urls and entry.files:
        raise ValueError("the urls say which files there are; leave out files")
    if len(set(entry.files)) != len(entry.files):
        raise ValueError("a file is named twice")
    if entry.directory is not None and (not Path(entry.directory).is_absolute() or "\0" in entry.directory):
        raise ValueError("the directory must be an absolute path")


def _pinned(entry: _Entry, named: set[str]) -> tuple[FileEntry, ...]:
    if entry.digests and named and named != set(entry.digests):
        raise ValueError("digests must be given for all of its files or for none")
    return tuple(FileEntry(file, each.size, each.sha256) for file, each in entry.digests.items())


def _by_file_name(urls: tuple[str, ...]) -> dict[str, str]:
    found = {_file_name(url): url for url in urls}
    if len(found) != len(urls):
        raise ValueError("two urls end in the same file name")
    return found


def _file_name(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(f"{url} is not an http or https address")
    if parts.username is not None:
        raise ValueError("an address must not hold a password: it is written down with the model")
    return _safe(unquote(parts.path.rsplit("/", 1)[-1]))


def _safe(name: str) -> str:
    try:
        return msgspec.convert(name, SafeName)
    except msgspec.ValidationError:
        raise ValueError(f"{name!r} is no name: up to 128 letters, digits, '.', '_' and '-'") from None
