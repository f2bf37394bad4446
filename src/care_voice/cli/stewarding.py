"""`care-voice steward`."""

from __future__ import annotations

from care_voice.cli.common import errors_explained, give_up
from care_voice.config import load_settings
from care_voice.ops.deploy.state_file import DeployFolder
from care_voice.telemetry.logs import configure_logging


def steward() -> None:
    """Keep the entrance and the slots running, and carry out rollouts, until `care-voice stop`.

    SIGTERM ends the steward alone: the service goes on without it, and the next steward takes it up as it is.
    """
    from care_voice.app.stewarding import run_steward  # noqa: PLC0415 - 60 ms that no other command pays

    with errors_explained():
        settings = load_settings()
        configure_logging(settings.log_format, settings.log_level)
        folder = DeployFolder(settings.data_dir)
        try:
            if not folder.become_steward():
                give_up(f"a steward of the data directory {settings.data_dir} runs already.")
            run_steward(settings, folder)
        except OSError as error:
            give_up(f"{folder.directory} cannot be used: {error.strerror}.", "Give the service's user access to it.")
