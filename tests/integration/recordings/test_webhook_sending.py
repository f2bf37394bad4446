"""Webhooks over real HTTP, from the event to the endpoint: signed, in time, and again where it failed."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from standardwebhooks import WebhookVerificationError

from care_voice.domain.errors import InvalidParameter, MissingParameter
from care_voice.domain.recordings import Wish
from care_voice.domain.store_errors import WebhookUrlRefused
from care_voice.domain.webhook_retries import RetryPlan
from care_voice.domain.webhooks import Attempt, Delivery, Webhook
from care_voice.notify.sender import HttpSender
from care_voice.notify.settings import WebhookSettings
from care_voice.service.webhook_courier import WebhookCourier
from care_voice.service.webhooks import Webhooks, WebhookWish
from care_voice.store import events, recordings
from care_voice.store.database import Connection, Database
from care_voice.telemetry.metrics import Metrics
from support import receiver as acts
from support.ports import free_port
from support.receiver import receiving
from support.stored_speech import keep, keep_recording, transcript_of
from support.tls import own_certificate
from support.waiting import until

SETTINGS = WebhookSettings(allow_private=True, timeout_s=5.0, lease_s=60.0, poll_s=0.2)
IMPATIENT = replace(SETTINGS, timeout_s=0.3)
PLAN = RetryPlan(delays_s=(0.01,) * 5, jitter=0.0, pause_s=0.01)


class Post:
    """Endpoints, a courier and a database of the test's own."""

    def __init__(self, database: Database, settings: WebhookSettings, plan: RetryPlan) -> None:
        self.database, self.metrics = database, Metrics()
        self.courier = WebhookCourier(
            database, lambda: HttpSender(settings), settings, self.metrics, owner="node_1", plan=plan
        )
        self.webhooks = Webhooks(database, self.courier, settings)

    async def add(self, url: str, *asked: str) -> Webhook:
        return await self.webhooks.create(WebhookWish(url=url, events=asked or None))

    async def happen(self, kind: str = "job.done") -> None:
        def work(connection: Connection) -> None:
            if connection.one("recording", id="rec_1") is None:
                recordings.insert(connection, "rec_1", client="a", source="upload", wish=Wish(), title="林太太")
            events.append(connection, "rec_1", kind, {"job_id": "job_1"})

        await self.database.awrite(work)

    async def ended(self, webhook: Webhook) -> tuple[Delivery, list[Attempt]]:
        """The newest delivery, once it is over."""

        def newest(connection: Connection) -> str | None:
            rows = connection.all("deliveries_of", webhook_id=webhook.id, state=None, before=None, limit=1)
            return rows[0]["id"] if rows and rows[0]["ended_at"] else None

        delivery_id = await until(lambda: self.database.read(newest), "the delivery is over")
        assert delivery_id is not None
        return await self.webhooks.delivery(webhook.id, delivery_id)

    def tries(self, outcome: str) -> float:
        return self.metrics.registry.get_sample_value("care_voice_webhook_tries_total", {"outcome": outcome}) or 0.0


@asynccontextmanager
async def posting(
    database: Database, settings: WebhookSettings = SETTINGS, plan: RetryPlan = PLAN
) -> AsyncIterator[Post]:
    """A courier at work until the block ends."""
    post = Post(database, settings, plan)
    task = asyncio.create_task(post.courier.run())
    try:
        yield post
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_event_reaches_the_endpoint_signed(database: Database) -> None:
    with receiving() as receiver:
        async with posting(database) as post:
            webhook = await post.add(receiver.url)
            await post.happen()
            delivery, log = await post.ended(webhook)

    message = receiver.messages[0]
    assert message.verified(webhook.secret) == json.loads(delivery.payload)
    assert (message.id, message.path) == (delivery.id, "/hook?key=of-the-url")
    assert message.headers["content-type"] == "application/json"
    assert message.headers["host"] == receiver.url.split("/")[2]
    assert [(each.attempt, each.status, each.error) for each in log] == [(1, 204, "")]
    assert post.tries("ok") == 1


async def test_500_then_ok_is_delivered_under_one_identifier(sqlite_database: Database) -> None:
    with receiving() as receiver:
        receiver.misbehave(acts.status(500), acts.status(503, retry_after="0"))
        async with posting(sqlite_database) as post:
            webhook = await post.add(receiver.url)
            await post.happen()
            delivery, log = await post.ended(webhook)

    assert [each.status for each in log] == [500, 503, 204]
    assert delivery.state == "delivered"
    assert {each.id for each in receiver.messages} == {delivery.id}
    for message in receiver.messages:
        message.verified(webhook.secret)


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (acts.hang, "it did not answer within 0.3 s"),
        (acts.drip_headers, "it did not answer within 0.3 s"),
        (acts.break_off, "the connection broke before it answered"),
    ],
)
async def test_an_endpoint_that_does_not_answer_is_tried_again(
    sqlite_database: Database, act: acts.Act, error: str
) -> None:
    with receiving() as receiver:
        receiver.misbehave(act)
        async with posting(sqlite_database, IMPATIENT) as post:
            webhook = await post.add(receiver.url)
            await post.happen()
            _, log = await post.ended(webhook)

    assert (log[0].status, log[0].error) == (None, error)
    assert (log[-1].status, log[-1].error) == (204, "")
    # On a busy machine its right answer may be too late as well, and is waited for again.
    assert post.tries("no_answer") == len(log) - 1


async def test_an_endpoint_that_is_down_gets_it_when_it_is_back(sqlite_database: Database) -> None:
    port = free_port()
    patient = replace(PLAN, delays_s=(0.05,) * 200)
    async with posting(sqlite_database, plan=patient) as post:
        webhook = await post.add(f"http://127.0.0.1:{port}/hook")
        await post.happen()
        await until(lambda: post.tries("no_answer") >= 2, "two tries failed")
        with receiving(port=port) as receiver:
            _, log = await post.ended(webhook)

    assert {(each.status, each.error) for each in log[:-1]} == {(None, "no connection could be made")}
    assert log[-1].status == 204
    assert len(receiver.messages) == 1


async def test_redirects_are_not_followed(sqlite_database: Database) -> None:
    with receiving() as elsewhere, receiving() as receiver:
        receiver.misbehave(acts.status(302, location=elsewhere.url), acts.status(307, location=elsewhere.url))
        async with posting(sqlite_database) as post:
            webhook = await post.add(receiver.url)
            await post.happen()
            _, log = await post.ended(webhook)

    assert [each.status for each in log] == [302, 307, 204]
    assert elsewhere.messages == []


async def test_an_answer_without_end_is_not_taken_in(sqlite_database: Database) -> None:
    with receiving() as receiver:
        receiver.misbehave(acts.endless)
        async with posting(sqlite_database) as post:
            webhook = await post.add(receiver.url)
            await post.happen()
            _, log = await post.ended(webhook)

    assert [each.status for each in log] == [200]
    assert receiver.sent < 20_000_000


async def test_gone_disables_the_endpoint_and_enabling_it_sends_what_has_waited(sqlite_database: Database) -> None:
    with receiving() as receiver:
        receiver.misbehave(acts.status(410))
        async with posting(sqlite_database) as post:
            webhook = await post.add(receiver.url)
            await post.happen()
            await post.ended(webhook)
            disabled = await post.webhooks.get(webhook.id)
            await post.happen("job.failed")
            enabled = await post.webhooks.change(webhook.id, WebhookWish(enabled=True))
            await until(lambda: receiver.of("job.failed"), "what has waited arrived")

    assert (disabled.disabled_at is None, disabled.disabled_why) == (False, "it answered that it is gone (410)")
    assert enabled.disabled_at is None
    assert len(receiver.of("job.done")) == 1
    assert post.metrics.registry.get_sample_value("care_voice_webhooks_disabled_total") == 1


async def test_both_secrets_sign_after_a_rotation(sqlite_database: Database) -> None:
    with receiving() as receiver:
        async with posting(sqlite_database) as post:
            webhook = await post.add(receiver.url)
            rotated = await post.webhooks.rotate(webhook.id)
            await post.happen()
            await post.ended(webhook)

    message = receiver.messages[0]
    assert rotated.secret != webhook.secret
    assert message.verified(webhook.secret) == message.verified(rotated.secret)
    with pytest.raises(WebhookVerificationError):
        message.verified("whsec_" + "A" * 44)


async def test_what_was_said_is_told_to_who_asked_for_it_while_it_is_there(database: Database) -> None:
    said = transcript_of("Good morning.", "Did you sleep well?")
    with receiving() as named, receiving() as quoted:
        quoted.misbehave(acts.status(500))
        async with posting(database) as post:
            await post.add(named.url, "transcript.*")
            full = await post.webhooks.create(WebhookWish(named.url, ("transcript.*",), include_text=True))
            await post.webhooks.change(full.id, WebhookWish(url=quoted.url))
            recording_id = await asyncio.to_thread(keep_recording, database)
            transcript_id = await asyncio.to_thread(keep, database, recording_id, said)
            await until(lambda: len(quoted.messages) == 2 and named.messages, "both have it")
            delivery, _ = await post.ended(full)
            await database.awrite(lambda each: each.execute("DELETE FROM recordings", {}))
            await post.webhooks.resend(full.id, delivery.id)
            await until(lambda: len(quoted.messages) == 3, "it was sent again")

    text = "Good morning. Did you sleep well?"
    assert "Good morning" not in named.messages[0].body + delivery.payload
    assert quoted.messages[1].verified(full.secret)["data"]["transcript"] == {
        "id": transcript_id, "revision": 0, "language": "en", "model": "base", "text": text,
    }  # fmt: skip
    assert quoted.messages[2].value["data"]["transcript"] is None


async def test_a_ping_is_sent_once_and_at_once_without_the_courier(sqlite_database: Database) -> None:
    post = Post(sqlite_database, IMPATIENT, PLAN)
    with receiving() as receiver:
        webhook = await post.add(receiver.url)
        await post.webhooks.change(webhook.id, WebhookWish(enabled=False))
        receiver.misbehave(acts.status(500), acts.hang)
        found = [await post.webhooks.ping(webhook.id) for _ in range(3)]
    await post.courier.close()

    assert [(delivery.state, log[0].status) for delivery, log in found] == [
        ("failed", 500),
        ("failed", None),
        ("delivered", 204),
    ]
    assert receiver.messages[2].verified(webhook.secret)["data"] == {"webhook_id": webhook.id}


async def test_a_slow_endpoint_does_not_keep_others_waiting(sqlite_database: Database) -> None:
    crowded = replace(SETTINGS, most_at_once=3, most_per_endpoint=2)
    with receiving() as slow, receiving() as quick:
        slow.misbehave(then=acts.hang)
        async with posting(sqlite_database, crowded) as post:
            await post.add(slow.url, "job.*")
            await post.add(quick.url, "transcript.*")
            for _ in range(4):
                await post.happen("job.done")
            await until(lambda: len(slow.messages) == 2, "the slow one has what it may have")
            await post.happen("transcript.created")
            await until(lambda: quick.messages, "the quick one has its message")
            assert len(slow.messages) == 2
            slow.held.set()


async def test_several_nodes_share_the_work(database: Database) -> None:
    with receiving() as receiver:
        async with posting(database) as one, posting(database), posting(database):
            await one.add(receiver.url)
            for _ in range(20):
                await one.happen()
            await until(lambda: len(receiver.messages) >= 20, "all have arrived")

    assert len({each.id for each in receiver.messages}) == len(receiver.messages) == 20


async def test_what_is_in_hand_when_the_courier_ends_is_sent_by_the_next_one(sqlite_database: Database) -> None:
    with receiving() as receiver:
        receiver.misbehave(acts.hang)
        async with posting(sqlite_database) as post:
            webhook = await post.add(receiver.url)
            await post.happen()
            await until(lambda: receiver.messages, "it was sent")
        async with posting(sqlite_database) as post:
            delivery, log = await post.ended(webhook)

    assert [each.status for each in log] == [None, 204]
    assert [each.id for each in receiver.messages] == [delivery.id] * 2


async def test_draining_lets_what_is_in_hand_end_and_begins_nothing(sqlite_database: Database) -> None:
    with receiving() as receiver:
        receiver.misbehave(acts.late)
        async with posting(sqlite_database) as post:
            webhook = await post.add(receiver.url)
            await post.happen()
            await until(lambda: receiver.messages, "it was sent")
            draining = asyncio.create_task(post.courier.drain(30))
            for _ in range(3):
                await post.happen("job.failed")
            receiver.held.set()
            await draining

    found = await post.webhooks.deliveries(webhook.id)
    assert [(each.event, each.state, each.attempt) for each in reversed(found)] == [
        ("job.done", "delivered", 1),
        *[("job.failed", "queued", 0)] * 3,
    ]
    assert len(receiver.messages) == 1


# --- where nothing may be sent ----------------------------------------------------------------------------------------


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Addresses of names, one list an answer; the system's resolver is where the network begins."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *rest: object, **more: object) -> object:
        if host not in known:
            return real(host, port, *rest, **more)  # type: ignore[arg-type] # passed on as it came
        address = known[host].pop(0) if len(known[host]) > 1 else known[host][0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


async def test_a_name_that_leads_home_the_second_time_is_not_followed(
    sqlite_database: Database, names: dict[str, list[str]]
) -> None:
    """DNS rebinding: public while it is checked, private while it is connected to."""
    names["hooks.example"] = ["93.184.215.14", "127.0.0.1"]
    public_only = replace(SETTINGS, allow_private=False)
    with receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        async with posting(sqlite_database, public_only) as post:
            webhook = await post.add(f"https://hooks.example:{port}/")
            await post.happen()
            _, log = await post.ended(webhook)

    assert {each.error for each in log} == {
        "This address cannot get webhooks: it leads to an address that is not public."
    }
    assert receiver.messages == []


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.8", "169.254.169.254", "::ffff:192.168.0.1"])
async def test_a_name_that_leads_home_is_refused_at_once(
    sqlite_database: Database, names: dict[str, list[str]], address: str
) -> None:
    names["hooks.example"] = [address]
    post = Post(sqlite_database, replace(SETTINGS, allow_private=False), PLAN)

    with pytest.raises(WebhookUrlRefused):
        await post.add("https://hooks.example/")
    assert await post.webhooks.every() == []


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        (WebhookWish(), MissingParameter),
        (WebhookWish(url="http://hooks.example/", events=()), InvalidParameter),
        (WebhookWish(url="http://127.0.0.1/", events=("job.progress",)), InvalidParameter),
        (WebhookWish(url="http://127.0.0.1/", description="a" * 201), InvalidParameter),
        (WebhookWish(url="http://127.0.0.1/", description="a\0"), InvalidParameter),
        (WebhookWish(url="http://169.254.169.254/latest/meta-data"), WebhookUrlRefused),
    ],
)
async def test_a_wish_that_cannot_be_is_refused(
    sqlite_database: Database, names: dict[str, list[str]], wish: WebhookWish, error: type[Exception]
) -> None:
    names["hooks.example"] = ["127.0.0.1"]
    with pytest.raises(error):
        await Post(sqlite_database, SETTINGS, PLAN).webhooks.create(wish)


# --- TLS --------------------------------------------------------------------------------------------------------------


async def test_a_certificate_must_be_trusted_and_be_that_of_the_name(
    sqlite_database: Database, names: dict[str, list[str]], tmp_path: Path
) -> None:
    names["hooks.example"] = names["other.example"] = ["127.0.0.1"]
    context, trusted = own_certificate(tmp_path, "hooks.example")
    with receiving(context) as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        found = {}
        for name, settings in [
            ("hooks.example", replace(SETTINGS, ca_file=trusted)),
            ("other.example", replace(SETTINGS, ca_file=trusted)),
            ("hooks.example", SETTINGS),
            ("hooks.example", replace(SETTINGS, ca_file=tmp_path / "missing.pem")),
        ]:
            post = Post(sqlite_database, settings, PLAN)
            webhook = await post.add(f"https://{name}:{port}/")
            _, log = await post.webhooks.ping(webhook.id)
            found[name, settings.ca_file and settings.ca_file.name] = (log[0].status, log[0].error)
            await post.courier.close()

    untrusted = (None, "its certificate is not trusted")
    assert found == {
        ("hooks.example", "hooks.example.pem"): (204, ""),
        ("other.example", "hooks.example.pem"): untrusted,
        ("hooks.example", None): untrusted,
        ("hooks.example", "missing.pem"): (None, "the certificates of CA_FILE cannot be read"),
    }
    assert [each.headers["host"] for each in receiver.messages] == [f"hooks.example:{port}"]
