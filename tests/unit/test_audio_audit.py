"""Objects beside rows: who is without the other, and which objects may be deleted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.audio_audit import Missed, Suspects, Tally, Unnamed, differences, too_many

keys = st.sampled_from("abcdefgh")
DAY = 86_400.0


@given(stored=st.dictionaries(keys, st.integers(0, 3)), named=st.lists(st.tuples(keys, st.integers(0, 3))))
def test_all_that_differ_are_found_and_nothing_else(stored: dict[str, int], named: list[tuple[str, int]]) -> None:
    tally = Tally()
    listed = [(key, size, 0.0) for key, size in sorted(stored.items())]
    found = list(differences(listed, sorted(named), tally))

    wanted = dict.fromkeys(key for key, _ in named)
    unnamed = [each.key for each in found if isinstance(each, Unnamed)]
    missed = {(each.key, each.needed) for each in found if isinstance(each, Missed)}
    assert unnamed == sorted(set(stored) - set(wanted))
    assert missed == {(key, needed) for key, needed in named if stored.get(key, -1) < needed}
    assert (tally.objects, tally.named) == (len(stored), len(named))


def found(key: str, *, age_s: float, now: float, size: int = 1) -> Unnamed:
    return Unnamed(key, size, now - age_s)


def test_an_object_is_guilty_when_it_is_old_and_was_found_twice() -> None:
    suspects, now = Suspects(DAY), 1e9
    old, young = found("old", age_s=2 * DAY, now=now), found("young", age_s=60, now=now)

    assert suspects.guilty([old, young], now) == []
    assert suspects.guilty([old, young], now + 60) == [old]
    assert suspects.guilty([young], now + 120) == []
    assert suspects.guilty([old], now + 180) == []


def test_a_clock_that_jumps_forward_makes_nobody_guilty_at_once() -> None:
    suspects, now = Suspects(DAY), 1e9
    young = found("young", age_s=1, now=now)

    assert suspects.guilty([young], now) == []
    assert suspects.guilty([young], now + 365 * DAY) == []


def test_an_object_that_grows_is_no_longer_the_one_that_was_found() -> None:
    suspects, now = Suspects(DAY), 1e9
    suspects.guilty([found("growing", age_s=2 * DAY, now=now)], now)

    assert suspects.guilty([found("growing", age_s=2 * DAY, now=now, size=2)], now) == []


def test_so_many_guilty_ones_are_a_sign_of_the_wrong_rows() -> None:
    assert not too_many(0, Tally(objects=0, named=0))
    assert too_many(1, Tally(objects=5, named=0)), "an empty database"
    assert not too_many(100, Tally(objects=150, named=50))
    assert too_many(101, Tally(objects=150, named=49))
    assert not too_many(500, Tally(objects=100_000, named=99_000))
