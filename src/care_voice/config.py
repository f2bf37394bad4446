"""Settings from the environment and a TOML file, as each component's own dataclass.

A setting `field` of section `section` is the variable CARE_VOICE_SECTION__FIELD, or `field` under `[section]` in the
file that CARE_VOICE_CONFIG names (`care-voice.toml` in the data directory without it). The environment wins.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

from care_voice.api.settings import ApiSettings
from care_voice.domain.errors import SettingsInvalid
from care_voice.domain.values import BadValue, made
from care_voice.models.settings import ModelSettings
from care_voice.notify.settings import WebhookSettings
from care_voice.ops.background import slot_dir, slot_run_dir
from care_voice.ops.backup_settings import BackupSettings
from care_voice.ops.deploy.settings import DeploySettings
from care_voice.ops.entrance.settings import EntranceSettings
from care_voice.remote.settings import RemoteSettings
from care_voice.scheduler.settings import SchedulerSettings
from care_voice.service.audio_upkeep import AudioUpkeepSettings
from care_voice.service.derive_job import RecordingSettings
from care_voice.service.disk_watch import DiskSettings
from care_voice.service.intake import IntakeSettings
from care_voice.service.job_settings import JobSettings
from care_voice.service.lifecycle import LifecycleSettings
from care_voice.service.retention import RetentionSettings
from care_voice.service.scrub import ScrubSettings
from care_voice.service.transcription import TranscriptionSettings
from care_voice.store.audio_settings import AudioSettings
from care_voice.store.settings import StoreSettings
from care_voice.supervisor.settings import EngineSettings, MediaWorkerSettings, SupervisorSettings

PREFIX = "CARE_VOICE_"
SEPARATOR = "__"
CONFIG_VARIABLE = "CARE_VOICE_CONFIG"
ENTRANCE_FOLDER = "entrance"
CONFIG_NAME = "care-voice.toml"
_LISTS = frozenset(
    {
        "sources",
        "directories",
        "bundles",
        "mirrors",
        "public_keys",
        "certificates",
        "allowed_hosts",
        "trusted_proxies",
        "also_served",
        "steps",
        "container_options",
    }
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set."""

    data_dir: Path
    """Models, incoming uploads, logs and the pid file. In a source checkout `data/`, else the user's data directory."""

    models: ModelSettings
    model: str = "base"
    """The model that is served, by its name in the catalogue."""

    also_served: tuple[str, ...] = ()
    """Other models that requests may name, separated by commas; each is loaded at its first request."""

    slot: Literal["", "blue", "green"] = ""
    """Which of two services on one data directory this is, behind one entrance; set by the steward. Empty for one that
    is alone."""

    log_format: Literal["auto", "json", "text"] = "auto"
    """auto writes text on a terminal and JSON elsewhere."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe records that are written."""

    api: ApiSettings = field(default_factory=ApiSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    remote: RemoteSettings = field(default_factory=RemoteSettings)
    media: MediaWorkerSettings = field(default_factory=MediaWorkerSettings)
    supervisor: SupervisorSettings = field(default_factory=SupervisorSettings)
    scheduler: SchedulerSettings = field(default_factory=SchedulerSettings)
    transcription: TranscriptionSettings = field(default_factory=TranscriptionSettings)
    lifecycle: LifecycleSettings = field(default_factory=LifecycleSettings)
    scrub: ScrubSettings = field(default_factory=ScrubSettings)
    disk: DiskSettings = field(default_factory=DiskSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    backup: BackupSettings = field(default_factory=BackupSettings)
    audio: AudioSettings = field(default_factory=AudioSettings)
    audio_upkeep: AudioUpkeepSettings = field(default_factory=AudioUpkeepSettings)
    intake: IntakeSettings = field(default_factory=IntakeSettings)
    recordings: RecordingSettings = field(default_factory=RecordingSettings)
    jobs: JobSettings = field(default_factory=JobSettings)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    deploy: DeploySettings = field(default_factory=DeploySettings)
    entrance: EntranceSettings = field(default_factory=EntranceSettings)

    @property
    def incoming_dir(self) -> Path:
        """Uploads while they are being transcribed; a slot's own, as each service clears it when it starts."""
        return slot_dir(self.data_dir, self.slot) / "incoming"

    @property
    def tuning_dir(self) -> Path:
        """What was measured of the models on this machine."""
        return self.data_dir / "tuning"

    @property
    def run_dir(self) -> Path:
        """Pid file and log of a server in the background."""
        return slot_run_dir(self.data_dir, self.slot)

    @property
    def run_dirs(self) -> tuple[Path, ...]:
        """The same of all services that may run on this data directory."""
        return run_dirs_of(self.data_dir)

    @property
    def entrance_dir(self) -> Path:
        """What the entrance keeps."""
        return self.data_dir / ENTRANCE_FOLDER

    @property
    def disk_places(self) -> tuple[Path, ...]:
        """Where recordings, the database and the files of transcriptions lie on this machine."""
        own = self.audio.directory if self.audio.kind == "directory" else None
        return (self.data_dir, own) if own is not None else (self.data_dir,)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read all settings.

    Raises:
        SettingsInvalid: A name is not known or a value does not fit.
    """
    environment = os.environ if environment is None else environment
    flat = {name: value for name, value in environment.items() if name.startswith(PREFIX) and name != CONFIG_VARIABLE}
    data_dir = data_dir_of(environment)
    values = _merged(_read_file(environment, data_dir), _nested(flat))
    values["data_dir"] = data_dir
    values.setdefault("models", {}).setdefault("directory", data_dir / "models")
    try:
        settings = made(Settings, values)
    except BadValue as error:
        name = PREFIX + SEPARATOR.join(error.path).upper()
        raise SettingsInvalid(name=name, why=error.why) from error
    if settings.engine.kind == "remote" and not settings.remote.url:
        raise SettingsInvalid(name=f"{PREFIX}REMOTE{SEPARATOR}URL", why="a remote engine needs it")
    return settings


def address_hint(environment: Mapping[str, str]) -> tuple[str, int]:
    """Host and port at which the service would most likely listen, whatever the other settings are worth."""
    try:
        filed = _read_file(environment, data_dir_of(environment)).get("api", {})
        named = _nested({name: value for name, value in environment.items() if name.startswith(f"{PREFIX}API__")})
        values = {**filed, **named.get("api", {})}
    except (SettingsInvalid, TypeError):
        values = {}
    usual = ApiSettings()
    try:
        return str(values.get("host", usual.host)), int(values.get("port", usual.port))
    except (TypeError, ValueError):
        return usual.host, usual.port


def setting_names() -> list[tuple[str, Any, str]]:
    """Every setting as (variable, default, type), for the documentation and its test."""
    return list(_names_of(Settings, PREFIX))


def _names_of(cls: type, prefix: str) -> list[tuple[str, Any, str]]:
    names: list[tuple[str, Any, str]] = []
    hints = get_type_hints(cls)
    for each in fields(cls):
        kind = hints[each.name]
        if isinstance(kind, type) and is_dataclass(kind):
            names.extend(_names_of(kind, f"{prefix}{each.name.upper()}{SEPARATOR}"))
        else:
            names.append((f"{prefix}{each.name.upper()}", each.default, str(each.type)))
    return names


def run_dirs_of(data_dir: Path) -> tuple[Path, ...]:
    """Where the pid files are of all services that may run on a data directory."""
    return tuple(slot_run_dir(data_dir, slot) for slot in ("", "blue", "green"))


def data_dir_of(environment: Mapping[str, str]) -> Path:
    """Where everything is kept, whatever the other settings are worth."""
    return Path(environment.get(f"{PREFIX}DATA_DIR") or _default_data_dir(environment)).expanduser().absolute()


def _default_data_dir(environment: Mapping[str, str]) -> Path:
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        return checkout / "data"
    base = environment.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base) / "care-voice"


def _read_file(environment: Mapping[str, str], data_dir: Path) -> dict[str, Any]:
    named = environment.get(CONFIG_VARIABLE)
    path = Path(named).expanduser() if named else data_dir / CONFIG_NAME
    if not named and not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsInvalid(name=CONFIG_VARIABLE, why=f"{path}: {error}") from error


def _nested(flat: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *sections, leaf = name.removeprefix(PREFIX).lower().split(SEPARATOR)
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
            if not isinstance(node, dict):
                raise SettingsInvalid(name=name, why=f"{section} is a value, not a section")
        node[leaf] = _split(value) if leaf in _LISTS else value
    return tree


def _split(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
