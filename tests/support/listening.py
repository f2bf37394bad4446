"""Servers of the tests in a thread of their own."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def listening(server: socketserver.BaseServer, closing: threading.Event | None = None) -> Iterator[None]:
    """Serve until the block ends; `closing` is set then, for handlers that hold something up."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        if closing is not None:
            closing.set()
        server.shutdown()
        thread.join()
