"""`care-voice serve`, without Typer: its import would delay every start of the service."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from care_voice.cli.common import explain
from care_voice.config import Settings, address_hint, load_settings
from care_voice.domain.errors import CareVoiceError, SettingsInvalid
from care_voice.domain.service_errors import AlreadyRunning, CannotListen, PreflightFailed
from care_voice.ops.background import PidFile, local_address
from care_voice.supervisor.spawning import HeadStart
from care_voice.telemetry.logs import configure_logging

EX_TEMPFAIL, EX_CONFIG = 75, 78
"""Exit codes of sysexits.h: something is in the way that may pass; somebody has to change something first."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_WAIT_FIRST_S, _WAIT_MAX_S = 1.0, 15.0


def serve(*, stay: bool = False) -> None:
    """Run the service in the foreground, until SIGTERM or Ctrl-C.

    Exit code 78 where the settings or the data directory have to be mended first, 75 where its place is taken. With
    --stay it answers 503 with the reason instead, and goes on trying: for containers, which would be restarted.
    """
    serve_from(HeadStart(), stay=stay)


def serve_from(head_start: HeadStart, *, stay: bool = False) -> None:
    """Run the service with workers that may have been started already. Where it cannot start it exits, or with `stay`
    answers 503 with the reason and tries again for as long as it takes."""
    try:
        if stay:
            _serve_or_wait(head_start)
        else:
            _serve_or_exit(head_start)
    finally:
        head_start.close()


def _serve_or_exit(head_start: HeadStart) -> None:
    try:
        _serve(head_start)
    except _OBSTACLES as error:
        explain(error)
        raise SystemExit(exit_code(error)) from error


def _serve_or_wait(head_start: HeadStart) -> None:
    from care_voice.supervisor.backoff import Backoff  # noqa: PLC0415 - only a start that fails needs it

    backoff = Backoff(_WAIT_FIRST_S, _WAIT_MAX_S)
    while True:
        try:
            _serve(head_start)
        except _OBSTACLES as error:
            head_start.close()
            explain(error)
            if _is_told_to_stop(error, backoff.next_s()):
                return
        else:
            return


_OBSTACLES = (SettingsInvalid, PreflightFailed, CannotListen, AlreadyRunning)
"""What keeps a service from starting at all; all else is shown, and tried again, by the service itself."""


def exit_code(error: CareVoiceError) -> int:
    """75 where it may work in a moment, 78 where it will not."""
    may_pass = isinstance(error, AlreadyRunning) or bool(error.fields.get("may_pass"))
    return EX_TEMPFAIL if may_pass else EX_CONFIG


def _serve(head_start: HeadStart) -> None:
    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)
    with _seat(settings):
        if settings.engine.kind == "remote":
            head_start.end("engine")
        from care_voice.app import serve as run_service  # noqa: PLC0415

        try:
            asyncio.run(run_service(settings, head_start.spawn))
        except CannotListen as error:
            raise _as_set(error, settings) from error


def _as_set(error: CannotListen, settings: Settings) -> CannotListen:
    """With the setting that an operator changes: a slot has its port from the steward."""
    slot = settings.slot
    if not slot or settings.entrance.ports[slot] != settings.api.port:
        return error
    names = (
        f"CARE_VOICE_ENTRANCE__{slot.upper()}_PORT, which is the steward's (docs/operating.md says how to change it)"
    )
    return CannotListen(**{**error.fields, "settings": names})


@contextmanager
def _seat(settings: Settings) -> Iterator[None]:
    """Be the server of this data directory. Raises AlreadyRunning, PreflightFailed."""
    try:
        pid_file = PidFile(settings.run_dir)
        acquired = pid_file.acquire(local_address(settings.api.host, settings.api.port))
    except OSError as error:
        why = f"{settings.run_dir} cannot be written: {error.strerror}"
        advice = "Give the service's user write access to it, or set CARE_VOICE_DATA_DIR."
        may_pass = error.errno in _FULL
        raise PreflightFailed(name="directories", why=why, advice=advice, may_pass=may_pass) from error
    if not acquired:
        raise AlreadyRunning(directory=settings.data_dir)
    try:
        yield
    finally:
        pid_file.release()


def _is_told_to_stop(reason: CareVoiceError, wait_s: float) -> bool:
    """Answer for so long that the service cannot start, or until SIGTERM or Ctrl-C, which a container's first process
    does not obey by itself."""
    from care_voice.ops.waiting_room import WaitingRoom  # noqa: PLC0415 - only a start that fails needs it

    told, room = threading.Event(), WaitingRoom(*address_hint(os.environ))
    before = {number: signal.signal(number, lambda *_: told.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    room.open(reason)
    try:
        return told.wait(wait_s)
    finally:
        room.close()
        for number, handler in before.items():
            signal.signal(number, handler)
