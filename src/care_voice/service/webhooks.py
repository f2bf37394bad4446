"""Endpoints of webhooks as the API and the command line manage them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from care_voice.domain import webhooks as domain
from care_voice.domain.errors import InvalidParameter, MissingParameter
from care_voice.domain.ids import is_id
from care_voice.domain.webhooks import Attempt, Delivery, DeliveryState, Webhook
from care_voice.notify.settings import WebhookSettings
from care_voice.notify.signing import new_secret
from care_voice.notify.targets import check, parsed, resolved
from care_voice.service.webhook_courier import WebhookCourier
from care_voice.store import webhooks
from care_voice.store.database import Connection, Database

T = TypeVar("T")
_HOUR_S = 3_600.0
_LOOK_UP_S = 5.0
_LONGEST_DESCRIPTION = 200
_BY_HAND = "somebody switched it off"


@dataclass(frozen=True, slots=True)
class WebhookWish:
    """What an endpoint is to be. None leaves a field as it is, or as it is by default."""

    url: str | None = None
    events: tuple[str, ...] | None = None
    description: str | None = None
    include_text: bool | None = None
    enabled: bool | None = None


class Webhooks:
    """Add, change, test and remove endpoints, and look into their logs."""

    def __init__(self, database: Database, courier: WebhookCourier, settings: WebhookSettings) -> None:
        self._database = database
        self._courier = courier
        self._settings = settings

    async def every(self) -> list[Webhook]:
        """All endpoints, the oldest first."""
        return await self._database.aread(webhooks.every)

    async def get(self, webhook_id: str) -> Webhook:
        """An endpoint. Raises UnknownWebhook."""
        return await self._database.aread(lambda connection: webhooks.get(connection, webhook_id))

    async def create(self, wish: WebhookWish) -> Webhook:
        """A new endpoint, with its secret. By default it hears of everything.

        Raises:
            WebhookUrlRefused: Nothing may be sent there.
            MissingParameter, InvalidParameter: The wish names no address, or something else of it cannot be.
        """
        if not wish.url:
            raise MissingParameter(param="url")
        await self._check(wish)
        url, secret = wish.url, new_secret()

        def insert(connection: Connection) -> Webhook:
            made = webhooks.insert(
                connection, url=url, events=wish.events or (domain.EVERYTHING,), description=wish.description or "",
                include_text=bool(wish.include_text), secret=secret,
            )  # fmt: skip
            return webhooks.disable(connection, made.id, _BY_HAND) if wish.enabled is False else made

        return await self._database.awrite(insert)

    async def change(self, webhook_id: str, wish: WebhookWish) -> Webhook:
        """Change what the wish names.

        Raises:
            UnknownWebhook: There is no such endpoint.
            WebhookUrlRefused, InvalidParameter: As in `create`.
        """
        await self._check(wish)

        def write(connection: Connection) -> Webhook:
            webhooks.change(connection, _changed(webhooks.get(connection, webhook_id), wish))
            if wish.enabled is True:
                webhooks.enable(connection, webhook_id)
            elif wish.enabled is False:
                webhooks.disable(connection, webhook_id, _BY_HAND)
            return webhooks.get(connection, webhook_id)

        return await self._database.awrite(write)

    async def remove(self, webhook_id: str) -> None:
        """Forget an endpoint, its log and what it has not got yet. Raises UnknownWebhook."""
        await self._database.awrite(lambda connection: webhooks.remove(connection, webhook_id))

    async def rotate(self, webhook_id: str) -> Webhook:
        """A new secret; the one before signs beside it for a while. Raises UnknownWebhook."""
        secret, overlap_s = new_secret(), self._settings.overlap_h * _HOUR_S
        return await self._database.awrite(
            lambda connection: webhooks.rotate(connection, webhook_id, secret, overlap_s)
        )

    async def ping(self, webhook_id: str) -> tuple[Delivery, list[Attempt]]:
        """Send a test now, once; what came of it. Raises UnknownWebhook."""
        return await self._courier.ping(webhook_id)

    async def deliveries(
        self, webhook_id: str, *, state: DeliveryState | None = None, before: str | None = None, limit: int = 50
    ) -> list[Delivery]:
        """The log, the newest first, from behind the delivery `before`.

        Raises:
            UnknownWebhook: There is no such endpoint.
            InvalidParameter: `before` is no delivery.
        """
        if before is not None and not is_id("dlv", before):
            raise InvalidParameter(param="cursor", why="it is not one that a page before has given")
        return await self._read(
            lambda connection: webhooks.deliveries(connection, webhook_id, state=state, before=before, limit=limit)
        )

    async def delivery(self, webhook_id: str, delivery_id: str) -> tuple[Delivery, list[Attempt]]:
        """A delivery and its tries. Raises UnknownWebhook."""
        return await self._read(lambda connection: webhooks.delivery(connection, webhook_id, delivery_id))

    async def resend(self, webhook_id: str, delivery_id: str) -> tuple[Delivery, list[Attempt]]:
        """Queue a delivery again, under its own identifier. Raises UnknownWebhook."""
        await self._database.awrite(lambda connection: webhooks.resend(connection, webhook_id, delivery_id))
        return await self.delivery(webhook_id, delivery_id)

    async def resend_failed(self, webhook_id: str) -> int:
        """Queue all deliveries again that were given up; how many. Raises UnknownWebhook."""
        return await self._database.awrite(lambda connection: webhooks.resend_failed(connection, webhook_id))

    async def _read(self, work: Callable[[Connection], T]) -> T:
        return await self._database.aread(work)

    async def _check(self, wish: WebhookWish) -> None:
        if wish.url is not None:
            await self._check_url(wish.url)
        if wish.events is not None:
            _check_events(wish.events)
        if wish.description is not None:
            _check_description(wish.description)

    async def _check_url(self, url: str) -> None:
        """Tell at once what would fail at each delivery. A name that cannot be looked up now may be later."""
        allow_private = self._settings.allow_private
        target = parsed(url, allow_private=allow_private)
        with suppress(OSError):  # TimeoutError is one
            async with asyncio.timeout(_LOOK_UP_S):
                check(target, await resolved(target), allow_private=allow_private)


def _check_description(text: str) -> None:
    if len(text) > _LONGEST_DESCRIPTION:
        raise InvalidParameter(param="description", why=f"it is longer than {_LONGEST_DESCRIPTION} characters")
    if "\0" in text:
        raise InvalidParameter(param="description", why="it holds a character that cannot be kept")


def _check_events(events: tuple[str, ...]) -> None:
    if not events:
        raise InvalidParameter(param="events", why="it is empty")
    if unknown := domain.unknown_events(events):
        known = ", ".join(domain.KINDS)
        raise InvalidParameter(
            param="events", why=f"'{unknown[0][:40]}' is not one of {known}, nor such a group as job.*"
        )


def _changed(webhook: Webhook, wish: WebhookWish) -> Webhook:
    return replace(
        webhook,
        url=webhook.url if wish.url is None else wish.url,
        events=webhook.events if wish.events is None else wish.events,
        description=webhook.description if wish.description is None else wish.description,
        include_text=webhook.include_text if wish.include_text is None else wish.include_text,
    )
