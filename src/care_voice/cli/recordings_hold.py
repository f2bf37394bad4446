"""`care-voice recordings hold` and `release`: what may not be deleted."""

from __future__ import annotations

from typing import Annotated

import typer

from care_voice.cli.kept import Kept, with_kept
from care_voice.domain.recordings import Recording
from care_voice.service.deletion import Deletion
from care_voice.service.retention import Retention

Id = Annotated[str, typer.Argument(metavar="RECORDING", help="Identifier, as in `care-voice recordings list`.")]


def hold(
    recording: Id,
    reason: Annotated[str, typer.Option("--reason", help="Why; whoever wants to delete it is told.")],
    replace: Annotated[bool, typer.Option("--replace", help="In place of the reason that it is held for.")] = False,
) -> None:
    """Keep a recording, whatever rules or people say, until it is released. One that is held keeps its reason."""

    async def work(kept: Kept) -> Recording:
        return await _retention(kept).hold(recording, reason, replace=replace)

    held = with_kept(work)
    typer.echo(f"{held.id}: held, {held.hold_reason}")


def release(recording: Id) -> None:
    """End the hold on a recording: what its rule says counts again."""

    async def work(kept: Kept) -> Recording:
        return await _retention(kept).release(recording)

    typer.echo(f"{with_kept(work).id}: released")


def _retention(kept: Kept) -> Retention:
    return Retention(kept.db, Deletion(kept.db, kept.audio), kept.settings.retention)
