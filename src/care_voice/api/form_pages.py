"""Recording without JavaScript: a form, a page that loads itself again, the transcript. For browsers of any age.

Everything that is not ours is escaped; there are no scripts, and what the pages look like is one file, `/form.css`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from care_voice.api.form_texts import TEXTS, FormTexts, choose
from care_voice.api.problems import status_of
from care_voice.api.recordings_intake import receive_form
from care_voice.api.services import ApiServices, Services
from care_voice.domain.errors import CareVoiceError
from care_voice.domain.jobs import Job, JobKind, JobState
from care_voice.domain.languages import LANGUAGES
from care_voice.domain.store_errors import UnknownTranscript
from care_voice.domain.stored import StoredSegment

router = APIRouter(include_in_schema=False)

ADDRESS: Final = "/form"
_SEE_OTHER: Final = 303
_AGAIN_S: Final = 3
_MOST_SEGMENTS: Final = 10_000
_FORMATS: Final = ("txt", "srt", "vtt", "docx")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Vary": "Accept-Language",
    # With "no-referrer" browsers send a form with "Origin: null", which is foreign.
    "Referrer-Policy": "same-origin",
}
_COMMON: Final = ("zh", "en", "ja", "id", "vi", "tl", "th")


@dataclass(frozen=True, slots=True)
class _Voice:
    """Whom a page is for: the tag of their language, and whether they asked for it by name."""

    tag: str
    named: bool

    @property
    def texts(self) -> FormTexts:
        return TEXTS[self.tag]

    def to(self, path: str) -> str:
        """An address that keeps the language that was asked for."""
        return f"{path}?lang={self.tag}" if self.named else path


@router.get(ADDRESS)
async def show_form(request: Request, services: Services) -> Response:
    """What to send, and how."""
    return _form_page(request, services, _voice(request))


@router.post(ADDRESS)
async def take_form(request: Request, services: Services) -> Response:
    """Take a recording in, and lead to the page that follows it: loading that again sends nothing again."""
    voice = _voice(request)
    try:
        recording, _ = await receive_form(request, services)
    except CareVoiceError as error:
        status = status_of(error)
        return _form_page(request, services, voice, _error_text(voice.texts, error.code), status)
    return RedirectResponse(_root(request) + voice.to(f"{ADDRESS}/{recording.id}"), _SEE_OTHER)


@router.get(f"{ADDRESS}/{{recording_id}}")
async def show_progress(recording_id: str, request: Request, services: Services) -> Response:
    """How far a recording is, and its text once there is one."""
    voice = _voice(request)
    try:
        return await _recording_page(request, services, voice, recording_id)
    except CareVoiceError as error:
        status = status_of(error)
        return _page(request, voice, [_alert(_error_text(voice.texts, error.code)), _again(request, voice)], status)


async def _recording_page(request: Request, services: ApiServices, voice: _Voice, recording_id: str) -> Response:
    texts = voice.texts
    jobs = await services.recordings.jobs.of_recording(recording_id)
    job = next((each for each in reversed(jobs) if each.kind is JobKind.TRANSCRIBE), None)
    if job is not None and job.state.active:
        said = [_p(texts.working if job.state is JobState.RUNNING else texts.waiting), _far(job), _p(texts.kept)]
        return _page(request, voice, [*said, _p(texts.reload, "hint")], again=True)
    if job is not None and job.state is JobState.FAILED:
        why = _alert(_error_text(texts, job.error_code or ""))
        return _page(request, voice, [why, _p(texts.kept), _again(request, voice)])
    if job is not None and job.state is JobState.CANCELLED:
        return _page(request, voice, [_p(texts.cancelled), _again(request, voice)])
    return _page(request, voice, await _transcript(request, services, voice, recording_id))


async def _transcript(request: Request, services: ApiServices, voice: _Voice, recording_id: str) -> list[str]:
    texts = voice.texts
    try:
        page = await services.recordings.transcripts.page(recording_id, None, skip=0, limit=_MOST_SEGMENTS)
    except UnknownTranscript:
        return [_p(texts.kept), _again(request, voice)]
    lines = [_line(segment) for segment in page.segments]
    said = f'<ol class="lines" lang="{escape(page.head.language)}">{"".join(lines)}</ol>' if lines else ""
    links = _downloads(request, voice, recording_id) if lines else _p(texts.nothing)
    return [f"<h2>{escape(texts.transcript)}</h2>", said, links, _again(request, voice)]


def _form_page(
    request: Request, services: ApiServices, voice: _Voice, error: str = "", status: int = 200
) -> HTMLResponse:
    texts = voice.texts
    multilingual = services.transcriber.models.default.multilingual
    parts = [
        _alert(error) if error else "",
        _p(texts.intro),
        _form(request, voice, texts.record, texts.record_hint, " capture", multilingual=multilingual),
        _form(request, voice, texts.choose, texts.choose_hint, "", multilingual=multilingual),
        _languages(request, voice),
    ]
    return _page(request, voice, parts, status)


def _form(request: Request, voice: _Voice, title: str, hint: str, capture: str, *, multilingual: bool) -> str:
    """With `capture` phones open the recorder, and let nobody choose a file that is there already: so there are two."""
    texts, action = voice.texts, escape(_root(request) + voice.to(ADDRESS))
    return (
        f'<form class="card" method="post" action="{action}" enctype="multipart/form-data"><h2>{escape(title)}</h2>'
        f'<p><label>{escape(hint)}<br><input type="file" name="file" accept="audio/*,video/*"{capture}></label></p>'
        f"{_language_select(texts) if multilingual else ''}"
        f'<p><label>{escape(texts.names)}<br><input type="text" name="hotwords" autocomplete="off"></label>'
        f'<br><span class="hint">{escape(texts.names_hint)}</span></p>'
        f'<p><button type="submit">{escape(texts.send)}</button></p>{_p(texts.patience, "hint")}</form>'
    )


def _language_select(texts: FormTexts) -> str:
    common = [code for code in _COMMON if code in LANGUAGES]
    codes = [*common, *sorted(set(LANGUAGES) - set(common), key=LANGUAGES.__getitem__)]
    options = "".join(f'<option value="{code}">{escape(LANGUAGES[code].capitalize())}</option>' for code in codes)
    return (
        f'<p><label>{escape(texts.language)}<br><select name="language"><option value="">{escape(texts.automatic)}'
        f"</option>{options}</select></label></p>"
    )


def _far(job: Job) -> str:
    if not job.total_s or job.done_s <= 0:
        return ""
    return _p(f"{_clock(job.done_s)} / {_clock(job.total_s)}")


def _line(segment: StoredSegment) -> str:
    return f'<li><span class="time">{_clock(segment.start)}</span> {escape(segment.text.strip())}</li>'


def _downloads(request: Request, voice: _Voice, recording_id: str) -> str:
    export = f"{_root(request)}/api/v1/recordings/{quote(recording_id, safe='')}/export?format="
    links = " · ".join(f'<a href="{escape(export + each)}">{each.upper()}</a>' for each in _FORMATS)
    return f"<p>{escape(voice.texts.download)}: {links}</p>"


def _again(request: Request, voice: _Voice) -> str:
    return f'<p><a href="{escape(_root(request) + voice.to(ADDRESS))}">{escape(voice.texts.again)}</a></p>'


def _languages(request: Request, voice: _Voice) -> str:
    links = [
        f'<a href="{escape(_root(request))}{ADDRESS}?lang={tag}" lang="{tag}" hreflang="{tag}">{escape(texts.name)}</a>'
        for tag, texts in TEXTS.items()
        if tag != voice.tag
    ]
    return f'<p class="languages">{escape(voice.texts.other_languages)}: {" · ".join(links)}</p>'


def _page(
    request: Request, voice: _Voice, parts: Iterable[str], status: int = 200, *, again: bool = False
) -> HTMLResponse:
    texts, root = voice.texts, escape(_root(request))
    refresh = f'<meta http-equiv="refresh" content="{_AGAIN_S}">' if again else ""
    html = (
        f'<!DOCTYPE html><html lang="{voice.tag}"><head><meta charset="utf-8">{refresh}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(texts.title)}</title><link rel="stylesheet" href="{root}/form.css"></head>'
        f"<body><h1>{escape(texts.title)}</h1>{''.join(parts)}"
        f'<p class="hint"><a href="{root}/">{escape(texts.app)}</a></p></body></html>'
    )
    return HTMLResponse(html, status, _HEADERS)


def _voice(request: Request) -> _Voice:
    asked = request.query_params.get("lang")
    return _Voice(choose(request.headers.get("accept-language", ""), asked), asked in TEXTS)


def _error_text(texts: FormTexts, code: str) -> str:
    return texts.errors.get(code, texts.failed)


def _p(text: str, look: str = "") -> str:
    return f'<p class="{look}">{escape(text)}</p>' if look else f"<p>{escape(text)}</p>"


def _alert(text: str) -> str:
    return f'<p class="alert" role="alert">{escape(text)}</p>'


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", ""))
