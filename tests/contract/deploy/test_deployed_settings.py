"""Every variable that the files under deploy/ set is a setting of the service, with a value that fits."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from care_voice.config import CONFIG_VARIABLE, PREFIX, load_settings, setting_names
from support.deploy_files import DEPLOY, compose, examples, rendered_chart, unit_environment

UNITS = sorted([*DEPLOY.glob("systemd/*.service"), *DEPLOY.glob("quadlet/*.container")])
_FROM_A_SECRET = {"CARE_VOICE_STORE__URL": "postgresql://user:password@host/database"}


def fits(environment: dict[str, str], tmp_path: Path) -> None:
    """Raises SettingsInvalid where the service would refuse it."""
    taken = {"CARE_VOICE_DATA_DIR": str(tmp_path)} | environment
    assert any(name.startswith(PREFIX) for name in environment)
    taken.pop(CONFIG_VARIABLE, None)
    load_settings(taken)


@pytest.mark.parametrize("files", [("compose.yaml",), ("compose.yaml", "compose.postgres.yaml")], ids=len)
def test_settings_of_the_compose_file(files: tuple[str, ...], tmp_path: Path) -> None:
    for name, service in compose(*files)["services"].items():
        if name.startswith(("blue", "green")):
            fits(service["environment"], tmp_path)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_settings_of_the_units(unit: Path, tmp_path: Path) -> None:
    fits(unit_environment(unit.read_text(encoding="utf-8")), tmp_path)


@pytest.mark.parametrize("values", [None, *examples()], ids=lambda path: path.stem if path else "default")
def test_settings_of_the_chart(values: Path | None, tmp_path: Path) -> None:
    options = [] if values is None else ["--values", str(values)]
    deployment = next(each for each in rendered_chart(*options) if each["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        names = [entry["name"] for entry in container["env"]]
        assert len(names) == len(set(names))
        fits({entry["name"]: _value(entry) for entry in container["env"]}, tmp_path)


def _value(entry: dict[str, Any]) -> str:
    assert isinstance(entry.get("value", ""), str)
    return entry["value"] if "value" in entry else _FROM_A_SECRET.get(entry["name"], "secret")


def test_other_files_name_settings_that_exist() -> None:
    known = {name for name, _, _ in setting_names()} | {CONFIG_VARIABLE}
    for path in [*DEPLOY.rglob("*"), *(DEPLOY.parent / ".github").rglob("*.yaml")]:
        if path.is_file() and path.suffix != ".json" and "containers" not in path.relative_to(DEPLOY.parent).parts:
            named = set(re.findall(r"CARE_VOICE_[A-Z0-9_]+\b(?!\*)", path.read_text(encoding="utf-8")))
            sections = {name for name in named if name.endswith("_") or any(n.startswith(f"{name}_") for n in known)}
            assert named - sections <= known, path


def test_the_secret_file_that_prepare_writes(tmp_path: Path) -> None:
    script = (DEPLOY / "compose" / "prepare").read_text(encoding="utf-8")
    parts = re.findall(r"printf '((?:\\n)?\[.*?)'", script)
    assert len(parts) == 2
    text = "".join(parts).replace("\\n", "\n").replace("%s", "secret")
    path = tmp_path / "care-voice.toml"
    path.write_text(text, encoding="utf-8")
    settings = load_settings({"CARE_VOICE_DATA_DIR": str(tmp_path), CONFIG_VARIABLE: str(path)})
    assert settings.store.url == tomllib.loads(text)["store"]["url"]
