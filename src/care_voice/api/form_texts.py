"""The words of the pages that need no JavaScript, by language. Plain text: it is escaped where it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class FormTexts:
    """`name` is the language's own; `errors` are by code, with `failed` for all others."""

    name: str
    title: str
    intro: str
    record: str
    record_hint: str
    choose: str
    choose_hint: str
    language: str
    automatic: str
    names: str
    names_hint: str
    send: str
    patience: str
    kept: str
    waiting: str
    working: str
    reload: str
    transcript: str
    nothing: str
    failed: str
    cancelled: str
    download: str
    again: str
    app: str
    other_languages: str
    errors: Mapping[str, str]


_EN: Final = FormTexts(
    name="English",
    title="Care Voice: speech to text",
    intro="This page works in every browser. Send a recording, and its text appears here.",
    record="Record something new",
    record_hint="On a phone or a tablet this opens the recorder.",
    choose="Send a file",
    choose_hint="Nearly every kind of audio and video works.",
    language="Spoken language",
    automatic="Automatic",
    names="Names and terms, separated by commas",
    names_hint="They are written as you write them here.",
    send="Send and transcribe",
    patience="Please wait until the file is sent. The next page comes by itself.",
    kept="The recording is safe on the server. You can close this page and come back to its address.",
    waiting="Waiting to be transcribed.",
    working="Being transcribed.",
    reload="This page is loaded again by itself. If it is not: load it again.",
    transcript="Transcript",
    nothing="No speech was found.",
    failed="That did not work. Please try again.",
    cancelled="The transcription was cancelled.",
    download="Download",
    again="Send another recording",
    app="To the page with all functions (needs JavaScript)",
    other_languages="Other languages",
    errors=MappingProxyType(
        {
            "missing_parameter": "No file was chosen. Please choose one.",
            "empty_file": "No file was chosen, or it is empty. Please choose one.",
            "recording_too_large": "The recording is larger than this service allows.",
            "quota_exceeded": "There is no room left for recordings. Please tell whoever runs this service.",
            "storage_full": "The disk of the service is full. Please keep the recording and try again later.",
            "recording_not_found": "This recording is not here any more.",
            "no_audio_stream": "The file holds no sound.",
            "unreadable_media": "The file could not be read as audio or video.",
            "empty_recording": "The recording is too short.",
            "media_too_long": "The recording is longer than this service allows.",
            "store_unavailable": "The service cannot keep recordings now. Please try again shortly.",
        }
    ),
)

_ZH_TW: Final = FormTexts(
    name="正體中文",
    title="Care Voice：語音轉文字",
    intro="這個網頁在任何瀏覽器都能使用。送出錄音後，文字就會出現在這裡。",
    record="錄製新的錄音",
    record_hint="在手機或平板上會開啟錄音程式。",
    choose="傳送檔案",
    choose_hint="幾乎所有的音訊和影片格式都可以。",
    language="說話的語言",
    automatic="自動判斷",
    names="人名與專有名詞，以逗號分隔",
    names_hint="會照您在這裡的寫法來寫。",
    send="送出並轉成文字",
    patience="請等候檔案送完，下一頁會自動出現。",
    kept="錄音已安全存到伺服器。您可以關閉這個網頁，之後再回到這個網址。",
    waiting="等候轉寫中。",
    working="轉寫中。",
    reload="這個網頁會自動重新載入。如果沒有，請自行重新載入。",
    transcript="逐字稿",
    nothing="沒有找到說話的聲音。",
    failed="沒有成功，請再試一次。",
    cancelled="轉寫已取消。",
    download="下載",
    again="傳送另一段錄音",
    app="前往功能完整的網頁（需要 JavaScript）",
    other_languages="其他語言",
    errors=MappingProxyType(
        {
            "missing_parameter": "尚未選擇檔案，請選擇一個檔案。",
            "empty_file": "尚未選擇檔案，或檔案是空的。請選擇一個檔案。",
            "recording_too_large": "錄音超過這個服務允許的大小。",
            "quota_exceeded": "已經沒有空間可以保存錄音，請告知服務管理人員。",
            "storage_full": "服務的磁碟已滿。請保留錄音，稍後再試。",
            "recording_not_found": "這段錄音已經不在了。",
            "no_audio_stream": "檔案中沒有聲音。",
            "unreadable_media": "無法將檔案讀取為音訊或影片。",
            "empty_recording": "錄音太短了。",
            "media_too_long": "錄音超過這個服務允許的長度。",
            "store_unavailable": "服務目前無法保存錄音，請稍後再試。",
        }
    ),
)

TEXTS: Final[Mapping[str, FormTexts]] = MappingProxyType({"zh-TW": _ZH_TW, "en": _EN})
"""By language tag; the first one is for browsers that ask for none of them."""


def choose(accept_language: str, asked: str | None = None) -> str:
    """The tag of the language to write in: the one that is asked for, else the first of those that the browser names
    (RFC 9110, 12.5.4) that is here, else the first one.
    """
    if asked is not None and asked in TEXTS:
        return asked
    for wanted in _wanted(accept_language):
        for tag in TEXTS:
            if tag.lower() == wanted or tag.lower().split("-")[0] == wanted.split("-")[0]:
                return tag
    return next(iter(TEXTS))


def _wanted(accept_language: str) -> list[str]:
    """Language tags in lower case, the most wanted first."""
    ranked: list[tuple[float, str]] = []
    for part in accept_language.lower().split(",")[:20]:
        tag, _, quality = part.strip().partition(";")
        ranked.append((_weight(quality), tag.strip()))
    return [tag for weight, tag in sorted(ranked, key=lambda each: -each[0]) if weight > 0 and tag]


def _weight(quality: str) -> float:
    name, _, value = quality.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0
