"""The text of recordings as it is searched. `domain.searching` says what the terms are, and why."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from care_voice.domain.searching import FOLDING, Body, Wanted, facet, fold, terms_of
from care_voice.store.database import Connection, Row
from care_voice.store.recordings import to_json

TAG, CLIENT = "tag", "client"
_NEWNESS_BITS = 20
_TITLE_CHARACTERS = 200
_TIDY_PAGES = 500


def refresh(connection: Connection, recording_id: str) -> None:
    """Take over the title, file name, notes, tags and the current transcript as they are now."""
    source = connection.one("search_sources", id=recording_id)
    if source is None:
        return
    tags = [row["tag"] for row in connection.all("tags_of", id=recording_id)]
    segments = [row["text"] for row in connection.all("search_segments", transcript_id=source["transcript_id"])]
    known = connection.one("search_place", id=recording_id)
    connection.run(
        "update_search_document" if known else "insert_search_document",
        **({} if known else {"id": recording_id}),
        place=known["place"] if known else _free_place(connection, source),
        folding=FOLDING,
        title_key=fold(source["title"] or source["filename"])[:_TITLE_CHARACTERS],
        **_document(source, tags, segments),
    )


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


def _document(source: Row, tags: Sequence[str], segments: Sequence[str]) -> dict[str, str]:
    body = Body()
    for field in (source["title"], source["filename"], source["notes"]):
        body.add(field)
        body.end_line()
    starts = [body.add(segment) for segment in segments]
    for tag in tags:
        body.end_line()
        body.add(tag)
    body.end_line()
    facets = [*(facet(TAG, tag) for tag in tags), facet(CLIENT, source["client"])]
    text = str(body)
    return {"body": text, "starts_json": to_json(starts), "terms": " ".join(terms_of(text, facets))}


def _free_place(connection: Connection, source: Row) -> int:
    """Places follow the times of creation in milliseconds; within one the id decides."""
    digest = int.from_bytes(hashlib.sha256(source["id"].encode()).digest()[:4], "big")
    place = (int(source["created_at"] * 1000) << _NEWNESS_BITS) + digest % (1 << _NEWNESS_BITS)
    while connection.one("place_taken", place=place):
        place += 1
    return place


def _changes(connection: Connection) -> int:
    row = connection.one("changes_so_far")
    assert row is not None
    return int(row["count"])
