"""Every way in which a server can misbehave ends in the right model or in a clear error, and never in a wrong byte."""

from __future__ import annotations

import dataclasses
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from care_voice.domain.model_errors import AllSourcesFailed, PullCancelled
from care_voice.models.build import build_puller
from care_voice.models.catalogue import Catalogue
from care_voice.models.puller import Puller
from care_voice.models.settings import ModelSettings
from care_voice.models.transfer import Transfer
from support.faults import (
    Cut,
    Empty,
    Endless,
    Flip,
    Garbage,
    Gzip,
    HangUp,
    Headers,
    NoRanges,
    Redirect,
    Stall,
    StallInHead,
    Status,
    Trickle,
    TrickleInHead,
    WrongBytes,
    WrongLength,
    WrongRange,
)
from support.faulty_server import Fault, FaultyServer, Request, faulty_server
from support.stores import (
    QUICK,
    bytes_kept,
    files_below,
    impatient,
    model_of,
    noise,
    on_hub,
    on_mirror,
    require_sound,
    require_whole,
)
from support.waiting import wait_until

NAME = "small-one"
SIZE = 300_000
CONTENTS = {"config.json": b'{"a": 1}\n', "model.bin": noise(1, SIZE)}
CATALOGUE = Catalogue((model_of(NAME, CONTENTS),))

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    files = {path: content for name, content in CONTENTS.items() for path in (on_hub(name), on_mirror(NAME, name))}
    with faulty_server(files) as server:
        yield server


@dataclass(frozen=True)
class Case:
    """Faults that the first requests for model.bin meet, and the one that all later ones do.

    `error` is what the pull says in the end; None where it must succeed. `kept` is how many bytes of model.bin the next
    pull need not fetch any more, at least. What is `slow` waits for a timeout, and is shown with one source alone.
    """

    faults: tuple[Fault, ...] = ()
    then: Fault | None = None
    error: str | None = None
    kept: int = 0
    slow: bool = False


def in_a_year() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(days=365), usegmt=True)


def whole(**changed: str | None) -> Headers:
    """The whole file with 200, under these headers."""
    names = {name.replace("_", "-"): value for name, value in changed.items()}
    return Headers({"Content-Range": None, **names}, status=200)


HALF = SIZE // 2
CASES = {
    "cut": Case((Cut(100_000), Cut(1), Cut(50_000))),
    "cut by force": Case((Cut(100_000, reset=True), Cut(1, reset=True))),
    "always cut at once": Case(then=Cut(0), error="model.bin: "),
    "always cut after a little": Case(then=Cut(100), error="model.bin: ", kept=300),
    "cut again and again, after some": Case(tuple(Cut(SIZE // 10) for _ in range(9))),
    "hangs up": Case((HangUp(), HangUp(reset=True))),
    "always hangs up": Case(then=HangUp(), error="model.bin: "),
    "garbage": Case((Garbage(), Garbage(b""), Cut(HALF))),
    "always garbage": Case(then=Garbage(), error="model.bin: "),
    "headers that are no text": Case(then=Headers({"X-\x00": "\x00"}), error="model.bin: "),
    "headers without an end": Case(then=Garbage(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000), error="model.bin: "),
    "no ranges": Case(then=NoRanges()),
    "no ranges, and cut": Case((NoRanges(100_000), NoRanges(200_000)), then=NoRanges()),
    "ranges at first": Case((Cut(100_000), NoRanges(200_000)), then=NoRanges()),
    "another range": Case(then=WrongRange(shift=10), error="another range"),
    "a range of another file": Case(then=WrongRange(longer=1), error=f"{SIZE + 1} bytes long, not {SIZE}"),
    "a range of another file after a cut": Case((Cut(HALF), WrongRange(longer=1)), error="bytes long, not"),
    "a range that is not named": Case(then=Headers({"Content-Range": None}), error="without saying which"),
    "a range with a huge number": Case(
        then=Headers({"Content-Range": f"bytes 0-{SIZE - 1}/{'9' * 5000}"}), error="without saying which"
    ),
    "a range that begins too early": Case((Cut(1000), WrongRange(shift=-1000)), error="another range", kept=1000),
    "sends less than it was asked for": Case(then=WrongLength(-100_000), error="model.bin: ", kept=200_000),
    "says more than it sends": Case(then=WrongLength(+1000)),
    "a whole file that says more": Case(then=whole(Content_Length=str(SIZE + 1)), error="longer than"),
    "a whole file that says less": Case(then=whole(Content_Length=str(SIZE - 1)), error="ends after"),
    "a whole file without a length": Case(then=whole(Content_Length=None)),
    "wrong bytes": Case((WrongBytes(),), error="its SHA-256 is"),
    "a flipped bit at the front": Case((Flip(0),), error="its SHA-256 is"),
    "a flipped bit in the middle": Case((Flip(HALF, 7),), error="its SHA-256 is"),
    "a flipped bit at the end": Case((Flip(SIZE - 1, 3),), error="its SHA-256 is"),
    "a flipped bit after a cut": Case((Cut(HALF), Flip(HALF)), error="its SHA-256 is"),
    "a redirect": Case((Redirect("/elsewhere"),)),
    "a chain of redirects": Case((Redirect("/one"),)),
    "a redirect that loops": Case(then=Redirect("/loop"), error="redirects"),
    "a redirect to no protocol": Case(then=Redirect("ftp://127.0.0.1/model.bin"), error="ftp"),
    "a redirect to a file": Case(then=Redirect("file:///etc/passwd"), error="file:"),
    "a redirect to nowhere": Case(then=Redirect("http://[::bad"), error="Invalid URL|port"),
    "endless": Case(then=Endless(b"")),
    "endless without ranges": Case(then=Endless(b"", status=200)),
    "endless nonsense": Case(then=Endless(b"?"), error="longer than"),
    "endless nonsense without ranges": Case(then=Endless(b"?", status=200), error="longer than"),
    "401": Case(then=Status(401), error="HTTP 401 .*login"),
    "403": Case(then=Status(403), error="HTTP 403 .*login"),
    "404": Case(then=Status(404), error=r"does not have 'model\.bin'"),
    "410": Case(then=Status(410), error=r"does not have 'model\.bin'"),
    "416": Case(then=Status(416), error="shorter than"),
    "418": Case(then=Status(418), error="HTTP 418"),
    "429": Case((Status(429), Status(429, "0"))),
    "500": Case((Status(500), Status(502))),
    "503": Case((Status(503, "0"), Status(503, "Thu, 01 Jan 1970 00:00:00 GMT"))),
    "always 429": Case(then=Status(429, "0"), error="HTTP 429"),
    "always 500": Case(then=Status(500), error="HTTP 500"),
    "503 for a day": Case((Status(503, "86400"),), error="HTTP 503 .* asks to wait 86400 s"),
    "503 for a year": Case((Status(503, in_a_year()),), error="HTTP 503 .* asks to wait 3"),
    "503 for ever": Case((Status(503, "9" * 400),), error="asks to wait inf s"),
    "503 until a date that cannot be": Case((Status(503, "Mon, 01 Jan 99999999999 00:00:00 GMT"),)),
    "503 until a number that is none": Case((Status(503, "\xb2"),)),
    "a stall before the answer": Case((StallInHead(),), slow=True),
    "always a stall before the answer": Case(then=StallInHead(), error="no answer within|timed out", slow=True),
    "a slow-loris in the headers": Case(then=TrickleInHead(0.02), error="no answer within", slow=True),
    "a stall in the body": Case((Stall(HALF), Stall(0)), slow=True),
    "always a stall": Case(then=Stall(100), error="model.bin: ", kept=300, slow=True),
    "a slow-loris": Case(then=Trickle(0.05, 100), error="only .* bytes within", kept=300, slow=True),
    "a slow-loris once": Case((Trickle(0.05, 100),), slow=True),
    "compressed": Case(then=Gzip(), error="compressed model.bin"),
    "no body": Case((Empty(), Empty())),
    "never a body": Case(then=Empty(), error="ends after 0"),
}


@dataclass(frozen=True)
class Place:
    """A source at the server: how it is set up, what it is called, and where it looks for the weights."""

    settings: ModelSettings
    called: str
    weights: str

    def puller(self) -> Puller:
        return build_puller(self.settings, CATALOGUE)

    def patient(self) -> Puller:
        """With the timeouts of real life: a busy machine is no fault."""
        return build_puller(ModelSettings(self.settings.directory, **self.where), CATALOGUE)

    @property
    def where(self) -> dict[str, Any]:
        return {name: getattr(self.settings, name) for name in ("sources", "mirrors", "hub_endpoint")}


def at_hub(server: FaultyServer, directory: Path) -> Place:
    return Place(impatient(directory, sources=("hub",), hub_endpoint=server.url), "hub", on_hub("model.bin"))


def at_mirror(server: FaultyServer, directory: Path) -> Place:
    called = f"mirror-127.0.0.1-{server.port}"
    return Place(impatient(directory, sources=("mirror",), mirrors=(server.url,)), called, on_mirror(NAME, "model.bin"))


COMBINATIONS = [
    *(("hub", case) for case, told in CASES.items() if not told.slow),
    *(("mirror", case) for case in CASES),
]


@pytest.mark.parametrize(("source", "case"), COMBINATIONS)
def test_a_fault_ends_in_the_right_model_or_a_clear_error(
    server: FaultyServer, tmp_path: Path, source: str, case: str
) -> None:
    told, place = CASES[case], {"hub": at_hub, "mirror": at_mirror}[source](server, tmp_path)
    server.files |= {"/elsewhere": CONTENTS["model.bin"]}
    server.misbehave("/one", Redirect("/two"))
    server.misbehave("/two", Redirect(f"{server.url}/elsewhere"))
    server.misbehave("/loop", then=Redirect("/loop"))
    server.misbehave(place.weights, *told.faults, then=told.then)
    puller = place.puller()
    if told.error is None:
        assert puller.pull(NAME).fetched == dict.fromkeys(CONTENTS, place.called)
        require_whole(puller.store, NAME, CONTENTS)
        return
    with pytest.raises(AllSourcesFailed, match=told.error):
        puller.pull(NAME)
    require_sound(puller.store)
    assert puller.store.installed() == ()
    kept = bytes_kept(puller.store, CATALOGUE.get(NAME), "model.bin")
    assert kept >= told.kept
    server.heal()
    assert place.patient().pull(NAME).fetched == {"model.bin": place.called}
    require_whole(puller.store, NAME, CONTENTS)
    assert [(request.path, request.span) for request in server.requests] == [(place.weights, (kept, SIZE))]


@pytest.mark.parametrize(("connections", "reset"), [(1, False), (1, True), (4, False), (4, True)])
def test_a_hundred_pulls_cut_at_random_offsets_fetch_almost_nothing_again(
    server: FaultyServer, tmp_path: Path, *, connections: int, reset: bool
) -> None:
    chance, again = random.Random(connections + 10 * reset), list[int]()
    weights = on_mirror(NAME, "model.bin")
    persistent = dataclasses.replace(QUICK, connections=connections, least_range_bytes=SIZE // 8, attempts=20)
    for number in range(25):
        server.heal()
        cuts = [Cut(chance.randrange(SIZE // 8), reset=reset) for _ in range(chance.randint(5, 9))]
        server.misbehave(weights, *cuts)
        settings = ModelSettings(
            tmp_path / str(number), sources=("mirror",), mirrors=(server.url,), transfer=persistent
        )
        puller = build_puller(settings, CATALOGUE)
        puller.pull(NAME)
        require_whole(puller.store, NAME, CONTENTS)
        assert len(server.asked(weights)) == connections + len(cuts) >= connections + 5
        again.append(server.sent[weights] - SIZE)
    print(f"bytes fetched again, of {SIZE} each: {sorted(again)}")
    assert max(again) <= SIZE // 100
    assert sum(again) <= len(again) * SIZE // 1000


@pytest.mark.parametrize(("said", "least", "most"), [("2", 2.0, 2.0), ("date", 0.0, 2.0), (None, 0.0, 0.03)])
def test_a_server_that_says_when_is_asked_again_then(
    server: FaultyServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    said: str | None,
    least: float,
    most: float,
) -> None:
    weights, waits = on_mirror(NAME, "model.bin"), list[float]()
    monkeypatch.setattr(Transfer, "_sleep", lambda _, seconds: waits.append(seconds))
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    server.misbehave(weights, Status(503, date if said == "date" else said))
    at_mirror(server, tmp_path).puller().pull(NAME)
    assert len(server.asked(weights)) == 2
    assert len(waits) == 1
    assert least <= waits[0] <= most


def test_waits_grow_and_are_not_the_same_for_everybody(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(Transfer, "_sleep", lambda _, seconds: waits.append(seconds))
    server.misbehave(on_mirror(NAME, "model.bin"), then=Status(500))
    for number in range(2):
        settings = ModelSettings(tmp_path / str(number), sources=("mirror",), mirrors=(server.url,))
        with pytest.raises(AllSourcesFailed):
            build_puller(settings, CATALOGUE).pull(NAME)
    once, twice = waits[: len(waits) // 2], waits[len(waits) // 2 :]
    assert once != twice
    for tries in (once, twice):
        assert len(tries) == 4
        assert all(0.5 * 2**number <= wait <= 0.5 * 2**number + 0.5 for number, wait in enumerate(tries))


def test_the_token_goes_to_the_hub_alone(server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with faulty_server({"/store/model.bin": CONTENTS["model.bin"]}) as elsewhere:
        server.misbehave(on_hub("model.bin"), then=Redirect(f"{elsewhere.url}/store/model.bin"))
        at_hub(server, tmp_path / "hub").puller().pull(NAME)
        assert {request.headers.get("authorization") for request in server.requests} == {"Bearer hf_secret"}
        assert [(request.span, request.headers.get("authorization")) for request in elsewhere.requests] == [
            ((0, SIZE), None)
        ]
    server.heal()
    at_mirror(server, tmp_path / "mirror").puller().pull(NAME)
    assert {request.headers.get("authorization") for request in server.requests} == {None}
    assert "hf_secret" not in "".join(path.read_text("latin-1") for path in files_below(tmp_path))


def test_a_hub_that_may_not_be_asked_is_not_asked(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(Transfer, "_sleep", lambda _, seconds: waits.append(seconds))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(AllSourcesFailed, match="HF_HUB_OFFLINE"):
        at_hub(server, tmp_path).puller().pull(NAME)
    assert (server.requests, waits) == ([], [])


@pytest.mark.parametrize("connections", [1, 4])
def test_a_cancellation_is_seen_while_nothing_comes(server: FaultyServer, tmp_path: Path, connections: int) -> None:
    cancel, weights = threading.Event(), on_mirror(NAME, "model.bin")
    server.misbehave(weights, then=Stall(1000))
    many = dataclasses.replace(QUICK, connections=connections, least_range_bytes=SIZE // 8)
    for_ever = ModelSettings(
        tmp_path, sources=("mirror",), mirrors=(server.url,), hub_read_timeout_s=3600, transfer=many
    )
    with ThreadPoolExecutor() as threads:
        pull = threads.submit(build_puller(for_ever, CATALOGUE).pull, NAME, None, cancel)
        wait_until(lambda: server.sent[weights] == 1000 * connections, "every connection stalls")
        cancel.set()
        with pytest.raises(PullCancelled):
            pull.result(timeout=20)
    server.heal()
    patient = at_mirror(server, tmp_path).patient()
    kept = bytes_kept(patient.store, CATALOGUE.get(NAME), "model.bin")
    assert patient.pull(NAME).fetched.keys() == {"model.bin"}
    assert sum(span_length(request) for request in server.asked(weights)) == SIZE - kept


def span_length(request: Request) -> int:
    assert request.span is not None
    return request.span[1] - request.span[0]
