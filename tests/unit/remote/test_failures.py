"""What a failed try means: again or not, how long to wait, who is to blame."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import RemoteMisconfigured, RemoteRefused, RemoteUnavailable
from care_voice.remote.failures import Failure, Health, RetryPlan, of_status, unavailable
from care_voice.remote.settings import RemoteSettings

SETTINGS = RemoteSettings(retries=3, backoff_first_s=1.0, backoff_max_s=4.0, retry_after_max_s=60.0)
PASSING = Failure("500", "it answered with 500")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 507, 599])
def test_these_may_pass(status: int) -> None:
    assert of_status(status, b"", None).final is None


@pytest.mark.parametrize(
    ("status", "cls", "health"),
    [
        (301, RemoteMisconfigured, Health.ILL),
        (401, RemoteMisconfigured, Health.ILL),
        (403, RemoteMisconfigured, Health.ILL),
        (404, RemoteMisconfigured, Health.ILL),
        (400, RemoteRefused, Health.WELL),
        (413, RemoteRefused, Health.WELL),
        (415, RemoteRefused, Health.WELL),
        (422, RemoteRefused, Health.WELL),
    ],
)
def test_these_do_not(status: int, cls: type[CareVoiceError], health: Health) -> None:
    failure = of_status(status, b"", None)

    assert isinstance(failure.final, cls)
    assert failure.health is health


def test_a_server_that_asks_for_less_is_not_ill() -> None:
    assert of_status(429, b"", 5.0).health is Health.UNKNOWN


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"error": {"message": "too\\nloud."}}', ": too loud"),
        (b'{"detail": "too loud"}', ": too loud"),
        (b'{"error": "too loud"}', ": too loud"),
        (b'{"detail": [{"loc": 1}]}', ""),
        (b"<html>", ""),
        (b"\xff\xfe", ""),
        (b'["x"]', ""),
    ],
)
def test_the_servers_own_words_are_quoted_on_one_line(body: bytes, told: str) -> None:
    assert of_status(400, body, None).why == f"it answered with 400{told}"


def test_a_long_message_is_cut_short() -> None:
    assert len(of_status(400, b'{"error": "' + b"x" * 9_999 + b'"}', None).why) < 300


@pytest.mark.parametrize("status", [401, 403, 407])
def test_where_a_server_quotes_the_key_it_is_not_quoted(status: int) -> None:
    assert "sk-1" not in of_status(status, b'{"error": {"message": "bad key sk-1"}}', None).why


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 200))
def test_the_wait_is_chosen_below_a_limit_that_doubles(chance: float, failures: int) -> None:
    wait_s = RetryPlan(SETTINGS, lambda: chance).wait_s(PASSING, failures, 0)

    assert wait_s == chance * min(4.0, 2.0 ** (failures - 1))


def test_the_server_is_given_the_time_that_it_asks_for() -> None:
    assert RetryPlan(SETTINGS, lambda: 0.5).wait_s(Failure("503", "w", retry_after_s=7.0), 1, 1) == 7.5


def test_the_tries_that_reached_the_server_are_counted_and_no_others() -> None:
    plan = RetryPlan(SETTINGS, lambda: 0.0)
    assert plan.wait_s(PASSING, 99, 3) == 0.0

    with pytest.raises(RemoteUnavailable) as caught:
        plan.wait_s(PASSING, 4, 4)
    assert caught.value.fields == {"why": "it answered with 500", "retry_after_s": 1}


def test_a_wait_that_is_too_long_goes_to_the_client() -> None:
    with pytest.raises(RemoteUnavailable) as caught:
        RetryPlan(SETTINGS).wait_s(Failure("429", "w", retry_after_s=90.2), 1, 1)
    assert caught.value.fields["retry_after_s"] == 91


def test_a_wait_without_end_becomes_a_day() -> None:
    assert unavailable("w", math.inf).fields["retry_after_s"] == 86_400
