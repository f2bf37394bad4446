"""The app as a browser without modules gets it: a way to a service that takes the modules out of its pages, and takes
away from the browser what the script says, before any other script runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final

import httpx

LACKING_PATH: Final = "/lacking.js"
_MODULE: Final = re.compile(rb"<script type=\"module\"[^>]*></script>|<link rel=\"modulepreload\"[^>]*>")
_HOP: Final = {"connection", "transfer-encoding", "content-encoding", "content-length", "host", "accept-encoding"}
_CHUNK: Final = 1 << 14


@contextmanager
def without_modules(url: str, lacking: str) -> Iterator[str]:
    """The address of the same service for a browser that has no modules, and not what `lacking` takes away."""
    with httpx.Client(base_url=url, timeout=None) as client:
        handler = type("Way", (_Way,), {"client": client, "lacking": lacking.encode()})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Way(BaseHTTPRequestHandler):
    client: httpx.Client
    lacking: bytes

    def do_GET(self) -> None:
        if self.path == LACKING_PATH:
            self._answer(200, {"Content-Type": "text/javascript"}, self.lacking)
            return
        self._pass_on()

    def _pass_on(self) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        # The service compares the origin with the host that it was asked for.
        headers["Host"] = self.headers["Host"]
        with self.client.stream(self.command, self.path, headers=headers, content=body) as reply:
            kept = {name: value for name, value in reply.headers.items() if name.lower() not in _HOP}
            if reply.headers.get("content-type", "").startswith("text/html"):
                page = _MODULE.sub(b"", reply.read())
                script = f'<script src="{LACKING_PATH}"></script>'.encode()
                self._answer(reply.status_code, kept, page.replace(b"<head>", b"<head>" + script, 1))
                return
            self._stream(reply, kept)

    def _stream(self, reply: httpx.Response, headers: dict[str, str]) -> None:
        """Events come for as long as somebody listens; the end of the connection is the end of the answer."""
        self.send_response(reply.status_code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for chunk in reply.iter_bytes():
                self.wfile.write(chunk)
                self.wfile.flush()
        except OSError:
            # The browser has gone on to another page.
            return

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = _pass_on  # noqa: N815 - the names are the library's

    def log_message(self, *_arguments: object) -> None:
        """Nothing: the service has a log of its own."""
