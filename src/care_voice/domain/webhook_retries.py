"""What an answer to a webhook means and when it is sent again. Pure.

After the Standard Webhooks specification 1.0.0: 2xx alone is success, redirects are not followed, 410 ends the
endpoint, Retry-After counts, and tries spread over three days.
"""

from __future__ import annotations

from dataclasses import dataclass

_GONE = 410
_THROTTLED = frozenset({429, 502, 503, 504})
_SUCCESS = range(200, 300)
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try. `status` is None where no answer came, and `error` says why in a few words.

    `retry_after_s` is what the endpoint asked to wait.
    """

    status: int | None
    took_s: float
    error: str = ""
    retry_after_s: float | None = None

    @property
    def delivered(self) -> bool:
        return self.status in _SUCCESS

    @property
    def label(self) -> str:
        """For the metrics: ok, a status, or no_answer."""
        return "ok" if self.delivered else str(self.status or "no_answer")


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to a delivery after a try.

    `wait_s` is None where it is not tried again, `pause_s` how long nothing else is sent to the endpoint; `gone`: it
    wants nothing any more.
    """

    delivered: bool = False
    wait_s: float | None = None
    pause_s: float = 0.0
    gone: bool = False


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """When a delivery is tried again, and when an endpoint is given up."""

    delays_s: tuple[float, ...] = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
    """Seconds before the second try, the third, and so on: the schedule of the specification."""

    jitter: float = 0.1
    """A wait is longer by up to this share, by chance, so that what failed together does not come back together."""

    retry_after_max_s: float = _DAY_S
    """An endpoint that asks to wait longer is tried after this."""

    pause_s: float = 5.0
    """How long an endpoint that did not answer, or that is overloaded, gets nothing else."""

    pause_max_s: float = 3_600.0
    """The longest pause that an endpoint can ask for (Retry-After)."""

    def step(self, outcome: Outcome, failures: int, chance: float) -> Step:
        """What comes after a try that `failures` failed ones went before. `chance` is in [0, 1)."""
        if outcome.delivered:
            return Step(delivered=True)
        if outcome.status == _GONE:
            return Step(gone=True)
        pause_s = self._pause_s(outcome)
        if failures >= len(self.delays_s):
            return Step(pause_s=pause_s)
        planned_s = self.delays_s[failures] * (1 + self.jitter * chance)
        asked_s = min(outcome.retry_after_s or 0.0, self.retry_after_max_s)
        return Step(wait_s=max(planned_s, asked_s), pause_s=pause_s)

    def _pause_s(self, outcome: Outcome) -> float:
        if outcome.status is not None and outcome.status not in _THROTTLED:
            return 0.0
        return max(self.pause_s, min(outcome.retry_after_s or 0.0, self.pause_max_s))


def is_given_up(step: Step, failing_since: float, now: float, after_days: float) -> bool:
    """Whether an endpoint is disabled: the tries of a delivery are used up, and nothing got through for days.

    Both, so that an endpoint that is rarely written to is not given up for one short outage long ago.
    """
    used_up = not step.delivered and step.wait_s is None
    return used_up and now - failing_since >= after_days * _DAY_S
