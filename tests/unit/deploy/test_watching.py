"""What is known of a slot: of what runs there now, and from looks that were taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from care_voice.ops.deploy.watching import Answer, Watcher


class SlotOf:
    """A slot that answers as a test says."""

    def __init__(self, answer: Callable[[], Answer | None]) -> None:
        self._answer = answer

    def get(self, _path: str) -> Answer | None:
        return self._answer()


def watched(answer: Callable[[], Answer | None]) -> Watcher:
    clients: Any = {"blue": SlotOf(answer)}
    return Watcher(clients)


def test_silence_is_counted_by_looks_and_ends_with_an_answer() -> None:
    answers: list[Answer | None] = [None, None, Answer(503, b""), Answer(200, b"")]
    watcher = watched(lambda: answers.pop(0))
    watcher._look("blue"), watcher._look("blue")
    assert 1.0 <= watcher.silent_s("blue") < 10
    assert not watcher.was_heard("blue")
    watcher._look("blue")
    assert (watcher.silent_s("blue"), watcher.was_heard("blue"), watcher.ready) == (0, True, {"blue": False})
    watcher._look("blue")
    assert watcher.ready == {"blue": True}
    watcher.forget("blue")
    assert (watcher.was_heard("blue"), watcher.ready) == (False, {"blue": False})


def test_an_answer_of_what_ran_before_says_nothing_of_what_runs_now() -> None:
    def answers_late() -> Answer:
        watcher.forget("blue")
        return Answer(200, b"")

    watcher = watched(answers_late)
    watcher._look("blue")
    assert watcher.ready == {"blue": False}
