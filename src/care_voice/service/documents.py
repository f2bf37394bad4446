"""Transcripts as documents of a word processor (Office Open XML, ISO/IEC 29500), by python-docx."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from care_voice.domain.stored import StoredTranscript
from care_voice.domain.subtitles import clock, name_mark

if TYPE_CHECKING:
    from docx.document import Document

_INDENT_CM = 2.2
"""Room for a time such as 01:02:03 before the text."""

_MARGIN_CM = 2.5
_A4_CM = (21.0, 29.7)
_GREY = (0x59, 0x59, 0x59)
"""As light as a contrast of 7 to 1 on white allows."""

_LATIN_FONT = "Calibri"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class _Locale:
    """What a language asks of a document: its tag (BCP 47), the font of East Asian letters, and the headings."""

    tag: str
    font: str = "Microsoft JhengHei"
    recorded: str = "Recorded"
    duration: str = "Duration"


_CHINESE = _Locale("zh-TW", recorded="錄音時間", duration="長度")
_LOCALES = {
    "en": _Locale("en-US"),
    "ja": _Locale("ja-JP", "Yu Gothic"),
    "ko": _Locale("ko-KR", "Malgun Gothic"),
    "yue": _CHINESE,
    "zh": _CHINESE,
}


def to_docx(title: str, recorded_at: float, transcript: StoredTranscript) -> bytes:
    """The transcript as a docx file: the title, when it was recorded (Unix seconds, shown in UTC), its length, and a
    paragraph with time and speaker for each segment.

    The file names nobody but those speakers: no author, no program, no preview.
    """
    from docx import Document  # noqa: PLC0415 - takes a quarter of a second to import, and few want a document

    code = transcript.head.language
    locale = _LOCALES.get(code, _Locale(code))
    document = Document()
    _describe(document, title, recorded_at)
    _set_letters(document, locale)
    _add_styles(document)
    document.add_heading(_xml(title), level=0)
    moment = datetime.fromtimestamp(recorded_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    document.add_paragraph(f"{locale.recorded}{name_mark(locale.recorded)}{moment}", style="About")
    document.add_paragraph(
        f"{locale.duration}{name_mark(locale.duration)}{_time(transcript.head.duration)}", style="About"
    )
    _add_lines(document, transcript)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def _describe(document: Document, title: str, recorded_at: float) -> None:
    """What the file says of itself. The template names its maker, and has a picture of itself."""
    from docx.opc.constants import RELATIONSHIP_TYPE  # noqa: PLC0415 - see to_docx

    about = document.core_properties
    about.title = _xml(title)[:255]
    about.author = about.last_modified_by = about.comments = ""
    about.created = about.modified = datetime.fromtimestamp(recorded_at, UTC)
    package = document.part.package
    for key, relation in list(package.rels.items()):
        if relation.reltype in (RELATIONSHIP_TYPE.THUMBNAIL, RELATIONSHIP_TYPE.EXTENDED_PROPERTIES):
            del package.rels[key]


def _set_letters(document: Document, locale: _Locale) -> None:
    """Fonts and language, which the template leaves to a theme that knows no East Asian letters."""
    from docx.oxml.ns import qn  # noqa: PLC0415 - see to_docx

    styles = document.styles.element
    for fonts in styles.iter(qn("w:rFonts")):
        fonts.attrib.clear()
        for script, font in (("ascii", _LATIN_FONT), ("hAnsi", _LATIN_FONT), ("eastAsia", locale.font)):
            fonts.set(qn(f"w:{script}"), font)
    for language in styles.iter(qn("w:lang")):
        language.set(qn("w:val"), locale.tag)
        language.set(qn("w:eastAsia"), locale.tag)


def _add_styles(document: Document) -> None:
    from docx.enum.style import WD_STYLE_TYPE  # noqa: PLC0415 - see to_docx
    from docx.shared import Cm, Pt, RGBColor  # noqa: PLC0415 - see to_docx

    page = document.sections[0]
    page.page_width, page.page_height = (Cm(size) for size in _A4_CM)
    page.left_margin = page.right_margin = Cm(_MARGIN_CM)
    for name, kind in (("About", WD_STYLE_TYPE.PARAGRAPH), ("Time", WD_STYLE_TYPE.CHARACTER)):
        document.styles.add_style(name, kind).font.color.rgb = RGBColor(*_GREY)
    document.styles["About"].paragraph_format.space_after = Pt(2)
    line = document.styles.add_style("Line", WD_STYLE_TYPE.PARAGRAPH).paragraph_format
    line.left_indent, line.first_line_indent = Cm(_INDENT_CM), Cm(-_INDENT_CM)
    line.space_after = Pt(4)
    line.tab_stops.add_tab_stop(Cm(_INDENT_CM))


def _add_lines(document: Document, transcript: StoredTranscript) -> None:
    """Styles are named by their id: python-docx looks one that is named otherwise up among all, for each paragraph."""
    from docx.text.paragraph import Paragraph  # noqa: PLC0415 - see to_docx

    line, time = document.styles["Line"].style_id, document.styles["Time"].style_id
    for segment in transcript.segments:
        element = document.element.body.add_p()
        element.style = line
        paragraph = Paragraph(element, document)
        paragraph.add_run(f"{_time(segment.start)}\t").element.style = time
        if segment.speaker:
            paragraph.add_run(_xml(f"{segment.speaker}{name_mark(segment.speaker)}")).bold = True
        paragraph.add_run(_xml(segment.text))


def _time(seconds: float) -> str:
    """Hours, minutes and seconds, as people write them."""
    return clock(round(seconds * 1000), ".").split(".")[0]


def _xml(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return _NOT_XML.sub("", text)
