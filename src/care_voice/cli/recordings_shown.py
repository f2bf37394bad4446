"""Recordings on a terminal, and as JSON for programs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.table import Column, Table
from rich.text import Text

from care_voice.api.shapes import moment, recording_shape, transcription_shape
from care_voice.domain.excerpts import Excerpt
from care_voice.domain.jobs import Job, JobKind, JobState
from care_voice.domain.library import Found, Match
from care_voice.domain.recordings import Asset, Recording
from care_voice.domain.stored import TranscriptHead
from care_voice.service.exports import title_of
from care_voice.store import jobs, recordings, transcripts
from care_voice.store.database import Connection

_ID_LENGTH = len("rec_") + 26


@dataclass(frozen=True, slots=True)
class About:
    """All that `show` tells."""

    recording: Recording
    assets: Sequence[Asset]
    jobs: Sequence[Job]
    transcripts: Sequence[TranscriptHead]

    @classmethod
    def read(cls, connection: Connection, recording_id: str) -> About:
        """Raises UnknownRecording."""
        recording = recordings.get(connection, recording_id, trashed=True)
        return cls(
            recording,
            list(recordings.assets(connection, recording_id).values()),
            jobs.of_recording(connection, recording_id),
            [] if recording.trashed_at is not None else transcripts.versions(connection, recording_id),
        )


def found_table(
    found: Sequence[Found], their_jobs: Mapping[str, Sequence[Job]], *, searched: bool, narrow: bool
) -> Table:
    """A row for each recording; `searched` shows where the query was found, `narrow` saves room."""
    table = Table(
        whole_ids("Id"), Column("Recorded", no_wrap=True), "Title", Column("Length", no_wrap=True),
        "Found" if searched else "Tags", Column("State", no_wrap=True),
        box=box.SIMPLE_HEAD, padding=0, show_edge=False,
    )  # fmt: skip
    for each in found:
        recording = each.recording
        state = state_of(recording, their_jobs.get(recording.id, ()))
        last = Text("\n").join(_found(match) for match in each.matches) if searched else Text(", ".join(recording.tags))
        table.add_row(
            Text(recording.id), _stacked(Text(local_time(recording.created_at)), narrow), Text(title_of(recording)),
            "" if recording.duration_s is None else length(recording.duration_s), last, _stacked(state, narrow),
        )  # fmt: skip
    return table


def _stacked(text: Text, narrow: bool) -> Text:
    """Its first word above the others where there is little room; a terminal would cut words in two."""
    first, gap, rest = text.plain.partition(" ")
    return Text(f"{first}\n{rest}", text.style) if narrow and gap else text


def whole_ids(header: str) -> Column:
    """A column of identifiers, which other commands ask for: however narrow the terminal is, none is cut short."""
    return Column(header, no_wrap=True, min_width=_ID_LENGTH)


def state_of(recording: Recording, its_jobs: Sequence[Job]) -> Text:
    """How far a recording is, in a word or two: what its last transcription does counts."""
    if not recording.complete:
        return Text(f"receiving, {decimal(recording.received)}")
    last = last_transcription(its_jobs)
    if last is None or last.state is JobState.DONE:
        return Text("transcribed" if recording.transcript_id else "kept")
    if last.state is JobState.RUNNING and last.total_s:
        return Text(f"transcribing, {100 * last.done_s / last.total_s:.0f} %")
    return Text(f"failed: {last.error_code}", "red") if last.state is JobState.FAILED else Text(last.state.value)


def last_transcription(its_jobs: Sequence[Job]) -> Job | None:
    """The newest one of a recording's jobs, which come the oldest first."""
    return next((job for job in reversed(its_jobs) if job.kind is JobKind.TRANSCRIBE), None)


def print_about(console: Console, about: About) -> None:
    """What is known of a recording, for people."""
    recording = about.recording
    lines = {
        "Title": title_of(recording),
        "Id": recording.id,
        "Recorded": local_time(recording.created_at),
        "Length": "" if recording.duration_s is None else length(recording.duration_s),
        "Size": decimal(recording.received),
        "File": recording.filename,
        "Source": f"{recording.source}, {recording.client}",
        "Tags": ", ".join(recording.tags),
        "Notes": recording.notes,
        "SHA-256": recording.sha256 or "",
        "In the trash since": "" if recording.trashed_at is None else local_time(recording.trashed_at),
        "Legal hold": (recording.hold_reason or "yes") if recording.legal_hold else "",
        "State": state_of(recording, about.jobs).plain,
        "Made of it": ", ".join(f"{asset.kind} ({decimal(asset.size)})" for asset in about.assets),
    }
    for name, value in lines.items():
        if value:
            console.print(Text(f"{name}: ", "bold") + Text(value), soft_wrap=True)
    _print_jobs(console, about.jobs)
    _print_transcripts(console, about.transcripts)


def about_json(about: About) -> dict[str, Any]:
    """The same for programs, in the shapes of the API."""
    return {
        **recording_shape(about.recording),
        "transcription": transcription_shape(last_transcription(about.jobs)),
        "assets": [{**asdict(asset), "created_at": moment(asset.created_at)} for asset in about.assets],
        "jobs": [_job_json(job) for job in about.jobs],
        "transcripts": [{**asdict(head), "created_at": moment(head.created_at)} for head in about.transcripts],
    }


def found_json(found: Found, its_jobs: Sequence[Job]) -> dict[str, Any]:
    """A recording with how far it is, and where the query was found."""
    return {
        **recording_shape(found.recording),
        "transcription": transcription_shape(last_transcription(its_jobs)),
        "matches": [asdict(match) for match in found.matches],
    }


def local_time(at: float) -> str:
    """A Unix time as people here read it."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def length(seconds: float) -> str:
    """Hours, minutes and seconds, as 0:01:12."""
    return str(timedelta(seconds=int(seconds)))


def _print_jobs(console: Console, its_jobs: Sequence[Job]) -> None:
    if not its_jobs:
        return
    table = Table(whole_ids("Job"), "Kind", "State", "Attempts", "Why")
    for job in its_jobs:
        why = f"{job.error_code}: {(job.error or {}).get('message', '')}" if job.error_code else ""
        table.add_row(job.id, job.kind.value, job.state.value, str(job.attempt), Text(why))
    console.print(table)


def _print_transcripts(console: Console, heads: Sequence[TranscriptHead]) -> None:
    if not heads:
        return
    table = Table("Transcript", "Model", "Language", "Made", "Edits", "")
    for head in heads:
        made, current = local_time(head.created_at), "current" if head.current else ""
        table.add_row(str(head.number), head.model, head.language, made, str(head.revision), current)
    console.print(table)


def _job_json(job: Job) -> dict[str, Any]:
    times = {name: moment(getattr(job, name)) for name in ("created_at", "started_at", "ended_at")}
    names = ("id", "state", "attempt", "failures", "done_s", "total_s", "error_code", "error")
    return {**{name: getattr(job, name) for name in names}, "kind": job.kind.value, **times}


def _found(match: Match) -> Text:
    """An excerpt with what was found marked, and its time."""
    place = match.field if match.start_s is None else length(match.start_s)
    return Text(f"{place}  ", "dim") + _marked(match.excerpt)


def _marked(excerpt: Excerpt) -> Text:
    text = Text(excerpt.text)
    for start, end in excerpt.ranges:
        text.stylize("bold", start, end)
    return text
