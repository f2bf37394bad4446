"""`care-voice recordings export`."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Annotated

import typer

from care_voice.cli.common import explain, give_up
from care_voice.cli.kept import Kept, with_kept
from care_voice.domain.errors import CareVoiceError
from care_voice.service.exports import file_stem
from care_voice.service.playback import Playback

_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}")


class Form(StrEnum):
    """What a recording can be exported as."""

    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"
    JSON = "json"
    DOCX = "docx"
    AUDIO = "audio"


class FileExists(CareVoiceError):
    """There is a file '{path}' already."""

    code = "file_exists"
    hint = "Choose another folder, or use --force to write over it."


class TargetRefused(CareVoiceError):
    """'{path}' cannot be written: {why}."""

    code = "target_refused"


def export(
    recordings: Annotated[list[str], typer.Argument(metavar="RECORDING...", help="Identifiers of recordings.")],
    form: Annotated[Form, typer.Option("-f", "--format", help="A transcript's format, or the sound.")] = Form.TXT,
    output_dir: Annotated[
        Path | None, typer.Option("-o", "--output-dir", help="Write a file for each here instead of printing.")
    ] = None,
    version: Annotated[int | None, typer.Option("--version", min=1, help="A transcript that is not current.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
) -> None:
    """Write transcripts, edited as they are now, or the original sound (`audio`). Exit code 1 where one is missing."""
    if output_dir is None and form in (Form.DOCX, Form.AUDIO) and sys.stdout.isatty():
        give_up(f"{form.value} is not for a terminal.", "Name a folder with --output-dir.")

    async def work(kept: Kept) -> list[tuple[str, CareVoiceError | None]]:
        target = _Target(output_dir, force=force)
        return [(each, await _exported(kept, each, (form, version), target)) for each in recordings]

    failed = [(one, error) for one, error in with_kept(work) if error is not None]
    for recording_id, error in failed:
        explain(error, f"{recording_id}: ")
    if failed:
        raise typer.Exit(1)


class _Target:
    """Standard output, or files in a folder that are never there half."""

    def __init__(self, folder: Path | None, *, force: bool) -> None:
        self._folder = folder
        self._force = force

    def write(self, filename: str, chunks: Iterable[bytes]) -> None:
        """Raises FileExists, TargetRefused, and what the chunks raise."""
        if self._folder is None:
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            return
        path = self._folder / filename
        if path.exists() and not self._force:
            raise FileExists(path=path)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _fill(path, chunks)
        except OSError as error:
            raise TargetRefused(path=path, why=error.strerror or str(error)) from error
        typer.echo(path)


def _fill(path: Path, chunks: Iterable[bytes]) -> None:
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("wb") as file:
            file.writelines(chunks)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


async def _exported(
    kept: Kept, recording_id: str, wanted: tuple[Form, int | None], target: _Target
) -> CareVoiceError | None:
    form, version = wanted
    try:
        if form is Form.AUDIO:
            await _export_audio(kept, recording_id, target)
        else:
            exported = await kept.transcripts.export(recording_id, version, form.value)
            await asyncio.to_thread(target.write, exported.filename, [exported.body])
    except CareVoiceError as error:
        return error
    return None


async def _export_audio(kept: Kept, recording_id: str, target: _Target) -> None:
    playback = Playback(kept.db, kept.audio)
    sound, recording = await playback.original(recording_id), await kept.library.show(recording_id)
    ending = PurePath(recording.filename).suffix
    filename = file_stem(recording) + (ending if _ENDING.fullmatch(ending) else "")
    await asyncio.to_thread(target.write, filename, playback.read(sound, 0, sound.size))
