"""Answers are sent at once, however small they are."""

from __future__ import annotations

import asyncio
import socket

import pytest

from care_voice.api.binding import bind
from care_voice.api.settings import ApiSettings


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_small_answer_does_not_wait_for_the_clients_acknowledgement(host: str) -> None:
    delays: list[int] = []

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        delays.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()
        await writer.wait_closed()

    listener = bind(ApiSettings(host=host, port=0))
    async with await asyncio.start_server(answer, sock=listener):
        reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
        await reader.read()
        writer.close()
        await writer.wait_closed()

    assert delays == [1]
