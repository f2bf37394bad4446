"""The library over a real puller and a real store: who joins, who is refused, what watchers see, how all of it ends."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from care_voice.domain.errors import CareVoiceError, ModelBusy, ModelInUse
from care_voice.domain.model_errors import (
    AllSourcesFailed,
    ModelDamaged,
    ModelNotInstalled,
    PullCancelled,
    SignatureInvalid,
    SourceUnavailable,
    UnknownCatalogueModel,
)
from care_voice.domain.service_errors import Draining
from care_voice.models.catalogue import Catalogue, CatalogueModel, FileEntry
from care_voice.models.intervals import Span
from care_voice.models.progress import Watch
from care_voice.models.puller import Puller
from care_voice.models.rules import Wanted
from care_voice.models.signatures import SignatureSettings, sign_with_key
from care_voice.models.sources.base import Body
from care_voice.models.store import ModelStore
from care_voice.service.model_keeper import ModelKeeper
from care_voice.service.model_library import ModelLibrary, Signature
from care_voice.service.model_operations import OperationView
from care_voice.telemetry.metrics import Metrics
from support.authority import new_key, write_private, write_public
from support.waiting import until

WEIGHTS = bytes(range(256)) * 400
CONFIG = b'{"a": 1}\n'


@dataclass(eq=False)
class GatedSource:
    """Delivers half of the weights, and the rest once `gate` is set; counts how often it was opened."""

    gate: threading.Event = field(default_factory=threading.Event)
    halfway: threading.Event = field(default_factory=threading.Event)
    opened: int = 0
    fault: Exception | None = None
    name: str = "memory"
    parallel: bool = False

    def offers(self, model: CatalogueModel) -> bool:  # noqa: ARG002 - the interface
        return True

    def scratch_bytes(self, model: CatalogueModel) -> int:  # noqa: ARG002 - the interface
        return 0

    @contextmanager
    def open(self, model: object, scratch: Path, watch: Watch) -> Iterator[GatedSource]:  # noqa: ARG002 - the interface
        self.opened += 1
        if self.fault is not None:
            raise self.fault
        self.watch = watch
        yield self

    @contextmanager
    def body(self, wanted: Wanted, span: Span) -> Iterator[Body]:
        content = WEIGHTS if wanted.name == "model.bin" else CONFIG
        yield Body(span[0], whole=False, chunks=self.chunks(content[span[0] :]))

    def chunks(self, content: bytes) -> Iterator[bytes]:
        middle = len(content) // 2
        yield content[:middle]
        if len(content) == len(WEIGHTS):
            self.halfway.set()
            while not self.gate.wait(0.01):
                self.watch.check()
        yield content[middle:]

    def size(self, name: str) -> int | None:  # noqa: ARG002 - the interface
        return None

    def signature(self) -> bytes | None:
        return None


def entry(name: str, content: bytes) -> FileEntry:
    return FileEntry(name, len(content), hashlib.sha256(content).hexdigest())


def catalogue_model(name: str) -> CatalogueModel:
    files = (entry("config.json", CONFIG), entry("model.bin", WEIGHTS))
    return CatalogueModel(
        name=name, languages="multilingual", note="", licence="MIT", format="test", hub_repo="owner/repo",
        revision="0" * 40, files=files,
    )  # fmt: skip


@pytest.fixture
def source() -> GatedSource:
    return GatedSource()


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", Catalogue((catalogue_model("one"), catalogue_model("two"))))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def puller(store: ModelStore, source: GatedSource) -> Puller:
    return Puller(store, [source])


@pytest.fixture
async def library(puller: Puller, metrics: Metrics) -> AsyncIterator[ModelLibrary]:
    """The model `two` is the one that is served."""
    library = ModelLibrary(puller, lambda: frozenset({"two"}), metrics)
    yield library
    await library.close()


async def halfway(source: GatedSource) -> None:
    await until(source.halfway.is_set, "half of the weights have been delivered")


async def ended(library: ModelLibrary, name: str) -> OperationView:
    """The last view of what runs on a model."""
    return [view async for view in library.events(name)][-1]


async def installed(library: ModelLibrary, source: GatedSource, name: str = "one") -> None:
    source.gate.set()
    await library.pull(name)
    assert (await ended(library, name)).state == "done"


def counted(metrics: Metrics, **labels: str) -> float:
    return metrics.registry.get_sample_value("care_voice_model_operations_total", labels) or 0.0


async def test_a_pull_shows_how_far_it_is_and_ends_with_an_installed_model(
    library: ModelLibrary, source: GatedSource, metrics: Metrics
) -> None:
    assert (await library.model("one")).state == "not_installed"
    begun = await library.pull("one")
    assert (begun.kind, begun.started_by, begun.state) == ("pull", "request", "running")
    await halfway(source)
    view = await library.model("one")
    assert view.state == "busy"
    assert view.operation is not None
    assert (view.operation.progress.phase, view.operation.progress.total_bytes) == (
        "downloading",
        len(WEIGHTS + CONFIG),
    )
    source.gate.set()
    end = await ended(library, "one")
    assert (end.id, end.state, end.error) == (begun.id, "done", None)
    assert end.ended_at is not None
    model = await library.model("one")
    assert (model.state, model.why, model.in_use) == ("installed", "", False)
    assert model.record is not None
    assert model.record.verified_ok
    assert counted(metrics, model="one", kind="pull", outcome="done") == 1


async def test_asking_again_joins_the_pull_that_runs(library: ModelLibrary, source: GatedSource) -> None:
    first = await library.pull("one")
    await halfway(source)
    again = await library.pull("one")
    assert again.id == first.id
    await installed(library, source)
    assert source.opened == 1
    assert (await library.pull("one")).id != first.id


async def test_every_watcher_sees_the_same_however_late_it_comes(library: ModelLibrary, source: GatedSource) -> None:
    async def watch(seen: list[OperationView]) -> None:
        seen.extend([view async for view in library.events("one")])

    early: list[OperationView] = []
    late: list[OperationView] = []
    await library.pull("one")
    watching = asyncio.create_task(watch(early))
    await halfway(source)
    joining = asyncio.create_task(watch(late))
    await asyncio.sleep(0)
    source.gate.set()
    await asyncio.gather(watching, joining)
    for seen in (early, late):
        assert [view.version for view in seen] == sorted({view.version for view in seen})
        assert [view.state for view in seen[:-1]] == ["running"] * (len(seen) - 1)
    assert early[-1] is late[-1]
    assert [view async for view in library.events("one")] == [early[-1]]


async def test_a_watcher_that_does_not_read_holds_up_nobody(library: ModelLibrary, source: GatedSource) -> None:
    await library.pull("one")
    lazy = library.events("one")
    assert (await anext(lazy)).state == "running"
    source.gate.set()
    assert (await ended(library, "one")).state == "done"
    assert [view.state async for view in lazy] == ["done"]


async def test_what_has_not_changed_is_not_said_again(
    library: ModelLibrary, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("care_voice.service.model_library._PACE_S", 0.001)
    operation = library.board.begin(store.catalogue.get("one"), "pull", "request")
    looks, seen = [0], []
    look = operation.view

    def counted_look() -> OperationView:
        looks[0] += 1
        return look()

    monkeypatch.setattr(operation, "view", counted_look)

    async def watch() -> None:
        seen.extend([view async for view in library.events("one")])

    watching = asyncio.create_task(watch())
    await until(lambda: looks[0] >= 10, "the watcher has looked often")
    with library.board.follow(operation):
        pass
    await watching
    assert [(view.version, view.state) for view in seen] == [(1, "running"), (2, "done")]


async def test_where_nothing_ran_there_is_nothing_to_watch(library: ModelLibrary) -> None:
    assert [view async for view in library.events("one")] == []


async def test_a_pull_that_fails_keeps_its_reason_until_the_next_one(
    library: ModelLibrary, source: GatedSource, metrics: Metrics
) -> None:
    source.fault = SourceUnavailable(source="memory", why="it is asleep")
    await library.pull("one")
    end = await ended(library, "one")
    assert end.state == "failed"
    assert isinstance(end.error, AllSourcesFailed)
    assert "it is asleep" in end.error.message
    model = await library.model("one")
    assert (model.state, model.operation) == ("not_installed", end)
    assert counted(metrics, model="one", kind="pull", outcome="failed") == 1
    source.fault = None
    await installed(library, source)


async def test_a_bug_ends_the_operation_and_not_the_service(library: ModelLibrary, source: GatedSource) -> None:
    source.fault = ZeroDivisionError("a mistake of ours")
    await library.pull("one")
    end = await ended(library, "one")
    assert end.state == "failed"
    assert end.error is not None
    assert end.error.code == "internal_error"
    assert "mistake" not in end.error.message


async def test_a_cancelled_pull_has_ended_when_the_answer_comes(library: ModelLibrary, source: GatedSource) -> None:
    await library.pull("one")
    await halfway(source)
    await library.cancel("one")
    model = await library.model("one")
    assert model.state == "not_installed"
    assert model.operation is not None
    assert model.operation.state == "cancelled"
    assert isinstance(model.operation.error, PullCancelled)
    await library.cancel("one")
    await installed(library, source)


async def test_verifying_finds_one_wrong_byte_and_pulling_mends_it(
    library: ModelLibrary, source: GatedSource, store: ModelStore
) -> None:
    await installed(library, source)
    await library.verify("one")
    assert (await ended(library, "one")).state == "done"
    weights = store.view_path("one") / "model.bin"
    weights.chmod(0o644)
    weights.write_bytes(WEIGHTS[:-1] + b"\0")
    assert (await library.model("one")).state == "installed"
    await library.verify("one")
    end = await ended(library, "one")
    assert (end.kind, end.state) == ("verify", "failed")
    assert isinstance(end.error, ModelDamaged)
    model = await library.model("one")
    assert model.state == "damaged"
    assert "model.bin" in model.why
    await installed(library, source)
    assert (await library.model("one")).state == "installed"


@pytest.mark.parametrize("damage", ["missing", "cut short", "manifest"])
async def test_what_shows_without_hashing_is_shown_at_once(
    library: ModelLibrary, source: GatedSource, store: ModelStore, damage: str
) -> None:
    await installed(library, source)
    weights = store.view_path("one") / "model.bin"
    if damage == "manifest":
        store.manifest_path("one").chmod(0o644)
        store.manifest_path("one").write_bytes(b"not a manifest")
    elif damage == "missing":
        weights.unlink()
    else:
        weights.chmod(0o644)
        weights.write_bytes(WEIGHTS[:100])
    model = await library.model("one")
    assert model.state == "damaged"
    assert ("manifest" if damage == "manifest" else "model.bin") in model.why
    await installed(library, source)
    assert (await library.model("one")).state == "installed"


async def test_what_is_not_there_is_refused(library: ModelLibrary) -> None:
    with pytest.raises(ModelNotInstalled):
        await library.verify("one")
    with pytest.raises(ModelNotInstalled):
        await library.remove("one")
    for ask in (library.model, library.pull, library.verify, library.cancel, library.remove):
        with pytest.raises(UnknownCatalogueModel):
            await ask("three")
    with pytest.raises(UnknownCatalogueModel):
        await anext(library.events("three"))


async def test_one_thing_at_a_time_runs_on_a_model(library: ModelLibrary, source: GatedSource) -> None:
    await installed(library, source)
    source.gate.clear()
    source.halfway.clear()
    (library._store.view_path("one") / "model.bin").unlink()
    library._store.blob_path(entry("model.bin", WEIGHTS).sha256).unlink()
    await library.pull("one")
    await halfway(source)
    for ask in (library.verify, library.remove):
        with pytest.raises(ModelBusy, match="a pull is running"):
            await ask("one")
    source.gate.set()
    await ended(library, "one")


async def test_removing_deletes_the_files_and_forgets_what_ran(
    library: ModelLibrary, source: GatedSource, store: ModelStore
) -> None:
    await installed(library, source)
    assert (await library.disk()).blobs_bytes == len(WEIGHTS + CONFIG)
    await library.remove("one")
    model = await library.model("one")
    assert (model.state, model.operation) == ("not_installed", None)
    assert not store.view_path("one").exists()
    assert (await library.disk()).blobs_bytes == 0


async def test_the_served_model_is_not_removed(library: ModelLibrary, source: GatedSource, store: ModelStore) -> None:
    await installed(library, source, "two")
    with pytest.raises(ModelInUse):
        await library.remove("two")
    assert (store.view_path("two") / "model.bin").read_bytes() == WEIGHTS


async def test_a_model_that_another_process_pulls_is_not_removed(
    library: ModelLibrary, source: GatedSource, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("care_voice.service.model_library._LOCK_S", 0.05)
    await installed(library, source)
    with store.lock("one"), pytest.raises(ModelBusy, match="another process"):
        await library.remove("one")
    assert (await library.model("one")).state == "installed"


async def test_closing_cancels_what_runs_and_refuses_what_comes(library: ModelLibrary, source: GatedSource) -> None:
    await library.pull("one")
    await halfway(source)
    await library.close()
    assert (await ended(library, "one")).state == "cancelled"
    with pytest.raises(Draining):
        await library.pull("one")
    await library.close()


async def test_a_pull_of_the_services_own_is_shown_and_cannot_be_cancelled(
    library: ModelLibrary, source: GatedSource, puller: Puller, metrics: Metrics
) -> None:
    keeper = ModelKeeper("two", puller, metrics, library.board)
    keeping = asyncio.create_task(keeper.ensure())
    await halfway(source)
    shown = (await library.model("two")).operation
    assert shown is not None
    assert (shown.started_by, shown.state) == ("service", "running")
    assert (await library.pull("two")).id == shown.id
    with pytest.raises(ModelInUse):
        await library.cancel("two")
    source.gate.set()
    await keeping
    assert (await ended(library, "two")).state == "done"


async def test_the_service_keeps_its_model_whole_beside_somebody_elses_operation(
    library: ModelLibrary, source: GatedSource, puller: Puller, metrics: Metrics
) -> None:
    mine = await library.pull("two")
    await halfway(source)
    keeping = asyncio.create_task(ModelKeeper("two", puller, metrics, library.board).ensure())
    source.gate.set()
    await keeping
    assert (await ended(library, "two")).id == mine.id


async def test_a_pull_of_the_services_own_that_is_given_up_is_shown_as_cancelled(
    library: ModelLibrary, source: GatedSource, puller: Puller, metrics: Metrics
) -> None:
    keeping = asyncio.create_task(ModelKeeper("two", puller, metrics, library.board).ensure())
    await halfway(source)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    assert (await ended(library, "two")).state == "cancelled"


async def test_the_size_of_a_model_that_was_never_pulled_is_not_made_up(puller: Puller, metrics: Metrics) -> None:
    unknown = CatalogueModel("own", "multilingual", "", "not stated", "CTranslate2", (), hub_repo="owner/own")
    library = ModelLibrary(puller, frozenset, metrics)
    operation = library.board.begin(unknown, "pull", "request")
    Watch("own", operation.feed).report("downloading", "model.bin", 500, 1000, source="hub")
    progress = operation.view().progress
    assert (progress.done_bytes, progress.total_bytes, progress.eta_s) == (500, 0, None)
    with pytest.raises(CareVoiceError), library.board.follow(operation):
        raise AllSourcesFailed(name="own", why="x")


async def test_the_state_of_the_signature_is_what_the_last_check_found(
    library: ModelLibrary, source: GatedSource, store: ModelStore, tmp_path: Path, metrics: Metrics
) -> None:
    await installed(library, source)
    assert (await library.model("one")).signature == Signature("none")
    key = new_key()
    private, public = write_private(tmp_path / "private.pem", key), write_public(tmp_path / "public.pem", key)
    sign_with_key(store.view_path("one"), private, store.signature_path("one"))
    assert (await library.model("one")).signature == Signature("unchecked")

    strict = Puller(store, [source], signatures=SignatureSettings("require", public_keys=(public,)))
    checking = ModelLibrary(strict, frozenset, metrics)
    await checking.verify("one")
    assert (await ended(checking, "one")).state == "done"
    signature = (await checking.model("one")).signature
    assert (signature.state, bool(signature.signer), signature.expires_at) == ("valid", True, None)

    store.signature_path("one").chmod(0o644)
    store.signature_path("one").write_bytes(b"{}")
    await checking.verify("one")
    error = (await ended(checking, "one")).error
    assert isinstance(error, SignatureInvalid)
    model = await checking.model("one")
    assert (model.signature.state, model.state) == ("invalid", "installed")
    await checking.close()
