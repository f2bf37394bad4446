"""Waiting for an event, but not for ever."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def came_within(event: asyncio.Event, limit_s: float) -> bool:
    """Wait for an event; whether it came within `limit_s` seconds.

    Not with `asyncio.wait_for`, which loses a cancel that comes together with the event (in Python 3.11).
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            return await event.wait()
    return False
