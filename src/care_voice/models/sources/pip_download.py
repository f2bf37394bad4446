"""One `pip download` in a child process: pip's own configuration, mirrors, proxies and certificates count.

Nothing is installed and nothing from the package runs: no dependencies, wheels only.
"""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from care_voice.domain.model_errors import SourceUnavailable

Lines = queue.Queue[str | None]
"""Lines as they come; None after the last."""

_POLL_S = 0.1
_REASON_CHARACTERS = 300
_PROGRESS = re.compile(r"^Progress (\d+) of (\d+)$")
_RECEIVING = re.compile(r"^\s*(Downloading|Using cached|Processing|Saved|File was already downloaded) ")
_BROKEN_BY = re.compile(r"^WARNING: Retrying .*after connection broken by (.*): /")


class PipOutput:
    """Understands what pip prints, line by line."""

    def __init__(self) -> None:
        self.receiving = False
        """Whether the index has answered and a file is on its way."""
        self._error = ""
        self._broken_by = ""
        self._last = ""

    def feed(self, line: str) -> tuple[int, int] | None:
        """Take a line; return bytes done and total (0: not known) when it is about progress."""
        line = line.rstrip()
        if progress := _PROGRESS.match(line):
            self.receiving = True
            return int(progress[1]), int(progress[2])
        if line.startswith("ERROR: "):
            self._error = line.removeprefix("ERROR: ")
        if broken := _BROKEN_BY.match(line):
            self._broken_by = broken[1]
        self.receiving = self.receiving or bool(_RECEIVING.match(line))
        self._last = line or self._last
        return None

    @property
    def reason(self) -> str:
        """Why pip failed, in one short line. pip calls an unreachable index 'no matching distribution'."""
        reason = self._error or self._last or "pip said nothing"
        if self._broken_by:
            reason = f"the package index could not be reached: {self._broken_by}; {reason}"
        return reason[:_REASON_CHARACTERS]


class PipDownload:
    """Fetches one wheel of a pinned version into an empty directory of its own."""

    def __init__(self, requirement: str, directory: Path, *, source: str, answer_timeout_s: float) -> None:
        self._requirement = requirement
        self._directory = directory
        self._source = source
        self._answer_timeout_s = answer_timeout_s

    def run(self, on_progress: Callable[[int, int], None], on_idle: Callable[[], None]) -> Path:
        """Download and return the path of the wheel.

        `on_progress` gets bytes done and total (0: not known), `on_idle` is called every 0.1 s while pip says nothing;
        what they raise stops pip. Raises SourceUnavailable.
        """
        self._directory.mkdir(parents=True)
        output = PipOutput()
        with _process(self._command(), self._environment()) as (process, lines):
            for line in self._until_end(lines, output, on_idle):
                if progress := output.feed(line):
                    on_progress(*progress)
            status = process.wait()
        if status != 0:
            raise self._unavailable(output.reason)
        return self._wheel()

    def _command(self) -> list[str]:
        # -P: a module called pip in the working directory is not pip. No cache: the wheel is unpacked once and then
        # deleted, and a damaged copy in the cache would make every repair fail in the same way.
        pip = [sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", "--no-input", "--no-color"]
        what = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--dest", str(self._directory)]
        how = ["--retries", "1", "--progress-bar", "raw"]
        return [*pip, "download", *what, *how, self._requirement]

    def _environment(self) -> dict[str, str]:
        # pip downloads into the temporary directory first, which is often small; and it must not have been told to be
        # quiet, since its progress is the sign of life.
        return {**os.environ, "TMPDIR": str(self._directory), "PIP_QUIET": "0", "PIP_VERBOSE": "0"}

    def _until_end(self, lines: Lines, output: PipOutput, on_idle: Callable[[], None]) -> Iterator[str]:
        """Yield lines until there are no more; between them, look whether to go on waiting."""
        deadline = time.monotonic() + self._answer_timeout_s
        while True:
            try:
                line = lines.get(timeout=_POLL_S)
            except queue.Empty:
                on_idle()
                if not output.receiving and time.monotonic() > deadline:
                    raise self._unavailable(f"no answer within {self._answer_timeout_s:g} s") from None
                continue
            if line is None:
                return
            yield line

    def _wheel(self) -> Path:
        wheels = list(self._directory.glob("*.whl"))
        if len(wheels) != 1:
            raise self._unavailable(f"pip delivered {len(wheels)} wheels")
        return wheels[0]

    def _unavailable(self, why: str) -> SourceUnavailable:
        return SourceUnavailable(source=self._source, why=f"{self._requirement}: {why}")


@contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], Lines]]:
    """Run a command with its output merged into a queue of lines; whatever happens, it is gone afterwards."""
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        lines: Lines = queue.Queue()
        # A pipe alone cannot be read with a deadline.
        reader = threading.Thread(target=_read, args=(process.stdout, lines), name="pip-output", daemon=True)
        reader.start()
        try:
            yield process, lines
        finally:
            process.kill()
            reader.join()


def _read(stream: Iterable[str], lines: Lines) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)
