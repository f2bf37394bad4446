"""What runs behind the entrance, and whether anybody gets in, as the machine's own user sees it."""

from __future__ import annotations

import json
from pathlib import Path

from care_voice.config import Settings
from care_voice.ops.background import slot_log_path
from care_voice.ops.deploy.releases import SlotName
from care_voice.ops.deploy.rollout import Deployment

NO_ENTRANCE = "The entrance (HAProxy) does not run."
NO_STEWARD = "The steward does not run, so that nobody starts again what ends."


def entrance_address(settings: Settings) -> str:
    """Where people on this machine find the service. Raises SettingsInvalid."""
    from care_voice.app.stewarding import entrance_settings  # noqa: PLC0415 - 60 ms that no other command pays

    entrance = entrance_settings(settings)
    return f"{'https' if entrance.certificate else 'http'}://localhost:{entrance.port}"


def entrance_trouble(settings: Settings, deployment: Deployment) -> str:
    """Why the entrance does not run as it should; empty where it does. Raises SettingsInvalid."""
    from care_voice.app.stewarding import entrance_of  # noqa: PLC0415 - as above

    runs = settings.entrance_dir.is_dir() and entrance_of(settings).running
    return deployment.trouble or ("" if runs else NO_ENTRANCE)


def slot_state(settings: Settings, slot: SlotName) -> str:
    """What a slot says of itself: `ready`, the code of the reason why not, or that it does not answer."""
    from care_voice.ops.deploy.watching import SlotClient  # noqa: PLC0415 - as above

    answer = SlotClient(settings.entrance.ports[slot]).get("/health/ready")
    if answer is None:
        return "does not answer"
    if answer.status == 200:
        return "ready"
    try:
        return str(json.loads(answer.body)["code"])
    except (ValueError, KeyError, TypeError):
        return f"answers {answer.status}"


def slot_log(settings: Settings, slot: SlotName) -> Path | None:
    """What a slot writes; None where its container's runtime keeps that."""
    return slot_log_path(settings.data_dir, slot) if settings.deploy.host == "process" else None
