"""A way to a server that is cut off: after so many bytes from the client, and again after so many of the next try."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def cutting_proxy(port: int, cuts: Iterable[int]) -> AsyncIterator[int]:
    """The port of a proxy to `port`. A connection that carries more than a kilobyte is cut after so many bytes, one cut
    for each such connection; when there are no cuts left it carries everything.
    """
    left = iter(cuts)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
        back = asyncio.create_task(_copy(to_reader, writer))
        with suppress(ConnectionError):
            await _copy_until_cut(reader, to_writer, left)
        back.cancel()
        for each in (writer, to_writer):
            each.close()
        await asyncio.gather(back, writer.wait_closed(), to_writer.wait_closed(), return_exceptions=True)

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()


async def _copy_until_cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cuts: Iterator[int]) -> None:
    carried, cut = 0, None
    while data := await reader.read(1 << 16):
        carried += len(data)
        if cut is None and carried > 1024:
            cut = next(cuts, None) or 1 << 60
        if cut is not None and carried > cut:
            writer.write(data[: len(data) - (carried - cut)])
            await writer.drain()
            return
        writer.write(data)
        await writer.drain()
