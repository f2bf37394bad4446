"""What a release is called for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

import pytest

from care_voice.config import PREFIX, Settings
from care_voice.ops.deploy.releases import Release


def secret_settings(settings: type[Any] = Settings, prefix: str = PREFIX) -> Iterator[str]:
    """Those that a settings class does not show either."""
    hints = get_type_hints(settings)
    for each in fields(settings):
        kind, name = hints[each.name], f"{prefix}{each.name.upper()}"
        if is_dataclass(kind) and isinstance(kind, type):
            yield from secret_settings(kind, f"{name}__")
        elif not each.repr:
            yield name


@pytest.mark.parametrize("name", list(secret_settings()))
def test_what_is_secret_is_not_in_the_name_that_logs_have(name: str) -> None:
    value = "postgresql://care:ge@heim@db.example/care?password=geheim" if name.endswith("URL") else "geheim"
    shown = Release("/releases/2", {name: value, "CARE_VOICE_MODEL": "small"}).name
    assert "heim" not in shown
    assert name in shown
    assert "CARE_VOICE_MODEL=small" in shown


def test_settings_have_secrets_that_this_looks_at() -> None:
    assert "CARE_VOICE_STORE__URL" in set(secret_settings())


def test_an_address_without_credentials_is_shown_as_it_is() -> None:
    settings = {"CARE_VOICE_STORE__URL": "postgresql://db.example/care"}
    assert Release(settings=settings).name == "this installation CARE_VOICE_STORE__URL=postgresql://db.example/care"
