"""One try of a webhook over HTTP. The one module of this room that speaks to anybody."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

import httpx2
import structlog

import care_voice
from care_voice.domain.retry_after import retry_after_s
from care_voice.domain.store_errors import WebhookUrlRefused
from care_voice.domain.webhook_retries import Outcome
from care_voice.notify.settings import WebhookSettings
from care_voice.notify.targets import Address, Target, check, parsed, resolved

log = structlog.get_logger(__name__)

_MOST_ADDRESSES = 3
_MOST_ANSWER_BYTES = 64 * 1024
_HEARS_S = 2.0
_NOT_REACHED = (httpx2.ConnectError, httpx2.ConnectTimeout)


class HttpSender:
    """Posts messages. Made and used in the event loop.

    Below httpx2's client on purpose: that would keep cookies, take a proxy from the environment and reuse connections,
    which here are made to addresses that were checked a moment ago.
    """

    def __init__(self, settings: WebhookSettings) -> None:
        """Raises OSError where the certificates cannot be read."""
        self._settings = settings
        self._transport = httpx2.AsyncHTTPTransport(
            verify=_trust(settings), trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0)
        )
        self._timeouts = httpx2.Timeout(settings.timeout_s, connect=settings.connect_timeout_s).as_dict()

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Post `body`, once. Redirects are not followed, and of the answer's body nothing is kept."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                response = await self._reach(url, headers, body)
        except (TimeoutError, httpx2.TimeoutException):
            why = f"it did not answer within {self._settings.timeout_s:g} s"
        except WebhookUrlRefused as error:
            why = error.message
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            why = _why(error)
        else:
            took_s = time.monotonic() - began
            await _hear_out(response)
            wait_s = retry_after_s(response.headers.get("retry-after"), datetime.now(UTC))
            return Outcome(response.status_code, took_s, retry_after_s=wait_s)
        return Outcome(None, time.monotonic() - began, why)

    async def close(self) -> None:
        """End all connections."""
        await self._transport.aclose()

    async def _reach(self, url: str, headers: Mapping[str, str], body: bytes) -> httpx2.Response:
        target = parsed(url, allow_private=self._settings.allow_private)
        addresses = await resolved(target)
        check(target, addresses, allow_private=self._settings.allow_private)
        *earlier, last = addresses[:_MOST_ADDRESSES]
        for address in earlier:
            with suppress(*_NOT_REACHED):
                return await self._post(target, address, headers, body)
        return await self._post(target, last, headers, body)

    async def _post(self, target: Target, address: Address, headers: Mapping[str, str], body: bytes) -> httpx2.Response:
        request = httpx2.Request(
            "POST",
            target.at(address),
            headers={"Host": target.authority, **_OURS, **headers},
            content=body,
            # The certificate must be that of the name, though the connection is made to an address.
            extensions={"timeout": self._timeouts, "sni_hostname": target.host},
        )
        return await self._transport.handle_async_request(request)


_OURS = {
    "User-Agent": f"care-voice/{care_voice.__version__}",
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


async def _hear_out(response: httpx2.Response) -> None:
    """Read a short answer to its end, so that its server sees no broken connection; the status is known already."""
    heard = 0
    try:
        async with asyncio.timeout(_HEARS_S):
            async for chunk in response.aiter_raw():
                heard += len(chunk)
                if heard > _MOST_ANSWER_BYTES:
                    break
    except (TimeoutError, httpx2.HTTPError):
        log.debug("webhook_answer_cut")
    finally:
        await response.aclose()


def _trust(settings: WebhookSettings) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=settings.ca_file) if settings.ca_file else httpx2.create_ssl_context()


def _why(error: Exception) -> str:
    """A few words of ours: those of libraries name addresses, and addresses of endpoints hold secrets."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "its certificate is not trusted"
    if isinstance(error, _NOT_REACHED):
        return "no connection could be made"
    if isinstance(error, OSError):
        return "its name could not be looked up"
    return "the connection broke before it answered"
