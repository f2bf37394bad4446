"""What is remembered of deployments, on disk: whole or not at all, and there after a power cut.

<data>/deploy/
    state.json       the deployment; written by the steward alone
    intent.json      what somebody asks of the steward; taken up once
    steward.lock     held by the steward for as long as it lives
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec
from filelock import FileLock, Timeout

from care_voice.domain.deploy_errors import DeploymentUnreadable, StewardNotRunning
from care_voice.ops.deploy.releases import Release, SlotName
from care_voice.ops.deploy.rollout import FORMAT, Deployment, Phase, Refusal

FOLDER = "deploy"
Verb = Literal["start", "promote", "abort", "rollback", "stop"]
_POLL_S = 0.1
_STALE_S = 60.0
"""An intent that is older has nobody who waits for it: whoever asked was killed, or there was no steward."""

_PATIENCE_S = 1.0
"""Whoever only looks whether the lock is held has it for a moment."""
_TAKEN_BACK = frozenset({Phase.ABORTED, Phase.ROLLED_BACK})


class Intent(msgspec.Struct, frozen=True):
    """What somebody asks of the steward. `steps` are shares in percent; None for those of the settings."""

    id: str
    verb: Verb
    release: Release | None = None
    steps: tuple[int, ...] | None = None


class DeployFolder:
    """The files of one data directory's deployments."""

    def __init__(self, data_dir: Path) -> None:
        self.directory = data_dir / FOLDER
        self._state = self.directory / "state.json"
        self._intent = self.directory / "intent.json"
        self._lock = FileLock(self.directory / "steward.lock")
        self._asking = FileLock(self.directory / "intent.lock")

    def make(self) -> None:
        """Create the folder for this user alone. Raises OSError."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def load(self) -> Deployment | None:
        """The deployment; None where there never was one.

        Raises:
            DeploymentUnreadable: It is damaged, or of a newer version.
        """
        try:
            found = msgspec.json.decode(self._state.read_bytes(), type=Deployment)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise DeploymentUnreadable(path=self._state, why=error) from error
        if found.format != FORMAT:
            raise DeploymentUnreadable(path=self._state, why=f"its format is {found.format}")
        return found

    def save(self, deployment: Deployment) -> None:
        """Raises OSError."""
        _write_durably(self._state, msgspec.json.format(msgspec.json.encode(deployment), indent=1))

    def leave(self, intent: Intent) -> None:
        """For the next steward, which takes it up before all else. Raises OSError."""
        _write_durably(self._intent, msgspec.json.encode(intent))

    def take_intent(self) -> Intent | None:
        """What is asked; it stays until `forget_intent`. None for nothing, for what cannot be read or is too old."""
        try:
            if time.time() - self._intent.stat().st_mtime > _STALE_S:
                self.forget_intent()
                return None
            return msgspec.json.decode(self._intent.read_bytes(), type=Intent)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError):
            self.forget_intent()
            return None

    def is_asked(self, intent: Intent) -> bool:
        """Whether that is still what is asked: whoever has given up waiting wants nothing any more."""
        return self.take_intent() == intent

    def forget_intent(self) -> None:
        """It was taken up, and the deployment with the answer is saved."""
        self._intent.unlink(missing_ok=True)

    def ask(self, intent: Intent, timeout_s: float = 30.0) -> Refusal | None:
        """Ask the steward, and wait until it has taken that up; its refusal, or None.

        Raises:
            StewardNotRunning: There is none, or it did not answer in time.
            DeploymentUnreadable: Its answer cannot be read.
            OSError: It cannot be told, or not by this user.
        """
        if not self.is_stewarded:
            raise StewardNotRunning
        owner = self.directory.stat().st_uid
        if os.geteuid() != owner:
            # Root can write there, but the steward could not read it.
            raise PermissionError(errno.EPERM, f"its owner, the user {owner}, has to ask the steward")
        with self._one_who_asks(timeout_s):
            self.leave(intent)
            try:
                return self._answer(intent.id, time.monotonic() + timeout_s)
            finally:
                # Whoever gives up, also by Ctrl-C, wants nothing any more.
                self.forget_intent()

    def _answer(self, intent_id: str, deadline: float) -> Refusal | None:
        while time.monotonic() < deadline:
            found = self.load()
            if found is not None and intent_id in found.answered:
                return found.answered[intent_id]
            time.sleep(_POLL_S)
        raise StewardNotRunning

    @property
    def is_stewarded(self) -> bool:
        """Whether a steward lives."""
        if not self.directory.is_dir():
            return False
        try:
            with self._lock.acquire(blocking=False):
                return False
        except Timeout:
            return True

    @property
    def steward_pid(self) -> int | None:
        """Of the steward that lives: who has the lock's file open says Linux, whatever could be written down. None
        where that cannot be known."""
        try:
            lock = Path(self._lock.lock_file).stat()
        except OSError:
            return None
        return next((pid for pid in _pids() if _is_steward(pid) and _has_open(pid, lock)), None)

    def become_steward(self) -> bool:
        """Take the steward's place until this process ends; False where another one has it."""
        self.make()
        try:
            self._lock.acquire(timeout=_PATIENCE_S)
        except Timeout:
            return False
        return True

    def resign(self) -> None:
        """Give the place up."""
        self._lock.release()

    @contextmanager
    def _one_who_asks(self, timeout_s: float) -> Iterator[None]:
        try:
            with self._asking.acquire(timeout=timeout_s):
                yield
        except Timeout:
            raise StewardNotRunning from None


def taken_back_at(data_dir: Path) -> float:
    """When a rollout was last taken back (Unix seconds); 0 for never, or where that cannot be read."""
    deployment = _readable(data_dir)
    rollouts = [*deployment.past, *([deployment.rollout] if deployment.rollout else [])]
    return max((rollout.since for rollout in rollouts if rollout.phase in _TAKEN_BACK), default=0.0)


def restarts_of(data_dir: Path, slot: SlotName) -> int:
    """How often what is in a slot ended by itself and was started again; 0 also where that cannot be read."""
    restarts = _readable(data_dir).restarts.get(slot)
    return restarts.count if restarts else 0


def _pids() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").glob("[0-9]*"))


def _is_steward(pid: int) -> bool:
    """By its command line. Others have the lock's file open for the moment in which they look whether it is held."""
    try:
        return b"steward" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def _has_open(pid: int, wanted: os.stat_result) -> bool:
    for path in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):
            if os.path.samestat(path.stat(), wanted):
                return True
    return False


def _readable(data_dir: Path) -> Deployment:
    try:
        return DeployFolder(data_dir).load() or Deployment()
    except DeploymentUnreadable:
        return Deployment()


def _write_durably(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".new")
    handle = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
