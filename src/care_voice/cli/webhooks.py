"""`care-voice webhooks`: endpoints that are told of events. It works on the database, whether a server runs or not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar, get_args

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from care_voice.cli.common import errors_explained
from care_voice.cli.recordings_shown import whole_ids
from care_voice.config import load_settings
from care_voice.domain.errors import InvalidParameter
from care_voice.domain.ids import new_id
from care_voice.domain.webhooks import Attempt, Delivery, DeliveryState, Webhook
from care_voice.service.webhook_courier import Sender, WebhookCourier
from care_voice.service.webhooks import Webhooks, WebhookWish
from care_voice.store.opening import open_database, prepare
from care_voice.telemetry.metrics import Metrics

app = typer.Typer(help="Add, test and remove endpoints that are told of events.", no_args_is_help=True)
T = TypeVar("T")

Id = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Identifier, as in `care-voice webhooks list`.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command("list")
def list_webhooks(as_json: Json = False) -> None:
    """List endpoints: what they hear of, and how they do."""
    found = _do(lambda webhooks: webhooks.every())
    if as_json:
        _print_json([_as_json(each) for each in found])
        return
    table = Table(whole_ids("Id"), "Address", "Events", "State")
    for each in found:
        table.add_row(each.id, escape(each.url), ", ".join(each.events), escape(_state(each)))
    Console().print(table)


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Where messages are posted; https.")],
    event: Annotated[list[str] | None, typer.Option("--event", "-e", help="A kind, or a group such as job.*.")] = None,
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
    include_text: Annotated[bool, typer.Option("--include-text", help="Send what was said, too.")] = False,
) -> None:
    """Add an endpoint, and print its identifier and its secret. Without --event it hears of everything."""
    wish = WebhookWish(url, tuple(event) if event else None, description, include_text)
    made = _do(lambda webhooks: webhooks.create(wish))
    typer.echo(made.id)
    typer.echo(made.secret)


@app.command("rm")
def remove(webhook: Id) -> None:
    """Remove an endpoint, with its log."""
    _do(lambda webhooks: webhooks.remove(webhook))


@app.command()
def enable(webhook: Id) -> None:
    """Send to an endpoint again, beginning with what has waited for it."""
    _do(lambda webhooks: webhooks.change(webhook, WebhookWish(enabled=True)))


@app.command()
def disable(webhook: Id) -> None:
    """Send nothing to an endpoint for now; what happens meanwhile waits for it."""
    _do(lambda webhooks: webhooks.change(webhook, WebhookWish(enabled=False)))


@app.command()
def rotate(webhook: Id) -> None:
    """Make a new secret and print it. The old one signs beside it for a while."""
    typer.echo(_do(lambda webhooks: webhooks.rotate(webhook)).secret)


@app.command()
def test(webhook: Id) -> None:
    """Send a test now. Exit code 1 where it did not get through."""
    delivery, attempts = _do(lambda webhooks: webhooks.ping(webhook))
    typer.echo(_told(delivery, attempts))
    if delivery.state != "delivered":
        raise typer.Exit(1)


@app.command("log")
def show_log(
    webhook: Id,
    state: Annotated[str | None, typer.Option("--state", help="queued, sending, delivered or failed.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The newest so many.")] = 50,
    as_json: Json = False,
) -> None:
    """What was sent to an endpoint, the newest first."""
    with errors_explained():
        chosen = _chosen(state)
    found = _do(lambda webhooks: webhooks.deliveries(webhook, state=chosen, limit=limit))
    if as_json:
        _print_json([msgspec.to_builtins(each) for each in found])
        return
    table = Table(whole_ids("Id"), "Event", "State", "Tries", "Queued at")
    for each in found:
        table.add_row(each.id, each.event, each.state, str(each.attempt), _clock(each.created_at))
    Console().print(table)


@app.command()
def resend(
    webhook: Id,
    delivery: Annotated[
        str | None, typer.Argument(help="Identifier, as in the log; all failed ones without it.")
    ] = None,
) -> None:
    """Queue deliveries again; a running server sends them."""
    if delivery is None:
        count = _do(lambda webhooks: webhooks.resend_failed(webhook))
    else:
        _do(lambda webhooks: webhooks.resend(webhook, delivery))
        count = 1
    typer.echo(f"{count} queued.")


def _do(work: Callable[[Webhooks], Awaitable[T]]) -> T:
    with errors_explained():
        return asyncio.run(_with_webhooks(work))


async def _with_webhooks(work: Callable[[Webhooks], Awaitable[T]]) -> T:
    settings = load_settings()
    database = open_database(settings.store, settings.data_dir)
    owner = new_id("node", time.time())

    def new_sender() -> Sender:
        from care_voice.notify.sender import HttpSender  # noqa: PLC0415 - only `test` sends

        return HttpSender(settings.webhooks)

    courier = WebhookCourier(database, new_sender, settings.webhooks, Metrics(), owner=owner)
    try:
        await asyncio.to_thread(prepare, database, settings.store)
        return await work(Webhooks(database, courier, settings.webhooks))
    finally:
        await courier.close()
        await asyncio.to_thread(database.close)


def _chosen(state: str | None) -> DeliveryState | None:
    for each in get_args(DeliveryState):
        if each == state:
            return each  # type: ignore[no-any-return] # one of the states
    if state is not None:
        raise InvalidParameter(param="state", why=f"'{state}' is not one of {', '.join(get_args(DeliveryState))}")
    return None


def _state(webhook: Webhook) -> str:
    if webhook.disabled_at is not None:
        return f"disabled: {webhook.disabled_why}"
    return "ok" if webhook.failing_since is None else f"failing since {_clock(webhook.failing_since)}"


def _told(delivery: Delivery, attempts: Sequence[Attempt]) -> str:
    last = attempts[-1]
    answer = f"it answered {last.status}" if last.status is not None else last.error
    return f"{delivery.state}: {answer} ({last.took_s:.2f} s)"


def _as_json(webhook: Webhook) -> dict[str, object]:
    """All but the secrets."""
    return {name: value for name, value in msgspec.to_builtins(webhook).items() if "secret" not in name}


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _print_json(value: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))
