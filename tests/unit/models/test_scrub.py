"""The scrub finds what rots without a trace, has it repaired, and never stands in anybody's way."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.model_errors import AllSourcesFailed
from care_voice.models.puller import Puller
from care_voice.models.records import Record, write_record
from care_voice.models.store import ModelStore
from care_voice.service.scrub import Scrubber, ScrubSettings, urgency
from care_voice.telemetry.metrics import Metrics

NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)
IDLE_S = 100.0


def rot(path: Path) -> None:
    """Flip a bit and leave no trace of it in the file's times."""
    before = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        byte = file.read(1)[0]
        file.seek(0)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def age(store: ModelStore, name: str, hours: float) -> None:
    when = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    write_record(store.record_path(name), Record(when, verified_ok=True, why=""))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def scrubber(puller: Puller, metrics: Metrics) -> Scrubber:
    return scrubber_of(puller, metrics)


def scrubber_of(puller: Puller, metrics: Metrics, idle_s: float = IDLE_S) -> Scrubber:
    async def mend(name: str) -> None:
        await asyncio.to_thread(puller.pull, name)

    return Scrubber(puller.store, mend, lambda: idle_s, ScrubSettings(), metrics)


async def test_rot_is_found_and_only_the_damaged_file_is_fetched(
    puller: Puller, store: ModelStore, scrubber: Scrubber, metrics: Metrics, asked: list[str]
) -> None:
    verified = puller.pull("one").verified
    puller.pull("two")
    rot(store.view_path("one") / "model.bin")
    assert store.fast_check(verified)
    age(store, "one", 25)
    age(store, "two", 25)
    asked.clear()
    assert sorted(await scrubber.scrub_due()) == ["one", "two"]
    assert asked == ["model.bin"]
    assert store.verify("one").ok
    text = metrics.render().decode()
    assert 'care_voice_model_scrubs_total{model="one",result="damaged"} 1.0' in text
    assert 'care_voice_model_scrubs_total{model="two",result="whole"} 1.0' in text


async def test_what_was_checked_lately_is_left_alone(puller: Puller, store: ModelStore, scrubber: Scrubber) -> None:
    puller.pull("one")
    assert await scrubber.scrub_due() == []
    age(store, "one", 25)
    assert await scrubber.scrub_due() == ["one"]
    assert await scrubber.scrub_due() == []


async def test_it_waits_for_an_idle_moment_unless_it_is_long_overdue(
    puller: Puller, store: ModelStore, metrics: Metrics
) -> None:
    puller.pull("one")
    busy = scrubber_of(puller, metrics, idle_s=0.0)
    age(store, "one", 25)
    assert await busy.scrub_due() == []
    age(store, "one", 24 * 8)
    assert await busy.scrub_due() == ["one"]


async def test_work_that_comes_in_the_middle_stops_it(puller: Puller, store: ModelStore, metrics: Metrics) -> None:
    puller.pull("one")
    age(store, "one", 25)
    looks = iter([IDLE_S])

    async def mend(name: str) -> None:
        raise AssertionError(name)

    scrubber = Scrubber(store, mend, lambda: next(looks, 0.0), ScrubSettings(), metrics)
    assert await scrubber.scrub_due() == []
    record = store.record("one")
    assert record is not None
    assert datetime.fromisoformat(record.verified_at) < datetime.now(UTC) - timedelta(hours=24)


async def test_a_model_that_cannot_be_repaired_is_reported_and_tried_again(
    puller: Puller, store: ModelStore, scrubber: Scrubber, served: dict[str, bytes]
) -> None:
    puller.pull("one")
    rot(store.view_path("one") / "model.bin")
    age(store, "one", 25)
    del served["model.bin"]
    with pytest.raises(AllSourcesFailed):
        puller.pull("one")
    assert await scrubber.scrub_due() == ["one"]
    record = store.record("one")
    assert record is not None
    assert (record.verified_ok, record.why) == (False, "model.bin is wrong digest")
    assert await scrubber.scrub_due() == ["one"]


async def test_switched_off_it_ends(puller: Puller, metrics: Metrics) -> None:
    off = Scrubber(puller.store, lambda _: asyncio.sleep(0), lambda: IDLE_S, ScrubSettings(every_h=0), metrics)
    await asyncio.wait_for(off.run(), 5)


@given(hours=st.floats(-1000, 1000), every_h=st.floats(1, 200))
def test_urgency_grows_with_the_age_and_survives_a_clock_that_was_set_back(hours: float, every_h: float) -> None:
    record = Record((NOW - timedelta(hours=hours)).isoformat(), verified_ok=True, why="")
    assert urgency(record, NOW, every_h) == pytest.approx(abs(hours) / every_h, abs=1e-6)


@pytest.mark.parametrize(
    "record",
    [None, Record("not a time", True, ""), Record("2031-05-01", True, ""), Record(NOW.isoformat(), False, "damaged")],
)
def test_what_is_not_known_to_be_whole_is_due_at_once(record: Record | None) -> None:
    assert urgency(record, NOW, 24) == float("inf")
    assert urgency(record, NOW, 0) == 0
