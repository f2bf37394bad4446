"""What follows from a signature, over all combinations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.model_errors import SignatureExpired, SignatureInvalid, SignatureMissing, SignatureProblem
from care_voice.models.signature_policy import Policy, apply_policy, difference, expires_soon

PROBLEMS = (
    SignatureMissing(name="base"),
    SignatureInvalid(name="base", why="it is malformed"),
    SignatureExpired(name="base", certificate="'CN=Me'", expired_on="2031-01-01"),
)
files = st.dictionaries(st.text(max_size=5), st.binary(min_size=1, max_size=2), max_size=6)


def test_every_kind_of_problem_is_tried_here() -> None:
    assert {type(problem) for problem in PROBLEMS} == set(SignatureProblem.__subclasses__())


@pytest.mark.parametrize("policy", get_args(Policy))
def test_a_valid_signature_passes_under_every_policy(policy: Policy) -> None:
    assert apply_policy(policy, None) == "pass"


@pytest.mark.parametrize(
    ("policy", "problem"), list(product(get_args(Policy), PROBLEMS)), ids=lambda value: getattr(value, "code", value)
)
def test_a_problem_is_ignored_told_or_refused_as_the_policy_says(policy: Policy, problem: SignatureProblem) -> None:
    assert apply_policy(policy, problem) == {"off": "pass", "warn": "warn", "require": "refuse"}[policy]


@given(signed=files, found=files)
def test_only_the_same_files_are_no_difference(signed: dict[str, bytes], found: dict[str, bytes]) -> None:
    assert (difference(signed, found) == "") == (signed == found)
    assert difference(found, found) == ""


@given(found=files, name=st.text(max_size=5))
def test_one_file_more_is_a_difference(found: dict[str, bytes], name: str) -> None:
    signed = {each: digest for each, digest in found.items() if each != name}

    assert difference(signed, {**signed, name: b"x"}) == f"not signed: {name!r}"
    assert difference({**signed, name: b"x"}, signed) == f"missing: {name!r}"


def test_the_difference_names_the_first_files_of_each_kind() -> None:
    signed = {"gone": b"1", "model.bin": b"1", "same": b"1"}
    found = {"model.bin": b"2", "same": b"1", "a": b"1", "b\n": b"1", "c": b"1", "d": b"1", "e": b"1"}

    why = difference(signed, found)

    assert why == "missing: 'gone'; not signed: 'a', 'b\\n', 'c' and 2 more; altered: 'model.bin'"


@given(days=st.integers(-1000, 1000))
def test_the_end_of_a_certificate_is_told_from_thirty_days_before(days: int) -> None:
    now = datetime(2031, 6, 15, tzinfo=UTC)

    assert expires_soon(now + timedelta(days=days), now) == (days <= 30)


def test_a_key_never_expires() -> None:
    assert not expires_soon(None, datetime(2031, 6, 15, tzinfo=UTC))
