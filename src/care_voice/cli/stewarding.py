"""`care-voice steward`."""

from __future__ import annotations

from care_voice.cli.common import errors_explained, explain, give_up
from care_voice.cli.serving import EX_CONFIG
from care_voice.config import load_settings
from care_voice.domain.errors import SettingsInvalid
from care_voice.ops.deploy.state_file import DeployFolder
from care_voice.telemetry.logs import configure_logging


def steward() -> None:
    """Keep the entrance and the slots running, and carry out rollouts, until `care-voice stop`.

    SIGTERM ends the steward alone: the service goes on without it, and the next steward takes it up as it is. Exit code
    78 where the settings have to be mended first, which systemd does not try again.
    """
    with errors_explained():
        try:
            _steward()
        except SettingsInvalid as error:
            explain(error)
            raise SystemExit(EX_CONFIG) from error


def _steward() -> None:
    from care_voice.app.stewarding import run_steward  # noqa: PLC0415 - 60 ms that no other command pays

    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)
    folder = DeployFolder(settings.data_dir)
    try:
        if not folder.become_steward():
            give_up(f"a steward of the data directory {settings.data_dir} runs already.")
        run_steward(settings, folder)
    except OSError as error:
        give_up(f"{folder.directory} cannot be used: {error.strerror}.", "Give the service's user access to it.")
