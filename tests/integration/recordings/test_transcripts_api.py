"""Stored transcripts over HTTP: read in pages, edited, taken back, exported."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from docx import Document

from care_voice.api.server import ApiServices, create_app
from care_voice.app import Application
from care_voice.config import load_settings
from support.server import environment
from support.stored_speech import keep, keep_recording, transcript_of

LINES = ("Hello Miss Lady.", "How do you do?", "你好，左小雷老師。", "um", "Goodbye.")
Answer = dict[str, Any]


@dataclass
class Kept:
    """A client, and a recording with one transcript. Paths begin at the recording."""

    client: httpx.AsyncClient
    application: Application
    recording_id: str

    async def ask(self, method: str, path: str, **about: Any) -> httpx.Response:
        return await self.client.request(method, f"/api/v1/recordings/{self.recording_id}/{path}", **about)

    async def read(self, path: str = "transcripts/current") -> Answer:
        response = await self.ask("GET", path)
        assert response.status_code == 200, response.text
        body: Answer = response.json()
        return body

    async def edit(self, *edits: Answer, revision: int, path: str = "transcripts/current") -> httpx.Response:
        return await self.ask("PATCH", path, json={"revision": revision, "edits": list(edits)})


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    application = Application(load_settings(environment(tmp_path, tmp_path / "models", {})))
    parts = application.recordings
    parts.prepare()
    services = ApiServices(
        settings=application.settings.api, lifecycle=application.lifecycle, transcriber=application.transcriber,
        library=application.library, metrics=application.metrics, recordings=parts.services(),
        incoming_dir=application.settings.incoming_dir,
    )  # fmt: skip
    recording_id = keep_recording(parts.db, title="王奶奶家訪: 3/4 “note”")
    keep(parts.db, recording_id, transcript_of(*LINES))
    transport = httpx.ASGITransport(create_app(services))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield Kept(client, application, recording_id)
    finally:
        await parts.close()


async def test_a_transcript_is_read_in_pages(kept: Kept) -> None:
    first = await kept.read("transcripts/current?limit=2")
    rest = await kept.read(f"transcripts/1?from={first['next']}&limit=10&words=true")

    assert (first["version"], first["revision"], first["count"], first["next"]) == (1, 0, 5, 2)
    assert [segment["text"] for segment in first["segments"] + rest["segments"]] == list(LINES)
    assert rest["next"] is None
    assert "words" not in first["segments"][0]
    assert rest["segments"][2]["words"][0] == {"word": "Goodbye.", "start": 8.0, "end": 10.0, "probability": 1.0}


async def test_what_was_not_edited_is_not_sent_again(kept: Kept) -> None:
    tag = (await kept.ask("GET", "transcripts/current")).headers["etag"]
    same = await kept.ask("GET", "transcripts/current", headers={"If-None-Match": tag})
    await kept.edit({"op": "replace_all", "find": "Lady", "replace": "Liddy"}, revision=0)
    other = await kept.ask("GET", "transcripts/current", headers={"If-None-Match": tag})

    assert (same.status_code, same.content) == (304, b"")
    assert (other.status_code, other.headers["etag"]) == (200, '"1.1.current"')


async def test_every_edit_has_its_request(kept: Kept) -> None:
    ids = [segment["id"] for segment in (await kept.read())["segments"]]
    edits: list[Answer] = [
        {"op": "set_text", "segment": ids[0], "text": "Hello Miss Liddy!"},
        {"op": "split", "segment": ids[2], "at": 3},
        {"op": "merge", "segment": ids[0]},
        {"op": "delete_segment", "segment": ids[3]},
        {"op": "set_speaker", "segments": [ids[0], ids[4]], "speaker": "A"},
        {"op": "rename_speaker", "speaker": "A", "to": "王小明"},
        {"op": "set_times", "segment": ids[4], "start": 8, "end": 9.5},
        {"op": "replace_all", "find": "GOODBYE", "replace": "Bye", "match_case": False},
    ]
    done = await kept.edit(*edits, revision=0)
    back = await kept.edit({"op": "restore", "segment": ids[3]}, revision=1)

    assert done.status_code == 200, done.text
    assert done.json()["removed"] == [ids[1], ids[3]]
    assert [segment["text"] for segment in done.json()["changed"]] == [
        "Hello Miss Liddy! How do you do?", "你好，", "左小雷老師。", "Bye.",
    ]  # fmt: skip
    assert back.json()["changed"][0]["text"] == "um"
    speakers = [segment["speaker"] for segment in (await kept.read())["segments"]]
    assert speakers == ["王小明", "", "", "", "王小明"]


async def test_edits_are_undone_and_redone_and_all_of_it_is_in_the_history(kept: Kept) -> None:
    original = await kept.read()
    assert (original["undo"], original["redo"]) == (False, False)
    await kept.edit({"op": "rename_speaker", "speaker": "", "to": "A"}, revision=0)
    undone = await kept.ask("POST", "transcripts/1/undo", json={"revision": 1})
    after_undo = await kept.read()
    redone = await kept.ask("POST", "transcripts/1/redo", headers={"If-Match": undone.headers["etag"]})
    again = await kept.ask("POST", "transcripts/1/redo", json={"revision": 3})

    assert after_undo["segments"] == original["segments"]
    assert (after_undo["undo"], after_undo["redo"]) == (False, True)
    assert {segment["speaker"] for segment in redone.json()["changed"]} == {"A"}
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_undo")
    history = await kept.read("transcripts/1/history?limit=2")
    assert [(e["revision"], e["kind"], e["undoes"]) for e in history["items"]] == [(3, "redo", 2), (2, "undo", 1)]
    assert history["next"] == 2
    last = await kept.read("transcripts/1/history?limit=2&before=2")
    assert last["next"] is None
    entry = last["items"][0]
    assert (entry["kind"], entry["undoes"], entry["who"]) == ("rename_speaker", None, "address:127.0.0.1")
    assert entry["at"].endswith("Z")
    assert entry["changes"][0] == {
        "segment": original["segments"][0]["id"], "before": {"speaker": ""}, "after": {"speaker": "A"},
    }  # fmt: skip


async def test_history_names_the_api_key_by_a_digest(kept: Kept) -> None:
    body = {"revision": 0, "edits": [{"op": "rename_speaker", "speaker": "", "to": "A"}]}
    await kept.ask("PATCH", "transcripts/1", json=body, headers={"Authorization": "Bearer secret"})

    who = (await kept.read("transcripts/1/history"))["items"][0]["who"]
    assert who.startswith("key:")
    assert "secret" not in who


async def test_an_edit_of_what_was_changed_meanwhile_is_a_conflict(kept: Kept) -> None:
    rename = {"op": "rename_speaker", "speaker": "", "to": "A"}
    await kept.edit(rename, revision=0)
    late = await kept.edit({**rename, "speaker": "A", "to": "B"}, revision=0)
    tag = await kept.ask("PATCH", "transcripts/1", json={"edits": [rename]}, headers={"If-Match": '"2.1"'})
    whatever = await kept.ask("PATCH", "transcripts/1", json={"edits": [rename]}, headers={"If-Match": "*"})

    assert (late.status_code, late.json()["code"]) == (409, "edit_conflict")
    assert "revision 1" in late.json()["detail"]
    assert tag.status_code == 409
    assert (whatever.status_code, whatever.json()["revision"]) == (200, 1)


@pytest.mark.parametrize(("body", "param"), [
    (b"", "body"),
    (b"[1]", "body"),
    (b'{"edits": 1, "revision": 0}', "edits"),
    (b'{"edits": [], "revision": 0}', "edits"),
    (b'{"edits": [{}], "revision": 0}', "edits[0].op"),
    (b'{"edits": [{"op": ["x"]}], "revision": 0}', "edits[0].op"),
    (b'{"edits": [{"op": "merge", "segment": "x", "segmnt": "y"}], "revision": 0}', "edits[0].segmnt"),
    (b'{"edits": [{"op": "merge"}], "revision": 0}', "edits[0].segment"),
    (b'{"edits": [{"op": "merge", "segment": 5}], "revision": 0}', "edits[0].segment"),
    (b'{"edits": [{"op": "set_times", "segment": "x", "start": "1", "end": 2}], "revision": 0}', "edits[0].start"),
    (b'{"edits": [{"op": "merge", "segment": "x"}]}', "revision"),
    (b'{"edits": [{"op": "merge", "segment": "x"}], "revision": "0"}', "revision"),
    (b'{"edits": [{"op": "merge", "segment": "x"}], "revision": 0, "force": true}', "force"),
    (b'{"edits": [{"op": "set_text", "segment": "x", "text": "\xff"}], "revision": 0}', "body"),
    (b'{"edits": ' + b"[" * 50_000 + b"}", "edits"),
])  # fmt: skip
async def test_a_request_that_is_not_as_described_names_what_is_wrong(kept: Kept, body: bytes, param: str) -> None:
    response = await kept.ask("PATCH", "transcripts/1", content=body)

    assert (response.status_code, response.json()["param"]) == (400, param), response.text


async def test_what_cannot_be_edited_says_why_and_changes_nothing(kept: Kept) -> None:
    edits = [{"op": "rename_speaker", "speaker": "", "to": "A"}, {"op": "delete_segment", "segment": "seg_x"}]
    response = await kept.edit(*edits, revision=0)

    assert (response.status_code, response.json()["code"]) == (422, "edit_invalid")
    assert "edit 2 (delete_segment): there is no segment 'seg_x'" in response.json()["detail"]
    assert (await kept.read())["revision"] == 0


async def test_a_half_of_a_character_is_refused(kept: Kept) -> None:
    segment = (await kept.read())["segments"][0]["id"]
    body = f'{{"revision": 0, "edits": [{{"op": "set_text", "segment": "{segment}", "text": "a\\ud800"}}]}}'
    response = await kept.ask("PATCH", "transcripts/1", content=body.encode())

    assert response.status_code in (400, 422)
    assert (await kept.read())["revision"] == 0


@pytest.mark.parametrize("tag", ["1", '"x"', 'W/"1.0"', '"1.0", "1.1"', '"99999999999.0"'])
async def test_an_etag_of_something_else_is_refused(kept: Kept, tag: str) -> None:
    response = await kept.ask("POST", "transcripts/1/undo", headers={"If-Match": tag})

    assert (response.status_code, response.json()["param"]) == (400, "If-Match")


async def test_a_revision_is_said_once(kept: Kept) -> None:
    twice = await kept.ask("POST", "transcripts/1/undo", json={"revision": 0}, headers={"If-Match": '"1.0"'})
    never = await kept.ask("POST", "transcripts/1/undo")

    assert twice.json()["code"] == "invalid_parameter"
    assert never.json()["code"] == "missing_parameter"


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(kept: Kept) -> None:
    response = await kept.ask("PATCH", "transcripts/1", content=b" " * 1_000_001)

    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


async def test_versions_are_listed_and_chosen(kept: Kept) -> None:
    keep(kept.application.recordings.db, kept.recording_id, transcript_of("Hello Miss Liddy."), "small")
    versions = (await kept.read("transcripts"))["items"]
    chosen = await kept.ask("PUT", "transcripts/current", json={"version": 1})

    assert [(v["version"], v["model"], v["current"]) for v in versions] == [(1, "base", False), (2, "small", True)]
    assert chosen.json()["current"] is True
    assert (await kept.read())["version"] == 1
    assert (await kept.ask("PUT", "transcripts/current", json={"version": 3})).status_code == 404
    assert (await kept.ask("PUT", "transcripts/current", json={})).status_code == 400


@pytest.mark.parametrize("path", [
    "transcripts/2", "transcripts/x", "transcripts/-1", "transcripts/１", "transcripts/99999999999999999999",
    "transcripts/2/history", "export?version=2",
])  # fmt: skip
async def test_a_version_that_is_not_there_is_not_found(kept: Kept, path: str) -> None:
    response = await kept.ask("GET", path)

    assert (response.status_code, response.json()["code"]) == (404, "transcript_not_found")


async def test_a_recording_that_is_not_there_is_not_found(kept: Kept) -> None:
    for path in ("transcripts", "transcripts/current", "transcripts/1/history", "export"):
        response = await kept.client.get(f"/api/v1/recordings/rec_unknown/{path}")
        assert (response.status_code, response.json()["code"]) == (404, "recording_not_found")


@pytest.mark.parametrize("query", ["from=-1", "limit=0", "limit=10001", "from=x", "words=maybe", "limit=1&limit=2"])
async def test_a_page_that_cannot_be_is_refused(kept: Kept, query: str) -> None:
    assert (await kept.ask("GET", f"transcripts/1?{query}")).status_code == 400


async def test_what_was_edited_is_exported_under_the_recordings_name(kept: Kept) -> None:
    ids = [segment["id"] for segment in (await kept.read())["segments"]]
    await kept.edit(
        {"op": "set_speaker", "segments": ids[:1], "speaker": "Liddy <1>"},
        {"op": "set_speaker", "segments": ids[2:3], "speaker": "王小明"},
        {"op": "replace_all", "find": "左小雷", "replace": "左小蕾"},
        revision=0,
    )
    files = {name: await kept.ask("GET", f"export?format={name}") for name in ("txt", "srt", "vtt", "json", "docx")}

    assert all(file.status_code == 200 for file in files.values())
    disposition = files["srt"].headers["content-disposition"]
    assert disposition.isascii()
    assert unquote(disposition.split("filename*=UTF-8''")[1]) == "王奶奶家訪 3 4 “note”.srt"
    assert 'filename="_____ 3 4 _note_.srt"' in disposition
    assert files["txt"].text == (
        "Liddy <1>: Hello Miss Lady.\nHow do you do?\n王小明：你好，左小蕾老師。\num\nGoodbye.\n"
    )
    assert "1\n00:00:00,000 --> 00:00:02,000\nLiddy <1>: Hello Miss Lady.\n" in files["srt"].text
    assert "<v Liddy &lt;1&gt;>Hello Miss Lady.\n" in files["vtt"].text
    assert "<v 王小明>你好，左小蕾老師。\n" in files["vtt"].text
    body = json.loads(files["json"].text)
    assert (body["version"], body["revision"], body["language"]) == (1, 1, "en")
    assert body["segments"][2]["speaker"] == "王小明"
    assert "".join(word["word"] for word in body["segments"][2]["words"]) == "你好，左小蕾老師。"
    paragraphs = [paragraph.text for paragraph in Document(io.BytesIO(files["docx"].content)).paragraphs]
    assert paragraphs[0] == "王奶奶家訪: 3/4 “note”"
    assert "00:00:04\t王小明：你好，左小蕾老師。" in paragraphs
    assert files["docx"].headers["content-type"].endswith("wordprocessingml.document")
    assert (await kept.ask("GET", "export?format=pdf")).json()["code"] == "invalid_parameter"


async def test_an_earlier_version_is_exported_as_well(kept: Kept) -> None:
    keep(kept.application.recordings.db, kept.recording_id, transcript_of("Something else."))

    assert (await kept.ask("GET", "export?version=1")).text.startswith("Hello Miss Lady.")
    assert (await kept.ask("GET", "export")).text == "Something else.\n"
