"""The library on every database: lists in pages, search, changes, the trash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from care_voice.domain.errors import InvalidParameter
from care_voice.domain.library import Change, Filters, Order, Page
from care_voice.domain.store_errors import LegalHold, UnknownRecording, VersionConflict
from care_voice.service import library as service
from care_voice.service.library import Library
from care_voice.store import events, recordings, retention, search
from care_voice.store.database import Database
from support.stored_speech import keep, keep_recording, transcript_of

ANYTHING = Filters()


def add(database: Database, *lines: str, language: str = "en", notes: str = "", **about: Any) -> str:
    """A recording that can be found; with lines it has a transcript."""
    recording_id = keep_recording(database, **about)
    if lines:
        keep(database, recording_id, transcript_of(*lines, language=language))
    if notes:
        asyncio.run(Library(database).change(recording_id, Change(notes=notes)))
    database.write(lambda c: search.refresh(c, recording_id))
    return recording_id


def page_of(
    database: Database, filters: Filters, order: Order = "newest", cursor: str | None = None, n: int = 50
) -> Page:
    return asyncio.run(Library(database).find(filters, order, cursor, n))


def ids(database: Database, order: Order = "newest", **filters: Any) -> list[str]:
    return [found.recording.id for found in page_of(database, Filters(**filters), order).items]


def every_page(database: Database, filters: Filters, order: Order, n: int) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = page_of(database, filters, order, cursor, n)
        found += [each.recording.id for each in page.items]
        if page.following is None:
            return found
        cursor = page.following


def kinds(database: Database, recording_id: str) -> list[str]:
    return [event.kind for event in database.read(lambda c: events.after(c, recording_id, 0))]


def test_each_filter_finds_its_own(database: Database) -> None:
    one = add(database, "Hello.", language="en", title="One", tags=["a", "b"])
    two = add(database, "你好。", language="zh", title="Two", tags=["a"])
    bare = add(database, title="Three")
    database.write(
        lambda c: c.execute(f"UPDATE recordings SET client = 'x', state = 'complete' WHERE id = '{bare}'", {})
    )
    database.write(lambda c: search.refresh(c, bare))

    assert ids(database) == [bare, two, one]
    assert ids(database, "oldest") == [one, two, bare]
    assert ids(database, tags=("a",)) == [two, one]
    assert ids(database, tags=("a", "b")) == [one]
    assert ids(database, tags=("a' OR 1=1 --",)) == []
    assert ids(database, client="x") == [bare]
    assert ids(database, client="test", language="zh") == [two]
    assert ids(database, state="complete") == [bare]
    assert ids(database, source="form") == []
    assert ids(database, language="en") == [one]
    assert ids(database, has_transcript=True) == [two, one]
    assert ids(database, has_transcript=False) == [bare]
    database.write(lambda c: retention.set_hold(c, two, "case 12"))
    assert ids(database, legal_hold=True) == [two]
    assert ids(database, legal_hold=False) == [bare, one]
    assert ids(database, since=2e9 * 2) == []
    assert ids(database, until=2e9 * 2, query="hello") == [one]
    assert ids(database, query="你好", tags=("a",), language="zh") == [two]
    assert ids(database, query="two") == [two]


def test_pages_join_into_the_whole_list(database: Database) -> None:
    made = [add(database, title=f"Visit {n % 3}", tags=["t"]) for n in range(7)]
    for number, one in enumerate(made[:4]):
        about = {"id": one, "duration_s": float(number % 2), "sha256": None}
        database.write(lambda c, about=about: c.run("set_sound", **about))

    orders: tuple[Order, ...] = ("newest", "oldest", "title", "duration")
    for order, filters in product(orders, (ANYTHING, Filters(query="visit"), Filters(tags=("t",)))):
        whole = [found.recording.id for found in page_of(database, filters, order).items]
        assert sorted(whole) == sorted(made)
        for size in (1, 2, 3, 7):
            assert every_page(database, filters, order, size) == whole
        assert page_of(database, filters, order, n=7).following is None


def test_orders_are_what_they_are_called(database: Database) -> None:
    b, a, c = (add(database, title=title) for title in ("berry", "Apple", "cherry"))
    for one, duration_s in ((a, 5.0), (c, 9.5)):
        about = {"id": one, "duration_s": duration_s, "sha256": None}
        database.write(lambda connection, about=about: connection.run("set_sound", **about))

    assert ids(database, "title") == [a, b, c]
    assert ids(database, "duration") == [c, a, b]
    assert ids(database, "oldest") == [b, a, c]


def test_the_most_relevant_comes_first(database: Database) -> None:
    titled = add(database, "Nothing.", title="Budget")
    often = add(database, "Budget, budget.", "Budget!", title="Talk")
    once = add(database, "The budget.", title="Other")

    assert ids(database, "relevance", query="budget") == [titled, often, once]
    assert every_page(database, Filters(query="budget"), "relevance", 1) == [titled, often, once]
    assert ids(database, query="budget") == [once, often, titled]
    with pytest.raises(InvalidParameter, match="needs a query"):
        ids(database, "relevance")


def test_words_are_found_where_they_stand(database: Database) -> None:
    one = add(
        database, "Good morning, Miss Lee.", "今天天", "氣很好。", title="家訪", notes="Ask for a doctor", tags=["血壓"]
    )
    add(database, "Something else.", "今天。天氣")

    for query in ("今", "天氣", "今天天氣很好", "GOOD morn", '"good morning"', "家訪 doctor", "血壓", "ｌｅｅ", "訪"):
        assert one in ids(database, query=query), query
    for query in (
        "壓血",
        "morning evening",
        '"morning good"',
        "天很",
        "oo",
        "%",
        "_",
        "*",
        "OR",
        "NEAR(good)",
        "家訪血",
    ):
        assert ids(database, query=query) == [], query
    assert len(ids(database, query="今天")) == 2


def test_matches_say_where_and_when(database: Database) -> None:
    one = add(database, "Good morning, Miss Lee.", "今天天", "氣很好。", title="About Lee", filename="lee.webm")
    [found] = page_of(database, Filters(query="lee 天氣")).items

    assert [(m.field, m.excerpt.text, m.start_s, m.end_s) for m in found.matches] == [
        ("title", "About Lee", None, None),
        ("filename", "lee.webm", None, None),
        ("transcript", "Good morning, Miss Lee.", 0.0, 2.0),
        ("transcript", "今天天氣很好。", 2.0, 6.0),
    ]
    assert found.matches[3].excerpt.ranges == ((2, 4),)
    [first, *_] = database.read(lambda c: c.fetch("SELECT id FROM segments ORDER BY place", {}))
    assert found.matches[2].segment_id == first["id"]
    assert found.recording.id == one


def test_counting_ends_where_it_would_take_long(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        add(database, title=f"Visit {number}")
    count = Library(database).count

    assert asyncio.run(count(ANYTHING)) == service.Count(4, exact=True)
    assert asyncio.run(count(Filters(query="visit"))) == service.Count(4, exact=True)
    assert asyncio.run(count(Filters(query="?"))) == service.Count(0, exact=True)
    monkeypatch.setattr(service, "MAX_COUNTED", 3)
    assert asyncio.run(count(Filters(query="visit"))) == service.Count(3, exact=False)


def test_a_change_is_searched_and_told(database: Database) -> None:
    one = add(database, "Hello.", title="Old", tags=["a"])
    library = Library(database)
    after = asyncio.run(library.change(one, Change(title=" New name ", tags=("b", "b ", "王奶奶"))))

    assert (after.title, after.tags, after.version) == ("New name", ("b", "王奶奶"), 2)
    assert ids(database, query="old") == ids(database, tags=("a",)) == []
    assert ids(database, query="奶奶 new hello") == ids(database, tags=("b",)) == [one]
    assert asyncio.run(library.tags()) == [("b", 1), ("王奶奶", 1)]
    [event] = [e for e in database.read(lambda c: events.after(c, one, 0)) if e.kind == "recording.changed"]
    assert event.body == {"version": 2, "fields": ["title", "tags"]}
    assert asyncio.run(library.change(one, Change(title="New name"))).version == 2


def test_a_change_to_another_version_is_refused(database: Database) -> None:
    one = add(database, title="First")
    library = Library(database)
    asyncio.run(library.change(one, Change(title="Second"), 1))

    with pytest.raises(VersionConflict) as caught:
        asyncio.run(library.change(one, Change(title="Third"), 1))
    assert caught.value.fields == {"version": 2}
    with pytest.raises(VersionConflict):
        asyncio.run(library.trash(one, 1))
    assert asyncio.run(library.show(one)).title == "Second"
    assert asyncio.run(library.change(one, Change(title="Third"))).version == 3


@pytest.mark.parametrize(
    "change",
    [
        Change(title="x" * 501),
        Change(title="a\nb"),
        Change(notes="x" * 20_001),
        Change(notes="nul \x00"),
        Change(notes="half \ud800"),
        Change(tags=("x" * 101,)),
        Change(tags=tuple(map(str, range(51)))),
    ],
)
def test_what_is_too_long_or_no_text_is_refused(sqlite_database: Database, change: Change) -> None:
    one = add(sqlite_database, title="First")
    with pytest.raises(InvalidParameter) as caught:
        asyncio.run(Library(sqlite_database).change(one, change))
    assert caught.value.param in {"title", "notes", "tags"}


def test_the_trash_hides_and_gives_back(database: Database) -> None:
    one = add(database, "Hello.", title="Visit", tags=["a"])
    library = Library(database)
    trashed = asyncio.run(library.trash(one))

    assert trashed.trashed_at is not None
    assert asyncio.run(library.trash(one)).version == trashed.version
    assert ids(database) == ids(database, query="hello") == ids(database, tags=("a",)) == []
    assert ids(database, trashed=True) == ids(database, trashed=True, query="hello") == [one]
    assert asyncio.run(library.tags()) == []
    assert asyncio.run(library.show(one)).trashed_at is not None
    with pytest.raises(UnknownRecording):
        asyncio.run(library.change(one, Change(title="x")))

    assert asyncio.run(library.restore(one)).trashed_at is None
    asyncio.run(library.restore(one))
    assert ids(database, query="hello") == [one]
    assert kinds(database, one)[-2:] == ["recording.trashed", "recording.restored"]


def test_what_is_held_is_not_put_into_the_trash(database: Database) -> None:
    one = add(database)
    database.write(lambda c: c.execute("UPDATE recordings SET legal_hold = 1, hold_reason = 'court'", {}))
    with pytest.raises(LegalHold, match="court"):
        asyncio.run(Library(database).trash(one))


def test_many_are_changed_each_with_its_own_result(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_IDS_OF_A_TRANSACTION", 2)
    one, two, full = add(database, tags=["a"]), add(database), add(database, tags=[str(n) for n in range(50)])
    library = Library(database)
    outcomes = asyncio.run(library.bulk("tag", [one, "rec_none", full, two, one], ["b"]))

    assert [(o.id, o.version, o.error and o.error.code) for o in outcomes] == [
        (one, 2, None), ("rec_none", None, "recording_not_found"), (full, None, "invalid_parameter"), (two, 2, None),
    ]  # fmt: skip
    assert ids(database, tags=("b",)) == [two, one]
    asyncio.run(library.bulk("untag", [one, two], ["b", "none"]))
    assert ids(database, tags=("a",)) == [one]
    assert ids(database, tags=("b",)) == []
    asyncio.run(library.bulk("trash", [one, two, full]))
    assert ids(database) == []
    asyncio.run(library.bulk("restore", [two]))
    assert ids(database) == [two]
    with pytest.raises(InvalidParameter, match="at least one"):
        asyncio.run(library.bulk("tag", [one], [" "]))
    with pytest.raises(InvalidParameter, match="more than 500"):
        asyncio.run(library.bulk("trash", ["x"] * 501))


def test_what_was_restored_or_folded_otherwise_becomes_searchable(database: Database) -> None:
    one, two = add(database, "Hello.", title="One"), add(database, "Hello.", title="Two")
    for statement in (
        f"DELETE FROM search_documents WHERE recording_id = '{one}'",
        "UPDATE search_documents SET folding = 0",
    ):
        database.write(lambda c, statement=statement: c.execute(statement, {}))
    assert ids(database, query="hello") == [two]

    assert asyncio.run(Library(database).catch_up()) == 2
    assert asyncio.run(Library(database).catch_up()) == 0
    assert ids(database, query="hello") == [two, one]


def test_nothing_that_was_said_stays_in_the_index(sqlite_database: Database) -> None:
    one = add(sqlite_database, "Zanzibar unmistakably.", title="Visit")
    add(sqlite_database, "Something else.")
    sqlite_database.write(lambda c: c.execute(f"DELETE FROM recordings WHERE id = '{one}'", {}))
    assert ids(sqlite_database, query="zanzibar") == []

    while sqlite_database.write(search.tidy):
        pass
    with sqlite_database._connect() as raw:  # type: ignore[attr-defined]
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"zanzibar" not in sqlite_database.path.read_bytes().lower()  # type: ignore[attr-defined]


def test_what_is_made_searchable_by_several_at_once_gets_one_document(database: Database) -> None:
    made = [keep_recording(database, title="Visit") for _ in range(4)]
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(lambda one: database.write(lambda c: search.refresh(c, one)), made * 4):
            pass

    assert sorted(ids(database, query="visit")) == sorted(made)


def test_recordings_of_one_moment_have_places_of_their_own(
    open_clocked: Callable[[Callable[[], float]], Database],
) -> None:
    database = open_clocked(lambda: 1_700_000_000.0)
    made = [add(database, title="Visit") for _ in range(6)]

    assert sorted(ids(database, query="visit")) == sorted(made)
    assert sorted(every_page(database, Filters(query="visit"), "oldest", 2)) == sorted(made)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=40), tag=st.text(max_size=8), cursor=st.text(max_size=20))
def test_no_input_is_taken_for_anything_but_text(database: Database, query: str, tag: str, cursor: str) -> None:
    filters = Filters(query=query, tags=(tag.replace("\x00", ""),) if tag.isprintable() else ())
    for order in ("newest", "title", "relevance"):
        page_of(database, filters, order)
        with pytest.raises(InvalidParameter, match="cursor"):
            page_of(database, filters, order, cursor)
    asyncio.run(Library(database).count(filters))


def test_a_recording_is_unknown_however_it_is_called(database: Database) -> None:
    with pytest.raises(UnknownRecording):
        asyncio.run(Library(database).show("' OR 1=1 --"))
    with pytest.raises(UnknownRecording):
        database.read(lambda c: recordings.get(c, "rec_1"))
