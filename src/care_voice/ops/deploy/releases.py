"""What can run in a slot. Pure."""

from __future__ import annotations

import re

import msgspec

from care_voice.ops.entrance.settings import SLOTS, SlotName

__all__ = ["SLOTS", "Release", "SlotName", "other"]


class Release(msgspec.Struct, frozen=True):
    """An installation or image with settings of its own.

    `target` is the directory of an installation (a checkout with `.venv`) or the reference of an image; empty for the
    installation that the steward itself belongs to. `settings` are environment variables above the common ones.
    `rollout` is the id of the one that brought it: what is deployed anew is started anew, also under the same name.
    """

    target: str = ""
    settings: dict[str, str] = {}
    rollout: str = ""

    @property
    def name(self) -> str:
        """For people and logs, and so without what is secret."""
        shown = [self.target or "this installation"]
        return " ".join(shown + [f"{name}={_shown(name, value)}" for name, value in sorted(self.settings.items())])


def _shown(name: str, value: str) -> str:
    return "…" if _SECRET.search(name) else _CREDENTIALS.sub("…", value)


_SECRET = re.compile(r"(TOKEN|KEY|SECRET|PASSWORD)$")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*(?=@)|(?<=password=)[^&\s]*")
"""Before the host of an address, where the last @ counts, as passwords may have some; and in its query."""


def other(slot: SlotName) -> SlotName:
    """The slot beside this one."""
    return "green" if slot == "blue" else "blue"
