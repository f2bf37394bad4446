"""Where slots run."""

from __future__ import annotations

from typing import Protocol

from care_voice.ops.deploy.releases import Release, SlotName


class Host(Protocol):
    """Starts and ends what runs in a slot. What it has started lives on without it, and is found again.

    Whatever is asked of a slot raises DeployError where it cannot be known what runs there.
    """

    def check(self, release: Release) -> None:
        """Raises ReleaseInvalid where it cannot be run here."""
        ...

    def start(self, slot: SlotName, release: Release, *, standby: bool) -> None:
        """Start a release in a slot where nothing runs, without waiting until it is ready. With `standby` it takes no
        jobs. Raises ReleaseInvalid."""
        ...

    def running(self, slot: SlotName) -> Release | None:
        """What runs in a slot; None where nothing does."""
        ...

    def stand_by(self, slot: SlotName) -> None:
        """Let it take no more jobs."""
        ...

    def take_part(self, slot: SlotName) -> None:
        """Let it take jobs."""
        ...

    def stop(self, slot: SlotName) -> None:
        """Ask it to drain and end, without waiting for it."""
        ...

    def kill(self, slot: SlotName) -> None:
        """End it now."""
        ...

    def clear(self, slot: SlotName) -> None:
        """Remove what is left of one that has ended."""
        ...

    def finish_migrations(self, slot: SlotName) -> None:
        """Apply what no older release could live with, now that the slot's is the only one. Raises DeployError."""
        ...
