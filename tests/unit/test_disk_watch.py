"""How little room there is, and what is put off for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.service_errors import StorageLow
from care_voice.service import disk_watch
from care_voice.service.disk_watch import DiskLevel, DiskSettings, DiskWatch, level_of, same_disk
from care_voice.telemetry.metrics import Metrics

SETTINGS = DiskSettings(low_bytes=1000, full_bytes=500)
AMPLE, LOW, FULL = DiskLevel


@pytest.mark.parametrize(
    ("free", "before", "level"),
    [
        (1000, AMPLE, AMPLE), (999, AMPLE, LOW), (500, AMPLE, LOW), (499, AMPLE, FULL),
        (549, FULL, FULL), (550, FULL, LOW), (1099, LOW, LOW), (1100, LOW, AMPLE), (1100, FULL, AMPLE),
    ],
)  # fmt: skip
def test_a_level_is_left_for_a_better_one_with_a_tenth_to_spare(free: int, before: DiskLevel, level: DiskLevel) -> None:
    assert level_of(free, before, SETTINGS) is level


@given(free=st.integers(0, 3000), less=st.integers(0, 3000), before=st.sampled_from(DiskLevel))
def test_less_room_is_never_a_better_level(free: int, less: int, before: DiskLevel) -> None:
    assert level_of(max(0, free - less), before, SETTINGS) >= level_of(free, before, SETTINGS)


def test_a_limit_of_nothing_switches_it_off() -> None:
    assert level_of(0, AMPLE, DiskSettings(0, 0)) is AMPLE


@pytest.mark.parametrize(("low", "full"), [(1, 2), (0, -1)])
def test_limits_in_the_wrong_order_are_refused(low: int, full: int) -> None:
    with pytest.raises(ValueError, match="FULL_BYTES"):
        DiskSettings(low, full)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> dict[Path, int]:
    """Free bytes of places."""
    free: dict[Path, int] = {Path("data"): 5000, Path("sound"): 5000}
    monkeypatch.setattr(disk_watch, "free_bytes", free.__getitem__)
    return free


def test_what_can_wait_waits_first_and_everything_recovers_by_itself(room: dict[Path, int]) -> None:
    metrics = Metrics()
    watch = DiskWatch(tuple(room), SETTINGS, metrics)
    watch.look_for()
    assert (watch.warning, watch.refusal, watch.free) == (None, None, 5000)

    room[Path("sound")] = 700
    with pytest.raises(StorageLow):
        watch.look_for()
    assert watch.refusal is None
    assert watch.warning is not None

    room[Path("sound")] = 100
    watch.look()
    assert watch.refusal is not None
    assert watch.refusal.code == "storage_full"
    assert metrics.registry.get_sample_value("care_voice_disk_level") == 2
    assert metrics.registry.get_sample_value("care_voice_disk_free_bytes") == 100

    room[Path("sound")] = 5000
    watch.look_for()
    assert (watch.warning, watch.refusal) == (None, None)


def test_what_would_not_leave_enough_waits_as_well(room: dict[Path, int]) -> None:
    watch = DiskWatch(tuple(room), SETTINGS, Metrics())
    watch.look_for(4000)
    with pytest.raises(StorageLow):
        watch.look_for(4001)


def test_a_disk_that_cannot_be_looked_at_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> int:
        raise OSError("gone")

    monkeypatch.setattr(disk_watch, "free_bytes", fail)
    watch = DiskWatch((Path("data"),), SETTINGS, Metrics())
    watch.look()
    assert watch.level is AMPLE
    watch.look_for(10**9)


def test_places_on_one_file_system_are_known_before_they_exist(tmp_path: Path) -> None:
    assert same_disk(tmp_path / "not" / "yet", [tmp_path])
    assert not same_disk(Path("/proc"), [tmp_path])
