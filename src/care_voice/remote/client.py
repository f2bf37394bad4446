"""One window over HTTP, tried once, and what broke in our words. The one module that speaks to the remote engine."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime

import httpx2

import care_voice
from care_voice.domain.retry_after import retry_after_s
from care_voice.domain.service_errors import RemoteMisconfigured
from care_voice.engine.protocol import DecodeWindow
from care_voice.remote.dialects import Dialect, fields_of, path_of, wav
from care_voice.remote.failures import Failure, TryFailed, of_status
from care_voice.remote.settings import RemoteSettings

_MOST_ANSWER_BYTES = 8 * 1024 * 1024
_NOT_REACHED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_HOPELESS = (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)


class RemoteClient:
    """A pool of connections to one server, for one model. Made and used in the event loop."""

    def __init__(self, settings: RemoteSettings, model: str) -> None:
        """Raises RemoteMisconfigured where the certificates or the key cannot be read."""
        self._settings = settings
        self._model = model
        self._base = settings.url.rstrip("/")
        self._key = ""
        self.renew_key()
        self._client = httpx2.AsyncClient(
            headers={"User-Agent": f"care-voice/{care_voice.__version__}", "Accept-Encoding": "identity"},
            verify=_trust(settings),
            timeout=httpx2.Timeout(settings.timeout_s, connect=settings.connect_timeout_s),
            limits=httpx2.Limits(max_connections=settings.most_in_flight + 1),
            # Over http, a proxy that the environment names for the web would see what is said.
            trust_env=self._base.startswith("https://"),
        )

    def renew_key(self) -> None:
        """Take the key as its file has it now. Raises RemoteMisconfigured."""
        try:
            self._key = self._settings.read_key()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it holds no key in printable ASCII"
            raise RemoteMisconfigured(why=f"the file of API_KEY_FILE cannot be used: {why}") from None

    async def transcribe(self, request: DecodeWindow, dialect: Dialect) -> bytes:
        """The body of the server's answer to a window. Cancelling it ends the request.

        Raises:
            TryFailed: There is none, or it is an error.
        """
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                return await self._ask(request, dialect)
        except (TimeoutError, httpx2.ReadTimeout, httpx2.WriteTimeout):
            why = f"it did not answer within {self._settings.timeout_s:g} s"
            raise TryFailed(Failure("timeout", why)) from None
        except _NOT_REACHED as error:
            raise TryFailed(Failure("unreachable", _unreachable(error), reached=False)) from error
        except _HOPELESS as error:
            why = f"its address cannot be used: {error}"
            raise TryFailed(Failure("unreachable", why, final=RemoteMisconfigured(why=why))) from error
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise TryFailed(Failure("cut", "the connection broke before its answer was complete")) from error

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()

    async def _ask(self, request: DecodeWindow, dialect: Dialect) -> bytes:
        async with self._client.stream(
            "POST",
            f"{self._base}/{path_of(request.task)}",
            data=fields_of(request, self._model, dialect, extensions=self._settings.extensions),
            files={"file": ("window.wav", wav(request.pcm), "audio/wav")},
            headers={"Authorization": f"Bearer {self._key}"} if self._key else None,
        ) as response:
            body = await _limited(response)
        if response.status_code != httpx2.codes.OK:
            wait_s = retry_after_s(response.headers.get("retry-after"), datetime.now(UTC))
            raise TryFailed(of_status(response.status_code, body, wait_s))
        return body


async def _limited(response: httpx2.Response) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise TryFailed(Failure("misread", "its answer is compressed, which was not asked for"))
    body = bytearray()
    # Raw, so that no few bytes can swell in memory before they are counted.
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > _MOST_ANSWER_BYTES:
            raise TryFailed(Failure("misread", "its answer is longer than any transcript of a window"))
    return bytes(body)


def _trust(settings: RemoteSettings) -> ssl.SSLContext | bool:
    if settings.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(settings.ca_file))
    except OSError as error:
        raise RemoteMisconfigured(why=f"CA_FILE cannot be used: {error.strerror or error}") from error


def _unreachable(error: Exception) -> str:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not trusted"
    return f"it cannot be reached ({text or type(error).__name__})"
