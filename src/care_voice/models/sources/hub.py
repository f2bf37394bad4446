"""The Hugging Face hub, or a mirror of it, at the pinned revision.

The hub client's own session is used, so HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and proxies mean what they always mean.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx2
from huggingface_hub import get_session, hf_hub_url
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # public, but marked for no checker

import care_voice
from care_voice.domain.errors import FileNotOffered, SourceUnavailable
from care_voice.models.catalogue import CatalogueModel, FileEntry
from care_voice.models.progress import Watch
from care_voice.models.sources.base import Sink

NAME = "hub"
_CHUNK_BYTES = 256 * 1024
_POLL_S = 0.1
_NETWORK_ERRORS = (httpx2.HTTPError, httpx2.InvalidURL, OSError)
_WORTH_ONE_RETRY = (httpx2.NetworkError, httpx2.RemoteProtocolError)


@dataclass(frozen=True)
class HubSource:
    """Fetches single files over HTTP. Timeouts in seconds; see ModelSettings for what each is for."""

    endpoint: str | None = None
    connect_timeout_s: float = 3.0
    answer_timeout_s: float = 10.0
    read_timeout_s: float = 30.0
    name: str = NAME

    def offers(self, model: CatalogueModel) -> bool:  # noqa: ARG002 - the hub has every model
        return True

    def scratch_bytes(self, model: CatalogueModel) -> int:  # noqa: ARG002 - it streams
        return 0

    @contextmanager
    def open(
        self,
        model: CatalogueModel,
        scratch: Path,  # noqa: ARG002 - it streams
        watch: Watch,
    ) -> Iterator[_HubSession]:
        yield _HubSession(self, model, watch)

    def send(self, url: str) -> httpx2.Response:
        """Ask for `url` and return the open response. Raises what httpx2 raises."""
        client = get_session()
        headers = build_hf_headers(library_name="care-voice", library_version=care_voice.__version__)
        # Stored bytes are what is pinned, and a compressed body could swell in memory before it can be counted.
        headers["Accept-Encoding"] = "identity"
        timeout = httpx2.Timeout(self.read_timeout_s, connect=self.connect_timeout_s)
        request = client.build_request("GET", url, headers=headers, timeout=timeout)
        return client.send(request, stream=True, follow_redirects=True)


class _HubSession:
    def __init__(self, source: HubSource, model: CatalogueModel, watch: Watch) -> None:
        self._source = source
        self._model = model
        self._watch = watch

    def fetch(self, entry: FileEntry, sink: Sink) -> None:
        model = self._model
        url = hf_hub_url(model.hub_repo, entry.name, revision=model.revision, endpoint=self._source.endpoint)
        self._watch.report("resolving", entry.name, 0, entry.size, source=NAME)
        response = self._answer(url)
        try:
            _require_found(response, entry)
            self._stream(response, entry, sink)
        finally:
            response.close()

    def _answer(self, url: str) -> httpx2.Response:
        """Return the open response, after one retry where a connection broke at once. Raises SourceUnavailable."""
        try:
            return _Request(self._source, url).wait(self._watch)
        except _WORTH_ONE_RETRY:
            return self._last_answer(url)
        except _NETWORK_ERRORS as error:
            raise _unavailable(error) from error

    def _last_answer(self, url: str) -> httpx2.Response:
        try:
            return _Request(self._source, url).wait(self._watch)
        except _NETWORK_ERRORS as error:
            raise _unavailable(error) from error

    def _stream(self, response: httpx2.Response, entry: FileEntry, sink: Sink) -> None:
        done = 0
        for chunk in _chunks(response):
            sink.write(chunk)
            done += len(chunk)
            self._watch.report("downloading", entry.name, done, entry.size, source=NAME)


class _Request:
    """Waits for an answer no longer than it should take.

    The client's connect timeout counts for each address of a name, one after the other, so a blocked hub with eight
    addresses would cost eight of them. Asking from a thread bounds the whole, and lets a cancellation through.
    """

    def __init__(self, source: HubSource, url: str) -> None:
        self._source = source
        self._url = url
        self._given_up = threading.Event()
        self._box: queue.Queue[httpx2.Response | Exception] = queue.Queue(maxsize=1)

    def wait(self, watch: Watch) -> httpx2.Response:
        """Return the open response. Raises what the client raises, PullCancelled, or TimeoutError."""
        threading.Thread(target=self._ask, name="hub-request", daemon=True).start()
        try:
            return self._take(watch)
        except BaseException:
            self._given_up.set()
            self._close_late_answer()
            raise

    def _take(self, watch: Watch) -> httpx2.Response:
        deadline = time.monotonic() + self._source.answer_timeout_s
        while time.monotonic() < deadline:
            watch.check()
            try:
                answer = self._box.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if isinstance(answer, Exception):
                raise answer
            return answer
        raise TimeoutError(f"no answer within {self._source.answer_timeout_s:g} s")

    def _ask(self) -> None:
        try:
            self._box.put(self._source.send(self._url))
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread that waits raises it again
            self._box.put(error)
        if self._given_up.is_set():
            self._close_late_answer()

    def _close_late_answer(self) -> None:
        try:
            answer = self._box.get_nowait()
        except queue.Empty:
            return
        if isinstance(answer, httpx2.Response):
            answer.close()


def _chunks(response: httpx2.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_raw(_CHUNK_BYTES)
    except _NETWORK_ERRORS as error:
        raise _unavailable(error) from error


def _require_found(response: httpx2.Response, entry: FileEntry) -> None:
    if response.status_code == HTTPStatus.NOT_FOUND:
        raise FileNotOffered(source=NAME, file=entry.name)
    if response.status_code != HTTPStatus.OK:
        raise SourceUnavailable(source=NAME, why=f"it answered HTTP {response.status_code} for {entry.name}")


def _unavailable(error: Exception) -> SourceUnavailable:
    return SourceUnavailable(source=NAME, why=str(error) or type(error).__name__)
