"""The steward and its parts, put together from the settings."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import structlog

from care_voice.config import PREFIX, Settings
from care_voice.domain.errors import SettingsInvalid
from care_voice.ops.background import slot_log_path
from care_voice.ops.deploy.comparing import Comparison
from care_voice.ops.deploy.hosts import Host
from care_voice.ops.deploy.hosts.container import ContainerHost, ContainerRules
from care_voice.ops.deploy.hosts.process import ProcessHost
from care_voice.ops.deploy.state_file import DeployFolder
from care_voice.ops.deploy.steward import LOOK_EVERY_S, Steward
from care_voice.ops.deploy.watching import SlotClient, Watcher
from care_voice.ops.entrance.keeper import Entrance
from care_voice.ops.entrance.settings import SLOTS, EntranceSettings

log = structlog.get_logger(__name__)

_LEAST_STOP_S, _STOP_MARGIN_S = 180.0, 60.0
"""After its drain a slot has to end its workers, too."""


def run_steward(settings: Settings, folder: DeployFolder) -> None:
    """Look after the slots until a stop was asked for and is done, or until SIGTERM or SIGINT: these end the steward
    alone, and the entrance and the slots go on. `folder` is this process's already.

    Raises:
        DeploymentUnreadable: What is remembered cannot be read.
    """
    entrance = entrance_of(settings)
    token = _token(settings)
    clients = {slot: SlotClient(port, token) for slot, port in settings.entrance.ports.items()}
    watcher = Watcher(clients)
    comparison = Comparison(clients, settings.deploy)
    steward = Steward(
        folder, _host(settings, token), entrance, watcher, comparison, settings.deploy, model=settings.model,
        stop_limit_s=max(_LEAST_STOP_S, settings.lifecycle.drain_timeout_s + _STOP_MARGIN_S), logs=_logs(settings),
    )  # fmt: skip
    leaves = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: leaves.set())
    watcher.start()
    comparison.start()
    try:
        while _look(steward) and not leaves.wait(LOOK_EVERY_S):
            pass
    finally:
        watcher.stop()
        comparison.stop()


def _look(steward: Steward) -> bool:
    try:
        return steward.look()
    except Exception:  # without a steward nobody starts again what ends
        log.exception("steward_stumbled")
        return True


def entrance_of(settings: Settings) -> Entrance:
    """The entrance. Raises SettingsInvalid."""
    return Entrance(entrance_settings(settings), settings.entrance_dir)


def entrance_settings(settings: Settings) -> EntranceSettings:
    """With what they leave open: the address at which the service is reached without an entrance. Raises
    SettingsInvalid where that is a slot's.
    """
    entrance, api = settings.entrance, settings.api
    try:
        return replace(entrance, host=entrance.host or api.host, port=entrance.port or api.port)
    except ValueError as error:
        raise SettingsInvalid(name="CARE_VOICE_ENTRANCE", why=str(error)) from error


def _host(settings: Settings, token: str) -> Host:
    """Where the slots run, and what they get besides their releases' own settings: they sit behind the entrance."""
    deploy, ports = settings.deploy, settings.entrance.ports
    if deploy.host == "container":
        rules = ContainerRules(deploy.runtime, deploy.image, deploy.volume, deploy.container_options, deploy.prefix)
        common = {**_handed_on(), "CARE_VOICE_API__OPERATOR_TOKEN": token}
        return ContainerHost(rules, ports, common, DeployFolder(settings.data_dir).directory)
    proxies = ",".join(dict.fromkeys((*settings.api.trusted_proxies, "127.0.0.1")))
    return ProcessHost(settings.data_dir, ports, {"CARE_VOICE_API__TRUSTED_PROXIES": proxies})


def _logs(settings: Settings) -> tuple[Path, ...]:
    """What grows without a journal: of this process where it was started in the background, and of slots that are
    processes."""
    slots = (slot_log_path(settings.data_dir, slot) for slot in SLOTS)
    return (settings.data_dir / "run" / "steward.log", *slots)


def _handed_on() -> dict[str, str]:
    """The settings of this environment that mean the same in a container: nothing of places, ports and ourselves."""
    ours = ("DATA_DIR", "CONFIG", "MODELS__DIRECTORY", "API__HOST", "API__PORT", "ENTRANCE__", "DEPLOY__")
    left_out = tuple(f"{PREFIX}{name}" for name in ours)
    return {
        name: value for name, value in os.environ.items() if name.startswith(PREFIX) and not name.startswith(left_out)
    }


def _token(settings: Settings) -> str:
    """The operator's, for slots that do not take this machine for the operator; empty where they do."""
    if settings.deploy.host != "container":
        return ""
    from care_voice.api.operators import operator_token  # noqa: PLC0415 - the web framework, which only this case needs

    return operator_token(settings.api.operator_token, settings.data_dir / "operator.token")
