"""Stored transcripts as files: speakers, names of files, documents."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import pytest
from docx import Document
from docx.oxml.ns import qn

from care_voice.api.transcripts import attachment
from care_voice.domain.recordings import Recording, Wish
from care_voice.domain.stored import StoredSegment, StoredTranscript, TranscriptHead
from care_voice.domain.subtitles import to_srt, to_text, to_vtt
from care_voice.service.documents import to_docx
from care_voice.service.exports import FORMATS, export, file_stem
from support.stored_speech import said

HEAD = TranscriptHead("tr_1", "rec_1", "job_1", 2, "base", "transcribe", "zh", 3671.4, 5, 0.0, current=True)
RECORDING = Recording(
    id="rec_1", client="test", source="upload", state="complete", filename="訪視 1.webm", media_type="", title="",
    notes="", metadata={}, wish=Wish(), length=1, received=1, appender=1, sha256=None, duration_s=None,
    transcript_id=None, legal_hold=False, hold_reason="", version=1, event_seq=0, created_at=1_790_000_000.0,
    updated_at=0.0, completed_at=None, expires_at=None, trashed_at=None,
)  # fmt: skip
SPEECH = (
    said(0, "你好，左小蕾老師。", speaker="王小明"),
    said(1, "Hello there.", speaker="Liddy & <Co>"),
    said(2, "嗯。"),
)


def stored(*segments: StoredSegment, language: str = "zh") -> StoredTranscript:
    return StoredTranscript(replace(HEAD, language=language), segments or SPEECH)


def opened(title: str = "家訪", transcript: StoredTranscript | None = None) -> tuple[bytes, zipfile.ZipFile]:
    data = to_docx(title, RECORDING.created_at, transcript or stored())
    return data, zipfile.ZipFile(io.BytesIO(data))


def test_speakers_are_named_as_each_format_has_it() -> None:
    assert to_text(stored()) == "王小明：你好，左小蕾老師。\nLiddy & <Co>: Hello there.\n嗯。\n"
    assert "\nLiddy & <Co>: Hello there.\n" in to_srt(stored())
    assert "\n<v Liddy &amp; &lt;Co&gt;>Hello there.\n" in to_vtt(stored())
    assert "\n嗯。\n" in to_vtt(stored())


def test_a_speakers_name_cannot_end_a_cue() -> None:
    evil = replace(SPEECH[0], speaker="a --> b>")

    for text in (to_srt(stored(evil)), to_vtt(stored(evil))):
        assert text.count("-->") == 1


def test_cues_are_in_the_order_of_their_time_and_lines_in_that_of_the_text() -> None:
    moved = replace(SPEECH[0], start=9.0, end=10.0)

    assert to_vtt(stored(moved, SPEECH[1])).index("Hello") < to_vtt(stored(moved, SPEECH[1])).index("你好")
    assert to_text(stored(moved, SPEECH[1])).startswith("王小明")


def test_json_holds_everything() -> None:
    body = json.loads(export(RECORDING, stored(), "json").body)

    assert body["text"] == "你好，左小蕾老師。Hello there.嗯。"
    assert (body["language"], body["language_name"], body["duration"]) == ("zh", "chinese", 3671.4)
    assert body["segments"][1]["words"][0] == {"word": "Hello", "start": 2.0, "end": 2.833, "probability": 1.0}
    assert body["segments"][0]["avg_logprob"] == -0.25


@pytest.mark.parametrize("wanted", FORMATS)
def test_a_silent_recording_can_be_exported(wanted: str) -> None:
    assert export(RECORDING, StoredTranscript(HEAD, ()), wanted).filename == f"訪視 1.{wanted}"


@pytest.mark.parametrize(("title", "name"), [
    ("", "訪視 1"),
    ("王奶奶 3/4: \"a\"", "王奶奶 3 4 a"),
    ("../../etc/passwd", "etc passwd"),
    ("a\r\nSet-Cookie: b", "a Set-Cookie b"),
    ("...", "rec_1"),
    ("\u202egpj.exe", "gpj.exe"),
    ("長" * 100, "長" * 50),
])  # fmt: skip
def test_the_name_of_a_file_is_one_that_every_system_takes(title: str, name: str) -> None:
    assert file_stem(replace(RECORDING, title=title)) == name


def test_a_name_goes_through_the_header_whole() -> None:
    header = attachment("王 \"%'é.srt")

    assert header.isascii()
    assert header == "attachment; filename=\"_ __'_.srt\"; filename*=UTF-8''%E7%8E%8B%20%22%25%27%C3%A9.srt"


def test_a_document_shows_title_date_length_times_and_speakers() -> None:
    document = Document(io.BytesIO(opened()[0]))

    assert [(paragraph.style.name, paragraph.text) for paragraph in document.paragraphs] == [
        ("Title", "家訪"),
        ("About", "錄音時間：2026-09-21 14:13 UTC"),
        ("About", "長度：01:01:11"),
        ("Line", "00:00:00\t王小明：你好，左小蕾老師。"),
        ("Line", "00:00:02\tLiddy & <Co>: Hello there."),
        ("Line", "00:00:04\t嗯。"),
    ]
    assert [run.bold for run in document.paragraphs[3].runs] == [None, True, None]


@pytest.mark.parametrize(("language", "tag", "font"), [
    ("zh", "zh-TW", "Microsoft JhengHei"), ("ja", "ja-JP", "Yu Gothic"), ("ko", "ko-KR", "Malgun Gothic"),
    ("en", "en-US", "Microsoft JhengHei"), ("de", "de", "Microsoft JhengHei"),
])  # fmt: skip
def test_every_style_names_the_language_and_an_east_asian_font(language: str, tag: str, font: str) -> None:
    document = Document(io.BytesIO(opened(transcript=stored(language=language))[0]))
    styles = document.styles.element

    assert {fonts.get(qn("w:eastAsia")) for fonts in styles.iter(qn("w:rFonts"))} == {font}
    assert not [fonts for fonts in styles.iter(qn("w:rFonts")) if fonts.get(qn("w:eastAsiaTheme"))]
    languages = list(styles.iter(qn("w:lang")))
    assert {(each.get(qn("w:val")), each.get(qn("w:eastAsia"))) for each in languages} == {(tag, tag)}


def test_a_document_says_nothing_of_who_made_it_and_with_what() -> None:
    data, archive = opened()
    about = Document(io.BytesIO(data)).core_properties

    assert (about.author, about.last_modified_by, about.comments, about.title) == ("", "", "", "家訪")
    assert about.created is not None
    assert about.created.year == 2026
    names = archive.namelist()
    assert not [name for name in names if "thumbnail" in name or name == "docProps/app.xml"]
    for name in names:
        assert b"python-docx" not in archive.read(name), name
        assert b"Macintosh" not in archive.read(name), name


def test_a_document_leaves_out_what_xml_cannot_hold() -> None:
    odd = replace(SPEECH[0], text="a\x0b\x00b\ufffe", speaker="\x1bX")

    document = Document(io.BytesIO(opened("t\x08", stored(odd))[0]))
    assert document.paragraphs[0].text == "t"
    assert document.paragraphs[3].text == "00:00:00\tX: ab"
