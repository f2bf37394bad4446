"""Models of the operator's own and models that are made from others: recorded once, and held to that from then on."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
from structlog.testing import capture_logs

from care_voice.domain.model_errors import AllSourcesFailed, CatalogueInvalid
from care_voice.models.intervals import Span
from support.faults import Cut, Empty, Headers, NoRanges, Stall, Status
from support.faulty_server import FaultyServer
from support.own_models import CONTENTS, OTHER, WEIGHTS_AT, Site, by_urls, in_directory, serving_models
from support.stores import REVISION, files_below, on_mirror, require_sound, require_whole, sha256
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with serving_models() as server:
        yield server


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "shelf"


@pytest.fixture
def site(tmp_path: Path, server: FaultyServer) -> Site:
    return Site(tmp_path / "store", server)


def by_hub(server: FaultyServer) -> str:
    return f'[models.own]\nhub = "owner/repo"\nrevision = "{REVISION}"\nfiles = ["config.json", "model.bin"]\n'


def pinned(contents: dict[str, bytes]) -> str:
    lines = [f'"{name}" = {{ size = {len(it)}, sha256 = "{sha256(it)}" }}' for name, it in contents.items()]
    return "\n".join(["[models.own.digests]", *lines, ""])


@pytest.mark.parametrize(("entry", "source"), [(by_urls, "urls"), (by_hub, "hub")])
def test_an_own_model_is_recorded_at_the_first_pull(
    site: Site, server: FaultyServer, entry: Callable[[FaultyServer], str], source: str
) -> None:
    site.write(entry(server))
    puller = site.puller()
    assert puller.store.catalogue.get("own").files == ()
    assert puller.pull("own").fetched == dict.fromkeys(CONTENTS, source)
    require_whole(puller.store, "own", CONTENTS)
    assert {file.name: file.sha256 for file in site.puller().store.catalogue.get("own").files} == {
        name: sha256(content) for name, content in CONTENTS.items()
    }
    server.heal()
    assert site.puller().pull("own").fetched == {}
    assert server.requests == []


def test_a_directory_is_recorded_too_and_links_in_it_are_followed(site: Site, shelf: Path, tmp_path: Path) -> None:
    site.write(in_directory(shelf, CONTENTS))
    (shelf / "model.bin").rename(tmp_path / "elsewhere")
    (shelf / "model.bin").symlink_to(tmp_path / "elsewhere")
    puller = site.puller()
    assert puller.pull("own").fetched == dict.fromkeys(CONTENTS, "directory")
    require_whole(puller.store, "own", CONTENTS)


@pytest.mark.parametrize("removed", [False, True])
def test_bytes_that_change_later_are_refused_also_after_the_model_was_removed(
    site: Site, server: FaultyServer, *, removed: bool
) -> None:
    site.write(by_urls(server))
    puller = site.puller()
    puller.pull("own")
    server.files[WEIGHTS_AT] = OTHER["model.bin"]
    if removed:
        puller.store.remove("own")
    else:
        puller.store.blob_path(sha256(CONTENTS["model.bin"])).unlink()
    with pytest.raises(AllSourcesFailed, match="not what the catalogue pins"):
        site.puller().pull("own")
    require_sound(puller.store)
    server.files[WEIGHTS_AT] = CONTENTS["model.bin"]
    site.puller().pull("own")
    require_whole(puller.store, "own", CONTENTS)


def test_another_origin_is_a_new_first_pull(site: Site, server: FaultyServer, shelf: Path) -> None:
    site.write(by_urls(server))
    site.puller().pull("own")
    site.write(in_directory(shelf, OTHER))
    with capture_logs() as logs:
        puller = site.puller()
        puller.pull("own")
    require_whole(puller.store, "own", OTHER)
    assert [entry["model"] for entry in logs if entry["event"] == "digests_recorded_anew"] == ["own"]
    assert not puller.store.blob_path(sha256(CONTENTS["model.bin"])).exists()


@pytest.mark.parametrize("entry", [by_urls, by_hub])
def test_digests_in_the_file_are_required_at_the_first_pull(
    site: Site, server: FaultyServer, entry: Callable[[FaultyServer], str]
) -> None:
    site.write(entry(server) + pinned(OTHER))
    puller = site.puller()
    with pytest.raises(AllSourcesFailed, match="its SHA-256 is"):
        puller.pull("own")
    assert files_below(puller.store.directory / "views") == []
    site.write(entry(server) + pinned(CONTENTS))
    puller = site.puller()
    puller.pull("own")
    require_whole(puller.store, "own", CONTENTS)
    assert not (puller.store.directory / "pins").exists()


def test_a_cut_first_pull_goes_on_and_mixes_no_versions(site: Site, server: FaultyServer) -> None:
    site.write(by_urls(server))
    server.misbehave(WEIGHTS_AT, Cut(1), Cut(50_000), Cut(70_000), Status(503), Cut(10_000))
    site.puller().pull("own")
    require_whole(site.puller().store, "own", CONTENTS)


@pytest.mark.parametrize("tag", ["ETag", "Last-Modified"])
def test_a_file_that_changes_while_it_is_fetched_first_is_not_recorded(
    site: Site, server: FaultyServer, tag: str
) -> None:
    site.write(by_urls(server))
    size_asked = Headers({"ETag": None, tag: "then"})
    cut_in_the_middle = Cut(100_000, changed={"ETag": None, tag: "then"})
    server.misbehave(WEIGHTS_AT, size_asked, cut_in_the_middle, then=Headers({"ETag": None, tag: "now"}))
    puller = site.puller()
    with pytest.raises(AllSourcesFailed, match="changed while it was fetched"):
        puller.pull("own")
    assert puller.store.catalogue.get("own").files == ()
    assert puller.store.installed() == ()


def test_only_its_own_origin_says_what_a_model_is(site: Site, server: FaultyServer) -> None:
    site.write(by_urls(server))
    server.files |= {on_mirror("own", name): content for name, content in OTHER.items()}
    server.misbehave(WEIGHTS_AT, Headers({}), Cut(100_000), then=Cut(0))
    puller = site.puller()
    with pytest.raises(AllSourcesFailed, match="urls could not be used"):
        puller.pull("own")
    assert not puller.store.pin_path("own").exists()
    server.heal()
    assert set(puller.pull("own").fetched.values()) == {"urls"}
    require_whole(puller.store, "own", CONTENTS)


def test_an_error_page_with_a_tag_of_its_own_is_no_change(site: Site, server: FaultyServer) -> None:
    site.write(by_urls(server))
    server.misbehave(WEIGHTS_AT, Headers({}), Cut(100_000), Status(503, etag='"error"'))
    site.puller().pull("own")
    require_whole(site.puller().store, "own", CONTENTS)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Headers({"Content-Range": "bytes 0-0/*"}), "does not say how large"),
        (Headers({"Content-Range": None}), "does not say how large"),
        (Headers({"Content-Range": None, "Content-Length": None}, status=200), "does not say how large"),
        (Headers({"Content-Range": f"bytes 0-0/{'9' * 5000}"}), "does not say how large"),
        (Status(416), r"does not have 'model\.bin'"),
        (Status(404), r"does not have 'model\.bin'"),
        (Status(500), "HTTP 500"),
        (Empty(), "model.bin"),
    ],
)
def test_what_is_not_known_to_be_whole_is_not_recorded(
    site: Site, server: FaultyServer, fault: Headers | Status | Empty, why: str
) -> None:
    site.write(by_urls(server))
    server.misbehave(WEIGHTS_AT, then=fault)
    puller = site.puller()
    with pytest.raises(AllSourcesFailed, match=why):
        puller.pull("own")
    assert puller.store.catalogue.get("own").files == ()
    server.heal()
    puller.pull("own")
    require_whole(puller.store, "own", CONTENTS)


def test_asking_for_sizes_is_tried_again_as_well(site: Site, server: FaultyServer) -> None:
    site.write(by_urls(server))
    server.misbehave("/models/own/config.json", Status(503, "0"), Cut(0), then=NoRanges())
    server.misbehave(WEIGHTS_AT, Status(500), Status(429))
    site.puller().pull("own")
    require_whole(site.puller().store, "own", CONTENTS)


def test_two_that_pull_an_own_model_for_the_first_time_fetch_it_once(site: Site, server: FaultyServer) -> None:
    site.write(by_urls(server))
    gate = threading.Event()
    server.misbehave(WEIGHTS_AT, Headers({}), Stall(1000, until=gate))
    with ThreadPoolExecutor() as threads:
        first = threads.submit(site.puller().pull, "own")
        wait_until(lambda: len(server.asked(WEIGHTS_AT)) == 2, "the first one downloads")
        waiting = threading.Event()
        second = threads.submit(site.puller().pull, "own", lambda event: event.phase == "waiting" and waiting.set())
        wait_until(waiting.is_set, "the second one waits")
        server.files[WEIGHTS_AT] = OTHER["model.bin"]
        gate.set()
        first.result()
        assert second.result().fetched == {}
    assert len(server.asked(WEIGHTS_AT)) == 2
    require_whole(site.puller().store, "own", CONTENTS)


def test_a_name_that_is_shipped_cannot_be_taken(site: Site, server: FaultyServer) -> None:
    site.write(by_urls(server).replace("models.own", "models.shipped"))
    with pytest.raises(CatalogueInvalid, match="`shipped`: this is the name of a model"):
        site.puller()


@pytest.mark.parametrize("missing", ["config.json", "model.bin"])
def test_a_directory_without_what_every_model_has_is_no_model(site: Site, shelf: Path, missing: str) -> None:
    site.write(in_directory(shelf, CONTENTS))
    (shelf / missing).unlink()
    with pytest.raises(AllSourcesFailed, match=missing.replace(".", r"\.")):
        site.puller().pull("own")


def test_a_directory_that_cannot_be_read_to_the_end_is_at_fault_not_the_store(
    site: Site, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: BinaryIO, span: Span) -> Iterator[bytes]:
        yield file.read(1000)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    site.write(in_directory(shelf, CONTENTS))
    with monkeypatch.context() as patched:
        patched.setattr("care_voice.models.sources.local.read_span", broken)
        with pytest.raises(AllSourcesFailed, match=r"source directory could not be used: .*Input/output error"):
            site.puller().pull("own")
    site.puller().pull("own")
    require_whole(site.puller().store, "own", CONTENTS)


def test_a_directory_that_may_not_even_be_looked_at_is_passed_over(site: Site, server: FaultyServer) -> None:
    site.settings = replace(site.settings, directories=(Path("/", "x" * 300),))
    site.write(by_urls(server))
    assert site.puller().pull("own").fetched == dict.fromkeys(CONTENTS, "urls")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


@pytest.mark.parametrize("damage", [pipe, folder, loop, Path.unlink])
@pytest.mark.parametrize("first", [True, False])
def test_what_is_no_file_in_a_directory_is_the_fault_of_the_directory(
    site: Site, shelf: Path, damage: Callable[[Path], None], *, first: bool
) -> None:
    site.write(in_directory(shelf, CONTENTS) + ("" if first else pinned(CONTENTS)))
    damage(shelf / "model.bin")
    with pytest.raises(AllSourcesFailed, match="directory"):
        site.puller().pull("own")
