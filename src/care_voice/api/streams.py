"""Work for a client that may hang up, and server-sent events that start only after a good beginning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse

T = TypeVar("T")
_KEEP_ALIVE = b": keep-alive\n\n"


class ClientGone(Exception):
    """The client closed the connection before the answer was ready."""


async def unless_disconnected(request: Request, work: Coroutine[object, object, T]) -> T:
    """The result of `work`, which is cancelled when the client goes away.

    Raises:
        ClientGone: It did.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        gone.cancel()
        task.cancel()
        await asyncio.wait({task})


async def event_stream(frames: AsyncGenerator[bytes, None], keep_alive_s: float) -> StreamingResponse:
    """A response of server-sent events. The first frame is awaited here, so that what is wrong with the request is
    answered with its own status and not inside a 200.

    Raises:
        CareVoiceError: What `frames` raises before its first frame.
    """
    try:
        first = await anext(frames)
    except BaseException:
        await frames.aclose()
        raise
    return StreamingResponse(
        _with_keep_alive(first, frames, keep_alive_s),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _with_keep_alive(first: bytes, frames: AsyncGenerator[bytes, None], every_s: float) -> AsyncIterator[bytes]:
    following: asyncio.Task[bytes] | None = None
    try:
        yield first
        while True:
            following = following or asyncio.create_task(_next(frames))
            done, _ = await asyncio.wait({following}, timeout=every_s)
            if not done:
                yield _KEEP_ALIVE
                continue
            frame, following = following.result(), None
            if not frame:
                return
            yield frame
    finally:
        if following is not None:
            following.cancel()
            await asyncio.wait({following})
        await frames.aclose()


async def _next(frames: AsyncGenerator[bytes, None]) -> bytes:
    """The next frame, or nothing at the end: a task cannot raise StopAsyncIteration."""
    return await anext(frames, b"")


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
