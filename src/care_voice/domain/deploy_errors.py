"""Errors of deployments and of the entrance. The tree is drawn in `domain.errors`."""

from __future__ import annotations

from care_voice.domain.errors import CareVoiceError


class DeployError(CareVoiceError):
    """The service cannot be moved to another release."""

    code = "deployment_failed"


class EntranceFailed(DeployError):
    """The entrance (HAProxy) does not run: {why}."""

    code = "entrance_failed"
    hint = "{advice}"


class StewardNotRunning(DeployError):
    """Nobody looks after the service's slots: the steward does not run."""

    code = "steward_not_running"
    hint = "Start it with ./start.sh or `care-voice start`; a rollout that was under way goes on then."


class RolloutUnderWay(DeployError):
    """A rollout is under way: {release}, {phase}."""

    code = "rollout_under_way"
    hint = "Follow it with `care-voice deploy status`; `care-voice deploy abort` takes it back."


class NoRollout(DeployError):
    """No rollout is under way."""

    code = "no_rollout"
    hint = "`care-voice deploy start RELEASE` begins one."


class NothingKept(DeployError):
    """No earlier release is kept to go back to."""

    code = "nothing_kept"
    hint = "Deploy the earlier release anew: `care-voice deploy status` shows what it was."


class CandidateNotReady(DeployError):
    """The new release is not ready: {phase}."""

    code = "candidate_not_ready"
    hint = "Wait until it is; `care-voice deploy status` shows how far it is."


class ReleaseInvalid(DeployError):
    """'{target}' cannot be run: {why}."""

    code = "release_invalid"
    hint = "{advice}"


class ContainersUnknown(DeployError):
    """{runtime} does not do what it was asked: {why}."""

    code = "containers_unknown"
    hint = "Try `{runtime} ps` as the steward's user; the steward asks again, and touches nothing meanwhile."


class DeploymentUnreadable(DeployError):
    """What is remembered of deployments cannot be read: {path}: {why}."""

    code = "deployment_unreadable"
    hint = (
        "It was written by a newer version or damaged. Move the file away: the service starts with this release in the"
        " slot blue."
    )
