"""The library over HTTP: the real web server, and a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from care_voice.domain.errors import UnreadableMedia
from care_voice.domain.jobs import JobKind, LeaseRules, Progress
from care_voice.store import jobs
from care_voice.store.database import Connection
from support.intake_server import IntakeServer, intake_server
from support.stored_speech import keep, keep_recording, transcript_of

RECORDINGS = "/api/v1/recordings"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[IntakeServer]:
    async with intake_server(tmp_path) as running:
        yield running


def add(server: IntakeServer, *lines: str, **about: Any) -> str:
    recording_id = keep_recording(server.application.recordings.db, **about)
    keep(server.application.recordings.db, recording_id, transcript_of(*lines))
    return recording_id


async def listed(server: IntakeServer, **query: Any) -> dict[str, Any]:
    answer = await server.client.get(RECORDINGS, params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def ids(body: dict[str, Any]) -> list[str]:
    return [item["id"] for item in body["items"]]


def problem(answer: httpx.Response) -> tuple[int, str, str | None]:
    body = answer.json()
    return answer.status_code, body["code"], body["param"]


async def test_a_recording_is_found_by_what_was_said(server: IntakeServer) -> None:
    one = add(server, "Good morning, Miss Lee.", "今天天氣很好。", title="家訪", tags=["a"])
    add(server, "Something else.")

    [found] = (await listed(server, q="天氣 MORN", count="true"))["items"]
    assert (found["id"], found["title"], found["tags"], found["version"]) == (one, "家訪", ["a"], 1)
    assert found["created_at"].endswith("Z")
    assert [(m["field"], m["text"], m["ranges"], m["start_s"], m["end_s"]) for m in found["matches"]] == [
        ("transcript", "Good morning, Miss Lee.", [[5, 9]], 0.0, 2.0),
        ("transcript", "今天天氣很好。", [[2, 4]], 2.0, 4.0),
    ]
    assert (await listed(server, q="天氣", count="true"))["total"] == {"count": 1, "exact": True}
    assert (await listed(server, q="nowhere"))["items"] == []


async def test_a_summary_tells_what_was_said_first(server: IntakeServer) -> None:
    add(server, "Good morning, Miss Lee.", "How are you?")
    bare = keep_recording(server.application.recordings.db)

    nothing, told = [item["summary"] for item in (await listed(server, summary="true"))["items"]]
    assert nothing == {"language": None, "beginning": ""}
    assert told == {"language": "en", "beginning": "Good morning, Miss Lee. How are you?"}
    assert ids(await listed(server, summary="true", has_transcript="false")) == [bare]
    assert "summary" not in (await listed(server))["items"][0]


async def test_pages_follow_their_cursors(server: IntakeServer) -> None:
    made = [add(server, "Hello.", title=f"Visit {n}") for n in range(5)]
    first = await listed(server, limit=2)
    second = await listed(server, limit=2, cursor=first["next"])
    third = await listed(server, limit=2, cursor=second["next"])

    assert [*ids(first), *ids(second), *ids(third)] == made[::-1]
    assert third["next"] is None
    assert ids(await listed(server, order="title", q="hello", limit=1)) == made[:1]


async def test_filters_are_read_and_checked(server: IntakeServer) -> None:
    one = add(server, "Hello.", tags=["a", "b"])
    assert ids(await listed(server, tag=["a", "b"], state="receiving", source="upload", language="en")) == [one]
    assert ids(await listed(server, client="test", has_transcript="true", trashed="false")) == [one]
    assert ids(await listed(server, **{"from": "2020-01-01", "to": "2999-12-31"})) == [one]
    assert ids(await listed(server, to="2020-01-01T00:00:00+08:00")) == []
    held = keep_recording(server.application.recordings.db)
    await server.client.put(f"{RECORDINGS}/{held}/hold", json={"reason": "case 12"})
    assert (ids(await listed(server, legal_hold="true")), ids(await listed(server, legal_hold="false"))) == (
        [held],
        [one],
    )
    for query, param in [
        ({"from": "yesterday"}, "from"), ({"to": "9999-12-31"}, "to"), ({"state": "lost"}, "state"),
        ({"limit": 0}, "limit"), ({"order": "random"}, "order"), ({"order": "relevance"}, "order"),
        ({"cursor": "x"}, "cursor"), ({"trashed": "maybe"}, "trashed"), ({"q": "x" * 501}, "q"),
        ({"tags": "a"}, "tags"), ({"q": ["a", "b"]}, "q"),
        ({"language": "xx"}, "language"), ({"transcription": "lost"}, "transcription"),
    ]:  # fmt: skip
        status, _, at_fault = problem(await server.client.get(RECORDINGS, params=query))
        assert (status, at_fault) == (400, param)


async def test_a_recording_says_how_far_its_transcription_is(server: IntakeServer) -> None:
    db = server.application.recordings.db
    waits, runs, fails, none = [keep_recording(db, title=name) for name in ("waits", "runs", "fails", "none")]
    garbage = UnreadableMedia(why="it is garbage")

    def work(connection: Connection) -> None:
        for priority, one in enumerate((fails, runs, runs, waits), 1):
            jobs.enqueue(connection, one, JobKind.TRANSCRIBE, client="t", priority=priority)
        for one in (fails, runs, runs):
            job = jobs.claim(connection, "node", LeaseRules(), [JobKind.TRANSCRIBE])
            assert job is not None
            assert job.recording_id == one
            jobs.note_progress(connection, job.lease, Progress(3.0, 9.0))
            if one == fails:
                error = {"message": garbage.message, "hint": garbage.advice}
                jobs.fail(connection, job.lease, garbage.code, error, rules=None)

    db.write(work)
    found = {item["id"]: item["transcription"] for item in (await listed(server))["items"]}
    assert found[none] == {"state": "none", "job_id": None, "done_s": 0.0, "total_s": None, "error": None}
    assert (found[waits]["state"], found[waits]["done_s"], found[waits]["total_s"]) == ("queued", 0.0, None)
    assert (found[runs]["state"], found[runs]["done_s"], found[runs]["total_s"]) == ("running", 3.0, 9.0)
    assert found[fails]["state"] == "failed"
    assert (found[fails]["error"]["code"], found[fails]["error"]["message"]) == (garbage.code, garbage.message)
    for one, state in ((waits, "queued"), (runs, "running"), (fails, "failed"), (none, "none")):
        assert (await server.client.get(f"{RECORDINGS}/{one}")).json()["transcription"] == found[one]
        assert ids(await listed(server, transcription=state)) == [one]
    assert found[runs]["job_id"] == (await server.client.get(f"{RECORDINGS}/{runs}/jobs")).json()["items"][1]["id"]
    for path in ("export", "transcripts/current"):
        answer = await server.client.get(f"{RECORDINGS}/{fails}/{path}")
        assert problem(answer)[:2] == (404, "transcription_failed")
        assert garbage.message[:-1] in answer.json()["detail"]
        assert answer.json()["hint"] == garbage.advice
        assert problem(await server.client.get(f"{RECORDINGS}/{waits}/{path}"))[1] == "transcript_not_found"


async def test_a_transcription_that_is_done_has_done_all_of_the_sound(server: IntakeServer) -> None:
    one = keep_recording(server.application.recordings.db)

    def work(connection: Connection) -> None:
        jobs.enqueue(connection, one, JobKind.TRANSCRIBE, client="t", priority=1)
        job = jobs.claim(connection, "node", LeaseRules(), [JobKind.TRANSCRIBE])
        assert job is not None
        jobs.note_progress(connection, job.lease, Progress(3.0, 9.0))
        connection.run("set_sound", id=one, sha256=None, duration_s=9.5)
        jobs.finish(connection, job.lease)

    server.application.recordings.db.write(work)
    done = (await server.client.get(f"{RECORDINGS}/{one}")).json()["transcription"]
    assert (done["state"], done["done_s"], done["total_s"]) == ("done", 9.5, 9.5)


async def test_the_jobs_of_a_moment_are_in_the_order_in_which_people_wait_for_them(server: IntakeServer) -> None:
    one = keep_recording(server.application.recordings.db)

    def work(connection: Connection) -> None:
        for kind in (JobKind.DERIVE, JobKind.TRANSCRIBE):
            jobs.enqueue(connection, one, kind, client="t", priority=1)

    server.application.recordings.db.write(work)
    answer = await server.client.get(f"{RECORDINGS}/{one}/jobs")
    assert [job["kind"] for job in answer.json()["items"]] == ["transcribe", "derive"]


async def test_a_transcript_names_its_language_as_the_filter_takes_it(server: IntakeServer) -> None:
    one = keep_recording(server.application.recordings.db)
    keep(server.application.recordings.db, one, transcript_of("今天天氣很好。", language="zh"))
    for path in ("transcripts/current", "export?format=json"):
        body = (await server.client.get(f"{RECORDINGS}/{one}/{path}")).json()
        assert (body["language"], body["language_name"]) == ("zh", "chinese")
        assert ids(await listed(server, language=body["language"])) == [one]
    for named in ("chinese", "zh-TW"):
        answer = await server.client.get(RECORDINGS, params={"language": named})
        assert problem(answer) == (400, "invalid_parameter", "language")
        assert "'zh'" in answer.json()["detail"]
    assert ids(await listed(server, language="und")) == []


async def test_a_change_needs_the_version_it_was_made_to(server: IntakeServer) -> None:
    one = add(server, "Hello.")
    url = f"{RECORDINGS}/{one}"
    etag = (await server.client.get(url)).headers["etag"]
    changed = await server.client.patch(url, json={"title": "訪視", "notes": "a\nb"}, headers={"If-Match": etag})

    assert (changed.json()["title"], changed.json()["notes"], changed.headers["etag"]) == ("訪視", "a\nb", '"2"')
    late = await server.client.patch(url, json={"title": "x"}, headers={"If-Match": etag})
    assert problem(late) == (412, "version_conflict", None)
    assert problem(await server.client.delete(url, headers={"If-Match": etag}))[0] == 412
    assert problem(await server.client.patch(url, json={}, headers={"If-Match": "soon"})) == (
        400, "invalid_parameter", "If-Match",
    )  # fmt: skip
    for body in ('{"title": 5}', '{"title": "half \\ud800"}', "[", '{"tags": "a"}'):
        assert problem(await server.client.patch(url, content=body))[:2] == (400, "invalid_parameter")
    unknown = await server.client.patch(url, content='{"titel": "x"}')
    assert problem(unknown) == (400, "unsupported_parameter", "titel")
    wrong = (await server.client.patch(url, content='{"title": 5}')).json()
    assert wrong["detail"] == "Parameter 'title' is not valid: it must be text or null, not a whole number."
    missing = await server.client.post(f"{RECORDINGS}/bulk", json={"action": "trash"})
    assert problem(missing) == (400, "missing_parameter", "ids")
    assert (await server.client.get(url)).json()["version"] == 2


async def test_the_trash_and_back(server: IntakeServer) -> None:
    one = add(server, "Hello.", tags=["a"])
    trashed = await server.client.delete(f"{RECORDINGS}/{one}")

    assert (trashed.status_code, trashed.json()["trashed_at"] is not None) == (200, True)
    assert ids(await listed(server)) == []
    assert ids(await listed(server, trashed="true")) == [one]
    assert (await server.client.get("/api/v1/tags")).json() == {"items": [], "next": None}
    restored = await server.client.post(f"{RECORDINGS}/{one}/restore")
    assert restored.json()["trashed_at"] is None
    assert (await server.client.get("/api/v1/tags")).json()["items"] == [{"tag": "a", "count": 1}]
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/restore")):
        answer = await server.client.request(method, f"{RECORDINGS}/rec_none{path}")
        assert problem(answer)[:2] == (404, "recording_not_found")


async def test_many_at_once(server: IntakeServer) -> None:
    one, two = add(server, "Hello."), add(server, "Hello.")
    body = {"action": "tag", "ids": [one, "rec_none", two], "tags": ["a"]}
    answer = await server.client.post(f"{RECORDINGS}/bulk", json=body)

    assert [(item["ok"], item["version"]) for item in answer.json()["items"]] == [(True, 2), (False, None), (True, 2)]
    assert answer.json()["items"][1]["error"]["code"] == "recording_not_found"
    assert ids(await listed(server, tag="a")) == [two, one]
    for wrong in ({"action": "burn", "ids": []}, {"ids": [one]}, {"action": "tag", "ids": [one]}):
        assert problem(await server.client.post(f"{RECORDINGS}/bulk", json=wrong))[0] == 400


async def test_any_query_is_answered(server: IntakeServer) -> None:
    add(server, 'Say "AND" OR NOT NEAR(x, 2) * ^ : -', "今天", title="'; DROP TABLE recordings; --")
    loop = asyncio.get_running_loop()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(q=st.text(max_size=60), tag=st.text(max_size=20), order=st.sampled_from(["newest", "title", "duration"]))
    def ask(q: str, tag: str, order: str) -> None:
        query = {"q": q.encode("utf-8", "replace"), "tag": tag.encode("utf-8", "replace"), "order": order}
        asking = asyncio.run_coroutine_threadsafe(server.client.get(RECORDINGS, params=query), loop)
        assert asking.result(30).status_code == 200

    await asyncio.to_thread(ask)
    for q in (
        '"',
        '""',
        "AND",
        'NEAR("a" 2)',
        "a*",
        "*",
        "^a",
        "terms:a",
        "-a",
        "(",
        "a' | 'b",
        "a:*",
        "\\",
        "%",
        "\x00",
    ):
        await listed(server, q=q)
    assert len((await listed(server))["items"]) == 1
