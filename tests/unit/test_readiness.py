"""Whether work is let in, and whether a balancer should send any. All parts are stood in for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.model_errors import ModelDamaged
from care_voice.domain.service_errors import Draining, NotReady, Overloaded, StorageFull, StorageLow
from care_voice.domain.store_errors import StoreUnavailable
from care_voice.service.lifecycle_settings import LifecycleSettings
from care_voice.service.readiness import Readiness, Watches
from care_voice.service.startup import StartupBoard


class Scene:
    """A service that is well, until something of it is changed."""

    def __init__(self) -> None:
        self.engine = SimpleNamespace(refusal=None, hopeful=True, heard_within=lambda _: self.heard)
        self.media = SimpleNamespace(trouble=None, hopeful=True)
        self.heard = True
        self.full = False
        self.refusing: CareVoiceError | None = None
        self.diverting: CareVoiceError | None = None
        self.warning: CareVoiceError | None = None
        self.board = StartupBoard(["only"])
        with self.board.run("only"):
            pass
        self.board.finish()
        default = SimpleNamespace(pool=self.engine)
        transcriber = SimpleNamespace(
            models=SimpleNamespace(default=default), settings=SimpleNamespace(retry_after_s=5), admit=self._admit
        )
        watches = Watches((lambda: self.refusing,), (lambda: self.diverting,), (lambda: self.warning,))
        self.readiness = Readiness(
            self.board, cast("Any", self.media), cast("Any", transcriber), LifecycleSettings(), watches
        )

    def _admit(self, *_: object) -> None:
        if self.full:
            raise Overloaded(retry_after_s=9)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def code(error: CareVoiceError | None) -> str | None:
    return error and error.code


def test_a_service_that_is_well_takes_work(scene: Scene) -> None:
    scene.readiness.admit()
    assert (scene.readiness.state, scene.readiness.unready, scene.readiness.warning) == ("ready", None, None)


@pytest.mark.parametrize("error", [Overloaded(retry_after_s=9), StoreUnavailable(why="gone")], ids=lambda e: e.code)
def test_what_speaks_for_another_server_keeps_nobody_out(scene: Scene, error: CareVoiceError) -> None:
    scene.full, scene.diverting = isinstance(error, Overloaded), None if isinstance(error, Overloaded) else error
    scene.readiness.admit()

    assert code(scene.readiness.unready) == error.code
    assert (scene.readiness.state, scene.readiness.reason) == ("ready", None)


def test_a_full_disk_keeps_work_out_by_its_name(scene: Scene) -> None:
    scene.refusing = StorageFull()
    with pytest.raises(StorageFull):
        scene.readiness.admit()

    assert scene.readiness.state == "degraded"
    assert code(scene.readiness.unready) == "storage_full"


def test_a_warning_is_told_and_nothing_more(scene: Scene) -> None:
    scene.warning = StorageLow(free_mb=7)

    assert code(scene.readiness.warning) == "storage_low"
    assert scene.readiness.unready is None


def test_a_worker_that_is_coming_is_waited_for_and_one_that_fails_is_not(scene: Scene) -> None:
    scene.engine.refusal = NotReady(why="the engine worker is starting")
    scene.readiness.admit()
    assert code(scene.readiness.reason) == "not_ready"
    scene.engine.hopeful = False
    with pytest.raises(NotReady):
        scene.readiness.admit()


def test_a_worker_that_is_silent_takes_no_work(scene: Scene) -> None:
    scene.heard = False
    assert scene.readiness.unready is not None
    assert "heartbeat" in scene.readiness.unready.message


def test_a_start_that_failed_is_told_to_clients_as_not_ready_with_its_reason(scene: Scene) -> None:
    scene.readiness.trouble = ModelDamaged(name="base", why="model.bin is missing")
    with pytest.raises(NotReady, match=r"model\.bin is missing"):
        scene.readiness.admit()
    assert (scene.readiness.state, code(scene.readiness.reason)) == ("degraded", "model_damaged")


def test_draining_goes_before_everything(scene: Scene) -> None:
    scene.readiness.trouble, scene.readiness.draining = ModelDamaged(name="base", why="x"), True
    with pytest.raises(Draining):
        scene.readiness.admit()
    assert scene.readiness.state == "draining"


def test_a_start_that_is_tried_again_says_when(scene: Scene) -> None:
    assert scene.board.retry_in_s is None
    scene.board.retry_in(30)
    assert scene.board.retry_in_s == pytest.approx(30, abs=1)
    scene.board.begin()
    assert (scene.board.retry_in_s, scene.board.complete, scene.readiness.state) == (None, False, "degraded")
