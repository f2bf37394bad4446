"""Slots as processes of installations on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from care_voice.domain.deploy_errors import DeployError, ReleaseInvalid
from care_voice.ops.background import PidFile, slot_log_path, slot_run_dir
from care_voice.ops.deploy.releases import Release, SlotName

_MIGRATION_S = 600.0
_ASKED = "stop.asked"
"""The pid that was told to stop, so that another steward does not tell it once more."""


class ProcessHost:
    """`care-voice serve` of an installation, in a session of its own.

    A slot's folder holds `release.json`, which says what was started there, and the pid file and lock of the service
    itself (`ops.background`), which say whether it lives.
    """

    def __init__(self, data_dir: Path, ports: Mapping[SlotName, int], common: Mapping[str, str]) -> None:
        """`common` are environment variables of every slot, above those of this process."""
        self._data_dir = data_dir
        self._ports = ports
        self._common = common
        self._children: dict[SlotName, subprocess.Popen[bytes]] = {}

    def check(self, release: Release) -> None:
        """Raises ReleaseInvalid where it cannot be run here."""
        _program(release)

    def start(self, slot: SlotName, release: Release, *, standby: bool) -> None:
        """Start a release in a slot where nothing runs. Raises ReleaseInvalid."""
        run_dir = self._run_dir(slot)
        run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        program = _program(release)
        (run_dir / _ASKED).unlink(missing_ok=True)
        if self._noted(slot) != release:  # a full disk must not keep one that ended from coming back
            (run_dir / "release.json").write_bytes(msgspec.json.encode(release))
        environment = self._environment(slot, release) | {"CARE_VOICE_JOBS__STANDBY": str(standby).lower()}
        with slot_log_path(self._data_dir, slot).open("ab") as log:
            self._children[slot] = subprocess.Popen(
                [*program, "serve"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def running(self, slot: SlotName) -> Release | None:
        """What runs in a slot; None where nothing does."""
        return (self._noted(slot) or Release(target="unknown")) if self._pid(slot) is not None else None

    def stand_by(self, slot: SlotName) -> None:
        """Let it take no more jobs."""
        self._signal(slot, signal.SIGUSR1)

    def take_part(self, slot: SlotName) -> None:
        """Let it take jobs."""
        self._signal(slot, signal.SIGUSR2)

    def stop(self, slot: SlotName) -> None:
        """Ask it to drain and end, without waiting for it; once, as a second signal cuts off what it has in hand."""
        pid, asked = self._pid(slot), self._run_dir(slot) / _ASKED
        if pid is None or _number_in(asked) == pid:
            return
        self._signal(slot, signal.SIGTERM)
        with suppress(OSError):
            asked.write_text(str(pid), encoding="ascii")

    def kill(self, slot: SlotName) -> None:
        """End it now."""
        self._signal(slot, signal.SIGKILL)

    def clear(self, slot: SlotName) -> None:
        """Nothing is left of a process but its log."""

    def finish_migrations(self, slot: SlotName) -> None:
        """Apply what no older release could live with, by the program in the slot. Raises DeployError."""
        release = self.running(slot)
        if release is None:
            # By another program it could be more than the release that comes back there can live with.
            raise DeployError from RuntimeError(f"nothing runs in {slot}")
        command = [*_program(release), "db", "migrate", "--after"]
        environment = self._environment(slot, release)
        try:
            subprocess.run(command, env=environment, check=True, capture_output=True, timeout=_MIGRATION_S)
        except (OSError, subprocess.SubprocessError) as error:
            raise DeployError from error

    def _environment(self, slot: SlotName, release: Release) -> dict[str, str]:
        return {
            **os.environ,
            **self._common,
            **release.settings,
            "CARE_VOICE_DATA_DIR": str(self._data_dir),
            "CARE_VOICE_SLOT": slot,
            "CARE_VOICE_API__HOST": "127.0.0.1",
            "CARE_VOICE_API__PORT": str(self._ports[slot]),
        }

    def _noted(self, slot: SlotName) -> Release | None:
        """What was started there last, where that can be read."""
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode((self._run_dir(slot) / "release.json").read_bytes(), type=Release)
        return None

    def _run_dir(self, slot: SlotName) -> Path:
        return slot_run_dir(self._data_dir, slot)

    def _pid(self, slot: SlotName) -> int | None:
        """Our own child, which may not have locked its pid file yet; else whoever holds the lock."""
        child = self._children.get(slot)
        if child is not None and child.poll() is None:
            return child.pid
        run_dir = self._run_dir(slot)
        return PidFile(run_dir).running_pid() if run_dir.is_dir() else None

    def _signal(self, slot: SlotName, number: signal.Signals) -> None:
        pid = self._pid(slot)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _number_in(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii"))
    return None


def _program(release: Release) -> list[str]:
    """How an installation is run. Raises ReleaseInvalid."""
    if not release.target:
        return [sys.executable, "-m", "care_voice"]
    python = Path(release.target) / ".venv" / "bin" / "python"
    if not python.is_file():
        why = f"there is no {python}"
        advice = "Name a checkout of Care Voice that is set up: ./deploy.sh makes one."
        raise ReleaseInvalid(target=release.target, why=why, advice=advice)
    return [str(python), "-m", "care_voice"]
