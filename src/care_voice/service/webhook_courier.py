"""Sends what is in the outbox of webhooks: at least once, from any of several nodes, to many endpoints at a time.

A delivery is claimed with a lease, sent, and settled in one transaction with its line in the log. A node that is killed
in between has said nothing: another one sends it again under the same `webhook-id`, by which the endpoint tells.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import structlog

from care_voice.domain import webhooks as domain
from care_voice.domain.errors import CareVoiceError
from care_voice.domain.store_errors import UnknownRecording
from care_voice.domain.webhook_retries import Outcome, RetryPlan, Step
from care_voice.domain.webhooks import Attempt, Delivery
from care_voice.notify.settings import WebhookSettings
from care_voice.notify.signing import signed_headers
from care_voice.store import transcripts, webhooks
from care_voice.store.database import Connection, Database
from care_voice.store.webhooks import Claim, Settled
from care_voice.supervisor.waiting import came_within
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_DAY_S = 86_400.0
_FORGET_EVERY_S = 3_600.0
_LEAST_REST_S = 0.2
_NO_SECOND_TRY = RetryPlan(delays_s=())


class Sender(Protocol):
    """Posts messages; `notify.sender.HttpSender` does."""

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome: ...

    async def close(self) -> None: ...


class WebhookCourier:
    """One node's share of the sending."""

    def __init__(
        self,
        database: Database,
        new_sender: Callable[[], Sender],
        settings: WebhookSettings,
        metrics: Metrics,
        *,
        owner: str,
        plan: RetryPlan | None = None,
    ) -> None:
        """`owner` is the node's name. `new_sender` is called when there is something to send; it may raise OSError
        where the certificates cannot be read."""
        self._database = database
        self._new_sender = new_sender
        self._settings = settings
        self._owner = owner
        self._metrics = metrics
        self._plan = plan or RetryPlan()
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(settings.most_at_once)
        self._in_hand: set[asyncio.Task[None]] = set()
        self._sender: Sender | None = None
        self._draining = False
        self._forgot_at = float("-inf")

    async def run(self) -> None:
        """Send until cancelled. What is in hand then is given back, to be sent again by whoever comes next."""
        stop_listening = self._database.listen(webhooks.TOPIC, self._wake.set)
        try:
            while not self._draining:
                await self._round()
            if self._in_hand:
                await asyncio.wait(self._in_hand)
        finally:
            stop_listening()
            for task in self._in_hand:
                task.cancel()
            await asyncio.gather(*self._in_hand, return_exceptions=True)
            await self.close()

    async def drain(self, timeout_s: float) -> None:
        """Begin nothing more, and let what is in hand end."""
        self._draining = True
        self._wake.set()
        if self._in_hand:
            await asyncio.wait(self._in_hand, timeout=timeout_s)

    async def ping(self, webhook_id: str) -> tuple[Delivery, list[Attempt]]:
        """Send a test, once and now, also to an endpoint that is disabled; what came of it, as in the log.

        Raises:
            UnknownWebhook: There is no such endpoint.
        """

        def take(connection: Connection) -> Claim:
            webhooks.get(connection, webhook_id)
            message = domain.payload(domain.PING, connection.now, {"webhook_id": webhook_id})
            delivery_id = webhooks.post(connection, webhook_id, domain.PING, message)
            return webhooks.claim_this(connection, webhook_id, delivery_id, self._owner, self._settings.lease_s)

        claimed = await self._database.awrite(take)
        await self._deliver(claimed, _NO_SECOND_TRY)
        return await self._database.aread(lambda each: webhooks.delivery(each, webhook_id, claimed.delivery.id))

    async def close(self) -> None:
        """End all connections. `run` does when it ends; this is for a courier that only pings."""
        sender, self._sender = self._sender, None
        if sender is not None:
            await sender.close()

    async def _round(self) -> None:
        """Take all there is, then rest until there is more."""
        rest_s = self._settings.poll_s
        self._wake.clear()
        try:
            await self._forget_old()
            while not self._draining and await self._take_one():
                pass
            wait_s = await self._database.aread(webhooks.wait_s)
        except CareVoiceError as error:
            log.warning("webhooks_wait_for_the_store", code=error.code)
        else:
            rest_s = rest_s if wait_s is None else min(rest_s, max(_LEAST_REST_S, wait_s))
        await came_within(self._wake, rest_s)

    async def _take_one(self) -> bool:
        """Begin to send the next delivery; False where nothing can be sent now."""
        await self._slots.acquire()
        claimed = None
        try:
            claimed = await self._claim()
        finally:
            if claimed is None:
                self._slots.release()
        if claimed is None:
            return False
        task = asyncio.create_task(self._deliver_guarded(claimed), name=claimed.delivery.id)
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)
        return True

    async def _claim(self) -> Claim | None:
        """Cancelled in the middle, it gives back what it got: nobody would hear of it until its lease ends."""
        settings = self._settings
        claiming = asyncio.ensure_future(
            self._database.awrite(
                lambda connection: webhooks.claim(connection, self._owner, settings.lease_s, settings.most_per_endpoint)
            )
        )
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            with suppress(CareVoiceError):
                if (claimed := await claiming) is not None:
                    await self._release(claimed)
            raise

    async def _release(self, claimed: Claim) -> None:
        await self._database.awrite(lambda connection: webhooks.release(connection, claimed))

    async def _deliver_guarded(self, claimed: Claim) -> None:
        """Whatever happens to one delivery, the others go on; its lease ends by itself."""
        try:
            await self._deliver(claimed, self._plan)
        except CareVoiceError as error:
            log.warning("webhook_not_settled", delivery=claimed.delivery.id, code=error.code)
        except Exception:
            log.exception("webhook_delivery_broke", delivery=claimed.delivery.id)
        finally:
            self._slots.release()
            # Its endpoint has room again, and may have been too busy for what waits.
            self._wake.set()

    async def _deliver(self, claimed: Claim, plan: RetryPlan) -> None:
        try:
            outcome = await self._send(claimed)
        except asyncio.CancelledError:
            with suppress(CareVoiceError):
                await self._release(claimed)
            raise
        step = plan.step(outcome, claimed.delivery.failures, random.random())  # noqa: S311 - spreads load, guards nothing
        days = self._settings.disable_after_days
        settled = await self._database.awrite(
            lambda connection: webhooks.settle(connection, claimed, outcome, step, disable_after_days=days)
        )
        self._note(claimed, outcome, step, settled)

    async def _send(self, claimed: Claim) -> Outcome:
        message, now = await self._message(claimed), time.time()
        headers = signed_headers(claimed.webhook.secrets(now), claimed.delivery.id, now, message)
        try:
            self._sender = self._sender or self._new_sender()
        except OSError:
            return Outcome(None, 0.0, "the certificates of CA_FILE cannot be read")
        return await self._sender.send(claimed.webhook.url, headers, message.encode())

    async def _message(self, claimed: Claim) -> str:
        """What was queued, and the words where the endpoint wants them: they are read now and kept in no log, so that
        a transcript that was deleted is not sent."""
        message = claimed.delivery.payload
        named = domain.transcript_named(message) if claimed.webhook.include_text else None
        if named is None:
            return message
        return domain.with_transcript(message, await self._database.aread(lambda each: _words(each, *named)))

    def _note(self, claimed: Claim, outcome: Outcome, step: Step, settled: Settled) -> None:
        """Metrics and a line in the log: no address, which may hold a secret, and nothing of the message."""
        self._metrics.webhook_tries.labels(outcome.label).inc()
        self._metrics.webhook_seconds.observe(outcome.took_s)
        log.info(
            "webhook_delivered" if outcome.delivered else "webhook_failed",
            webhook=claimed.webhook.id,
            delivery=claimed.delivery.id,
            kind=claimed.delivery.event,
            attempt=claimed.delivery.attempt,
            status=outcome.status,
            why=outcome.error,
            again_in_s=step.wait_s and round(step.wait_s, 1),
            taken_over=settled is Settled.TOO_LATE,
        )
        if settled is Settled.DISABLED:
            self._metrics.webhooks_disabled.inc()
            log.warning("webhook_disabled", webhook=claimed.webhook.id, gone=step.gone)

    async def _forget_old(self) -> None:
        if time.monotonic() - self._forgot_at < _FORGET_EVERY_S:
            return
        keep_s = self._settings.keep_log_days * _DAY_S
        await self._database.awrite(lambda connection: webhooks.forget(connection, keep_s))
        self._forgot_at = time.monotonic()


def _words(connection: Connection, recording_id: str, transcript_id: str) -> dict[str, Any] | None:
    """What a transcript says now; None where it is gone, or its recording is in the trash."""
    try:
        versions = transcripts.versions(connection, recording_id)
    except UnknownRecording:
        return None
    head = next((each for each in versions if each.id == transcript_id), None)
    if head is None:
        return None
    text = transcripts.read(connection, recording_id, head.number).text
    return {"id": head.id, "revision": head.revision, "language": head.language, "model": head.model, "text": text}
