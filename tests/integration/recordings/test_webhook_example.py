"""The receiver in docs/webhooks.md, run as a reader would run it."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from care_voice.domain.webhooks import Webhook
from care_voice.notify.sender import HttpSender
from care_voice.notify.settings import WebhookSettings
from care_voice.service.webhook_courier import WebhookCourier
from care_voice.service.webhooks import Webhooks, WebhookWish
from care_voice.store.database import Database
from care_voice.telemetry.metrics import Metrics
from support.ports import free_port
from support.waiting import PATIENCE_S

PAGE = Path(__file__).resolve().parents[3] / "docs" / "webhooks.md"
SETTINGS = WebhookSettings(allow_private=True)


@contextmanager
def example(folder: Path, secret: str, port: int) -> Iterator[Path]:
    """The example with a secret and a port, running; where it writes."""
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    script, out = folder / f"hook_{port}.py", folder / f"hook_{port}.txt"
    script.write_text(code.replace("whsec_…", secret).replace("8008", str(port)), encoding="utf-8")
    with out.open("wb") as sink:
        process = subprocess.Popen([sys.executable, str(script)], stdout=sink, stderr=subprocess.DEVNULL)
    try:
        yield out
    finally:
        process.kill()
        process.wait()


async def test_the_example_takes_what_is_signed_and_nothing_else(sqlite_database: Database, tmp_path: Path) -> None:
    courier = WebhookCourier(sqlite_database, lambda: HttpSender(SETTINGS), SETTINGS, Metrics(), owner="node_1")
    webhooks = Webhooks(sqlite_database, courier, SETTINGS)
    port, other = free_port(), free_port()
    mine = await webhooks.create(WebhookWish(url=f"http://127.0.0.1:{port}/"))
    theirs = await webhooks.create(WebhookWish(url=f"http://127.0.0.1:{other}/"))

    async def status_of(webhook: Webhook) -> int:
        """Of the first ping that is answered: the example takes a moment to start."""
        while True:
            _, log = await webhooks.ping(webhook.id)
            if log[-1].status is not None:
                return log[-1].status

    with example(tmp_path, mine.secret, port) as out, example(tmp_path, mine.secret, other) as nothing:
        async with asyncio.timeout(PATIENCE_S):
            statuses = [await status_of(mine), await status_of(theirs)]
    await courier.close()

    assert statuses == [204, 401]
    assert out.read_text().startswith("webhook.ping {'webhook_id': 'whk_")
    assert nothing.read_text() == ""
