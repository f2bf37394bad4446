"""Everything that a client can send wrongly, against the real service: a clear answer, never a 500, no harm done."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support import sound
from support.forms import TRANSCRIPTIONS, TRANSLATIONS, refused, send
from support.server import Service, running_service
from support.waiting import wait_until

SMALL_BODY = 100_000
JFK_WORDS = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"


def words(text: str) -> str:
    return " ".join("".join(char if char.isalpha() else " " for char in text.lower()).split())


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_harmed(service: Service) -> Iterator[None]:
    """After everything in this file: the same engine worker, no worker dead, no unexpected error, no upload left."""
    engine, dead = service.workers("engine"), len(service.events("worker_died"))
    yield
    assert service.workers("engine") == engine
    assert len(service.events("worker_died")) == dead
    assert service.events("unexpected_error") == []
    assert service.events("request_failed") == []
    assert list((service.data_dir / "incoming").iterdir()) == []
    assert service.metric("care_voice_transcriptions_in_progress") == 0


@pytest.fixture(scope="module")
def jfk(speech: Path) -> bytes:
    return (speech / "en/jfk.flac").read_bytes()


@pytest.fixture(scope="module")
def narrow_service(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that takes small bodies and short recordings only."""
    settings = {"API__MAX_BODY_BYTES": str(SMALL_BODY), "TRANSCRIPTION__MAX_DURATION_S": "5"}
    with running_service(tmp_path_factory.mktemp("narrow"), model_store, **settings) as running:
        yield running


def zip_file() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("recording.wav", sound.wav(sound.silence(1)))
    return buffer.getvalue()


PCM = sound.silence(0.5).tobytes()
UNUSABLE = {
    "empty": (b"", "empty_file"),
    "text": (b"This is a note, not a recording.\n" * 100, "unreadable_media"),
    "zip": (zip_file(), "unreadable_media"),
    "zeros": (bytes(10_000), "unreadable_media"),
    "png": (sound.png(), "no_audio_stream"),
    "silent film": (sound.silent_film(), "no_audio_stream"),
    "0 s": (sound.wav(sound.silence(0)), "empty_recording"),
    "codec nobody knows": (sound.wav_header(tag=0x9999, channels=1, rate=16000, bits=16, data=PCM), "unreadable_media"),
    "0 bits": (sound.wav_header(tag=1, channels=1, rate=16000, bits=0, data=PCM), "unreadable_media"),
    "0 channels": (sound.wav_header(tag=1, channels=0, rate=16000, bits=16, data=PCM), "unreadable_media"),
    "0 Hz": (sound.wav_header(tag=1, channels=1, rate=0, bits=16, data=PCM), "unreadable_media"),
    "4 GHz": (sound.wav_header(tag=1, channels=1, rate=2**32 - 1, bits=16, data=PCM), "unreadable_media"),
    "64 channels": (sound.wav(sound.silence(0.1), channels=64), "unreadable_media"),
    "65535 channels": (sound.wav_header(tag=1, channels=65535, rate=16000, bits=16, data=PCM), "unreadable_media"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_file_that_is_no_recording_is_refused_with_the_reason(service: Service, name: str) -> None:
    content, code = UNUSABLE[name]

    refused(send(service.client, content), 422, code)


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_stream_is_refused_with_a_status_and_not_inside_a_200(service: Service, name: str) -> None:
    content, code = UNUSABLE[name]

    refused(send(service.client, content, stream="true"), 422, code)


def test_the_web_app_gets_a_problem_with_a_hint(service: Service) -> None:
    response = service.client.post("/api/v1/transcriptions", files={"file": ("a.png", sound.png())})

    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    body = response.json()
    assert body["code"] == "no_audio_stream"
    assert body["hint"]
    assert body["request_id"] == response.headers["x-request-id"]


def test_a_recording_cut_off_in_its_header_is_refused(service: Service, speech: Path) -> None:
    webm = (speech / "variants/jfk.webm").read_bytes()

    refused(send(service.client, webm[:10]), 422, "unreadable_media")
    refused(send(service.client, webm[:300]), 422, "unreadable_media")
    refused(send(service.client, webm[:500]), 422, "empty_recording")


@pytest.mark.parametrize(
    ("share", "least_words"), [(0.5, "and so my fellow americans ask not"), (0.999, JFK_WORDS[:-8])]
)
def test_a_recording_cut_off_later_gives_what_is_there(
    service: Service, speech: Path, share: float, least_words: str
) -> None:
    webm = (speech / "variants/jfk.webm").read_bytes()
    response = send(service.client, webm[: int(len(webm) * share)])

    assert response.status_code == 200
    assert words(response.json()["text"]).startswith(least_words)


def test_a_damaged_recording_gives_the_rest(service: Service, speech: Path) -> None:
    mp3 = bytearray((speech / "variants/jfk.mp3").read_bytes())
    third = len(mp3) // 3
    mp3[third : third + 2_000] = bytes(2_000)
    response = send(service.client, bytes(mp3))

    assert response.status_code == 200
    assert words(response.json()["text"]).endswith("can do for your country")


@pytest.mark.parametrize("name", ["silence-10s", "room-tone-20s", "noise-pink-15s", "music-pluck-20s"])
def test_where_nobody_speaks_there_is_no_text(service: Service, speech: Path, name: str) -> None:
    content = (speech / f"nospeech/{name}.flac").read_bytes()
    body = send(service.client, content, response_format="verbose_json").json()

    assert (body["text"], body["segments"], body["language"]) == ("", [], "undetermined")
    assert body["duration"] in (10, 15, 20)
    assert send(service.client, content, response_format="vtt").text == "WEBVTT\n"
    assert send(service.client, content, response_format="srt").text == ""


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (192_000, 1), (16_000, 8)])
def test_unusual_rates_and_channels_are_heard(service: Service, speech: Path, rate: int, channels: int) -> None:
    samples = sound.decoded(speech / "en/jfk.flac", rate)
    text = words(send(service.client, sound.wav(samples, rate, channels)).json()["text"])

    assert "ask what you can do for your country" in text


@pytest.mark.parametrize(
    "filename",
    [
        "../../../../tmp/escaped.flac",
        "/etc/passwd",
        "..\\..\\x.flac",
        "病人 王小明.flac",
        "a\r\nb\n.flac",
        "a\0b",
        "x" * 3000,
    ],
    ids=["up", "absolute", "backslashes", "unicode", "newlines", "nul", "long"],
)
def test_the_name_of_the_file_is_of_no_consequence(service: Service, filename: str) -> None:
    response = send(service.client, sound.wav(sound.silence(0.3)), filename=filename)

    assert (response.status_code, response.json()["text"]) == (200, "")
    assert not Path("/tmp/escaped.flac").exists()
    assert "王小明" not in service.log_text()


@pytest.mark.parametrize("kind", ["m3u8", "ffconcat", "sdp", "xspf", "mpd"])
def test_a_playlist_reads_no_other_file(service: Service, speech: Path, kind: str) -> None:
    target = speech / "variants/jfk.mp3"
    playlist = {
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:11\n#EXTINF:11,\n{target}\n#EXTINF:11,\nfile:{target}\n",
        "ffconcat": f"ffconcat version 1.0\nfile '{target}'\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        "xspf": f'<?xml version="1.0"?><playlist><trackList><track><location>{target}</location></track></trackList>',
        "mpd": f'<?xml version="1.0"?><MPD type="static"><Period><BaseURL>file://{target}</BaseURL></Period></MPD>',
    }[kind]

    refused(send(service.client, playlist.encode(), filename=f"list.{kind}"), 422, "unreadable_media")


def test_another_recording_named_inside_a_playlist_is_not_transcribed(service: Service, jfk: bytes) -> None:
    """Even where the file's own directory holds it, as the incoming directory holds other people's uploads."""
    other = service.data_dir / "incoming" / "other.flac"
    other.write_bytes(jfk)
    try:
        refused(send(service.client, b"#EXTM3U\n#EXTINF:11,\nother.flac\n"), 422, "unreadable_media")
        refused(send(service.client, b"ffconcat version 1.0\nfile other.flac\n"), 422, "unreadable_media")
    finally:
        other.unlink()


WRONG = {
    "response_format": ({"response_format": "docx"}, "invalid_parameter", "response_format"),
    "diarized_json": ({"response_format": "diarized_json"}, "unsupported_parameter", "response_format"),
    "temperature 3": ({"temperature": "3"}, "invalid_parameter", "temperature"),
    "temperature warm": ({"temperature": "warm"}, "invalid_parameter", "temperature"),
    "temperature nan": ({"temperature": "nan"}, "invalid_parameter", "temperature"),
    "language xx": ({"language": "xx"}, "invalid_parameter", "language"),
    "language that the model lacks": ({"language": "yue"}, "invalid_parameter", "language"),
    "language twice": ({"language": ["en", "zh"]}, "invalid_parameter", "language"),
    "languages xx": ({"languages[]": ["en", "xx"]}, "invalid_parameter", "languages"),
    "languages that the model lacks": ({"languages[]": ["yue"]}, "invalid_parameter", "languages"),
    "language and languages": ({"language": "en", "languages[]": ["zh"]}, "invalid_parameter", "languages"),
    "granularity": (
        {"response_format": "verbose_json", "timestamp_granularities[]": "syllable"},
        "invalid_parameter",
        "timestamp_granularities",
    ),
    "granularity of json": ({"timestamp_granularities[]": "word"}, "invalid_parameter", "timestamp_granularities"),
    "include": ({"include[]": "everything"}, "invalid_parameter", "include"),
    "logprobs of srt": ({"include[]": "logprobs", "response_format": "srt"}, "invalid_parameter", "include"),
    "stream of srt": ({"stream": "true", "response_format": "srt"}, "invalid_parameter", "stream"),
    "stream maybe": ({"stream": "maybe"}, "invalid_parameter", "stream"),
    "chunking word": ({"chunking_strategy": "sometimes"}, "invalid_parameter", "chunking_strategy"),
    "chunking type": ({"chunking_strategy": '{"type": "x"}'}, "invalid_parameter", "chunking_strategy[type]"),
    "chunking without type": ({"chunking_strategy": '{"threshold": 0.5}'}, "invalid_parameter", "chunking_strategy"),
    "chunking key": ({"chunking_strategy": '{"type": "server_vad", "x": 1}'}, "invalid_parameter", "chunking_strategy"),
    "chunking too deep": ({"chunking_strategy": "[" * 100_000}, "invalid_parameter", "chunking_strategy"),
    "chunking threshold": (
        {"chunking_strategy[type]": "server_vad", "chunking_strategy[threshold]": "7"},
        "invalid_parameter",
        "chunking_strategy[threshold]",
    ),
    "keywords and hotwords": ({"keywords[]": ["Chen"], "hotwords": "Lin"}, "invalid_parameter", "keywords"),
    "profile": ({"profile": "quick"}, "invalid_parameter", "profile"),
    "beam of none": ({"beam_size": "0"}, "invalid_parameter", "beam_size"),
    "beam too wide": ({"beam_size": "11"}, "invalid_parameter", "beam_size"),
    "half a beam": ({"beam_size": "2.5"}, "invalid_parameter", "beam_size"),
    "ladder too hot": ({"temperatures[]": ["0", "1.5"]}, "invalid_parameter", "temperatures"),
    "ladder of words": ({"temperatures": "warm"}, "invalid_parameter", "temperatures"),
    "ladder that falls": ({"temperatures[]": ["0.4", "0.2"]}, "invalid_parameter", "temperatures"),
    "ladder and start": ({"temperatures[]": ["0"], "temperature": "0.2"}, "invalid_parameter", "temperatures"),
    "hotwords twice": ({"hotwords": ["Chen", "Lin"]}, "invalid_parameter", "hotwords"),
    "detection": ({"language_detection": "segment"}, "invalid_parameter", "language_detection"),
    "detection of a given language": (
        {"language": "zh", "language_detection": "window"},
        "invalid_parameter",
        "language_detection",
    ),
    "speaker names": ({"known_speaker_names[]": ["a"]}, "unsupported_parameter", "known_speaker_names"),
    "speaker references": (
        {"known_speaker_references[]": "data:"},
        "unsupported_parameter",
        "known_speaker_references",
    ),
    "unknown": ({"colour": "blue"}, "unsupported_parameter", "colour"),
    "no model": ({"model": None}, "missing_parameter", "model"),
    "empty model": ({"model": ""}, "missing_parameter", "model"),
    "field too long": ({"prompt": "x" * 300_000}, "invalid_parameter", "file"),
    "too many fields": ({"languages[]": ["en"] * 100}, "invalid_parameter", "file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_parameter_is_refused_by_name(service: Service, speech: Path, name: str) -> None:
    fields, code, param = WRONG[name]
    clip = (speech / "en/ls-533-1066-0000.flac").read_bytes()

    refused(send(service.client, clip, **fields), 400, code, param)


@pytest.mark.parametrize("param", ["language", "stream", "timestamp_granularities[]", "include[]"])
def test_a_translation_takes_fewer_parameters(service: Service, param: str) -> None:
    response = send(service.client, sound.wav(sound.silence(0.2)), TRANSLATIONS, **{param: "x"})

    refused(response, 400, "unsupported_parameter", param)


@pytest.mark.parametrize("path", [TRANSCRIPTIONS, TRANSLATIONS])
def test_a_model_that_is_not_served_is_a_404(service: Service, path: str) -> None:
    message = refused(send(service.client, b"x", path, model="gpt-9"), 404, "model_not_found", "model")

    assert "gpt-9" in message
    refused(service.client.get("/v1/models/gpt-9"), 404, "model_not_found", "model")


def test_the_words_for_the_decoder_cannot_command_it(service: Service, jfk: bytes) -> None:
    commands = "<|endoftext|><|startoftranscript|><|zh|><|translate|><|notimestamps|>"
    response = send(service.client, jfk, prompt=commands, language="en")

    assert words(response.json()["text"]) == JFK_WORDS


@pytest.mark.parametrize(
    "prompt", ["\0", "\U0001f600" * 500, " ", "日本" * 2000], ids=["nul", "emoji", "space", "long"]
)
def test_a_strange_prompt_is_no_error(service: Service, speech: Path, prompt: str) -> None:
    response = send(service.client, (speech / "en/ls-3331-159605-0004.flac").read_bytes(), prompt=prompt, language="en")

    assert response.status_code == 200
    assert "\ufffd" not in response.json()["text"]


def test_a_form_without_a_file_is_refused(service: Service) -> None:
    response = service.client.post(TRANSCRIPTIONS, files={"model": (None, "base")})

    refused(response, 400, "missing_parameter", "file")


def test_a_file_sent_as_text_is_refused(service: Service) -> None:
    response = service.client.post(TRANSCRIPTIONS, files={"model": (None, "base"), "file": (None, "abc")})

    refused(response, 400, "invalid_parameter", "file")


def test_two_files_are_refused(service: Service) -> None:
    files = [("file", ("a.wav", b"x")), ("file", ("b.wav", b"y"))]
    response = service.client.post(TRANSCRIPTIONS, data={"model": "base"}, files=files)

    refused(response, 400, "invalid_parameter", "file")


def test_a_parameter_sent_as_a_file_is_refused(service: Service) -> None:
    response = service.client.post(TRANSCRIPTIONS, data={"model": "base"}, files={"prompt": ("p.txt", b"x")})

    refused(response, 400, "invalid_parameter", "prompt")


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain", ""])
def test_a_body_that_is_no_form_is_refused(service: Service, content_type: str) -> None:
    response = service.client.post(TRANSCRIPTIONS, content=b'{"model": "base"}', headers={"content-type": content_type})

    refused(response, 400, "invalid_parameter", "file")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b"there is no boundary in here"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nno name\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nnot a header\r\n\r\n\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x; charset=martian", b"--x\r\n\0\0\0"),
        ("multipart/form-data; boundary=" + "x" * 5000, b"--x--"),
    ],
    ids=["no boundary", "other boundary", "no name", "no header", "charset", "long boundary"],
)
def test_a_malformed_form_is_refused(service: Service, content_type: str, body: bytes) -> None:
    response = service.client.post(TRANSCRIPTIONS, content=body, headers={"content-type": content_type})

    refused(response, 400, "invalid_parameter", "file")
    assert ".." not in response.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"--x--\r\n"], ids=["nothing", "an empty form"])
def test_an_empty_form_misses_its_file(service: Service, body: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}

    refused(service.client.post(TRANSCRIPTIONS, content=body, headers=headers), 400, "missing_parameter", "file")


def test_a_client_that_hangs_up_while_it_uploads_is_no_error_of_ours(service: Service) -> None:
    head = (
        f"POST {TRANSCRIPTIONS} HTTP/1.1\r\nHost: x\r\nX-Request-ID: hung-up\r\nContent-Length: 500000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    part = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall((head + part).encode() + bytes(1000))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    wait_until(lambda: _access_line(service, "hung-up"), "the request is in the log")
    assert service.events("unexpected_error") == []


def _access_line(service: Service, request_id: str) -> bool:
    return any(line["request_id"] == request_id for line in service.events("request"))


def test_a_declared_body_over_the_limit_is_refused_unread(narrow_service: Service) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", narrow_service.port, timeout=30)
    with contextlib.closing(connection):
        connection.putrequest("POST", TRANSCRIPTIONS)
        connection.putheader("Content-Length", str(SMALL_BODY + 1))
        connection.putheader("Content-Type", "multipart/form-data; boundary=x")
        connection.endheaders()
        answer = connection.getresponse()
        error = json.load(answer)["error"]

    assert (answer.status, error["code"], error["param"]) == (413, "body_too_large", None)
    assert str(SMALL_BODY) in error["message"]
    assert answer.headers["x-request-id"]


def test_a_chunked_body_over_the_limit_is_refused_at_the_byte_that_is_too_many(narrow_service: Service) -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        while sent < 200 * SMALL_BODY:
            sent += 10_000
            yield bytes(10_000)

    # The server answers and closes before everything was sent; a client that is still sending may lose the answer.
    with contextlib.suppress(httpx.TransportError):
        headers = {"content-type": "multipart/form-data; boundary=x", "x-request-id": "chunked"}
        response = narrow_service.client.post(TRANSCRIPTIONS, content=chunks(), headers=headers)
        refused(response, 413, "body_too_large")

    wait_until(lambda: _access_line(narrow_service, "chunked"), "the request is in the log")
    (line,) = [line for line in narrow_service.events("request") if line["request_id"] == "chunked"]
    assert line["status"] == 413


def test_a_recording_over_the_limit_is_refused_by_what_it_claims(narrow_service: Service) -> None:
    message = refused(send(narrow_service.client, sound.wav(sound.silence(8), 4000)[:90_000]), 413, "media_too_long")

    assert "5 s" in message


def test_a_recording_over_the_limit_is_refused_by_what_it_holds(narrow_service: Service, speech: Path) -> None:
    """A live recording claims no length."""
    webm = (speech / "variants/jfk.webm").read_bytes()

    refused(send(narrow_service.client, webm), 413, "media_too_long")


def says_what_to_do(response: httpx.Response, text: str) -> bool:
    """Where the addresses are listed, or the methods that this one takes."""
    return text.endswith(f"It takes {response.headers['allow']}." if response.status_code == 405 else "the addresses.")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nope", 404, "not_found"),
        ("POST", "/v1/nope", 404, "not_found"),
        ("POST", "/v1/audio/transcriptions/", 404, "not_found"),
        ("GET", "/v1/%00", 404, "not_found"),
        ("GET", "/v1/audio/transcriptions", 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
    ],
)
def test_a_wrong_address_below_v1_is_an_error_of_the_openai_api(
    service: Service, method: str, path: str, status: int, code: str
) -> None:
    response = service.client.request(method, path)

    refused(response, status, code)
    assert says_what_to_do(response, response.json()["error"]["message"])
    assert ("allow" in response.headers) == (status == 405)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "not_found"),
        ("GET", "/%00", 404, "not_found"),
        ("GET", "/..%2f..%2f..%2fetc/passwd", 404, "not_found"),
        ("GET", "/" + "a" * 3000, 404, "not_found"),
        ("POST", "/api/v1/nope", 404, "not_found"),
        ("GET", "/api/v1/transcriptions", 405, "method_not_allowed"),
        ("DELETE", "/health/live", 405, "method_not_allowed"),
    ],
)
def test_a_wrong_address_elsewhere_is_a_problem(
    service: Service, method: str, path: str, status: int, code: str
) -> None:
    response = service.client.request(method, path)

    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    body = response.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == response.headers["x-request-id"]
    assert says_what_to_do(response, body["hint"])
    assert ("allow" in response.headers) == (status == 405)


def test_a_good_request_works_as_before(service: Service, jfk: bytes) -> None:
    assert words(send(service.client, jfk).json()["text"]) == JFK_WORDS
