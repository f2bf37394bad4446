"""A clip whose words are known, decoded through the whole way that a user's recording takes."""

from __future__ import annotations

import asyncio
from importlib.resources import as_file, files

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import SelfTestFailed, WorkerFailed
from care_voice.engine.protocol import DecodeWindow, MediaWindow, OpenMedia, VadOptions
from care_voice.scheduler.work import Caller
from care_voice.service.options import Profile, TranscriptionOptions
from care_voice.service.transcription import SELF_TEST, Transcriber
from care_voice.supervisor.media_pool import MediaPool

CLIP = "selftest.ogg"
"""J. F. Kennedy, inaugural address, 20 January 1961 (public domain): "... ask what you can do for your country"."""

EXPECTED = ("what", "you", "can", "do", "for", "your", "country")
"""Words that even the smallest model hears; one may be wrong, as models and rounding differ."""

_FIRST = Caller(SELF_TEST)
_MAX_MISSED = 1
_LONGEST_S = 60.0


def known_clip() -> bytes:
    """The clip as a file."""
    return files("care_voice.service").joinpath(CLIP).read_bytes()


async def run_self_test(transcriber: Transcriber, timeout_s: float, caller: Caller = _FIRST) -> str:
    """Decode the clip and compare its words, with little effort where that can be asked for; returns what to show.

    Raises:
        SelfTestFailed: Too slow, an error, or wrong words.
    """
    # Whatever the operator favours must not decide whether the service is well.
    profile: Profile = "fast" if transcriber.models.default.pool.decodes_as_asked else "balanced"
    options = TranscriptionOptions(language="en", hotwords="", profile=profile)
    with as_file(files("care_voice.service").joinpath(CLIP)) as path:
        try:
            async with asyncio.timeout(timeout_s):
                transcript = await transcriber.transcribe(path, options, SELF_TEST, caller)
        except TimeoutError:
            raise SelfTestFailed(why=f"no answer within {timeout_s:.0f} s") from None
        except CareVoiceError as error:
            raise SelfTestFailed(why=error.message) from error
    why = wrong_words(transcript.text)
    if why is not None:
        raise SelfTestFailed(why=why)
    return f"{len(EXPECTED) - len(missed_words(transcript.text))} of {len(EXPECTED)} known words"


async def known_window(media: MediaPool, timeout_s: float = 60.0) -> DecodeWindow:
    """The clip as a window, for an engine that is proved before it gets anything else.

    Raises:
        SelfTestFailed: No speech was found in it.
        WorkerFailed: No media worker had the time for it.
        CareVoiceError: It cannot be decoded now.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _read(media)
    except TimeoutError:
        raise WorkerFailed(why="no media worker has read the known clip") from None


async def _read(media: MediaPool) -> DecodeWindow:
    with as_file(files("care_voice.service").joinpath(CLIP)) as path:
        async with media.read(OpenMedia(0, "self-test", str(path), _LONGEST_S, VadOptions())) as events:
            async for event in events:
                if isinstance(event, MediaWindow):
                    return DecodeWindow(
                        0, "self-test", event.pcm, event.start_s, event.speech, "en", (), "transcribe", None, (0.0,), 1
                    )
    raise SelfTestFailed(why="no speech was found in the known clip")


def wrong_words(text: str) -> str | None:
    """What is wrong with the text of the clip; None where it is as good as any model's."""
    missed = len(missed_words(text))
    return f"{missed} of {len(EXPECTED)} known words were not recognised" if missed > _MAX_MISSED else None


def missed_words(text: str) -> list[str]:
    """The expected words that are not in `text`."""
    heard = "".join(char if char.isalpha() else " " for char in text.lower()).split()
    return [word for word in EXPECTED if word not in heard]
