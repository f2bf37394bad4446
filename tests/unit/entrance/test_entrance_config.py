"""The configuration of HAProxy as a whole, and what the settings change in it.

CARE_VOICE_UPDATE_GOLDENS=1 writes it down anew.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from care_voice.config import load_settings
from care_voice.domain.errors import SettingsInvalid
from care_voice.ops.entrance.rendering import Layout, rendered
from care_voice.ops.entrance.settings import EntranceSettings

GOLDENS = Path(__file__).parent / "goldens"
RUN = Path("/run/entrance")
LAYOUT = Layout.within(RUN, RUN / "servers.state", {"blue": "127.0.0.1:3001", "green": "127.0.0.1:3002"})
NAMED = Layout.within(RUN, RUN / "servers.state", {"blue": "blue:3000", "green": "green:3000"})
FULL = EntranceSettings(
    host="::", port=443, http_port=80, certificate="/etc/it's mine.pem", trusted_proxies=("10.0.0.0/8", "192.0.2.1")
)


PLAIN = EntranceSettings(host="127.0.0.1", port=3000)


def text_of(layout: Layout = LAYOUT, **changes: Any) -> str:
    return rendered(replace(PLAIN, **changes), layout)


@pytest.mark.parametrize(
    ("name", "settings", "layout"),
    [("default", PLAIN, LAYOUT), ("behind_proxies_with_tls_and_names", FULL, NAMED)],
)
def test_the_configuration_is_the_one_that_was_looked_at(name: str, settings: EntranceSettings, layout: Layout) -> None:
    golden, found = GOLDENS / f"{name}.cfg", rendered(settings, layout)
    if os.environ.get("CARE_VOICE_UPDATE_GOLDENS"):
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


def test_a_limit_of_none_is_not_there() -> None:
    text = text_of(max_connections_per_address=0, max_requests_per_address=0, metrics_port=0)

    assert "track-sc" not in text
    assert "prometheus" not in text


def test_names_of_slots_are_looked_up_while_it_runs() -> None:
    assert "resolvers" not in text_of()
    assert text_of(NAMED).count("resolvers names resolve-prefer") == 6


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("PORT", "3001"),
        ("HEAD_S", "0"),
        ("WAIT_S", "90000"),
        ("THREADS", "0"),
        ("MAX_CONNECTIONS", "0"),
        ("TRUSTED_PROXIES", "nobody"),
    ],
)
def test_settings_that_cannot_be_are_refused(setting: str, value: str, tmp_path: Path) -> None:
    variables = {"CARE_VOICE_DATA_DIR": str(tmp_path), f"CARE_VOICE_ENTRANCE__{setting}": value}
    with pytest.raises(SettingsInvalid, match="CARE_VOICE_ENTRANCE"):
        load_settings(variables)
