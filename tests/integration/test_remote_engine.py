"""The remote engine against a real server that misbehaves: what is tried again, what is not, and who is told what."""

from __future__ import annotations

import asyncio
import io
import ssl
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import (
    DeadlineExceeded,
    NotReady,
    RemoteMisconfigured,
    RemoteRefused,
    RemoteUnavailable,
)
from care_voice.engine.protocol import DecodeWindow, WindowDecoded
from care_voice.remote.pool import KnownClip, RemotePool
from care_voice.remote.settings import BreakerSettings, RemoteSettings
from care_voice.scheduler.scheduler import Errand, Scheduler
from care_voice.scheduler.settings import SchedulerSettings
from care_voice.scheduler.work import Priority
from care_voice.service.selftest import wrong_words
from care_voice.supervisor.settings import SupervisorSettings
from care_voice.telemetry.metrics import Metrics
from support.remote_server import RemoteServer, Reply, Silence, cut, fails, half, raw, remote_server, says
from support.tls import own_certificate
from support.waiting import until

KEY = "sk-secret"
CLIP = b"\x01\x00" * 8_000
SOUND = b"\x02\x00" * 32_000
KNOWN = says(text="Ask what you can do for your country.", language="english")
HELLO = says(
    text="Hello, world.",
    language="english",
    segments=[{"text": " Hello, world.", "start": 0.1, "end": 1.5, "avg_logprob": -0.25, "no_speech_prob": 0.01,
               "compression_ratio": 1.1, "temperature": 0.0}],
    words=[{"word": "Hello", "start": 0.2, "end": 0.6}, {"word": "world", "start": 0.7, "end": 1.4}],
)  # fmt: skip
FAST = RemoteSettings(
    api_key=KEY, timeout_s=20, retries=3, backoff_first_s=0.01, backoff_max_s=0.02,
    breaker=BreakerSettings(failures=20, open_s=0.05, open_max_s=0.1),
)  # fmt: skip


def window(pcm: bytes = SOUND, **changes: object) -> DecodeWindow:
    values = {
        "id": 0, "request_id": "r", "pcm": pcm, "start_s": 10.0, "speech": ((0.2, 0.8), (1.2, 1.6)), "language": "en",
        "languages": (), "task": "transcribe", "prompt": None, "temperatures": (0.0,), "beam_size": 5,
    }  # fmt: skip
    return DecodeWindow(**{**values, **changes})  # type: ignore[arg-type]


async def the_clip() -> DecodeWindow:
    return window(CLIP, speech=((0.0, 0.5),))


class Engine:
    """A pool and the scheduler over it."""

    def __init__(
        self,
        url: str,
        settings: RemoteSettings = FAST,
        read: Callable[[], Awaitable[DecodeWindow]] = the_clip,
        **limits: float,
    ) -> None:
        self.metrics = Metrics()
        clip = KnownClip(read, wrong_words)
        self.pool = RemotePool("served", "sent", replace(settings, url=url), clip, self.metrics)
        scheduling = replace(SchedulerSettings(), **limits)
        self.scheduler = Scheduler("served", self.pool, scheduling, SupervisorSettings(), self.metrics)

    async def decode(self, request: DecodeWindow, timeout_s: float = 30.0) -> WindowDecoded:
        deadline = asyncio.get_running_loop().time() + timeout_s
        return await self.scheduler.decode(request, Errand("c", Priority.INTERACTIVE, deadline, timeout_s))

    async def refused(self, request: DecodeWindow) -> CareVoiceError:
        with pytest.raises(CareVoiceError) as caught:
            await self.decode(request)
        return caught.value

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, {"model": "served", **labels}) or 0.0


Ready = Callable[..., AbstractAsyncContextManager[Engine]]


@pytest.fixture
def server() -> Iterator[RemoteServer]:
    with remote_server(CLIP, HELLO, KNOWN) as running:
        yield running


@asynccontextmanager
async def ready(url: str, settings: RemoteSettings = FAST, **limits: float) -> AsyncIterator[Engine]:
    engine = Engine(url, settings, the_clip, **limits)
    engine.pool.open()
    try:
        await engine.pool.wait_ready()
        yield engine
    finally:
        await engine.pool.close()


def words_of(decoded: WindowDecoded) -> list[tuple[str, float, float]]:
    return [(w.text, round(w.start, 3), round(w.end, 3)) for part in decoded.parts for w in part.words]


async def test_a_window_goes_out_as_a_wav_with_all_that_was_asked_for(server: RemoteServer) -> None:
    async with ready(server.url) as engine:
        await engine.decode(window(prompt="Dr. Chen", temperatures=(0.2, 0.4)))
    (sent,) = server.windows
    with wave.open(io.BytesIO(sent.file)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        assert sound.readframes(sound.getnframes()) == SOUND
    assert sent.path == "/v1/audio/transcriptions"
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    assert sent.fields == {
        "model": ["sent"], "language": ["en"], "prompt": ["Dr. Chen"], "temperature": ["0.2"],
        "response_format": ["verbose_json"], "timestamp_granularities[]": ["word", "segment"],
    }  # fmt: skip


async def test_what_comes_back_is_what_a_worker_would_have_said(server: RemoteServer) -> None:
    async with ready(server.url) as engine:
        decoded = await engine.decode(window(language=None))
    (part,) = decoded.parts
    assert decoded.language == "en"
    assert words_of(decoded) == [(" Hello,", 10.2, 10.6), (" world.", 10.7, 11.4)]
    assert (part.start_s, part.avg_logprob, part.no_speech_prob, part.compression_ratio) == (10.0, -0.25, 0.01, 1.1)


async def test_translations_have_a_route_of_their_own(server: RemoteServer) -> None:
    async with ready(server.url) as engine:
        await engine.decode(window(task="translate", language="zh"))
    (sent,) = server.windows
    assert sent.path == "/v1/audio/translations"
    assert set(sent.fields) == {"model", "temperature", "response_format"}


@pytest.mark.parametrize(
    "fault",
    [
        fails(500), fails(503, Retry_After="0"), fails(429, Retry_After="0"), fails(408), half, cut,
        raw(b"<html>login</html>"), raw(b'{"no": "text"}'), raw(b"{}", Content_Encoding="gzip"), raw(b"x" * 9_000_000),
    ],
    ids=["500", "503", "429", "408", "half", "cut", "html", "other_json", "compressed", "endless"],
)  # fmt: skip
async def test_what_may_pass_is_tried_again(server: RemoteServer, fault: Reply) -> None:
    server.script.extend([fault, fault])
    async with ready(server.url) as engine:
        decoded = await engine.decode(window())
        assert engine.count("care_voice_remote_retries_total") == 2
    assert len(words_of(decoded)) == 2
    assert len(server.windows) == 3


async def test_a_server_that_does_not_answer_is_asked_again(server: RemoteServer) -> None:
    silence = Silence()
    server.script.append(silence)
    async with ready(server.url, replace(FAST, timeout_s=3)) as engine:
        await engine.decode(window())
        assert engine.count("care_voice_remote_requests_total", outcome="timeout") >= 1
    assert silence.left.is_set()


async def test_tries_come_to_an_end_with_a_503_that_says_when_to_come_back(server: RemoteServer) -> None:
    server.usual = fails(500, "out of memory")
    async with ready(server.url) as engine:
        error = await engine.refused(window())
    assert isinstance(error, RemoteUnavailable)
    assert "out of memory" in error.message
    assert error.fields["retry_after_s"] == 1
    assert len(server.windows) == 4


async def test_a_server_that_asks_for_too_long_a_wait_is_not_waited_for(server: RemoteServer) -> None:
    server.usual = fails(429, Retry_After="3600")
    async with ready(server.url) as engine:
        error = await engine.refused(window())
    assert isinstance(error, RemoteUnavailable)
    assert error.fields["retry_after_s"] == 3600
    assert len(server.windows) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "language is not known"), (413, "larger than it accepts"), (415, "this kind of sound"), (422, "422")],
)
async def test_a_refusal_is_the_answer_for_that_window_and_is_not_repeated(
    server: RemoteServer, status: int, words: str
) -> None:
    server.script.append(fails(status, "The language is not known."))
    async with ready(server.url) as engine:
        error = await engine.refused(window())
        assert len(words_of(await engine.decode(window()))) == 2
    assert isinstance(error, RemoteRefused)
    assert words in error.message
    assert len(server.windows) == 2


async def test_a_key_that_is_refused_is_not_quoted(server: RemoteServer) -> None:
    server.script.append(fails(401, f"Incorrect API key provided: {KEY}"))
    async with ready(server.url) as engine:
        error = await engine.refused(window())
    assert isinstance(error, RemoteMisconfigured)
    assert KEY not in f"{error.message} {error.advice} {engine.pool.facts}"


async def test_a_redirect_is_not_followed(server: RemoteServer) -> None:
    server.script.append(fails(307, Location="http://127.0.0.1:9/v1/audio/transcriptions"))
    async with ready(server.url) as engine:
        assert isinstance(await engine.refused(window()), RemoteMisconfigured)


async def test_a_server_without_words_gets_them_spread_over_its_segments(server: RemoteServer) -> None:
    def no_granularities(handler: object, received: object) -> None:
        reply = fails(400, "no granularities") if "timestamp_granularities[]" in received.fields else KNOWN  # type: ignore[attr-defined]
        reply(handler, received)  # type: ignore[arg-type]

    server.clip_reply = no_granularities
    segments = [{"text": "One two", "start": 0.0, "end": 0.6}, {"text": "three", "start": 1.0, "end": 1.5}]
    server.usual = says(text="One two three", segments=segments)
    async with ready(server.url) as engine:
        decoded = await engine.decode(window())
    assert words_of(decoded) == [(" One", 10.0, 10.3), (" two", 10.3, 10.6), (" three", 11.0, 11.5)]
    assert server.windows[0].fields["response_format"] == ["verbose_json"]
    assert decoded.language == "en"


async def test_a_server_of_text_alone_gets_it_spread_over_the_detected_speech(server: RemoteServer) -> None:
    def json_only(handler: object, received: object) -> None:
        plain = received.fields["response_format"] == ["json"]  # type: ignore[attr-defined]
        (KNOWN if plain else fails(400))(handler, received)  # type: ignore[arg-type]

    server.clip_reply = json_only
    server.usual = says(text="abc def gh ij")
    async with ready(server.url) as engine:
        decoded = await engine.decode(window(language=None))
    assert words_of(decoded) == [
        (" abc", 10.2, 10.5), (" def", 10.5, 10.8), (" gh", 11.2, 11.4), (" ij", 11.4, 11.6)
    ]  # fmt: skip
    assert decoded.language == ""


async def test_a_caller_who_goes_away_ends_the_request(server: RemoteServer) -> None:
    silence = Silence()
    server.script.append(silence)
    async with ready(server.url) as engine:
        task = asyncio.create_task(engine.decode(window()))
        await until(silence.begun.is_set, "the server has the window")
        task.cancel()
        await until(silence.left.is_set, "the request was ended")
        await until(lambda: engine.pool.workers[0].in_flight == 0, "nothing is in flight")


async def test_a_deadline_ends_the_request(server: RemoteServer) -> None:
    silence = Silence()
    server.script.append(silence)
    async with ready(server.url) as engine:
        with pytest.raises(DeadlineExceeded):
            await engine.decode(window(), timeout_s=3)
        await until(silence.left.is_set, "the request was ended")


async def test_no_more_windows_are_sent_than_the_server_is_to_have(server: RemoteServer) -> None:
    silences = [Silence() for _ in range(3)]
    server.script.extend(silences)
    async with ready(server.url, replace(FAST, most_in_flight=2)) as engine:
        tasks = [asyncio.create_task(engine.decode(window())) for _ in range(3)]
        await until(lambda: all(s.begun.is_set() for s in silences[:2]), "two are under way")
        assert (engine.pool.workers[0].in_flight, len(server.windows)) == (2, 2)
        tasks[0].cancel()
        await until(silences[2].begun.is_set, "the third has the room")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_while_the_breaker_is_open_work_waits_and_goes_on_when_the_server_is_well_again(
    server: RemoteServer,
) -> None:
    settings = replace(FAST, breaker=replace(FAST.breaker, failures=3, open_s=0.2))
    server.usual, server.clip_reply = fails(503), fails(503, "loading")
    async with proved_before(server, settings) as engine:
        waiting = [asyncio.create_task(engine.decode(window())) for _ in range(3)]
        await until(lambda: engine.pool.workers == [], "the breaker is open")
        refusal = engine.pool.refusal
        assert isinstance(refusal, RemoteUnavailable)
        assert refusal.fields["retry_after_s"] == 1
        assert not engine.pool.hopeful
        assert engine.pool.facts.breaker in ("open", "half_open")
        late = asyncio.create_task(engine.decode(window()))
        sent, probes = len(server.windows), len(server.clips)
        await until(lambda: len(server.clips) >= probes + 2, "it is probed again and again")
        assert len(server.windows) == sent
        server.usual, server.clip_reply = HELLO, KNOWN
        answers = await asyncio.gather(*waiting, late)
        assert [len(words_of(answer)) for answer in answers] == [2] * 4
        assert engine.count("care_voice_remote_breaker_opened_total") == 1
        assert engine.count("care_voice_remote_breaker_state") == 0


@asynccontextmanager
async def proved_before(server: RemoteServer, settings: RemoteSettings) -> AsyncIterator[Engine]:
    """Proved while the server was well; then the server has the faults that the test gave it."""
    clip_reply, server.clip_reply = server.clip_reply, KNOWN
    async with ready(server.url, settings) as engine:
        server.clip_reply = clip_reply
        yield engine


async def test_an_outage_ends_though_the_files_that_wait_hold_all_that_could_read_the_clip(
    server: RemoteServer,
) -> None:
    free = asyncio.Event()
    free.set()

    async def while_free() -> DecodeWindow:
        await free.wait()
        return await the_clip()

    engine = Engine(server.url, replace(FAST, breaker=replace(FAST.breaker, failures=1)), read=while_free)
    engine.pool.open()
    await engine.pool.wait_ready()
    free.clear()
    server.script.append(fails(503))
    assert len(words_of(await engine.decode(window()))) == 2
    assert engine.count("care_voice_remote_breaker_opened_total") == 1
    await engine.pool.close()


async def test_an_outage_that_lasts_ends_the_wait_with_the_reason(server: RemoteServer) -> None:
    settings = replace(FAST, breaker=replace(FAST.breaker, failures=1))
    async with ready(server.url, settings, max_outage_s=0.3) as engine:
        server.usual = server.clip_reply = fails(500, "no disk")
        for error in [await engine.refused(window()), await engine.refused(window())]:
            assert isinstance(error, RemoteUnavailable)
            assert "no disk" in error.message


async def test_a_server_that_is_not_there_opens_the_breaker_and_costs_the_window_no_try() -> None:
    with remote_server(CLIP, HELLO, KNOWN) as server:
        url = server.url
    settings = replace(FAST, retries=0, breaker=replace(FAST.breaker, failures=4))
    engine = Engine(url, settings)
    engine.pool.open()
    with pytest.raises(RemoteUnavailable, match="cannot be reached"):
        await engine.pool.wait_ready()
    engine.pool._proved(engine.pool._courier.dialect)  # as if it had been well until now
    task = asyncio.create_task(engine.decode(window()))
    await until(lambda: engine.count("care_voice_remote_breaker_opened_total") == 1, "the breaker opens")
    assert not task.done()
    await engine.pool.close()
    with pytest.raises(NotReady):
        await task


async def test_a_server_that_hears_other_words_is_not_ready(server: RemoteServer) -> None:
    server.clip_reply = says(text="Thank you for watching.")
    engine = Engine(server.url)
    engine.pool.open()
    with pytest.raises(RemoteMisconfigured, match="known clip"):
        await engine.pool.wait_ready()
    server.clip_reply = KNOWN
    engine.pool.open()
    assert "sent at" in await engine.pool.wait_ready()
    await engine.pool.close()


async def test_a_key_in_a_file_is_read_again_at_each_probe(server: RemoteServer, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("old\n")
    settings = replace(FAST, api_key="", api_key_file=file, breaker=replace(FAST.breaker, failures=1))
    async with ready(server.url, settings) as engine:
        file.write_text("new\n")
        server.script.append(fails(401))
        await engine.refused(window())
        await until(lambda: engine.pool.workers, "it is proved again")
        await engine.decode(window())
    assert [w.headers["Authorization"] for w in server.windows] == ["Bearer old", "Bearer new"]


async def test_a_key_file_that_is_missing_is_said(server: RemoteServer, tmp_path: Path) -> None:
    engine = Engine(server.url, replace(FAST, api_key="", api_key_file=tmp_path / "none"))
    engine.pool.open()
    with pytest.raises(RemoteMisconfigured, match="API_KEY_FILE"):
        await engine.pool.wait_ready()
    await engine.pool.close()
    assert server.clips == []


async def test_closing_ends_what_is_under_way_and_it_can_be_opened_again(server: RemoteServer) -> None:
    silence = Silence()
    server.script.append(silence)
    engine = Engine(server.url)
    engine.pool.open()
    await engine.pool.wait_ready()
    task = asyncio.create_task(engine.decode(window()))
    await until(silence.begun.is_set, "the server has the window")
    await engine.pool.close()
    with pytest.raises(NotReady):
        await task
    await until(silence.left.is_set, "the request was ended")
    engine.pool.open()
    await engine.pool.wait_ready()
    assert len(words_of(await engine.decode(window()))) == 2
    await engine.pool.close()


@pytest.fixture
def own_authority(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's certificate for 127.0.0.1 that nobody else has signed: (its context, what to trust it by)."""
    return own_certificate(tmp_path, "127.0.0.1")


async def test_a_certificate_that_is_not_trusted_is_refused_and_gets_no_sound(
    own_authority: tuple[ssl.SSLContext, Path],
) -> None:
    with remote_server(CLIP, HELLO, KNOWN, own_authority[0]) as server:
        engine = Engine(server.url)
        engine.pool.open()
        with pytest.raises(RemoteUnavailable, match="certificate is not trusted"):
            await engine.pool.wait_ready()
        await engine.pool.close()
        assert server.clips == []


async def test_an_authority_of_ones_own_can_be_trusted(own_authority: tuple[ssl.SSLContext, Path]) -> None:
    with remote_server(CLIP, HELLO, KNOWN, own_authority[0]) as server:
        async with ready(server.url, replace(FAST, ca_file=own_authority[1])) as engine:
            assert len(words_of(await engine.decode(window()))) == 2
