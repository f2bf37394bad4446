"""Transcribe a file: windows from a media worker, hypotheses from engine workers, segments out in order."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from care_voice.domain.chinese import Script
from care_voice.domain.errors import CareVoiceError
from care_voice.domain.languages import UNDETERMINED
from care_voice.domain.segmentation import SegmentationSettings, split_into_segments
from care_voice.domain.service_errors import DeadlineExceeded, Draining, Overloaded
from care_voice.domain.transcript import Segment, Token, Transcript, WindowStats, Word, languages_of
from care_voice.engine.protocol import (
    DecodeWindow,
    MediaOpened,
    MediaProgress,
    MediaWindow,
    OpenMedia,
    WindowDecoded,
    WirePart,
    WireWord,
)
from care_voice.scheduler.admission import Ticket
from care_voice.scheduler.scheduler import Errand
from care_voice.scheduler.work import Caller
from care_voice.service.checkpoints import KnownWindow, NoCheckpoint, WindowCheckpoint, leading
from care_voice.service.chinese import ChineseWriter
from care_voice.service.options import MAX_BEAM_SIZE, LanguageDetection, Profile, TranscriptionOptions
from care_voice.service.served_models import ServedModel, ServedModels
from care_voice.supervisor.media_pool import MediaEvent, MediaPool
from care_voice.supervisor.waiting import came_within
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TranscriptionSettings:
    """How recordings are worked through."""

    max_duration_s: float = 6 * 3600.0
    """Longest recording in seconds; a longer one is refused before it costs anything."""

    profile: Profile = "balanced"
    """Accuracy for time, where a request does not choose: fast, balanced or accurate (docs/api.md)."""

    beam_size: int = 0
    """Hypotheses kept in beam search, 1 to 10, where a request names neither a beam size nor a profile; 0 is the
    profile's."""

    hotwords: str = ""
    """Words to favour where a request names none: names and terms of your organisation, separated by commas."""

    language_detection: LanguageDetection = "recording"
    """Where a request gives no language: recording detects one for the whole, window lets it change within."""

    script: Script = "traditional"
    """How Mandarin and Cantonese are written where a request does not choose: traditional (as in Taiwan, and as in Hong
    Kong), simplified, or as_heard, which leaves what the model wrote."""

    windows_ahead: int = 0
    """Windows of one recording that wait or are decoded at a time; 0 is one more than the workers take, so that a long
    file keeps them busy when it is alone. Others do not wait for them: the queue is fair between clients."""

    max_concurrent: int = 64
    """Transcriptions at a time, each of which holds a file and a place with the media workers; more are refused."""

    retry_after_s: int = 5
    """What a client is told to wait while the service is stopping."""

    segmentation: SegmentationSettings = field(default_factory=SegmentationSettings)

    def __post_init__(self) -> None:
        """Raises ValueError where the beam size is out of range."""
        if not 0 <= self.beam_size <= MAX_BEAM_SIZE:
            raise ValueError(f"beam_size must be between 0 and {MAX_BEAM_SIZE}")


@dataclass(frozen=True, slots=True)
class Progress:
    """`done_s` of `total_s` seconds are transcribed; `total_s` is None while the length is not known."""

    done_s: float
    total_s: float | None


@dataclass(frozen=True, slots=True)
class SegmentReady:
    """The next segment; segments come in order and are final."""

    segment: Segment


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event."""

    transcript: Transcript


Event = Progress | SegmentReady | Finished
_UNKNOWN_LENGTH_S = 30.0
"""Counted for a recording that does not say how long it is, until more of it has been read."""
_Pending = deque[tuple[MediaWindow, "asyncio.Task[WindowDecoded]"]]


SELF_TEST = "self-test"
"""The client that asks for the known clip."""
_LOCAL = Caller()
_UNKEPT = NoCheckpoint()


class Transcriber:
    """The one way from a file to a transcript; API, command line and self-test all take it."""

    def __init__(
        self, models: ServedModels, media: MediaPool, settings: TranscriptionSettings, metrics: Metrics
    ) -> None:
        self.models = models
        self._media = media
        self._settings = settings
        self._metrics = metrics
        self._active = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._idle_since = time.monotonic()
        self.decoded_at = -math.inf
        """When the default model last decoded something besides the self-test's clip; monotonic, in seconds."""

    @asynccontextmanager
    async def run(
        self,
        path: Path,
        options: TranscriptionOptions,
        request_id: str,
        caller: Caller = _LOCAL,
        *,
        model: str | None = None,
        checkpoint: WindowCheckpoint = _UNKEPT,
    ) -> AsyncIterator[AsyncGenerator[Event, None]]:
        """Transcribe `path` with a served model, the default one where none is named. Leaving the context early cancels
        what has not been computed. Windows that `checkpoint` knows are not computed again; the events are the same.

        Raises:
            UnsupportedParameter: The options name what a remote engine cannot be told.
            Draining: The service is stopping.
            NotEnoughMemory, ModelError, WorkerFailed: The model cannot be loaded now.
            Overloaded: So much is to be done already that the recording is not taken; also from the iterator, before
                its first event, once the length of the recording is known.
            CareVoiceError: From the iterator, what is wrong with the file or the service.
        """
        served = self.models[model] if model is not None else self.models.default
        if served.local is None:
            options.require_remote(decodes_as_asked=served.pool.decodes_as_asked)
        with self._counted(served, caller):
            async with self.models.using(served):
                run = _Run(self, served, _Request(path, options, request_id, caller), checkpoint)
                async with aclosing(self._events(run, served.name, request_id)) as events:
                    yield events

    async def transcribe(
        self,
        path: Path,
        options: TranscriptionOptions,
        request_id: str,
        caller: Caller = _LOCAL,
        *,
        model: str | None = None,
    ) -> Transcript:
        """Transcribe `path` and wait for the whole. Raises as `run` does."""
        async with self.run(path, options, request_id, caller, model=model) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return event.transcript
        raise AssertionError("the events of a transcription end with Finished or an error")

    @property
    def active(self) -> int:
        """Transcriptions that run."""
        return self._active

    @property
    def idle_s(self) -> float:
        """Seconds since the last transcription ended; 0 while one runs."""
        return 0.0 if self._active else time.monotonic() - self._idle_since

    async def drain(self, timeout_s: float) -> bool:
        """Take no new work and wait for what runs; whether all of it ended in time."""
        self._draining = True
        return await came_within(self._idle, timeout_s)

    def admit(self, served: ServedModel, caller: Caller) -> None:
        """Whether a request would be taken now; also asked before its recording is received.

        Raises:
            Draining: The service is stopping.
            Overloaded: It has as much work as it takes.
        """
        if self._draining:
            raise Draining(retry_after_s=self._settings.retry_after_s)
        if self._active >= self._settings.max_concurrent:
            raise Overloaded(retry_after_s=served.scheduler.next_leaves_after_s)
        served.scheduler.require_room(served.scheduler.priority_of(caller, 0.0))

    @contextmanager
    def _counted(self, served: ServedModel, caller: Caller) -> Iterator[None]:
        self.admit(served, caller)
        self._active += 1
        self._idle.clear()
        self._metrics.in_progress.set(self._active)
        try:
            yield
        finally:
            self._active -= 1
            self._metrics.in_progress.set(self._active)
            if self._active == 0:
                self._idle_since = time.monotonic()
                self._idle.set()

    async def _events(self, run: _Run, model: str, request_id: str) -> AsyncGenerator[Event, None]:
        started = time.monotonic()
        outcome = "cancelled"
        try:
            async with aclosing(run.events()) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        outcome = "done"
                        self._measure(event.transcript, time.monotonic() - started, model, request_id)
                    yield event
        except CareVoiceError as error:
            outcome = error.code
            raise
        finally:
            self._metrics.transcriptions.labels(model, outcome).inc()
            log.info("transcription_ended", outcome=outcome, request_id=request_id)

    def _measure(self, transcript: Transcript, wall_s: float, model: str, request_id: str) -> None:
        self._metrics.audio_seconds.labels(model).inc(transcript.duration)
        if transcript.duration > 0:
            self._metrics.rtf.labels(model).observe(wall_s / transcript.duration)
        log.info(
            "transcribed",
            request_id=request_id,
            duration_s=round(transcript.duration, 3),
            wall_s=round(wall_s, 3),
            language=transcript.language,
            segments=len(transcript.segments),
        )

    def open_media(self, path: Path, options: TranscriptionOptions, request_id: str, bookmark: bytes) -> OpenMedia:
        """The request to a media worker; with a `bookmark` it begins there."""
        return OpenMedia(0, request_id, str(path), self._settings.max_duration_s, options.vad, bookmark)

    @property
    def media(self) -> MediaPool:
        return self._media

    @property
    def settings(self) -> TranscriptionSettings:
        return self._settings

    def count(self, model: str, decoded: WindowDecoded, caller: Caller) -> None:
        """Count a window that was decoded."""
        if model == self.models.default.name and caller.client != SELF_TEST:
            self.decoded_at = time.monotonic()
        self._metrics.windows.labels(model).inc()
        self._metrics.extra_passes.labels(model).inc(decoded.passes - len(decoded.parts))
        self._metrics.window_seconds.labels(model).observe(decoded.compute_s)


@dataclass(frozen=True, slots=True)
class _Request:
    path: Path
    options: TranscriptionOptions
    request_id: str
    caller: Caller


class _Run:
    """The state of one transcription."""

    def __init__(
        self, transcriber: Transcriber, served: ServedModel, request: _Request, checkpoint: WindowCheckpoint
    ) -> None:
        self._transcriber = transcriber
        self._checkpoint = checkpoint
        self._leading = leading(checkpoint.known)
        self._model = served.name
        self._scheduler = served.scheduler
        self._caller = request.caller
        self._timeout_s = self._scheduler.timeout_of(request.caller)
        self._deadline = asyncio.get_running_loop().time() + self._timeout_s
        self._ticket: Ticket | None = None
        self._path = request.path
        self._options = request.options
        self._decoding = request.options.decoding(transcriber.settings)
        self._request_id = request.request_id
        self._language = request.options.language
        self._chinese = ChineseWriter(request.options.script or transcriber.settings.script)
        self._total_s: float | None = None
        self._pending: _Pending = deque()
        self._continues = False
        self._segments: list[Segment] = []

    async def events(self) -> AsyncGenerator[Event, None]:
        bookmark = self._leading[-1].bookmark if self._leading else b""
        request = self._transcriber.open_media(self._path, self._options, self._request_id, bookmark)
        try:
            async with self._transcriber.media.read(request) as media:
                while (message := await self._in_time(media)) is not None:
                    async with aclosing(self._on(message)) as events:
                        async for event in events:
                            yield event
        finally:
            if self._ticket is not None:
                self._scheduler.leave(self._ticket)
            for _, task in self._pending:
                task.cancel()
            await asyncio.gather(*(task for _, task in self._pending), return_exceptions=True)

    async def _in_time(self, media: AsyncIterator[MediaEvent]) -> MediaEvent | None:
        """The next event of the file; None at its end. Raises DeadlineExceeded."""
        try:
            async with asyncio.timeout_at(self._deadline):
                return await anext(media, None)
        except TimeoutError:
            raise DeadlineExceeded(timeout_s=round(self._timeout_s, 3)) from None

    async def _on(self, message: MediaEvent) -> AsyncGenerator[Event, None]:
        if isinstance(message, MediaOpened):
            async for first in self._opened(message):
                yield first
        elif isinstance(message, MediaProgress):
            if not self._pending and message.scanned_s > self._done_s:
                self._note(message.scanned_s, message.scanned_s)
                yield Progress(message.scanned_s, self._total_s)
        elif isinstance(message, MediaWindow):
            self._submit(message)
            async for event in self._collect(self._windows_ahead):
                yield event
        else:
            async for event in self._collect(0):
                yield event
            yield Progress(message.duration_s, message.duration_s)
            yield Finished(self._transcript(message.duration_s))

    async def _opened(self, message: MediaOpened) -> AsyncGenerator[Event, None]:
        """The recording is let in, and what is known of its beginning comes at once."""
        self._total_s = message.duration_s
        self._enter(message.duration_s or _UNKNOWN_LENGTH_S)
        yield Progress(0.0, self._total_s)
        for known in self._leading:
            async for event in self._taken(known.end_s, known.decoded):
                yield event

    def _enter(self, length_s: float) -> None:
        """The length of the recording is known: it is let in, or refused, as a whole. Raises Overloaded."""
        self._ticket = self._scheduler.enter(self._scheduler.priority_of(self._caller, length_s), length_s)

    def _note(self, upto_s: float, done_s: float) -> None:
        assert self._ticket is not None
        self._ticket.read(upto_s, done_s)

    @property
    def _done_s(self) -> float:
        return self._ticket.done_s if self._ticket else 0.0

    def _submit(self, window: MediaWindow) -> None:
        if window.number < len(self._leading):
            return  # it came with the bookmark
        self._note(window.end_s, self._done_s)
        known = self._checkpoint.known.get(window.number)
        if known is not None and (known.start_s, known.end_s) == (window.start_s, window.end_s):
            decode: Coroutine[None, None, WindowDecoded] = _already(known)
        else:
            decode = self._decode(window, self._wire(window))
        self._pending.append((window, asyncio.create_task(decode)))

    async def _decode(self, window: MediaWindow, request: DecodeWindow) -> WindowDecoded:
        priority = self._scheduler.priority_of(self._caller, max(window.end_s, self._total_s or 0.0))
        errand = Errand(self._caller.client, priority, self._deadline, self._timeout_s, self._continues)
        self._continues = True
        decoded = await self._scheduler.decode(request, errand)
        self._transcriber.count(self._model, decoded, self._caller)
        kept = KnownWindow(window.start_s, window.end_s, decoded, window.bookmark)
        await self._checkpoint.save(window.number, kept)
        return decoded

    @property
    def _windows_ahead(self) -> int:
        """How many may wait: none where the first one's language is to be the others'."""
        if not (self._language or self._decoding.language_changes):
            return 0
        return self._transcriber.settings.windows_ahead or self._scheduler.pool.capacity + 1

    def _wire(self, window: MediaWindow) -> DecodeWindow:
        return DecodeWindow(
            id=0,
            request_id=self._request_id,
            pcm=window.pcm,
            start_s=window.start_s,
            speech=window.speech,
            language=self._language,
            languages=self._options.languages,
            task=self._options.task,
            prompt=self._options.prompt,
            temperatures=self._decoding.temperatures,
            beam_size=self._decoding.beam_size,
            hotwords=self._decoding.hotwords,
            both_sizes=self._decoding.both_sizes,
            language_changes=self._decoding.language_changes,
        )

    async def _collect(self, ahead: int) -> AsyncGenerator[Event, None]:
        """Results in order, until at most `ahead` windows are left to wait for."""
        while len(self._pending) > ahead:
            window, task = self._pending[0]
            decoded = await task
            self._pending.popleft()
            async for event in self._taken(window.end_s, decoded):
                yield event

    async def _taken(self, end_s: float, decoded: WindowDecoded) -> AsyncGenerator[Event, None]:
        """What a window adds, after all before it."""
        if not self._decoding.language_changes:
            self._language = self._language or decoded.language
        for part in decoded.parts:
            written_in = self._written_in(part.language or decoded.language)
            await self._chinese.ready(written_in)
            for heard in self._to_segments(part, self._own_language(part.language or decoded.language)):
                segment = self._chinese.written(heard, written_in)
                self._segments.append(segment)
                yield SegmentReady(segment)
        self._note(end_s, end_s)
        yield Progress(end_s, self._total_s)

    def _own_language(self, detected: str) -> str | None:
        """What a segment says of its language: a translation is in English whatever was spoken. A remote engine may not
        tell what it detected."""
        return (detected or None) if self._decoding.language_changes and self._options.task == "transcribe" else None

    def _written_in(self, detected: str) -> str:
        """The language of the words: a translation is in English."""
        return "en" if self._options.task == "translate" else self._language or detected

    def _to_segments(self, part: WirePart, language: str | None) -> Iterator[Segment]:
        stats = WindowStats(part.temperature, part.avg_logprob, part.compression_ratio, part.no_speech_prob)
        words = [_word(word) for word in part.words]
        groups = split_into_segments(words, self._transcriber.settings.segmentation)
        for number, group in enumerate(groups, start=len(self._segments)):
            yield Segment(number, group[0].start, group[-1].end, group, stats, part.start_s, language)

    def _transcript(self, duration_s: float) -> Transcript:
        heard = next(iter(languages_of(self._segments)), UNDETERMINED)
        language = "en" if self._options.task == "translate" else self._language or heard
        return Transcript(self._options.task, language, duration_s, tuple(self._segments))


async def _already(known: KnownWindow) -> WindowDecoded:
    return known.decoded


def _word(word: WireWord) -> Word:
    tokens = tuple(Token(t.id, t.text, t.data, t.logprob) for t in word.tokens)
    return Word(word.text, word.start, word.end, word.probability, tokens)
