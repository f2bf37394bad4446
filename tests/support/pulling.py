"""Pulls in processes of their own, which can be killed: forked from one that has imported everything, so in no time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from care_voice.models.build import build_puller
from care_voice.models.catalogue import Catalogue
from care_voice.models.settings import ModelSettings

_STEPS = frozenset(
    {
        "open",
        "os.chmod",
        "os.link",
        "os.mkdir",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.truncate",
        "shutil.rmtree",
    }
)


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([build_puller.__module__])
    return context


@contextmanager
def pulling(settings: ModelSettings, catalogue: Catalogue, name: str) -> Iterator[ForkServerProcess]:
    """A process that pulls. It is killed at the end of the block, if it is still there."""
    process = _context().Process(target=_pull, args=(settings, catalogue, name))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def pull_killed_at_step(settings: ModelSettings, catalogue: Catalogue, name: str, step: int) -> bool:
    """Pull in a process that is killed right before its n-th change to the store, counted from 0. Whether it was."""
    return killed_at_step(settings.directory, step, _pull, settings, catalogue, name)


def killed_at_step(directory: Path, step: int, work: Callable[..., None], *arguments: object) -> bool:
    """Work in a process that is killed right before its n-th change below a directory, from 0. Whether it was."""
    return killed(_work_until, directory, step, work, arguments)


def killed(work: Callable[..., None], *arguments: object) -> bool:
    """Work in a process that may kill itself. Whether it did."""
    process = _context().Process(target=work, args=arguments)
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def _pull(settings: ModelSettings, catalogue: Catalogue, name: str) -> None:
    build_puller(settings, catalogue).pull(name)


def _work_until(directory: Path, step: int, work: Callable[..., None], arguments: Sequence[object]) -> None:
    left = step

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in _STEPS and any(_is_below(directory, argument) for argument in arguments):
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    sys.addaudithook(count)
    work(*arguments)


def _is_below(directory: Path, argument: object) -> bool:
    return isinstance(argument, str | os.PathLike) and str(argument).startswith(str(directory))
