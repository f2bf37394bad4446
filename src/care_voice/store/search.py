"""The text of recordings as it is searched."""

from __future__ import annotations

from care_voice.domain.scripts import joined
from care_voice.store.database import Connection


def refresh(connection: Connection, recording_id: str) -> None:
    """Take over the title, notes, tags and the current transcript as they are now."""
    source = connection.one("search_sources", id=recording_id)
    if source is None:
        return
    tags = [row["tag"] for row in connection.all("tags_of", id=recording_id)]
    segments = connection.all("search_segments", transcript_id=source["transcript_id"])
    lines = [source["title"], source["notes"], " ".join(tags), joined([row["text"] for row in segments])]
    connection.run("upsert_search_document", id=recording_id, body="\n".join(line for line in lines if line))
