"""How fast recordings are taken in, beside a plain copy of a file.

    .venv/bin/python benchmarks/ingest.py [--mib 256] [--runs 7] [--directory DIR] [--json FILE]

The same bytes are written by turns, into files of one directory:

- `copy`: read and written in blocks of 1 MiB, one fsync at the end, as a careful copy does.
- `copy, synced`: the same with an fsync each 8 MiB: what the disk takes of bytes that are acknowledged so often.
- `writer`: the part writer of the recordings' directory, in blocks of 1 MiB, made durable each 8 MiB and at the end.
- `writer, hashed`: the same with SHA-256 of the bytes, computed in the thread that writes.
- `writer, hashed beside`: the same with SHA-256 computed in a thread of its own.

Ratios are over `copy`, of medians; the page cache holds the source. The last column is the slowest turn.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median

from care_voice.store.audio_directory import DirectoryAudio
from measure import machine, table

MIB = 1024 * 1024
SYNC_BYTES = 8 * MIB
PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(dir=arguments.directory) as folder:
        source = Path(folder) / "source"
        _make(source, arguments.mib)
        rates = _measured(source, Path(folder), arguments.runs)
    print(f"{machine()}; {arguments.mib} MiB, {arguments.runs} turns each\n")
    print(table(["way", "MB/s", "of copy", "slowest MB/s"], list(_rows(rates))))
    if arguments.json:
        arguments.json.write_text(json.dumps(rates, indent=2) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--directory", type=Path, default=PROJECT / "data", help="on the disk that is measured")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _make(source: Path, mib: int) -> None:
    with source.open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(MIB))
        file.flush()
        os.fsync(file.fileno())


def _measured(source: Path, folder: Path, runs: int) -> dict[str, list[float]]:
    """MB/s of each way, turn by turn; a first turn of all is not counted."""
    ways = _ways(source, folder)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(runs + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if turn:
                rates[name].append(source.stat().st_size / 1e6 / (time.perf_counter() - began))
            _clear(folder, source)
    return rates


def _ways(source: Path, folder: Path) -> dict[str, Callable[[], None]]:
    audio = DirectoryAudio(folder / "recordings")
    return {
        "copy": lambda: _copy(source, folder / "copy", sync_each=False),
        "copy, synced": lambda: _copy(source, folder / "copy", sync_each=True),
        "writer": lambda: _ingest(source, audio, _no_hash),
        "writer, hashed": lambda: _ingest(source, audio, _hash_here),
        "writer, hashed beside": lambda: _ingest(source, audio, _hash_beside),
    }


def _blocks(source: Path) -> Iterator[bytes]:
    with source.open("rb", buffering=0) as file:
        while block := file.read(MIB):
            yield block


def _copy(source: Path, target: Path, *, sync_each: bool) -> None:
    with target.open("wb", buffering=0) as file:
        for number, block in enumerate(_blocks(source), start=1):
            file.write(block)
            if sync_each and number * MIB % SYNC_BYTES == 0:
                os.fsync(file.fileno())
        os.fsync(file.fileno())


Hashing = Callable[[], AbstractContextManager[Callable[[bytes], object]]]


@contextmanager
def _no_hash() -> Iterator[Callable[[bytes], object]]:
    yield len


@contextmanager
def _hash_here() -> Iterator[Callable[[bytes], object]]:
    yield hashlib.sha256().update


@contextmanager
def _hash_beside() -> Iterator[Callable[[bytes], object]]:
    digest = hashlib.sha256()
    with ThreadPoolExecutor(1) as thread:
        yield lambda block: thread.submit(digest.update, block)


def _ingest(source: Path, audio: DirectoryAudio, hashing: Hashing) -> None:
    with audio.writer("rec_measured", 0, 1) as writer, hashing() as update:
        for number, block in enumerate(_blocks(source), start=1):
            update(block)
            writer.write(block)
            if number * MIB % SYNC_BYTES == 0:
                writer.sync()
        writer.sync()


def _clear(folder: Path, source: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path != source:
            path.unlink()
    os.sync()


def _rows(rates: dict[str, list[float]]) -> Iterator[tuple[str, str, str, str]]:
    copy = median(rates["copy"])
    for name, values in rates.items():
        yield name, f"{median(values):.0f}", f"{median(values) / copy:.2f}", f"{min(values):.0f}"


if __name__ == "__main__":
    main()
