"""The entrance as whoever keeps it sees it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from care_voice.domain.deploy_errors import EntranceFailed
from care_voice.ops.entrance.process import Haproxy
from care_voice.ops.entrance.rendering import DOOR, PAIR, Layout, rendered
from care_voice.ops.entrance.settings import EntranceSettings, SlotName
from care_voice.ops.entrance.socket import NoAnswer, ask
from care_voice.ops.entrance.stats import ServerStats, read_stats

_LONGEST_SOCKET = 80
"""The system allows 107 bytes, and HAProxy adds to a name while it makes it."""

_NO_STATES = "1\n"
"""The version of the format, and nothing else."""

_UP_S = 15.0
_HANGS_AFTER = 2
"""Each time it is asked twice, and has three seconds to answer."""

_TRY_AGAIN = "It is tried again; its log is entrance/haproxy.log in the data directory."


class Entrance:
    """HAProxy before the slots. It lives on without this object; another one over the same directory adopts it."""

    def __init__(self, settings: EntranceSettings, run_dir: Path) -> None:
        """Everything of it lies in `run_dir`, but for its sockets where that path is too long for them."""
        run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._settings = settings
        self._run_dir = run_dir
        self._sockets = _socket_dir(run_dir)
        self._admin = self._sockets / "admin.sock"
        self._state = run_dir / "servers.state"
        self._haproxy = Haproxy(settings.haproxy, run_dir, self._sockets)
        self._unanswered = 0

    @property
    def running(self) -> int | None:
        """Pid of HAProxy's master; None where it does not answer."""
        return self._haproxy.pid

    def ensure(self) -> bool:
        """HAProxy runs with the settings: started where it does not run, reloaded without a loss where they are others.

        Weights and states of the slots survive both. True where it had to be started.

        Raises:
            EntranceFailed: The settings do not fit, a port is taken, or it does not come up.
        """
        self._haproxy.trim_log()
        # What lies in a temporary directory may be cleared away, and be made by somebody else then.
        _socket_dir(self._run_dir)
        text, pid = self._text(), self._haproxy.settled()
        if pid is not None and self._runs(text):
            self._unanswered = 0
            return False
        self._write(text)
        if pid is None:
            self._haproxy.start()
        else:
            self._require_answer()
            self._save()
            self._haproxy.reload(pid)
        if not self._haproxy.wait(lambda: self._runs(text), _UP_S):
            raise EntranceFailed(why=self._haproxy.said(), advice=_TRY_AGAIN)
        return pid is None

    def set_weights(self, weights: Mapping[SlotName, int]) -> None:
        """How requests are shared, 0 to 256 against each other. With 0 a slot but ends what it has.

        Raises:
            EntranceFailed: HAProxy does not take it.
        """
        # Whoever gets work comes first, so that there is always one who does.
        order = sorted(weights.items(), key=lambda item: -item[1])
        self._set([command for slot, weight in order for command in _weighing(slot, weight)])

    def set_maintenance(self, slot: SlotName) -> None:
        """Nobody is there: no checks and no requests, until it gets a weight.

        Raises:
            EntranceFailed: HAProxy does not take it.
        """
        self._set([f"set server {backend}/{slot} state maint" for backend in (PAIR, DOOR)])

    def stats(self) -> dict[SlotName, ServerStats]:
        """What it has counted since its start or the last reload.

        Raises:
            EntranceFailed: HAProxy does not answer.
        """
        try:
            return read_stats(self._ask("show stat"))
        except (KeyError, ValueError) as error:
            raise EntranceFailed(why=f"its figures cannot be read: {error}", advice=_TRY_AGAIN) from error

    def stop(self, timeout_s: float) -> bool:
        """Take no more connections, and end with the last one, at the latest after the time; whether it was in time."""
        pid = self.running
        if pid is None:
            return True
        with suppress(EntranceFailed):
            self._save()
        return self._haproxy.stop(pid, timeout_s)

    def _text(self) -> str:
        """The configuration, and a digest of it by which a running HAProxy is known to have it."""
        slots = {slot: f"127.0.0.1:{port}" for slot, port in self._settings.ports.items()}
        layout = Layout.within(self._sockets, self._state, slots)
        text = rendered(self._settings, layout)
        certificate = _content(self._settings.certificate) if self._settings.certificate else b""
        digest = hashlib.sha256(text.encode() + certificate).hexdigest()
        return text.replace("global\n", f"global\n    description {digest}\n", 1)

    def _runs(self, text: str) -> bool:
        wanted = text.split("description ", 1)[1].split("\n", 1)[0]
        with suppress(NoAnswer):
            return f"description: {wanted}" in ask(self._admin, "show info")
        return False

    def _require_answer(self) -> None:
        """One that hangs cannot be reloaded, and holds the port. Raises EntranceFailed where it does not answer; the
        second time in a row, seconds later, it is ended, and started at the next look."""
        try:
            self._ask("show info")
        except EntranceFailed:
            self._unanswered += 1
            if self._unanswered >= _HANGS_AFTER:
                self._haproxy.end_workers()
            raise
        self._unanswered = 0

    def _write(self, text: str) -> None:
        """The file gets its name once HAProxy has found nothing wrong with it. What is there already is not written
        again: a full disk must not keep HAProxy from coming back."""
        if self._state.exists() and _text_of(self._haproxy.config) == text:
            self._haproxy.check(self._haproxy.config)
            return
        fresh = self._haproxy.config.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        if not self._state.exists():
            self._state.write_text(_NO_STATES, encoding="ascii")
        self._haproxy.check(fresh)
        fresh.replace(self._haproxy.config)

    def _set(self, commands: list[str]) -> None:
        answer = self._ask(";".join(commands)).strip()
        if answer:
            raise EntranceFailed(why=f"it answers: {answer[:200]}", advice=_TRY_AGAIN)
        self._save()

    def _save(self) -> None:
        """Weights and states, for the next start."""
        fresh, states = self._state.with_suffix(".new"), self._ask("show servers state")
        try:
            fresh.write_text(states, encoding="ascii")
            fresh.replace(self._state)
        except OSError as error:
            raise EntranceFailed(why=f"{self._state} cannot be written: {error.strerror}", advice=_TRY_AGAIN) from error

    def _ask(self, question: str) -> str:
        try:
            return ask(self._admin, question)
        except NoAnswer as error:
            raise EntranceFailed(why=f"it does not answer: {error}", advice=_TRY_AGAIN) from error


def _weighing(slot: SlotName, weight: int) -> list[str]:
    state = "ready" if weight else "drain"
    changes = [f"weight {weight}"] if weight else []
    return [
        f"set server {backend}/{slot} {change}" for backend in (PAIR, DOOR) for change in (*changes, f"state {state}")
    ]


def _text_of(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    return ""


def _content(certificate: str) -> bytes:
    try:
        return Path(certificate).read_bytes()
    except OSError as error:
        advice = "Give the service's user read access, or mend CARE_VOICE_ENTRANCE__CERTIFICATE."
        raise EntranceFailed(why=f"{certificate} cannot be read: {error.strerror}", advice=advice) from error


def _socket_dir(run_dir: Path) -> Path:
    """`run_dir`, or a directory of this user's with a short name, which is the same one each time."""
    if len(os.fsencode(run_dir)) <= _LONGEST_SOCKET:
        return run_dir
    name = hashlib.sha256(os.fsencode(run_dir)).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"care-voice-{os.getuid()}-{name}"
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise EntranceFailed(why=f"{short} belongs to somebody else", advice="Choose a shorter CARE_VOICE_DATA_DIR.")
    return short
