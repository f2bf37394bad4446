"""The outbox of webhooks on both databases: written with the event, claimed once, settled by its owner alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from care_voice.domain.recordings import Wish
from care_voice.domain.store_errors import UnknownWebhook
from care_voice.domain.webhook_retries import Outcome, RetryPlan
from care_voice.domain.webhooks import Delivery, DeliveryState, Webhook
from care_voice.store import events, recordings, webhooks
from care_voice.store.database import Connection, Database
from care_voice.store.statements import statements
from care_voice.store.webhooks import Claim, Settled

OpenClocked = Callable[[Callable[[], float]], Database]
LEASE_S = 60.0
DAY_S = 86_400.0
OK, BROKEN = Outcome(200, 0.1), Outcome(500, 0.1)
PLAN = RetryPlan(jitter=0.0)


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(open_clocked: OpenClocked, clock: Clock) -> Database:
    return open_clocked(clock)


def endpoint(database: Database, *asked: str, url: str = "https://hooks.example/") -> Webhook:
    return database.write(
        lambda connection: webhooks.insert(
            connection, url=url, events=asked or ("*",), description="", include_text=False, secret="whsec_first"
        )
    )


def happen(database: Database, kind: str = "job.done", body: dict[str, str] | None = None, number: int = 1) -> None:
    """An event of a recording, which is made where it is not there yet."""

    def work(connection: Connection) -> None:
        if number == 1 and connection.one("recording", id="rec_1") is None:
            recordings.insert(connection, "rec_1", client="a", source="upload", wish=Wish(), title="林太太")
        events.append(connection, "rec_1", kind, body)

    database.write(work)


def claim(database: Database, owner: str = "node_1", most: int = 100) -> Claim | None:
    return database.write(lambda connection: webhooks.claim(connection, owner, LEASE_S, most))


def claimed(database: Database, owner: str = "node_1") -> Claim:
    found = claim(database, owner)
    assert found is not None
    return found


def settle(database: Database, what: Claim, outcome: Outcome, plan: RetryPlan = PLAN) -> Settled:
    step = plan.step(outcome, what.delivery.failures, 0.0)
    return database.write(lambda connection: webhooks.settle(connection, what, outcome, step, disable_after_days=5.0))


def log_of(database: Database, webhook: Webhook, state: DeliveryState | None = None) -> list[Delivery]:
    return database.read(
        lambda connection: webhooks.deliveries(connection, webhook.id, state=state, before=None, limit=100)
    )


def errors_of(database: Database, delivery: Delivery) -> list[tuple[int, int | None, str]]:
    _, attempts = database.read(lambda connection: webhooks.delivery(connection, delivery.webhook_id, delivery.id))
    return [(each.attempt, each.status, each.error) for each in attempts]


def as_it_is(database: Database, webhook: Webhook) -> Webhook:
    return database.read(lambda connection: webhooks.get(connection, webhook.id))


def test_an_event_is_queued_for_those_who_asked_for_it_and_names_no_person(outbox: Database) -> None:
    all_of_it, jobs, transcripts = endpoint(outbox), endpoint(outbox, "job.*"), endpoint(outbox, "transcript.created")

    happen(outbox, "job.done", {"job_id": "job_1", "transcript_id": "tr_1", "text": "words"})

    assert [len(log_of(outbox, each)) for each in (all_of_it, jobs, transcripts)] == [1, 1, 0]
    message = log_of(outbox, jobs)[0].payload
    assert json.loads(message) == {
        "type": "job.done",
        "timestamp": "1970-01-12T13:46:40.000Z",
        "data": {
            "recording_id": "rec_1", "state": "receiving", "source": "upload", "duration_s": None, "trashed": False,
            "job_id": "job_1", "transcript_id": "tr_1",
        },
    }  # fmt: skip


def test_progress_is_not_for_webhooks(outbox: Database) -> None:
    listener = endpoint(outbox)
    happen(outbox, "job.progress", {"done_s": "1"})

    assert log_of(outbox, listener) == []


def test_what_is_rolled_back_is_not_told(outbox: Database) -> None:
    listener = endpoint(outbox)

    def fail(connection: Connection) -> None:
        webhooks.enqueue(connection, "recording.deleted", "rec_9", {"receipt_id": "rcp_1"})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        outbox.write(fail)
    assert log_of(outbox, listener) == []


def test_a_recording_that_is_gone_can_be_told_of(outbox: Database) -> None:
    listener = endpoint(outbox)
    outbox.write(lambda each: webhooks.enqueue(each, "recording.deleted", "rec_9", {"receipt_id": "rcp_1"}))

    assert json.loads(log_of(outbox, listener)[0].payload)["data"] == {"recording_id": "rec_9", "receipt_id": "rcp_1"}


def test_it_is_claimed_by_one_and_sent_once(outbox: Database) -> None:
    listener = endpoint(outbox)
    happen(outbox)
    mine = claimed(outbox)

    assert claim(outbox, "node_2") is None
    assert settle(outbox, mine, OK) is Settled.WRITTEN
    assert claim(outbox) is None
    delivery = log_of(outbox, listener, "delivered")[0]
    assert (delivery.id, delivery.attempt, delivery.ended_at) == (mine.delivery.id, 1, 1_000_000.0)
    assert errors_of(outbox, delivery) == [(1, 200, "")]


def test_many_who_claim_at_once_get_each_delivery_once(outbox: Database) -> None:
    endpoint(outbox)
    for _ in range(24):
        happen(outbox)

    def take_all(owner: str) -> list[str]:
        taken = []
        while (found := claim(outbox, owner)) is not None:
            taken.append(found.delivery.id)
        return taken

    with ThreadPoolExecutor(6) as nodes:
        taken = [each for one in nodes.map(take_all, [f"node_{n}" for n in range(6)]) for each in one]
    assert len(taken) == len(set(taken)) == 24


def test_what_a_node_that_went_away_had_in_hand_is_sent_by_another_under_the_same_identifier(
    outbox: Database, clock: Clock
) -> None:
    listener = endpoint(outbox)
    happen(outbox)
    lost = claimed(outbox, "node_1")

    clock.now += LEASE_S - 1
    assert claim(outbox, "node_2") is None
    clock.now += 1
    again = claimed(outbox, "node_2")

    assert (again.delivery.id, again.delivery.attempt) == (lost.delivery.id, 2)
    assert settle(outbox, lost, BROKEN) is Settled.TOO_LATE
    assert settle(outbox, again, OK) is Settled.WRITTEN
    delivery = log_of(outbox, listener)[0]
    assert delivery.state == "delivered"
    assert errors_of(outbox, delivery) == [(1, None, "the process that was sending it went away"), (2, 200, "")]


def test_a_failure_is_tried_again_when_its_time_has_come(outbox: Database, clock: Clock) -> None:
    listener = endpoint(outbox)
    happen(outbox)
    settle(outbox, claimed(outbox), BROKEN)

    assert claim(outbox) is None
    assert outbox.read(webhooks.wait_s) == 5.0
    clock.now += 5
    settle(outbox, claimed(outbox), BROKEN)
    assert outbox.read(webhooks.wait_s) == 300.0
    clock.now += 300
    settle(outbox, claimed(outbox), OK)
    assert outbox.read(webhooks.wait_s) is None
    assert as_it_is(outbox, listener).failing_since is None
    assert [each[1] for each in errors_of(outbox, log_of(outbox, listener)[0])] == [500, 500, 200]


def test_it_is_given_up_when_its_tries_are_used_up_and_sent_again_on_request(outbox: Database, clock: Clock) -> None:
    listener = endpoint(outbox)
    happen(outbox)
    for wait_s in (0, *PLAN.delays_s):
        clock.now += wait_s
        settle(outbox, claimed(outbox), BROKEN)
    failed = log_of(outbox, listener, "failed")[0]
    assert (failed.attempt, failed.ended_at) == (10, clock.now)
    assert as_it_is(outbox, listener).disabled_at is None

    assert outbox.write(lambda each: webhooks.resend_failed(each, listener.id)) == 1
    again = claimed(outbox)
    assert (again.delivery.id, again.delivery.attempt, again.delivery.failures) == (failed.id, 11, 0)
    settle(outbox, again, OK)
    assert log_of(outbox, listener)[0].state == "delivered"


def test_one_that_was_delivered_can_be_sent_again(outbox: Database) -> None:
    listener = endpoint(outbox)
    happen(outbox)
    first = claimed(outbox)
    settle(outbox, first, OK)

    outbox.write(lambda each: webhooks.resend(each, listener.id, first.delivery.id))
    assert claimed(outbox).delivery.id == first.delivery.id


def test_what_is_being_sent_is_not_sent_twice_by_a_request(outbox: Database) -> None:
    listener = endpoint(outbox)
    happen(outbox)
    first = claimed(outbox)

    outbox.write(lambda each: webhooks.resend(each, listener.id, first.delivery.id))
    assert claim(outbox) is None


def test_410_disables_the_endpoint_and_what_comes_then_waits_for_it(outbox: Database) -> None:
    listener = endpoint(outbox)
    happen(outbox)
    assert settle(outbox, claimed(outbox), Outcome(410, 0.1)) is Settled.DISABLED
    happen(outbox)

    assert as_it_is(outbox, listener).disabled_why == "it answered that it is gone (410)"
    assert claim(outbox) is None
    assert outbox.read(webhooks.wait_s) is None
    outbox.write(lambda each: webhooks.enable(each, listener.id))
    assert claimed(outbox).delivery.state == "sending"


def test_an_endpoint_that_fails_for_days_is_disabled(outbox: Database, clock: Clock) -> None:
    listener, one_try = endpoint(outbox), RetryPlan(delays_s=(), pause_s=0.0)
    happen(outbox)
    assert settle(outbox, claimed(outbox), BROKEN, one_try) is Settled.WRITTEN
    clock.now += 5 * DAY_S
    happen(outbox)
    assert settle(outbox, claimed(outbox), BROKEN, one_try) is Settled.DISABLED

    found = as_it_is(outbox, listener)
    assert (found.disabled_at, found.disabled_why) == (clock.now, "nothing got through for 5 days")


def test_a_paused_endpoint_gets_nothing_and_others_do(outbox: Database, clock: Clock) -> None:
    slow, other = endpoint(outbox, "job.done"), endpoint(outbox, "job.failed")
    happen(outbox, "job.done")
    settle(outbox, claimed(outbox), Outcome(429, 0.1, retry_after_s=30.0))
    happen(outbox, "job.done")
    happen(outbox, "job.failed")

    assert claimed(outbox).webhook.id == other.id
    assert claim(outbox) is None
    clock.now += 30
    assert claimed(outbox).webhook.id == slow.id


@pytest.mark.parametrize("name", ["due_delivery", "next_due"])
def test_what_waits_for_a_disabled_endpoint_is_not_read_through_for_the_others(outbox: Database, name: str) -> None:
    text, parameters = statements(outbox.dialect)[name], {"now": 1.0, "most": 100}

    def plan(connection: Connection) -> str:
        if connection.dialect == "sqlite":
            return str(connection.fetch(f"EXPLAIN QUERY PLAN {text}", parameters))
        connection.script("SET LOCAL enable_seqscan = off")  # as with many rows, which a test need not have
        return str(connection.fetch(f"EXPLAIN {text}", parameters))

    found = outbox.write(plan)
    assert re.search(
        r"deliveries_due \(webhook_id=\?|deliveries_due on .*?Index Cond: \(\(?webhook_id = w.id\)", found
    ), found


def test_no_endpoint_takes_all_the_room(outbox: Database, clock: Clock) -> None:
    busy, other = endpoint(outbox, "job.done"), endpoint(outbox, "job.failed")
    for kind in ("job.done", "job.done", "job.done", "job.failed"):
        clock.now += 1
        happen(outbox, kind)

    owners = [found.webhook.id for _ in range(4) if (found := claim(outbox, most=2)) is not None]
    assert owners == [busy.id, busy.id, other.id]


def test_a_claim_that_is_given_back_is_sent_again_at_once(outbox: Database) -> None:
    endpoint(outbox)
    happen(outbox)
    first = claimed(outbox)
    outbox.write(lambda connection: webhooks.release(connection, first))

    again = claimed(outbox)
    assert (again.delivery.id, again.delivery.attempt, again.delivery.failures) == (first.delivery.id, 2, 0)


def test_a_rotation_keeps_the_old_secret_for_a_while(outbox: Database, clock: Clock) -> None:
    listener = endpoint(outbox)
    rotated = outbox.write(lambda each: webhooks.rotate(each, listener.id, "whsec_second", 100.0))

    assert rotated.secrets(clock.now + 99) == ("whsec_second", "whsec_first")
    assert rotated.secrets(clock.now + 100) == ("whsec_second",)


def test_an_endpoint_that_is_removed_takes_its_log_along_and_fails_nobody(outbox: Database) -> None:
    listener = endpoint(outbox)
    happen(outbox)
    mine = claimed(outbox)
    outbox.write(lambda each: webhooks.remove(each, listener.id))

    assert settle(outbox, mine, OK) is Settled.TOO_LATE
    happen(outbox)
    for work in (webhooks.get, webhooks.remove, webhooks.resend_failed):
        with pytest.raises(UnknownWebhook):
            outbox.write(lambda each, work=work: work(each, listener.id))
    with pytest.raises(UnknownWebhook):
        log_of(outbox, listener)


def test_events_are_written_while_endpoints_come_and_go(outbox: Database) -> None:
    """An endpoint that is removed between being read and being written to must not undo an upload."""
    happen(outbox)

    def come_and_go(_: int) -> None:
        for _ in range(10):
            listener = endpoint(outbox)
            outbox.write(partial(webhooks.remove, webhook_id=listener.id))

    def tell(_: int) -> None:
        for _ in range(20):
            happen(outbox)

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(work, n) for work in (come_and_go, tell) for n in range(2)]:
            done.result()


def test_old_deliveries_are_forgotten(outbox: Database, clock: Clock) -> None:
    listener = endpoint(outbox)
    happen(outbox)
    clock.now += 30 * DAY_S + 1
    happen(outbox)

    assert outbox.write(lambda each: webhooks.forget(each, 30 * DAY_S)) == 1
    assert len(log_of(outbox, listener)) == 1


def test_the_log_is_read_in_pages(outbox: Database, clock: Clock) -> None:
    listener = endpoint(outbox)
    for _ in range(5):
        clock.now += 1
        happen(outbox)

    first = outbox.read(lambda each: webhooks.deliveries(each, listener.id, state=None, before=None, limit=3))
    rest = outbox.read(lambda each: webhooks.deliveries(each, listener.id, state=None, before=first[-1].id, limit=3))
    assert [each.created_at - 1_000_000 for each in (*first, *rest)] == [5, 4, 3, 2, 1]
