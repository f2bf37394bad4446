"""The text of recordings as it is searched. `domain.searching` says what the terms are, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from care_voice.domain.searching import FOLDING, Body, Wanted, facet, fold, terms_of
from care_voice.store.database import Connection, Row
from care_voice.store.recordings import to_json

TAG, CLIENT = "tag", "client"
# Places follow the times of creation. FTS5 writes down the gaps between them: with finer ones the index is three times
# as large.
_PLACES_A_SECOND = 256
_TITLE_CHARACTERS = 200
_TIDY_PAGES = 500


def refresh(connection: Connection, recording_id: str) -> None:
    """Take over the title, file name, notes, tags and the current transcript as they are now."""
    source = connection.one("search_sources", id=recording_id)
    if source is None:
        return
    document = _document(connection, source)
    known = connection.one("search_place", id=recording_id)
    if known:
        connection.run("update_search_document", place=known["place"], **document)
        return
    place = int(source["created_at"] * _PLACES_A_SECOND)
    while not connection.run("insert_search_document", id=recording_id, place=place, **document):
        place += 1


def unsearchable(connection: Connection, after: str = "", limit: int = 100) -> list[str]:
    """Recordings after an id, in order, that have no document of this version: they were restored, or are older."""
    return [row["id"] for row in connection.all("unsearchable", after=after, folding=FOLDING, limit=limit)]


def tidy(connection: Connection) -> bool:
    """Take a step in rewriting the index, so that no terms of deleted documents are left in its file; whether there is
    more to do. PostgreSQL does it by itself (VACUUM)."""
    if connection.dialect == "postgresql":
        return False
    before = _changes(connection)
    connection.run("tidy_search", pages=-_TIDY_PAGES)
    return _changes(connection) - before > 1


def expression(connection: Connection, wanted: Sequence[Wanted], facets: Sequence[str]) -> str:
    """The search of the index for all tokens and facets, in the database's own language. Tokens hold letters, digits
    and marks alone, so nothing in them can mean anything else."""
    tokens = dict.fromkeys((token.text, token.prefix) for each in wanted for token in each.tokens)
    terms = [*((term, False) for term in facets), *tokens]
    if connection.dialect == "sqlite":
        return " AND ".join(f'"{term}"{" *" if prefix else ""}' for term, prefix in terms)
    return " & ".join(f"'{term}'{':*' if prefix else ''}" for term, prefix in terms)


def needles(wanted: Sequence[Wanted]) -> str:
    """What a body must have besides, as JSON."""
    return to_json([each.needle for each in wanted if not each.proved])


def _document(connection: Connection, source: Row) -> dict[str, Any]:
    tags = [row["tag"] for row in connection.all("tags_of", id=source["id"])]
    segments = connection.all("search_segments", transcript_id=source["transcript_id"])
    body = Body()
    for field in (source["title"], source["filename"], source["notes"]):
        body.add(field)
        body.end_line()
    starts = [body.add(segment["text"]) for segment in segments]
    for tag in tags:
        body.end_line()
        body.add(tag)
    body.end_line()
    facets = [*(facet(TAG, tag) for tag in tags), facet(CLIENT, source["client"])]
    return {
        "folding": FOLDING,
        "title_key": fold(source["title"] or source["filename"])[:_TITLE_CHARACTERS],
        "body": str(body),
        "starts_json": to_json(starts),
        "terms": " ".join(terms_of(str(body), facets)),
    }


def _changes(connection: Connection) -> int:
    row = connection.one("changes_so_far")
    assert row is not None
    return int(row["count"])
