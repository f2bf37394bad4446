"""`care-voice transcribe`."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from care_voice.app import Application
from care_voice.cli.common import errors_explained, explain
from care_voice.config import Settings, load_settings
from care_voice.domain.chinese import Script
from care_voice.domain.errors import CareVoiceError, InvalidParameter
from care_voice.domain.formats import all_files
from care_voice.service.options import MAX_BEAM_SIZE, LanguageDetection, Profile, TranscriptionOptions
from care_voice.service.transcription import Finished
from care_voice.service.transcription import Progress as Step
from care_voice.telemetry.logs import configure_logging


class Format(StrEnum):
    """Formats that a transcript can be written in."""

    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"
    JSON = "json"


Files = Annotated[list[str], typer.Argument(help="Audio or video files; '-' reads standard input.")]
OutputFormat = Annotated[Format, typer.Option("-f", "--format", help="Format of the output.")]
Language = Annotated[str | None, typer.Option("-l", "--language", help="Spoken language (zh, en, ...); else detected.")]
Languages = Annotated[str, typer.Option(metavar="zh,en", help="Detect among these languages only.")]
Detection = Annotated[
    LanguageDetection | None, typer.Option(help="Detect one language for the recording, or let it change within.")
]
ProfileChoice = Annotated[
    Profile | None, typer.Option("-p", "--profile", help="Accuracy for time; else as the settings say.")
]
BeamSize = Annotated[int | None, typer.Option(min=1, max=MAX_BEAM_SIZE, help="Beam size; else the profile's.")]
Temperatures = Annotated[
    str, typer.Option(metavar="0,0.4,0.8", help="Temperatures to try in turn while the result looks wrong.")
]
Hotwords = Annotated[str | None, typer.Option(help="Words to favour, such as names, separated by commas.")]
ScriptChoice = Annotated[
    Script | None, typer.Option(help="How Mandarin and Cantonese are written; else as the settings say.")
]
OutputDir = Annotated[
    Path | None, typer.Option("-o", "--output-dir", help="Write FILE.txt (or srt, ...) here instead of printing.")
]


def transcribe(
    files: Files,
    output_format: OutputFormat = Format.TXT,
    language: Language = None,
    *,
    languages: Languages = "",
    language_detection: Detection = None,
    translate: Annotated[bool, typer.Option("--translate", help="Translate into English.")] = False,
    prompt: Annotated[str | None, typer.Option(help="Names and words to expect.")] = None,
    hotwords: Hotwords = None,
    profile: ProfileChoice = None,
    script: ScriptChoice = None,
    beam_size: BeamSize = None,
    temperatures: Temperatures = "",
    output_dir: OutputDir = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the files and their transcripts: `care-voice recordings` lists them.")
    ] = False,
) -> None:
    """Transcribe files with a worker of their own; no server is needed. With --keep one that runs does the work."""
    with errors_explained():
        options = TranscriptionOptions(
            task="translate" if translate else "transcribe",
            language=language,
            languages=_listed(languages),
            prompt=prompt,
            profile=profile,
            beam_size=beam_size,
            temperatures=_ladder(temperatures),
            hotwords=hotwords,
            language_detection=language_detection,
            script=script,
        )
        job = _Job(options, output_format, output_dir)
        failed = asyncio.run(_run(files, job, _keeping if keep else _only_transcribing))
    if failed:
        raise typer.Exit(1)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _ladder(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in _listed(text))
    except ValueError:
        raise InvalidParameter(param="temperatures", why="they must be numbers, separated by commas") from None


class _Job:
    """How each file is transcribed and where its text goes."""

    def __init__(self, options: TranscriptionOptions, output_format: Format, output_dir: Path | None) -> None:
        self.options = options
        self._format = output_format
        self._output_dir = output_dir

    @property
    def form(self) -> str:
        return self._format.value

    def write(self, name: str, text: str) -> None:
        if self._output_dir is None:
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        self._output_dir.mkdir(parents=True, exist_ok=True)
        stem = "stdin" if name == "-" else Path(name).stem
        (self._output_dir / f"{stem}.{self.form}").write_text(text, encoding="utf-8")


Work = Callable[[str, Path], Awaitable[str]]
"""A file's name, and where its bytes are, to its text in the wanted format."""

Start = Callable[[Settings, _Job, Progress], AbstractAsyncContextManager[Work]]


async def _run(files: list[str], job: _Job, start: Start) -> int:
    settings = load_settings()
    configure_logging(settings.log_format, "warning")
    failed = 0
    with _bars() as bars:
        task = bars.add_task("starting", total=None)
        async with start(settings, job, bars) as work:
            for name in files:
                bars.update(task, description=name, completed=0, total=None)
                try:
                    with _on_disk(name) as path:
                        text = await work(name, path)
                except CareVoiceError as error:
                    explain(error, prefix=f"{name}: ")
                    failed += 1
                else:
                    job.write(name, text)
    return failed


@asynccontextmanager
async def _only_transcribing(settings: Settings, job: _Job, bars: Progress) -> AsyncIterator[Work]:
    application = Application(settings)

    async def work(_: str, path: Path) -> str:
        async with application.transcriber.run(path, job.options, request_id=path.name) as events:
            async for event in events:
                if isinstance(event, Step):
                    bars.update(bars.task_ids[0], completed=event.done_s, total=event.total_s)
                elif isinstance(event, Finished):
                    return all_files(event.transcript)[job.form]
        raise AssertionError("the events of a transcription end with Finished or an error")

    try:
        await application.lifecycle.start_and_wait()
        yield work
    finally:
        await application.close()


@asynccontextmanager
async def _keeping(settings: Settings, job: _Job, bars: Progress) -> AsyncIterator[Work]:
    from care_voice.cli.keeping import opened_keeper  # noqa: PLC0415 - nobody else needs it

    def show(done_s: float, total_s: float | None) -> None:
        bars.update(bars.task_ids[0], completed=done_s, total=total_s)

    say = partial(bars.console.print, markup=False, highlight=False, soft_wrap=True)
    async with opened_keeper(settings, say) as keeper:

        async def work(name: str, path: Path) -> str:
            recording_id = await keeper.take(path, name, job.options, show)
            return await keeper.text(recording_id, job.form)

        yield work
        await keeper.settle()


@contextmanager
def _on_disk(name: str) -> Iterator[Path]:
    """The file itself, or standard input as a private temporary file: some containers have their index at the end."""
    if name != "-":
        path = Path(name)
        if not path.is_file():
            raise NoSuchFile
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="care-voice-") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
        file.flush()
        yield Path(file.name)


class NoSuchFile(CareVoiceError):
    """There is no such file."""

    code = "no_such_file"


def _bars() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
