"""A microphone that hears what a test plays: a sound server of the test's own, which no other program uses."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.waiting import wait_until

_SINK = "speaker"
_MODULES = (
    f"module-null-sink sink_name={_SINK} rate=48000 channels=1",
    f"module-remap-source master={_SINK}.monitor source_name=microphone",
    "module-always-sink",
)
END_S = 10.0


def has_microphone() -> bool:
    """Whether the programs are installed that make one."""
    return all(shutil.which(program) for program in ("pulseaudio", "pactl", "paplay"))


def without_sound(directory: Path) -> dict[str, str]:
    """The environment of a machine that has no sound at all."""
    return {**os.environ, "HOME": str(directory), "PULSE_SERVER": f"unix:{directory / 'nobody.sock'}"}


class Microphone:
    """What is played to the sink is heard at its monitor, which is the only source that browsers find."""

    def __init__(self, directory: Path) -> None:
        self._socket = directory / "pulse.sock"
        self._players: list[subprocess.Popen[bytes]] = []
        self.environment: Mapping[str, str] = {
            **os.environ,
            "HOME": str(directory),
            "XDG_RUNTIME_DIR": str(directory),
            "PULSE_SERVER": f"unix:{self._socket}",
        }
        self._server = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        modules = (f"module-native-protocol-unix socket={self._socket} auth-anonymous=1", *_MODULES)
        options = ["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disallow-exit"]
        loads = [part for module in modules for part in ("-L", module)]
        environment = {name: value for name, value in self.environment.items() if name != "PULSE_SERVER"}
        return subprocess.Popen(["pulseaudio", *options, *loads], env=environment, stderr=subprocess.DEVNULL)

    def wait_ready(self) -> None:
        wait_until(self._chosen, "the sound server answers")

    def _chosen(self) -> bool:
        command = ["pactl", "set-default-source", "microphone"]
        return subprocess.run(command, env=self.environment, capture_output=True, check=False).returncode == 0

    def hear(self, recording: Path) -> None:
        """Start to play a WAV file, once; what is still being played ends."""
        self._silence()
        command = ["paplay", f"--device={_SINK}", str(recording)]
        self._players.append(subprocess.Popen(command, env=self.environment))

    def _silence(self) -> None:
        for player in self._players:
            if player.poll() is None:
                player.kill()
            player.wait(END_S)
        self._players.clear()

    def end(self) -> None:
        self._silence()
        self._server.kill()
        self._server.wait(END_S)


@contextmanager
def running_microphone() -> Iterator[Microphone]:
    """A microphone until the block ends. Its directory has a short name: that of a socket has 107 bytes at most."""
    directory = Path(tempfile.mkdtemp(prefix="microphone-"))
    microphone = Microphone(directory)
    try:
        microphone.wait_ready()
        yield microphone
    finally:
        microphone.end()
        shutil.rmtree(directory, ignore_errors=True)
