"""What a comparison makes of counters that begin anew. Slots and the entrance are stood in for."""

from __future__ import annotations

from typing import Any

from care_voice.ops.deploy.comparing import Comparison, Question
from care_voice.ops.deploy.judge import Probe
from care_voice.ops.deploy.settings import DeploySettings
from care_voice.ops.deploy.watching import Answer
from care_voice.ops.entrance.stats import ServerStats

_HISTOGRAM = "care_voice_http_request_duration_seconds"


class Slot:
    """Hears every clip rightly; `times` are the cumulative counts of its requests."""

    times = (0, 0)

    def get(self, _path: str) -> Answer:
        labels = 'route="/v1/audio/transcriptions",le='
        lines = [
            f'{_HISTOGRAM}_bucket{{{labels}"{le}"}} {count}' for le, count in zip((1, "+Inf"), self.times, strict=True)
        ]
        return Answer(200, "\n".join([f"# TYPE {_HISTOGRAM} histogram", *lines, ""]).encode())

    def probe(self, _model: str, _timeout_s: float) -> Probe:
        return Probe(1.0)


class Looking:
    """A comparison that looks when it is told to."""

    def __init__(self, *, alone: bool) -> None:
        self.green = Slot()
        clients: Any = {"blue": Slot(), "green": self.green}
        self.comparison = Comparison(clients, DeploySettings())
        self.comparison.ask(Question(("rollout_1", "all"), "green", {"green": "base"}, alone=alone))

    def look(self, requests: int, failures: int) -> None:
        self.comparison.note({"green": ServerStats(0, requests, failures, "up", 100)})
        gathered = self.comparison._gathered
        assert gathered is not None
        self.comparison._gather(gathered)


def test_a_release_is_not_taken_back_because_the_entrance_was_reloaded() -> None:
    looking = Looking(alone=True)
    looking.look(1000, 0)
    looking.look(40, 0)
    looking.look(1010, 3)
    verdict = looking.comparison.verdict()
    assert not verdict.failed, verdict.why
    assert "3 of 1010 requests failed" in verdict.why


def test_what_was_counted_before_a_reload_counts_after_it() -> None:
    looking = Looking(alone=True)
    looking.look(1000, 0)
    looking.look(1100, 5)
    looking.look(10, 0)
    assert "4.5% of 110 requests failed" in looking.comparison.verdict().why


def test_times_are_added_up_over_a_service_that_was_started_again() -> None:
    looking = Looking(alone=False)
    for times in ((5, 5), (8, 10), (0, 0), (1, 2)):
        looking.green.times = times
        looking.look(0, 0)
    gathered = looking.comparison._gathered
    assert gathered is not None
    assert gathered.traffic["green"].buckets == (4.0, 7.0)
