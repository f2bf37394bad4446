"""The pages without JavaScript: taken in as any other recording, escaped, in the reader's language."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from support.intake_server import IntakeServer, intake_server

SOUND = b"RIFF" + bytes(5000)
ENGLISH = {"Accept-Language": "en-US,en;q=0.9"}


class Names(HTMLParser):
    """The elements of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name == "style"]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[IntakeServer]:
    async with intake_server(tmp_path) as running:
        yield running


async def send(server: IntakeServer, sound: bytes = SOUND, **fields: str) -> httpx.Response:
    files = {"file": ("visit.wav", sound, "audio/wav")}
    return await server.client.post("/form", data=fields, files=files, headers=ENGLISH)


async def test_the_form_needs_no_script_and_offers_recorder_and_files(server: IntakeServer) -> None:
    page = await server.client.get("/form", headers=ENGLISH)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    names = Names(page.text).seen
    assert "script" not in names
    assert names.count("form") == 2
    assert page.text.count('accept="audio/*,video/*"') == 2
    assert page.text.count(" capture>") == 1


async def test_a_sent_recording_is_followed_by_a_page_that_loads_itself_again(server: IntakeServer) -> None:
    sent = await send(server, language="en", hotwords="Liddy")
    assert sent.status_code == 303
    address = sent.headers["location"]
    recording = (await server.client.get(f"/api/v1/recordings/{address.rpartition('/')[2]}")).json()
    assert (recording["state"], recording["source"], recording["filename"]) == ("complete", "form", "visit.wav")
    page = await server.client.get(address, headers=ENGLISH)
    assert page.status_code == 200
    assert '<meta http-equiv="refresh" content="3">' in page.text
    assert "Waiting to be transcribed." in page.text
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("sound", "fields", "status"), [(b"", {}, 422), (SOUND, {"language": "xx"}, 400)])
async def test_what_is_wrong_is_said_on_the_form(
    server: IntakeServer, sound: bytes, fields: dict[str, str], status: int
) -> None:
    page = await send(server, sound, **fields)
    assert page.status_code == status
    assert re.search(r'<p class="alert" role="alert">[^<]+</p>', page.text)
    assert "<form" in page.text


async def test_an_address_of_nothing_is_told_without_writing_it_into_the_page(server: IntakeServer) -> None:
    page = await server.client.get("/form/%3Cscript%3Ealert(1)", headers=ENGLISH)
    assert page.status_code == 404
    assert "script" not in Names(page.text).seen
    assert "This recording is not here any more." in page.text


async def test_the_language_is_the_readers_and_a_choice_is_kept_in_the_addresses(server: IntakeServer) -> None:
    chinese = await server.client.get("/form", headers={"Accept-Language": "zh-TW"})
    assert '<html lang="zh-TW">' in chinese.text
    chosen = await server.client.get("/form?lang=en", headers={"Accept-Language": "zh-TW"})
    assert '<html lang="en">' in chosen.text
    assert 'action="/form?lang=en"' in chosen.text
    sent = await server.client.post("/form?lang=en", files={"file": ("a.wav", SOUND, "audio/wav")})
    assert sent.headers["location"].endswith("?lang=en")
