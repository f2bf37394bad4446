"""Search in many transcripts, on SQLite and PostgreSQL, beside a plain LIKE in the same run.

    .venv/bin/python benchmarks/search.py [--transcripts 100000] [--queries 30] [--json FILE]

Transcripts of about 1 kB, three fifths Chinese and two English, made of the reference texts of the speech set with
invented words strewn in, some common and most rare. A search is what the API does for a page of 50: find, sort by age,
read the rows, and cut out the excerpts with the times of their segments. The LIKE finds the ids alone, in the folded
text that the search uses too. PostgreSQL is started with 64 MB of shared buffers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from care_voice.domain.ids import new_id
from care_voice.domain.library import Filters
from care_voice.domain.recordings import Wish
from care_voice.domain.searching import parse_query
from care_voice.service.library import Library
from care_voice.store import recordings, search
from care_voice.store.database import Connection, Database
from care_voice.store.migrate import migrate
from care_voice.store.opening import open_database
from care_voice.store.settings import StoreSettings
from measure import machine

PROJECT = Path(__file__).resolve().parents[1]
SPEECH = PROJECT.parent / "shared" / "speech" / "manifest.jsonl"
FIRST = 1_700_000_000.0
BATCH = 500
PAGE = 50
SYLLABLES = ("ka", "to", "ri", "mo", "shen", "dal", "vor", "ex", "ing", "ber", "st", "al")
LIKE = """
SELECT r.id FROM recordings r JOIN search_documents d ON d.recording_id = r.id
WHERE {} AND r.trashed_at IS NULL ORDER BY r.created_at DESC LIMIT :limit
"""


class Speech:
    """Transcripts, and the words that they are made of."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        rows = [json.loads(line) for line in SPEECH.read_text(encoding="utf-8").splitlines()]
        self._texts = {
            language: [
                row["text"] for row in rows if row["language"].startswith(language) and 0 < len(row["text"]) < 300
            ]
            for language in ("zh", "en")
        }
        self.words = ["".join(self._random.choices(SYLLABLES, k=self._random.randint(2, 4))) for _ in range(20_000)]
        self.characters = [chr(0x4E00 + number * 5) for number in range(3_000)]

    def lines(self) -> list[str]:
        """About 1 kB of what somebody says."""
        said: list[str] = []
        while sum(len(line.encode()) for line in said) < 1_000:
            said.append(self._chinese() if self._random.random() < 0.6 else self._english())
        return said

    def _chinese(self) -> str:
        line = list(self._random.choice(self._texts["zh"]))
        for _ in range(4):
            pair = self._one_of(self.characters) + self._random.choice(self.characters)
            line.insert(self._random.randrange(len(line) + 1), pair)
        return "".join(line)

    def _english(self) -> str:
        line = self._random.choice(self._texts["en"]).split()
        for _ in range(4):
            line.insert(self._random.randrange(len(line) + 1), self._one_of(self.words))
        return " ".join(line)

    def _one_of(self, words: Sequence[str]) -> str:
        """The first ones far more often than the last."""
        return words[min(len(words), int(self._random.paretovariate(0.7))) - 1]


def kinds(speech: Speech, count: int) -> dict[str, list[str]]:
    """Queries by what they are like."""
    chance = random.Random(3)
    rare_words, characters = speech.words[2_000:], speech.characters
    samples = [" ".join(speech.lines()) for _ in range(200)]
    runs = [run for sample in samples for run in sample.split() if not run.isascii() and len(run) > 8]
    words = [word for sample in samples for word in sample.split() if word.isascii()]

    def some(make: Callable[[], str]) -> list[str]:
        return [make() for _ in range(count)]

    def piece(length: int) -> str:
        run = chance.choice(runs)
        start = chance.randrange(len(run) - length)
        return run[start : start + length]

    def phrase(length: int) -> str:
        sample = chance.choice(samples).split()
        start = chance.randrange(max(1, len(sample) - length))
        return f'"{" ".join(sample[start : start + length])}"'

    return {
        "1 character, rare": some(lambda: chance.choice(characters[500:])),
        "1 character, of a transcript": some(lambda: piece(1)),
        "1 character, very common": ["的", "一", "是", "不", "有", "在"],
        "2 characters": some(lambda: piece(2)),
        "3 characters": some(lambda: piece(3)),
        "6 characters": some(lambda: piece(6)),
        "6 characters, absent": some(lambda: piece(3) + piece(3)),
        "word, rare": some(lambda: chance.choice(rare_words)),
        "word, of a transcript": some(lambda: chance.choice(words)),
        "word, very common": ["the", "and", "of", "to", "in", "that"],
        "beginning of a word": some(lambda: chance.choice(words)[:3]),
        "2 words": some(lambda: f"{chance.choice(words)} {chance.choice(words)}"),
        "word and 2 characters": some(lambda: f"{chance.choice(words)} {piece(2)}"),
        "phrase": some(lambda: phrase(3)),
        "phrase of common words, absent": ['"the of and"', '"to and of the"', '"in a the"', '"of to in"'],
    }


def fill(database: Database, speech: Speech, count: int) -> float:
    """Seconds for each transcript to be made searchable, by the store's own way."""
    took = 0.0
    for start in range(0, count, BATCH):

        def batch(connection: Connection, start: int = start) -> float:
            ids = [insert(connection, speech, FIRST + 60.0 * number) for number in range(start, start + BATCH)]
            began = time.perf_counter()
            for each in ids:
                search.refresh(connection, each)
            return time.perf_counter() - began

        took += database.write(batch)
    return took / count


def insert(connection: Connection, speech: Speech, at: float) -> str:
    """A recording with a transcript."""
    recording_id, transcript_id = new_id("rec", at), new_id("tr", at)
    connection.now = at
    recordings.insert(connection, recording_id, client="bench", source="upload", wish=Wish(), title=f"Visit {int(at)}")
    lines = speech.lines()
    connection.run(
        "insert_transcript", id=transcript_id, recording_id=recording_id, job_id=new_id("job", at), number=1,
        model="base", task="transcribe", language="zh", duration_s=8.0 * len(lines), now=at,
    )  # fmt: skip
    rows = [
        {"transcript_id": transcript_id, "id": f"seg_{n}", "place": float(n), "start_s": 8.0 * n, "end_s": 8.0 * n + 8,
         "speaker": "", "text": line, "words_json": "[]", "stats_json": "{}", "language": None}
        for n, line in enumerate(lines)
    ]  # fmt: skip
    connection.each("insert_segment", rows)
    connection.run("set_current_transcript", recording_id=recording_id, transcript_id=transcript_id, now=at)
    return recording_id


def measured(work: Callable[[str], Any], queries: Sequence[str]) -> list[float]:
    """Milliseconds of each query; it has been asked once before."""
    times = []
    for query in queries:
        work(query)
        began = time.perf_counter()
        work(query)
        times.append((time.perf_counter() - began) * 1000)
    return times


def compare(database: Database, queries: dict[str, list[str]], *, scans: int) -> dict[str, Any]:
    """Times of search and of LIKE for each kind of query, and how many recordings a query finds."""
    loop, library = asyncio.new_event_loop(), Library(database)
    results: dict[str, Any] = {}
    for kind, asked in queries.items():
        found = [loop.run_until_complete(library.count(Filters(query=query))).count for query in asked]
        results[kind] = {
            "search_ms": measured(
                lambda query: loop.run_until_complete(library.find(Filters(query=query), "newest", None, PAGE)), asked
            ),
            "like_ms": measured(lambda query: scan(database, query), asked[:scans]),
            "found": median(found),
        }
        print(row(kind, results[kind]), flush=True)
    loop.close()
    return results


def scan(database: Database, query: str) -> list[dict[str, Any]]:
    """What a LIKE finds: the same needles, in every document."""
    needles = [each.needle for each in parse_query(query)]
    text = LIKE.format(" AND ".join(f"d.body LIKE :needle{number}" for number in range(len(needles))))
    values = {f"needle{number}": f"%{needle}%" for number, needle in enumerate(needles)}
    names = ["limit", *values]
    if database.dialect == "postgresql":
        for name in names:
            text = text.replace(f":{name}", f"%({name})s")
    return database.read(lambda connection: connection.fetch(text, {**values, "limit": PAGE}))


def row(kind: str, result: dict[str, Any]) -> str:
    search_50, search_95 = spread(result["search_ms"])
    like_50, like_95 = spread(result["like_ms"])
    return f"| {kind} | {result['found']:.0f} | {search_50:.1f} | {search_95:.1f} | {like_50:.1f} | {like_95:.1f} |"


def spread(times: Sequence[float]) -> tuple[float, float]:
    """The median and the 95th percentile."""
    return median(times), quantiles(times, n=20, method="inclusive")[-1]


@contextmanager
def postgres() -> Iterator[str | None]:
    """The address of an empty database of a server of its own; None where PostgreSQL is not installed."""
    sys.path.append(str(PROJECT / "tests"))
    from support.databases import running_postgres  # noqa: PLC0415 - the tests' server is the one to start

    with running_postgres() as server:
        yield server.new_database() if server else None


def bench(settings: StoreSettings, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """One database: filled and asked."""
    database = open_database(settings, folder)
    print(f"\n{database.dialect}\n", flush=True)
    migrate(database, after=True)
    each_s = fill(database, Speech(7), options.transcripts)
    if settings.url:
        database.write(lambda connection: connection.script("ANALYZE"))
    print(f"made searchable in {each_s * 1000:.2f} ms each\n\n| query | found | p50 | p95 | LIKE p50 | LIKE p95 |")
    print("|---|---|---|---|---|---|")
    try:
        return {"refresh_s": each_s, **compare(database, kinds(Speech(8), options.queries), scans=options.scans)}
    finally:
        database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transcripts", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=30)
    parser.add_argument("--scans", type=int, default=6, help="queries of each kind that are also asked with LIKE")
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": machine(), "transcripts": options.transcripts}
    with tempfile.TemporaryDirectory(prefix="care-voice-search-") as name:
        if options.only != "postgresql":
            results["sqlite"] = bench(StoreSettings(), Path(name), options)
        if options.only != "sqlite":
            with postgres() as url:
                if url:
                    results["postgresql"] = bench(StoreSettings(url=url), Path(name), options)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
