"""Which rule counts, and what is due: properties of the pure rules."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.retention import DAY_S, MOST_DAYS, Fate, Kept, RetentionPolicy, RetentionRule, Scope

CLIENTS, TAGS = ("ann", "ben"), ("ward", "study", "private")
DAYS = st.none() | st.floats(0.01, 4000)
TIMES = st.floats(0, 10_000 * DAY_S)


def rule(scope: Scope, value: str = "", days: float | None = 1.0) -> RetentionRule:
    return RetentionRule(f"rule_{scope}_{value}", scope, value, days)


@st.composite
def rules(draw: st.DrawFn) -> list[RetentionRule]:
    """At most one rule for each scope and value, as the database has it, in any order."""
    places = [(Scope.DEFAULT, ""), *((Scope.CLIENT, each) for each in CLIENTS), *((Scope.TAG, each) for each in TAGS)]
    chosen = draw(st.lists(st.sampled_from(places), unique=True))
    return [rule(scope, value, draw(DAYS)) for scope, value in chosen]


KEPT = st.builds(
    Kept,
    client=st.sampled_from((*CLIENTS, "else")),
    tags=st.frozensets(st.sampled_from((*TAGS, "else"))),
    completed_at=st.none() | TIMES,
    trashed_at=st.none() | TIMES,
    legal_hold=st.booleans(),
)


@given(rules(), KEPT, TIMES, st.floats(0, 400))
def test_a_legal_hold_beats_everything(given_rules: list[RetentionRule], kept: Kept, now: float, trash: float) -> None:
    assert RetentionPolicy(given_rules, trash).fate(replace(kept, legal_hold=True), now) is Fate.KEEP


@given(rules(), KEPT, st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(given_rules: list[RetentionRule], kept: Kept, random: object) -> None:
    shuffled = list(given_rules)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert RetentionPolicy(given_rules, 1).rule_for(kept.client, kept.tags) == RetentionPolicy(shuffled, 1).rule_for(
        kept.client, kept.tags
    )


@given(rules(), KEPT)
def test_the_closest_scope_counts_and_of_equals_the_longest(given_rules: list[RetentionRule], kept: Kept) -> None:
    counts = RetentionPolicy(given_rules, 1).rule_for(kept.client, kept.tags)

    about = [each for each in given_rules if each.covers(kept.client, kept.tags)]
    assert (counts is None) == (not about)
    for scope in (Scope.TAG, Scope.CLIENT, Scope.DEFAULT):
        if same := [each for each in about if each.scope is scope]:
            assert counts is not None
            assert counts.scope is scope
            assert counts.lasts_s == max(each.lasts_s for each in same)
            return


@given(rules(), KEPT, TIMES, st.floats(0, 400))
def test_what_was_not_in_the_trash_is_never_deleted(
    given_rules: list[RetentionRule], kept: Kept, now: float, trash: float
) -> None:
    fate = RetentionPolicy(given_rules, trash).fate(kept, now)

    if kept.trashed_at is None:
        assert fate is not Fate.DELETE
    elif now < kept.trashed_at + trash * DAY_S:
        assert fate is Fate.KEEP


@given(rules(), KEPT, TIMES, TIMES, st.floats(0, 400))
def test_what_is_due_stays_due(
    given_rules: list[RetentionRule], kept: Kept, one: float, other: float, trash: float
) -> None:
    policy, (sooner, later) = RetentionPolicy(given_rules, trash), sorted((one, other))
    assert policy.fate(kept, sooner) in (Fate.KEEP, policy.fate(kept, later))


@given(rules(), KEPT, TIMES)
def test_without_a_rule_or_before_the_end_of_an_upload_nothing_is_due(
    given_rules: list[RetentionRule], kept: Kept, now: float
) -> None:
    kept = replace(kept, trashed_at=None)
    assert RetentionPolicy([], 0).fate(kept, now) is Fate.KEEP
    assert RetentionPolicy(given_rules, 0).fate(replace(kept, completed_at=None), now) is Fate.KEEP


def test_days_are_counted_from_the_moment_it_was_complete() -> None:
    policy, kept = RetentionPolicy([rule(Scope.DEFAULT, days=30)], 7), Kept("ann", completed_at=1000.0)

    assert policy.ends_at(kept) == 1000 + 30 * DAY_S
    assert policy.fate(kept, 999 + 30 * DAY_S) is Fate.KEEP
    assert policy.fate(kept, 1000 + 30 * DAY_S) is Fate.TRASH


def test_the_trash_is_emptied_after_its_days() -> None:
    policy, kept = RetentionPolicy([], 7), Kept("ann", completed_at=0.0, trashed_at=5000.0)

    assert policy.fate(kept, 4999 + 7 * DAY_S) is Fate.KEEP
    assert policy.fate(kept, 5000 + 7 * DAY_S) is Fate.DELETE


def test_a_tag_may_shorten_what_the_default_keeps() -> None:
    policy = RetentionPolicy([rule(Scope.DEFAULT, days=None), rule(Scope.TAG, "private", 1)], 7)

    assert policy.ends_at(Kept("ann", completed_at=0.0)) == math.inf
    assert policy.ends_at(Kept("ann", frozenset({"private"}), completed_at=0.0)) == DAY_S


@pytest.mark.parametrize(
    ("scope", "value", "days", "why"),
    [
        (Scope.DEFAULT, "ann", 1, "has no value"),
        (Scope.TAG, "", 1, "every other one has"),
        (Scope.TAG, "ward", 0, "more than 0"),
        (Scope.TAG, "ward", -1, "more than 0"),
        (Scope.TAG, "ward", math.nan, "more than 0"),
        (Scope.TAG, "ward", MOST_DAYS * 2, "at most"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(scope: Scope, value: str, days: float, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        rule(scope, value, days)
