"""Pre-flight checks: what they find, and what they tell the operator to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from care_voice.domain.model_errors import UnknownCatalogueModel
from care_voice.domain.service_errors import PreflightFailed
from care_voice.models.catalogue import Catalogue
from care_voice.ops import preflight
from care_voice.ops.preflight import Preflight, Room
from care_voice.supervisor import memory
from care_voice.supervisor.memory import available_memory

MIB = 1024**2
BASE = Catalogue.load().get("base")


@pytest.fixture
def machine(tmp_path: Path) -> Callable[..., dict[str, Callable[[], str]]]:
    """The checks by name, for a machine with the given peculiarities."""

    def build(*directories: Path, workers: int = 1, installed: bool = True) -> dict[str, Callable[[], str]]:
        room = Room(for_data=400 * MIB, beside_models=500 * MIB)
        checks = Preflight(lambda: BASE, workers, directories, tmp_path, lambda: installed, room).checks()
        return {check.name: check.run for check in checks}

    return build


Machine = Callable[..., dict[str, Callable[[], str]]]


def test_the_checks_run_in_the_order_in_which_they_help(machine: Machine) -> None:
    assert list(machine()) == ["settings", "directories", "disk", "memory"]


def test_the_settings_check_names_the_model(machine: Machine, tmp_path: Path) -> None:
    assert "model base" in machine()["settings"]()
    unknown = Preflight(lambda: Catalogue.load().get("nope"), 1, (), tmp_path, lambda: True, Room(0, 0))
    with pytest.raises(UnknownCatalogueModel):
        unknown.checks()[0].run()


def test_a_directory_is_made_for_this_user_alone_and_left_empty(machine: Machine, tmp_path: Path) -> None:
    wanted = tmp_path / "new" / "incoming"

    assert str(wanted) in machine(wanted)["directories"]()
    assert wanted.stat().st_mode & 0o777 == 0o700
    assert list(wanted.iterdir()) == []


def test_a_file_in_the_place_of_a_directory_is_named(machine: Machine, tmp_path: Path) -> None:
    in_the_way = tmp_path / "data"
    in_the_way.write_text("")
    with pytest.raises(PreflightFailed) as caught:
        machine(in_the_way)["directories"]()

    assert str(in_the_way) in caught.value.message
    assert "CARE_VOICE_DATA_DIR" in caught.value.advice


def test_a_full_disk_is_found_before_anything_is_downloaded(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [BASE.total_bytes + 500 * MIB]
    monkeypatch.setattr(preflight, "free_bytes", lambda _: free[0])

    assert "free" in machine(installed=False)["disk"]()
    free[0] -= 1
    with pytest.raises(PreflightFailed) as caught:
        machine(installed=False)["disk"]()
    assert caught.value.fields["name"] == "disk"


def test_a_model_that_is_there_needs_no_space_of_its_own(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [400 * MIB]
    monkeypatch.setattr(preflight, "free_bytes", lambda _: free[0])

    assert "free" in machine(installed=True)["disk"]()
    with pytest.raises(PreflightFailed):
        machine(installed=False)["disk"]()
    free[0] -= 1
    with pytest.raises(PreflightFailed):
        machine(installed=True)["disk"]()


def test_models_on_a_read_only_mount_are_enough_where_the_model_is_among_them(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(directory: Path) -> str:
        if directory == tmp_path:
            raise PreflightFailed(name="directories", why="read-only", advice="Mount it otherwise.")
        return str(directory)

    monkeypatch.setattr(preflight, "_probe_directory", refuse)
    assert "read-only" in machine(tmp_path / "data", installed=True)["directories"]()
    with pytest.raises(PreflightFailed):
        machine(tmp_path / "data", installed=False)["directories"]()


def test_a_directory_that_is_open_to_everyone_is_named(machine: Machine, tmp_path: Path) -> None:
    shared = tmp_path / "data"
    shared.mkdir()
    shared.chmod(0o777)

    assert "anyone" in machine(shared)["directories"]()


def test_memory_is_counted_for_every_worker(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "available_memory", lambda: BASE.memory_bytes * 2 + 500 * 1024**2)

    assert "available" in machine(workers=2)["memory"]()
    with pytest.raises(PreflightFailed) as caught:
        machine(workers=4)["memory"]()
    assert "CARE_VOICE_MODEL" in caught.value.advice


def test_a_machine_that_does_not_tell_its_memory_is_not_refused(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "available_memory", lambda: None)

    assert "does not say" in machine(workers=1000)["memory"]()


@pytest.mark.parametrize(
    ("limit", "used", "left"),
    [("1000000", "400000", 600000), ("1000000", "2000000", 0), ("max", "400000", None), ("nonsense", "1", None)],
)
def test_the_limit_of_a_control_group_is_read(tmp_path: Path, limit: str, used: str, left: int | None) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text(f"{used}\n")

    assert memory._cgroup_memory(tmp_path) == left


def test_a_machine_without_control_groups_has_no_limit(tmp_path: Path) -> None:
    assert memory._cgroup_memory(tmp_path) is None


def test_the_smaller_of_machine_and_control_group_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_machine_memory", lambda: 900)
    monkeypatch.setattr(memory, "_cgroup_memory", lambda: 300)
    assert available_memory() == 300

    monkeypatch.setattr(memory, "_cgroup_memory", lambda: None)
    assert available_memory() == 900
