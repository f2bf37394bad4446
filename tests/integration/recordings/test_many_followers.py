"""As many event streams as the service is told to keep, and no more."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from care_voice.domain.recordings import Wish
from care_voice.store import recordings
from support.intake_server import intake_server
from support.waiting import until

MOST = 3


async def test_who_comes_when_as_many_follow_as_may_is_told_to_come_again(tmp_path: Path) -> None:
    async with intake_server(tmp_path, API__MAX_FOLLOWERS=str(MOST)) as server:
        await server.application.recordings.db.awrite(
            lambda c: recordings.insert(c, "rec_1", client="a", source="upload", wish=Wish())
        )
        path, client = "/api/v1/recordings/rec_1/events", server.client
        async with AsyncExitStack() as streams:
            for _ in range(MOST):
                stream = await streams.enter_async_context(client.stream("GET", path))
                assert stream.status_code == 200
            refused = await client.get(path)
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            assert int(refused.headers["retry-after"]) > 0

        await until(lambda: server.application.recordings.feed.followers == 0, "those who left are not counted")
        async with client.stream("GET", path) as again:
            assert again.status_code == 200
