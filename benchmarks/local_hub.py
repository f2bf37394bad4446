"""A hub on this machine for benchmarks of downloads: the hub's addresses and headers, ranges, cuts, a count of bytes.

Run as a process of its own by `download.py`, so that serving does not share the interpreter lock of who downloads.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

_RANGE = re.compile(r"^bytes=(\d+)-(\d*)\Z")
_CHUNK_BYTES = 256 * 1024
COMMIT = "1" * 40


class LocalHub(ThreadingHTTPServer):
    """Serves the files of one directory at `/OWNER/REPO/resolve/REVISION/FILE`."""

    daemon_threads = True

    def __init__(self, directory: Path, etags: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.directory = directory
        self.etags = etags
        self.lock = Lock()
        self.sent = 0
        self.requests = 0
        self.cuts: list[int] = []
        """Bytes after which a body is cut, one for each of the next bodies that are longer."""
        self.pause_s = 0.0
        """Wait after each chunk, so that a client keeps up and nothing piles up in the sockets."""

    def account(self) -> dict[str, int]:
        with self.lock:
            return {"sent": self.sent, "requests": self.requests, "cuts_left": len(self.cuts)}

    def begin(self, cuts: list[int], pause_s: float) -> None:
        with self.lock:
            self.sent, self.requests, self.cuts, self.pause_s = 0, 0, cuts, pause_s

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHUNK_BYTES)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed in the middle is part of the benchmark."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LocalHub

    def do_HEAD(self) -> None:
        self._head()

    def do_GET(self) -> None:
        if self.path.startswith("/begin?"):
            *cuts, pause_ms = self.path[7:].split(",")
            self.server.begin([int(cut) for cut in cuts], int(pause_ms) / 1000)
            return self._json({})
        if self.path == "/account":
            return self._json(self.server.account())
        span = self._head()
        if span is not None:
            self._body(*span)
        return None

    def _head(self) -> tuple[Path, int, int] | None:
        path = self.server.directory / self.path.split("?")[0].rsplit("/", 1)[-1]
        if "/resolve/" not in self.path or not path.is_file():
            self.send_error(404)
            return None
        size = path.stat().st_size
        asked = _RANGE.match(self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        stop = int(asked[2]) + 1 if asked and asked[2] else size
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{self.server.etags[path.name]}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        return path, start, stop

    def _body(self, path: Path, start: int, stop: int) -> None:
        server = self.server
        with server.lock:
            server.requests += 1
            cut = server.cuts.pop(0) if server.cuts and server.cuts[0] < stop - start else None
        end = stop if cut is None else start + cut
        with path.open("rb") as file:
            file.seek(start)
            while start < end and (chunk := file.read(min(_CHUNK_BYTES, end - start))):
                self.wfile.write(chunk)
                start += len(chunk)
                with server.lock:
                    server.sent += len(chunk)
                time.sleep(server.pause_s)
        self.close_connection = cut is not None

    def _json(self, body: dict[str, int]) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    hub = LocalHub(Path(sys.argv[1]), json.loads(sys.argv[2]))
    print(hub.server_port, flush=True)
    hub.serve_forever()
