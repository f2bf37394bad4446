"""The library: recordings are listed, searched, described, put into the trash and taken out of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import structlog

from care_voice.domain import labels
from care_voice.domain.errors import InvalidParameter, RequestError
from care_voice.domain.excerpts import Excerpt, Hit, excerpt, find_hits, relevance
from care_voice.domain.languages import LANGUAGES, UNDETERMINED, language_advice
from care_voice.domain.library import (
    Change,
    Count,
    Cursor,
    Filters,
    Found,
    Match,
    Order,
    Outcome,
    Page,
    Summary,
    read_cursor,
)
from care_voice.domain.recordings import Recording
from care_voice.domain.scripts import joined
from care_voice.domain.searching import MAX_QUERY_CHARACTERS, Wanted, parse_query
from care_voice.domain.service_errors import StorageFull
from care_voice.domain.store_errors import LegalHold, StoreError, VersionConflict
from care_voice.store import events, library, recordings, search
from care_voice.store.database import Connection, Database
from care_voice.store.library import Document, SegmentFound

log = structlog.get_logger(__name__)

Action = Literal["tag", "untag", "trash", "restore"]
MAX_PAGE = 200
MAX_BULK = 500
MAX_NOTES = 20_000
MAX_TAGS_LISTED = 1_000
MAX_COUNTED = 1_000
MOST_RANKED = 300
"""Relevance orders this many of the newest matches: to weigh every match of a common word would take seconds."""
_IDS_OF_A_TRANSACTION = 25
_LINES_OF_A_SUMMARY = 4
_LOOK_AGAIN_S = 600.0
_Work = Callable[[Connection, str], Recording]


class Library:
    """Recordings as people find and describe them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def find(self, filters: Filters, order: Order, cursor: str | None, limit: int) -> Page:
        """A page of recordings, with the parts of them that have what was searched.

        Raises:
            InvalidParameter: The cursor is not one of this list, the query is too long, the language is not known, or
                relevance is asked for where nothing is searched.
        """
        wanted = _parsed(filters, order)
        place = read_cursor(cursor, order, searched=library.searched(filters))
        if wanted is not None and not wanted:
            return Page((), None)
        find = _ranked if order == "relevance" else _page
        return await self._db.aread(lambda connection: find(connection, filters, wanted or (), place, limit))

    async def count(self, filters: Filters) -> Count:
        """How many recordings `find` would find, as far as MAX_COUNTED."""
        wanted = _parsed(filters, "newest")
        if wanted is not None and not wanted:
            return Count(0, exact=True)
        found = await self._db.aread(lambda c: library.count(c, filters, wanted or (), MAX_COUNTED + 1))
        return Count(min(found, MAX_COUNTED), exact=found <= MAX_COUNTED)

    async def summaries(self, ids: Sequence[str]) -> dict[str, Summary]:
        """Their current transcripts in short, by id."""
        return await self._db.aread(lambda c: _summaries(c, ids))

    async def show(self, recording_id: str) -> Recording:
        """A recording, in the trash or not. Raises UnknownRecording."""
        return await self._db.aread(lambda c: recordings.get(c, recording_id, trashed=True))

    async def tags(self) -> list[tuple[str, int]]:
        """Tags and how many recordings have them, the commonest first."""
        return await self._db.aread(lambda c: library.tag_counts(c, MAX_TAGS_LISTED))

    async def change(self, recording_id: str, change: Change, version: int | None = None) -> Recording:
        """Describe a recording; with `version`, only where it is still at that one.

        Raises:
            UnknownRecording: There is none, or it is in the trash.
            VersionConflict: It has been changed meanwhile.
            InvalidParameter: The title, the notes or a tag is too long, or there are too many tags.
        """
        checked = _checked(change)
        return await self._write(lambda c, one: _describe(c, _expected(c, one, version), checked), recording_id)

    async def trash(self, recording_id: str, version: int | None = None) -> Recording:
        """Put a recording into the trash; one that is there stays.

        Raises:
            UnknownRecording, VersionConflict: As `change`.
            LegalHold: It must be kept.
        """
        return await self._write(lambda c, one: _trash(c, _expected(c, one, version, trashed=True)), recording_id)

    async def restore(self, recording_id: str) -> Recording:
        """Take a recording out of the trash. Raises UnknownRecording."""
        return await self._write(_restore, recording_id)

    async def bulk(self, action: Action, ids: Sequence[str], tags: Sequence[str] = ()) -> list[Outcome]:
        """Do the same to many recordings; what cannot be done to one stops none of the others.

        Raises:
            InvalidParameter: There are too many ids, or the tags are not valid or missing.
        """
        work = _bulk_work(action, labels.tags("tags", tags))
        if len(ids) > MAX_BULK:
            raise InvalidParameter(param="ids", why=f"there are more than {MAX_BULK}")
        outcomes: list[Outcome] = []
        each = list(dict.fromkeys(ids))
        for start in range(0, len(each), _IDS_OF_A_TRANSACTION):
            some = each[start : start + _IDS_OF_A_TRANSACTION]
            outcomes += await self._db.awrite(partial(_outcomes, work, some))
        return outcomes

    async def run(self) -> None:
        """Look for recordings that cannot be searched, now and again; a database that is away is waited for."""
        while True:
            try:
                await self.catch_up()
            except (StoreError, StorageFull) as error:
                log.warning("search_left_behind", why=str(error))
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def catch_up(self) -> int:
        """Make what is searched of recordings that have none: restored ones, and those of an older version."""
        done, after = 0, ""
        while ids := await self._db.aread(partial(search.unsearchable, after=after)):
            for one in ids:
                await self._db.awrite(partial(search.refresh, recording_id=one))
            done, after = done + len(ids), ids[-1]
        if done:
            log.info("made_searchable", recordings=done)
        return done

    async def _write(self, work: _Work, recording_id: str) -> Recording:
        return await self._db.awrite(lambda connection: work(connection, recording_id))


def _parsed(filters: Filters, order: Order) -> tuple[Wanted, ...] | None:
    """None where nothing is searched for; empty where what is searched for is nowhere."""
    _require_code(filters.language)
    if filters.query is None:
        if order == "relevance":
            raise InvalidParameter(param="order", why="relevance needs a query (q)")
        return None
    if len(filters.query) > MAX_QUERY_CHARACTERS:
        raise InvalidParameter(param="q", why=f"it is longer than {MAX_QUERY_CHARACTERS} characters")
    return parse_query(filters.query)


def _require_code(language: str | None) -> None:
    """Raises InvalidParameter: a name, or a code of another kind, would find nothing."""
    if language is not None and language not in LANGUAGES and language != UNDETERMINED:
        raise InvalidParameter(param="language", why=language_advice(language[:40]))


def _page(connection: Connection, filters: Filters, wanted: Sequence[Wanted], cursor: Cursor, limit: int) -> Page:
    found = library.page(connection, filters, wanted, cursor, limit + 1)
    following = str(found[limit - 1].cursor) if len(found) > limit else None
    return Page(_with_matches(connection, found[:limit], wanted), following)


def _ranked(connection: Connection, filters: Filters, wanted: Sequence[Wanted], cursor: Cursor, limit: int) -> Page:
    newest = read_cursor(None, "newest", searched=True)
    found = library.page(connection, filters, wanted, newest, MOST_RANKED)
    ranked = sorted(found, key=lambda document: -relevance(document.body, wanted))
    start = int(cursor.key)
    end = start + limit
    following = str(Cursor("relevance", end)) if end < len(ranked) else None
    return Page(_with_matches(connection, ranked[start:end], wanted), following)


def _with_matches(connection: Connection, found: Sequence[Document], wanted: Sequence[Wanted]) -> tuple[Found, ...]:
    if not wanted:
        return tuple(Found(document.recording) for document in found)
    hits = [(document.recording, find_hits(document.body, document.starts, wanted)) for document in found]
    spoken = [
        (recording.transcript_id, hit)
        for recording, each in hits
        for hit in each
        if hit.field == "transcript" and recording.transcript_id is not None
    ]
    segments = library.segments_of(connection, spoken)
    return tuple(
        Found(recording, tuple(_match(recording, hit, segments, wanted) for hit in each)) for recording, each in hits
    )


def _match(
    recording: Recording, hit: Hit, segments: dict[tuple[str, int], SegmentFound], wanted: Sequence[Wanted]
) -> Match:  # fmt: skip
    if hit.field != "transcript":
        return Match(hit.field, _excerpt_of(recording, hit, wanted))
    transcript_id = recording.transcript_id or ""
    first = segments[transcript_id, hit.segment]
    last = segments[transcript_id, hit.segment + hit.spills]
    text = joined([first.text, last.text]) if hit.spills else first.text
    return Match("transcript", excerpt(text, wanted), first.id, first.start_s, last.end_s)


def _excerpt_of(recording: Recording, hit: Hit, wanted: Sequence[Wanted]) -> Excerpt:
    if hit.field == "tags":
        tags = [excerpt(tag, wanted) for tag in recording.tags]
        return next((each for each in tags if each.ranges), excerpt(", ".join(recording.tags), wanted))
    return excerpt(str(getattr(recording, hit.field)), wanted)


def _summaries(connection: Connection, ids: Sequence[str]) -> dict[str, Summary]:
    beginnings = library.beginnings(connection, ids, _LINES_OF_A_SUMMARY)
    summaries = {}
    for one in ids:
        language, lines = beginnings.get(one, (None, []))
        summaries[one] = Summary(language, excerpt(joined(lines), ()).text)
    return summaries


def _checked(change: Change) -> Change:
    return Change(
        None if change.title is None else labels.line("title", change.title, labels.MAX_TITLE),
        None if change.notes is None else labels.lines("notes", change.notes, MAX_NOTES),
        None if change.tags is None else labels.tags("tags", change.tags),
    )


def _expected(connection: Connection, recording_id: str, version: int | None, *, trashed: bool = False) -> Recording:
    recording = recordings.lock(connection, recording_id, trashed=trashed)
    if version is not None and recording.version != version:
        raise VersionConflict(version=recording.version)
    return recording


def _describe(connection: Connection, recording: Recording, change: Change) -> Recording:
    after = replace(
        recording,
        title=recording.title if change.title is None else change.title,
        notes=recording.notes if change.notes is None else change.notes,
        tags=recording.tags if change.tags is None else tuple(sorted(change.tags)),
    )
    fields = [name for name in ("title", "notes", "tags") if getattr(after, name) != getattr(recording, name)]
    if not fields:
        return recording
    library.describe(connection, recording.id, title=after.title, notes=after.notes)
    recordings.set_tags(connection, recording.id, after.tags)
    search.refresh(connection, recording.id)
    return _changed(connection, recording.id, "recording.changed", fields=fields)


def _trash(connection: Connection, recording: Recording) -> Recording:
    if recording.trashed_at is not None:
        return recording
    if recording.legal_hold:
        raise LegalHold(why=recording.hold_reason or "no reason was given")
    library.set_trashed(connection, recording.id, connection.now)
    return _changed(connection, recording.id, "recording.trashed")


def _restore(connection: Connection, recording_id: str) -> Recording:
    recording = recordings.lock(connection, recording_id, trashed=True)
    if recording.trashed_at is None:
        return recording
    library.set_trashed(connection, recording_id, None)
    return _changed(connection, recording_id, "recording.restored")


def _changed(connection: Connection, recording_id: str, kind: str, **about: object) -> Recording:
    recordings.touch(connection, recording_id)
    after = recordings.get(connection, recording_id, trashed=True)
    events.append(connection, recording_id, kind, {"version": after.version, **about})
    return after


def _bulk_work(action: Action, tags: tuple[str, ...]) -> _Work:
    if action == "trash":
        return lambda connection, one: _trash(connection, recordings.lock(connection, one, trashed=True))
    if action == "restore":
        return _restore
    if not tags:
        raise InvalidParameter(param="tags", why=f"to {action} there must be at least one")
    return partial(_retag, add=tags if action == "tag" else (), remove=tags if action == "untag" else ())


def _retag(connection: Connection, recording_id: str, *, add: Sequence[str], remove: Sequence[str]) -> Recording:
    recording = recordings.lock(connection, recording_id)
    kept = [tag for tag in recording.tags if tag not in remove]
    return _describe(connection, recording, Change(tags=labels.tags("tags", [*kept, *add])))


def _outcomes(work: _Work, ids: Sequence[str], connection: Connection) -> list[Outcome]:
    return [_outcome(connection, work, one) for one in ids]


def _outcome(connection: Connection, work: _Work, recording_id: str) -> Outcome:
    """Every error is raised before anything is written, so that the transaction goes on with the next one."""
    try:
        return Outcome(recording_id, work(connection, recording_id).version)
    except RequestError as error:
        return Outcome(recording_id, error=error)
