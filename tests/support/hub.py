"""A hub on this machine that serves a model's files from a verified store, as the real one lays them out."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_PATIENCE_S = 60


class Hub:
    """`url` is what CARE_VOICE_MODELS__HUB_ENDPOINT is set to; `served` lists the files that were asked for.

    While `gate` is cleared, weights stop in their middle.
    """

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.served: list[str] = []
        self.gate = threading.Event()
        self.gate.set()


@contextmanager
def serving_hub(view: Path, port: int = 0) -> Iterator[Hub]:
    """Serve `/OWNER/REPO/resolve/REVISION/FILE` from `view`, whatever owner, repository and revision are asked for."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(view))
    server.hub = Hub(server)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.hub  # type: ignore[attr-defined]
    finally:
        server.hub.gate.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(view: Path) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[1].split("?")[0]
            if "/resolve/" not in self.path or not (view / name).is_file():
                self.send_error(404)
                return
            self.server.hub.served.append(name)  # type: ignore[attr-defined]
            self.send_response(200)
            self.send_header("Content-Length", str((view / name).stat().st_size))
            self.end_headers()
            # A client that gives up is part of the tests.
            with (view / name).open("rb") as file, suppress(ConnectionError):
                if name == "model.bin":
                    self.wfile.write(file.read((view / name).stat().st_size // 2))
                    self.server.hub.gate.wait(_PATIENCE_S)  # type: ignore[attr-defined]
                shutil.copyfileobj(file, self.wfile)

        def log_message(self, *_: object) -> None:
            """Say nothing: the tests look at `served`."""

    return Handler
