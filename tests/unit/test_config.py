"""Settings: where they come from, which wins, and that a mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from care_voice.config import load_settings, setting_names
from care_voice.domain.errors import SettingsInvalid


@pytest.fixture
def base(tmp_path: Path) -> dict[str, str]:
    """An environment that no file of this machine reaches into."""
    return {"CARE_VOICE_DATA_DIR": str(tmp_path), "PATH": "/bin", "HOME": str(tmp_path)}


def refusal(environment: dict[str, str]) -> SettingsInvalid:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(environment)
    return caught.value


def test_without_any_setting_everything_has_its_default(base: dict[str, str], tmp_path: Path) -> None:
    settings = load_settings(base)

    assert (settings.model, settings.api.host, settings.api.port) == ("base", "127.0.0.1", 3000)
    assert settings.models.directory == tmp_path / "models"
    assert settings.incoming_dir == tmp_path / "incoming"


def test_a_slot_keeps_its_own_uploads_and_pid_apart(base: dict[str, str], tmp_path: Path) -> None:
    alone, green = load_settings(base), load_settings({**base, "CARE_VOICE_SLOT": "green"})

    assert green.incoming_dir == tmp_path / "slots" / "green" / "incoming"
    assert green.data_dir == alone.data_dir
    assert alone.run_dir != green.run_dir
    assert {alone.run_dir, green.run_dir} < set(alone.run_dirs) == set(green.run_dirs)


def test_without_a_data_directory_an_installed_service_uses_the_users(tmp_path: Path) -> None:
    settings = load_settings({"XDG_DATA_HOME": str(tmp_path)})

    assert settings.data_dir.is_absolute()
    assert settings.models.directory == settings.data_dir / "models"


def test_a_nested_variable_reaches_its_field_with_its_type(base: dict[str, str]) -> None:
    settings = load_settings(
        {
            **base,
            "CARE_VOICE_API__PORT": "0",
            "CARE_VOICE_SUPERVISOR__HEARTBEAT_TIMEOUT_S": "2.5",
            "CARE_VOICE_TRANSCRIPTION__SEGMENTATION__MAX_COLUMNS": "40",
            "CARE_VOICE_MODELS__SOURCES": "carriers, hub",
        }
    )

    assert settings.api.port == 0
    assert settings.supervisor.heartbeat_timeout_s == 2.5
    assert settings.transcription.segmentation.max_columns == 40
    assert settings.models.sources == ("carriers", "hub")


def test_the_file_in_the_data_directory_is_read(base: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "care-voice.toml").write_text(
        'model = "tiny"\n[api]\nport = 4000\n[transcription.segmentation]\nmax_columns = 30\n'
    )
    settings = load_settings(base)

    assert (settings.model, settings.api.port) == ("tiny", 4000)
    assert settings.transcription.segmentation.max_columns == 30


def test_the_environment_wins_over_the_file_field_by_field(base: dict[str, str], tmp_path: Path) -> None:
    named = tmp_path / "my settings.toml"
    named.write_text('[api]\nport = 4000\nhost = "0.0.0.0"\n')
    settings = load_settings({**base, "CARE_VOICE_CONFIG": str(named), "CARE_VOICE_API__PORT": "5000"})

    assert (settings.api.port, settings.api.host) == (5000, "0.0.0.0")


def test_a_file_that_is_named_must_exist(base: dict[str, str], tmp_path: Path) -> None:
    error = refusal({**base, "CARE_VOICE_CONFIG": str(tmp_path / "none.toml")})

    assert "CARE_VOICE_CONFIG" in error.message
    assert "none.toml" in error.message


def test_a_file_that_is_not_toml_is_named(base: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "care-voice.toml").write_text("port: 3000")

    assert "care-voice.toml" in refusal(base).message


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CARE_VOICE_API__PORT", "three thousand"),
        ("CARE_VOICE_ENGINE__DEVICE", "abacus"),
        ("CARE_VOICE_LOG_LEVEL", "loud"),
        ("CARE_VOICE_TRANSCRIPTION__SEGMENTATION__MAX_COLUMNS", "wide"),
        ("CARE_VOICE_SUPERVISOR__HEARTBEAT_TIMEOUT_S", ""),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable(base: dict[str, str], variable: str, value: str) -> None:
    error = refusal({**base, variable: value})

    assert variable in error.message
    assert "  " not in error.message


@pytest.mark.parametrize("variable", ["WORKERS", "THREADS", "BATCH", "UNLOAD_AFTER_S"])
def test_a_number_below_nothing_is_refused(base: dict[str, str], variable: str) -> None:
    error = refusal({**base, f"CARE_VOICE_ENGINE__{variable}": "-1"})

    assert "CARE_VOICE_ENGINE" in error.message
    assert variable in error.message


@pytest.mark.parametrize(
    "variable",
    ["CARE_VOICE_PROT", "CARE_VOICE_API__PROT", "CARE_VOICE_APIS__PORT", "CARE_VOICE_TRANSCRIPTION__SEGMENTATION__X"],
)
def test_a_name_that_does_not_exist_is_refused(base: dict[str, str], variable: str) -> None:
    error = refusal({**base, variable: "1"})

    assert variable in error.message or variable.rsplit("__", 1)[0] in error.message
    assert "no such setting" in error.message


def test_a_name_that_does_not_exist_in_the_file_is_refused_too(base: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "care-voice.toml").write_text("[api]\nprot = 1\n")

    assert "CARE_VOICE_API__PROT" in refusal(base).message


def test_a_section_cannot_be_a_value(base: dict[str, str]) -> None:
    error = refusal({**base, "CARE_VOICE_API": "x", "CARE_VOICE_API__PORT": "1"})

    assert "CARE_VOICE_API" in error.message


def test_every_setting_in_the_list_can_be_set(base: dict[str, str]) -> None:
    names = [name for name, _, _ in setting_names()]

    assert len(names) == len(set(names)) > 40
    assert "CARE_VOICE_TRANSCRIPTION__SEGMENTATION__PAUSE_S" in names
    for name, default, _ in setting_names():
        if isinstance(default, int | float) and not isinstance(default, bool):
            assert load_settings({**base, name: str(default)}) == load_settings(base)
