"""Rules, holds, deletion for good and receipts over HTTP: the real web server, a real database, a real disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from care_voice.domain.retention import DAY_S
from support.intake_server import IntakeServer, intake_server
from support.kept import SECRET, make_recording

RULES = "/api/v1/retention/rules"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[IntakeServer]:
    async with intake_server(tmp_path / "data", RETENTION__TRASH_DAYS="7") as running:
        yield running


def given(server: IntakeServer, tmp_path: Path, *, age_days: float = 0.0, tags: tuple[str, ...] = ()) -> str:
    """A recording that was complete so many days ago."""
    parts = server.application.recordings
    now = parts.db.read(lambda connection: connection.now)
    return make_recording(parts.db, parts.audio, tmp_path, at=now - age_days * DAY_S, tags=tags).id


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_rules_are_set_listed_and_removed(server: IntakeServer) -> None:
    default = await server.client.put(RULES, json={"scope": "default", "days": 365})
    tag = await server.client.put(RULES, json={"scope": "tag", "value": " 研究 ", "days": None})
    shown = (await server.client.get("/api/v1/retention")).json()

    assert (default.status_code, tag.status_code) == (200, 200)
    assert tag.json()["value"] == "研究"
    assert shown == {"trash_days": 7.0, "items": [default.json(), tag.json()], "next": None}

    removed = await server.client.delete(f"{RULES}/{tag.json()['id']}")
    assert removed.status_code == 204
    refused(await server.client.delete(f"{RULES}/{tag.json()['id']}"), 404, "rule_not_found")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"days": 5}, "scope"),
        ({"scope": "tag", "value": "x", "days": 0}, "days"),
        ({"scope": "tag", "value": "x", "days": -5}, "days"),
        ({"scope": "tag", "value": "x", "days": 1e9}, "days"),
        ({"scope": "tag", "value": "x", "days": "soon"}, "days"),
        ({"scope": "tag", "days": 5}, "value"),
        ({"scope": "default", "value": "x", "days": 5}, "value"),
        ({"scope": "tag", "value": "x\u0007", "days": 5}, "value"),
        ({"scope": "moon", "days": 5}, "scope"),
        ({"scope": "default"}, "days"),
        ({"scope": "default", "days": 5, "dayz": 5}, "dayz"),
    ],
)
async def test_a_rule_that_means_nothing_is_refused(server: IntakeServer, body: dict[str, object], param: str) -> None:
    answer = await server.client.put(RULES, json=body)

    kind = "unsupported" if param == "dayz" else "invalid"
    missing = param in ("scope", "days") and param not in body
    refused(answer, 400, "missing_parameter" if missing else f"{kind}_parameter")
    assert answer.json()["param"] == param
    assert (await server.client.get("/api/v1/retention")).json()["items"] == []


async def test_what_is_due_is_shown_before_it_happens(server: IntakeServer, tmp_path: Path) -> None:
    old, _ = given(server, tmp_path, age_days=40), given(server, tmp_path, age_days=20)
    await server.client.put(RULES, json={"scope": "default", "days": 30})

    due = await server.client.get("/api/v1/retention/due?limit=10")
    await server.application.recordings.retention.look()

    assert due.json() == {"items": [{"recording_id": old, "fate": "trash"}], "next": None}
    assert (await server.client.get("/api/v1/retention/due")).json()["items"] == []
    refused(await server.client.get("/api/v1/retention/due?limit=0"), 400, "invalid_parameter")


async def test_a_recording_that_is_held_can_neither_be_trashed_nor_deleted(
    server: IntakeServer, tmp_path: Path
) -> None:
    made = given(server, tmp_path)
    address = f"/api/v1/recordings/{made}"

    held = await server.client.put(f"{address}/hold", json={"reason": "case 7"})
    assert held.json()["legal_hold"] is True
    assert (await server.client.put(f"{address}/hold", json={"reason": "case 8"})).json() == held.json()
    replaced = await server.client.put(f"{address}/hold", json={"reason": "case 9", "replace": True})
    assert replaced.json()["reason"] == "case 9"
    refused(await server.client.put(f"{address}/hold", json={}), 400, "missing_parameter")
    refused(await server.client.delete(address), 409, "legal_hold")
    refused(await server.client.delete(f"{address}?permanently=true"), 409, "legal_hold")
    released = await server.client.delete(f"{address}/hold")

    assert (released.json()["legal_hold"], released.json()["reason"]) == (False, "")
    assert (await server.client.delete(f"{address}/hold")).json() == released.json(), "that changes nothing"
    assert (await server.client.delete(f"{address}?permanently=true")).status_code == 200
    refused(await server.client.put(f"{address}/hold", json={"reason": "x"}), 404, "recording_not_found")
    refused(await server.client.put(f"{address}/hold", json={"reason": " "}), 400, "invalid_parameter")
    refused(await server.client.delete(f"{address}/hold"), 404, "recording_not_found")


async def test_a_deletion_for_good_is_answered_with_its_receipt(server: IntakeServer, tmp_path: Path) -> None:
    made = given(server, tmp_path)
    address = f"/api/v1/recordings/{made}"

    refused(await server.client.delete(f"{address}?permanently=perhaps"), 400, "invalid_parameter")
    refused(
        await server.client.delete(f"{address}?permanently=true", headers={"If-Match": '"1000"'}),
        412,
        "version_conflict",
    )
    answer = await server.client.delete(f"{address}?permanently=true&reason=her+wish")

    receipt = answer.json()
    assert answer.status_code == 200
    assert (receipt["recording_id"], receipt["reason"]) == (made, "her wish")
    assert receipt["who"].startswith("address:127.0.0.1")
    assert receipt["audio_gone_at"] is not None
    assert receipt["deleted"]["audio_bytes"] == 30_000
    assert len(receipt["deleted"]["sha256"]) == 64
    assert not any(word in answer.text for word in SECRET.split())
    assert (await server.client.get(f"/api/v1/receipts/{receipt['id']}")).json() == receipt
    refused(await server.client.get(address), 404, "recording_not_found")
    refused(await server.client.delete(f"{address}?permanently=true"), 404, "recording_not_found")
    refused(await server.client.get("/api/v1/receipts/rcp_none"), 404, "receipt_not_found")


async def test_receipts_are_listed_in_pages_the_newest_first(server: IntakeServer, tmp_path: Path) -> None:
    ids = [given(server, tmp_path) for _ in range(3)]
    for each in ids:
        await server.client.delete(f"/api/v1/recordings/{each}?permanently=true")

    first = (await server.client.get("/api/v1/receipts?limit=2")).json()
    second = (await server.client.get(f"/api/v1/receipts?limit=2&cursor={first['next']}")).json()
    one = (await server.client.get(f"/api/v1/receipts?recording_id={ids[0]}")).json()

    assert [each["recording_id"] for each in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None
    assert [each["recording_id"] for each in one["items"]] == [ids[0]]
