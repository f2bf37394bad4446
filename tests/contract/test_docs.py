"""The documentation cannot fall behind: settings, codes, routes and commands are looked up in the code."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from typer.main import get_command

from care_voice.api import health, openai
from care_voice.api.server import ROUTES
from care_voice.cli import VERBS, build_app
from care_voice.domain import deploy_errors, errors, model_errors, service_errors, store_errors
from care_voice.domain.errors import CareVoiceError

PROJECT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.zh-TW.md")
ERRORS = {each.__name__ for each in (errors, deploy_errors, model_errors, service_errors, store_errors)}


def text_of(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


def leaves(cls: type[CareVoiceError]) -> list[type[CareVoiceError]]:
    below = [each for each in cls.__subclasses__() if each.__module__ in ERRORS]
    return [leaf for each in below for leaf in leaves(each)] if below else [cls]


def test_the_configuration_page_is_what_the_code_says() -> None:
    spec = importlib.util.spec_from_file_location("write_configuration", PROJECT / "scripts/write_configuration.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert text_of("docs/configuration.md") == script.page()


@pytest.mark.parametrize("cls", leaves(CareVoiceError))
def test_every_error_code_is_documented(cls: type[CareVoiceError]) -> None:
    assert f"`{cls.code}`" in text_of("docs/api.md")


@pytest.mark.parametrize("readme", READMES)
@pytest.mark.parametrize("path", [route.path for module in (openai, health) for route in module.router.routes])
def test_every_public_route_is_in_the_readme(readme: str, path: str) -> None:
    assert path.replace("/{name}", "") in text_of(readme)


def test_the_routes_of_the_web_app_are_in_the_api_page() -> None:
    others = [module for module in ROUTES if module not in (openai, health)]
    routes = [route for module in others for route in module.router.routes]
    assert [path for route in routes if (path := route.path) not in text_of("docs/api.md")] == []


def test_every_command_in_the_readmes_exists() -> None:
    commands = get_command(build_app()).commands  # type: ignore[attr-defined]
    assert set(commands) == set(VERBS)
    for readme in READMES:
        used = re.findall(r"\.venv/bin/care-voice (\w+)", text_of(readme))
        assert used
        assert set(used) <= set(commands)


def test_both_readmes_show_the_same_commands_and_figures() -> None:
    english, chinese = (text_of(name) for name in READMES)
    assert re.findall(r"```(.*?)```", english, re.DOTALL) == re.findall(r"```(.*?)```", chinese, re.DOTALL)
    assert re.findall(r"\d+\.\d+ %", english) == re.findall(r"\d+\.\d+ %", chinese)
