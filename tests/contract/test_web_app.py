"""The web app and the server have to agree: on addresses, and on what the API is."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import httpx
import pytest

from care_voice.api.static import PAGES, is_built
from support.server import Service

PROJECT = Path(__file__).resolve().parents[2]
A_READER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_the_server_knows_every_page_of_the_app() -> None:
    source = (PROJECT / "web/src/lib/pages.ts").read_text(encoding="utf-8")
    paths = source[source.index("PATHS = {") : source.index("} as const")]
    assert set(re.findall(r'"(/[^"]*)"', paths)) == set(PAGES)


def test_the_description_that_the_client_is_made_from_is_current() -> None:
    spec = importlib.util.spec_from_file_location("write_openapi", PROJECT / "scripts/write_openapi.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert (PROJECT / "web/openapi.json").read_text(encoding="utf-8") == script.description()


@pytest.mark.skipif(not is_built(), reason="the web app is not built")
@pytest.mark.parametrize("page", PAGES)
def test_each_page_is_the_app(service: Service, page: str) -> None:
    answer = service.client.get(page.replace(":id", "rec_1"), headers=A_READER)
    assert answer.status_code == 200
    assert 'id="app"' in answer.text
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.skipif(not is_built(), reason="the web app is not built")
@pytest.mark.parametrize("address", ["/nowhere", "/recordings", "/recordings/a/b", "/assets/nothing.js"])
def test_what_does_not_exist_is_told_to_readers_by_the_app_and_to_programs_by_a_problem(
    service: Service, address: str
) -> None:
    read = service.client.get(address, headers=A_READER)
    assert read.status_code == 404
    assert 'id="app"' in read.text
    assert read.headers["cache-control"] == "no-cache"
    asked = service.client.get(address, headers={"Accept": "*/*"})
    assert asked.status_code == 404
    assert asked.json()["status"] == 404


@pytest.mark.skipif(not is_built(), reason="the web app is not built")
def test_scripts_are_sent_compressed_to_who_takes_them(service: Service) -> None:
    address = re.search(r'src="(/assets/[^"]+\.js)"', service.client.get("/", headers=A_READER).text)
    assert address is not None
    packed = service.client.get(address[1], headers={"Accept-Encoding": "gzip, br; q=0"})
    plain = service.client.get(address[1], headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-type"] == plain.headers["content-type"]
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert packed.content == plain.content
    assert {packed.headers["vary"], plain.headers["vary"]} == {"Accept-Encoding"}
    smallest = service.client.head(address[1], headers={"Accept-Encoding": "gzip, deflate, br"})
    assert smallest.headers["content-encoding"] == "br"
    assert smallest.headers["content-type"] == plain.headers["content-type"]
    assert int(smallest.headers["content-length"]) < int(packed.headers["content-length"])
    assert len({answer.headers["etag"] for answer in (packed, plain, smallest)}) == 3


def linked(answer: httpx.Response) -> list[str]:
    return re.findall(r"<([^>]+)>", answer.headers.get("link", ""))


@pytest.mark.skipif(not is_built(), reason="the web app is not built")
@pytest.mark.parametrize("page", PAGES)
def test_each_page_names_what_it_needs(service: Service, page: str) -> None:
    answer = service.client.get(page.replace(":id", "rec_1"), headers=A_READER)
    links = linked(answer)
    assert len(links) == len(set(links)) >= 3
    assert not [link for link in links if link in answer.text], "the page names these itself"
    for link in links:
        assert service.client.get(link).status_code == 200
    assert {"Accept-Language", "Cookie"} <= {name.strip() for name in answer.headers["vary"].split(",")}


@pytest.mark.skipif(not is_built(), reason="the web app is not built")
def test_the_texts_come_in_the_language_that_the_app_will_speak(service: Service) -> None:
    def texts(**headers: str) -> list[str]:
        links = linked(
            service.client.get(
                "/help", headers=A_READER | {name.replace("_", "-"): value for name, value in headers.items()}
            )
        )
        return [name[1] for link in links if (name := re.match(r"/assets/(zh-tw|en|ja|id|vi|fil|th)-", link))]

    assert texts(accept_language="tl;q=0.5, vi") == ["vi"]
    assert texts(accept_language="tl-PH, en") == ["fil"]
    assert texts(accept_language="nl") == ["zh-tw"]
    assert texts(accept_language="vi", cookie="care-voice.locale=th") == ["th"]


@pytest.mark.skipif(not is_built(), reason="the web app is not built")
def test_the_service_worker_keeps_a_page_that_names_nothing(service: Service) -> None:
    """It answers every page with the one that it has kept."""
    assert "link" not in service.client.get("/", headers={"Accept": "*/*"}).headers
