"""What users saw while the service was exchanged under them: rollouts, ways back, and kills, under constant load.

    PYTHONPATH=tests .venv/bin/python benchmarks/rollouts.py [--slots process container] [--only TEXT] [--image IMAGE]

Each row is one thing that was done while users worked all the time: they ask for transcripts, upload files in parts,
record live while somebody follows the events, and look at pages. None of them tries anything twice that a browser or
the protocol would not. Processes serve a model that costs milliseconds, to more users; containers serve `base`. The
image is built unless one of the tests' storage is named. It counts, and times nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from care_voice.models.build import build_puller
from care_voice.models.settings import ModelSettings
from care_voice.ops.deploy.state_file import DeployFolder, Intent
from measure import machine, table
from support.constant_load import FEW, KNOWN, MANY, WORDS, Load, constant_load
from support.contained import Contained, faulty_image
from support.containers import ContainerLab
from support.deployments import Stewarded, installation, kept_running, stewarded
from support.parrot import save_parrot_store
from support.waiting import wait_until

STORE = Path(__file__).resolve().parents[1] / "data" / "models"
ALL = ("request", "upload", "live session", "stream", "page")
HEAD = (
    "done under load",
    "came of it",
    "requests",
    "uploads",
    "live sessions",
    "streams",
    "pages",
    "failed",
    "went on",
)
FAULTS = {
    "wrong": "a release with wrong words",
    "error": "a release that answers 500",
    "ends": "a release that ends at its start",
    "slow": "a release that is slow",
}
PATIENCE_S = 180.0


@dataclass(frozen=True)
class World:
    """A service behind its entrance, and all that is done with it; each says what came of it. `faulty` makes a release
    with one of the `faults`."""

    made: Stewarded
    users: Sequence[str]
    faulty: Callable[[str], str]
    faults: Sequence[str]

    def exchanged(self) -> str:
        self.made.deploy("start", "--set", "CARE_VOICE_LOG_LEVEL=debug", check=False)
        return self.phase

    def rolled_back(self) -> str:
        self.made.deploy("rollback", check=False)
        return self.phase

    def aborted(self) -> str:
        self._until_canary()
        self._folder.ask(Intent(token_hex(8), "abort"))
        self.made.wait_phase("aborted", "promoted")
        return self.phase

    def failing(self, fault: str) -> Callable[[], str]:
        def act() -> str:
            self.made.deploy("start", self.faulty(fault), check=False)
            return self.phase

        return act

    def candidate_killed(self) -> str:
        self._until_canary()
        deployment = self._folder.load()
        assert deployment is not None
        assert deployment.running is not None, "it was over before the kill"
        self.made.kill(self.made.pid(deployment.running.candidate))
        self.made.wait_phase("promoted", "aborted")
        return self.phase

    def steward_killed(self) -> str:
        self._until_canary()
        self.made.kill(self.made.steward_pid)
        self.made.run("start")
        self.made.wait_phase("promoted", "aborted")
        return self.phase

    def only_one_killed(self) -> str:
        before = self.made.pid(self.made.active)
        self.made.kill(before)
        wait_until(lambda: self.made.pid(self.made.active) not in (0, before), "it runs again", PATIENCE_S)
        return "started again"

    @property
    def phase(self) -> str:
        rollout = self.made.state["rollout"]
        phase, reason = rollout["phase"].replace("_", " "), rollout["reason"]
        return f"{phase}: {reason}" if reason and not reason.endswith("by hand") else reason or phase

    @property
    def _folder(self) -> DeployFolder:
        """Past the command line, whose start may take longer than a step where much else goes on."""
        return DeployFolder(self.made.data_dir)

    def _until_canary(self) -> None:
        self.made.deploy("start", "--no-follow", "--set", "CARE_VOICE_LOG_LEVEL=warning")
        self.made.wait_phase("canary")

    def acts(self) -> dict[str, Callable[[], str]]:
        """In an order in which each finds what it needs: none is kept beside the only one that is killed."""
        return {
            "another release, by 20 and 50 %": self.exchanged,
            "a rollback after the promotion": self.rolled_back,
            "an abort by hand at 20 %": self.aborted,
            "`kill -9` of the only one": self.only_one_killed,
            **{FAULTS[fault]: self.failing(fault) for fault in self.faults},
            "`kill -9` of the new one at 20 %": self.candidate_killed,
            "`kill -9` of the steward at 20 %": self.steward_killed,
        }


@contextmanager
def processes(folder: Path, _: str) -> Iterator[World]:
    """Slots that are processes of this checkout."""
    verified = build_puller(ModelSettings(directory=STORE)).pull("base").verified
    store = save_parrot_store(folder / "parrot", verified.view)
    with stewarded(folder / "data", store, MODEL="parrot") as made:
        yield World(made, MANY, lambda fault: str(installation(folder / fault, fault)), tuple(FAULTS))


@contextmanager
def containers(folder: Path, image: str) -> Iterator[World]:
    """Slots that are containers of the image of this checkout."""
    lab = ContainerLab()
    try:
        image = image or lab.build()
        with kept_running(Contained(lab, image, folder / "data", STORE)) as made:
            # How slow is too slow beside a real model depends on what else the machine does.
            yield World(made, FEW, lambda fault: faulty_image(lab, image, fault), ("wrong", "error", "ends"))
    finally:
        lab.close()


def seen_under(world: World, act: Callable[[], str]) -> tuple[str, Load]:
    """Do something under load; what came of it, and what users saw from before it until they were all served after."""
    with constant_load(world.made.url, KNOWN, WORDS, world.users) as load:
        wait_until(lambda: all(load.done[each] for each in ALL), "everybody has got something", PATIENCE_S)
        came = act()
        before = load.done.copy()
        wait_until(lambda: all(load.done[each] > before[each] for each in ALL), "all are served after it", PATIENCE_S)
    return came, load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", nargs="+", choices=("process", "container"), default=("process", "container"))
    parser.add_argument("--only", default="", help="part of what is done")
    parser.add_argument("--image", default="", help="instead of a build")
    arguments = parser.parse_args()
    print(f"{machine()}\n")
    for slots in arguments.slots:
        rows, failures = [], list[str]()
        with tempfile.TemporaryDirectory(prefix="care-voice-") as folder, ExitStack() as stack:
            opened = (processes if slots == "process" else containers)(Path(folder), arguments.image)
            world = stack.enter_context(opened)
            for name, act in world.acts().items():
                if arguments.only in name:
                    came, load = seen_under(world, act)
                    counts = [load.done[each] for each in ALL]
                    rows.append((name, came, *counts, len(load.failed), load.reconnected + load.resumed))
                    failures += load.failed
                    print(rows[-1], file=sys.stderr, flush=True)
        total = [sum(row[place] for row in rows) for place in range(2, len(HEAD))]
        print(f"slots: {slots}\n\n{table(HEAD, [*rows, ('all', '', *total)])}\n")
        print("\n".join(failures), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("CARE_VOICE_ENGINE__RUNTIME", "ctranslate2")
    sys.exit(main())
