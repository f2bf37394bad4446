"""What can run in a slot. Pure."""

from __future__ import annotations

import msgspec

from care_voice.ops.entrance.settings import SLOTS, SlotName

__all__ = ["SLOTS", "Release", "SlotName", "other"]


class Release(msgspec.Struct, frozen=True):
    """An installation or image with settings of its own.

    `target` is the directory of an installation (a checkout with `.venv`) or the reference of an image; empty for the
    installation that the steward itself belongs to. `settings` are environment variables above the common ones.
    """

    target: str = ""
    settings: dict[str, str] = {}
    rollout: str = ""
    """By which rollout it came: what is deployed anew is started anew, also where it is called the same."""

    @property
    def name(self) -> str:
        """For people."""
        shown = [self.target or "this installation"]
        return " ".join(shown + [f"{name}={value}" for name, value in sorted(self.settings.items())])


def other(slot: SlotName) -> SlotName:
    """The slot beside this one."""
    return "green" if slot == "blue" else "blue"
