"""Looks after the entrance and the slots: what should run does, and a rollout goes on until it has ended.

Each look is the same: take up what was asked, see what there is, let the pure state machine say what comes next, write
that down, and bring the world nearer to it. Nothing is remembered but what is written, so that a steward that is killed
goes on where it was. The entrance and the slots live on without it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Thread

import structlog
from msgspec.structs import replace

from care_voice.domain.deploy_errors import (
    CandidateNotReady,
    DeployError,
    NoRollout,
    NothingKept,
    ReleaseInvalid,
    RolloutUnderWay,
)
from care_voice.domain.errors import CareVoiceError
from care_voice.ops.deploy.comparing import Comparison, Question
from care_voice.ops.deploy.hosts import Host
from care_voice.ops.deploy.releases import SLOTS, Release, SlotName, other
from care_voice.ops.deploy.rollout import (
    Deployment,
    Phase,
    Refusal,
    Rollout,
    Seen,
    Wanted,
    advance,
    begin,
    hurry,
    put_off,
    restarted,
    resumed,
    take_back,
    wanted,
)
from care_voice.ops.deploy.settings import DeploySettings, parse_steps
from care_voice.ops.deploy.state_file import DeployFolder, Intent
from care_voice.ops.deploy.watching import Watcher
from care_voice.ops.entrance.keeper import Entrance
from care_voice.ops.entrance.stats import ServerStats
from care_voice.ops.logs import trim_log
from care_voice.supervisor.backoff import Backoff

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.25
_FIRST_RESTART_S, _MAX_RESTART_S, _STEADY_S = 1.0, 60.0, 60.0
_MAX_ENTRANCE_S = 5.0
_STOP_LIMIT_S = 180.0
_MIGRATE_AGAIN_S = 60.0
_GOODBYE_S = 2.0
"""For the entrance when no slot is left: only idle connections can be open still."""
_ANSWERS_KEPT = 20
_CLOCK_WAS_SET_S = 10.0
"""Smaller steps do no harm."""
_COMPARED = frozenset({Phase.WARMING, Phase.CANARY})
_WATCHED = frozenset({Phase.PROMOTING, Phase.PROMOTED})


@dataclass(slots=True)
class _Slot:
    """What this steward has done for a slot: lost with it, and found again by looking."""

    backoff: Backoff = field(default_factory=lambda: Backoff(_FIRST_RESTART_S, _MAX_RESTART_S))
    next_start: float = 0.0
    ready_since: float | None = None
    starts: int = 0
    takes_jobs: bool | None = None
    stop_asked: float | None = None
    release: Release | None = None
    """What the rest is about."""


class Steward:
    """One for each data directory. `look` is to be called again and again."""

    def __init__(
        self,
        folder: DeployFolder,
        host: Host,
        entrance: Entrance,
        watcher: Watcher,
        comparison: Comparison,
        settings: DeploySettings,
        *,
        model: str,
        stop_limit_s: float = _STOP_LIMIT_S,
        logs: tuple[Path, ...] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`model` is what a slot serves where its release does not say otherwise. One that was told to stop is killed
        after `stop_limit_s`. `logs` are those that grow beside it and that nobody else keeps small."""
        self._folder = folder
        self._host = host
        self._entrance = entrance
        self._watcher = watcher
        self._comparison = comparison
        self._settings = settings
        self._model = model
        self._stop_limit_s = stop_limit_s
        self._logs = logs
        self._clock = clock
        self._slots = {slot: _Slot() for slot in SLOTS}
        self._weights: Mapping[SlotName, int] = {}
        self._entrance_backoff, self._entrance_from = Backoff(_FIRST_RESTART_S, _MAX_ENTRANCE_S), 0.0
        self._troubles: dict[str, str] = {}
        self._uncounted: list[tuple[SlotName, float]] = []
        """Slots that ended by themselves, and when: until that is written down, which a full disk may put off."""
        self._migrations_due = True
        self._migrate_from = 0.0
        self._written = folder.load()
        self._clock_ahead_s = self._ahead_s()
        self.deployment = resumed(self._written or Deployment(), clock(), settings)

    def look(self) -> bool:
        """One look; whether there is more to do. Only a stop that was asked for ends it.

        What goes wrong with one part is said, and tried again; all others are looked after meanwhile. While the state
        cannot be written nothing goes on, and what was written last is what should be.
        """
        self._guarded("clock", self._mind_the_clock)
        self._guarded("intent", self._take_up_intent)
        ready = self._ready()
        self._guarded("state", lambda: self._go_on(ready))
        want = wanted(self.deployment, ready)
        # Whoever is to stop must get no traffic any more.
        if time.monotonic() >= self._entrance_from:
            self._guarded("entrance", lambda: self._tend_entrance(want))
        for slot in SLOTS:
            self._guarded(slot, partial(self._tend, slot, want, ready.get(slot, False)))
        self._guarded("restarts", self._count_restarts)
        self._guarded("migrations", lambda: self._finish_migrations(ready))
        for path in self._logs:
            self._guarded(path.name, partial(trim_log, path))
        self._comparison.ask(self._question())
        if self.deployment.stopping and self._all_ended():
            self._guarded("end", self._clear_up)
            return False
        return True

    def _ready(self) -> dict[SlotName, bool]:
        """Of the releases that should run. One that is still there in the place of another one does not count."""
        return {slot: said and self._runs_rightly(slot) for slot, said in self._watcher.ready.items()}

    def _runs_rightly(self, slot: SlotName) -> bool:
        release = self.deployment.slots[slot]
        with suppress(DeployError):
            return release is not None and self._host.running(slot) == release
        return False

    def _mind_the_clock(self) -> None:
        """One that is set must end no wait, and make none last for years. A machine that slept counts as well: nobody
        has looked meanwhile."""
        ahead_s = self._ahead_s()
        set_by_s = ahead_s - self._clock_ahead_s
        if abs(set_by_s) >= _CLOCK_WAS_SET_S:
            log.warning("clock_was_set", by_s=round(set_by_s))
            self._remember(put_off(self.deployment, set_by_s))
        self._clock_ahead_s = ahead_s

    def _ahead_s(self) -> float:
        """How far the clock is ahead of one that nobody can set."""
        return self._clock() - time.monotonic()

    def _go_on(self, ready: Mapping[SlotName, bool]) -> None:
        stats = self._ask_entrance()
        self._comparison.note(stats)
        sessions = {slot: its.sessions for slot, its in stats.items()}
        seen = Seen(self._clock(), ready, sessions, self._starts, self._comparison.verdict())
        self._remember(advance(self.deployment, seen, self._settings))

    @property
    def _starts(self) -> dict[SlotName, int]:
        releases = self.deployment.slots
        return {slot: mine.starts for slot, mine in self._slots.items() if mine.release == releases[slot]}

    def _guarded(self, part: str, act: Callable[[], None]) -> None:
        """What goes wrong is said once, and not at each look."""
        try:
            act()
        except Exception as error:  # nothing may end the steward: the next look may find it mended
            told = error.message if isinstance(error, CareVoiceError) else f"{type(error).__name__}: {error}"
            if self._troubles.get(part) != told:
                advice = error.advice if isinstance(error, CareVoiceError) else ""
                known = isinstance(error, CareVoiceError | OSError)
                log.error("steward_trouble", part=part, detail=told, hint=advice, exc_info=not known)
            self._troubles[part] = told
        else:
            self._troubles.pop(part, None)

    # --- what is asked ------------------------------------------------------------------------------------------------

    def _take_up_intent(self) -> None:
        intent = self._folder.take_intent()
        if intent is None:
            return
        if intent.id not in self.deployment.answered:
            refusal = None
            try:
                changed = self._obey(intent)
            except CareVoiceError as error:
                changed, refusal = self.deployment, Refusal(error.code, error.message, error.advice)
                log.warning("intent_refused", verb=intent.verb, code=error.code, detail=error.message)
            except Exception:  # else it would be tried at each look
                changed, refusal = (
                    self.deployment,
                    Refusal(CareVoiceError.code, "Something unexpected.", "See the log."),
                )
                log.exception("intent_refused", verb=intent.verb)
            if not self._folder.is_asked(intent):
                # Its check took long, and whoever asked was told that nothing was done.
                log.warning("intent_given_up", verb=intent.verb)
                return
            answers = {**changed.answered, intent.id: refusal}
            kept = dict(list(answers.items())[-_ANSWERS_KEPT:])
            self._remember(replace(changed, answered=kept))
        if self._folder.is_asked(intent):  # another one may be there by now
            self._folder.forget_intent()

    def _obey(self, intent: Intent) -> Deployment:
        """The deployment as it was asked for. Raises CareVoiceError where it cannot be."""
        deployment, now = self.deployment, self._clock()
        if intent.verb == "stop":
            return replace(deployment, stopping=True)
        if intent.verb == "start":
            return self._begin(intent, now)
        if intent.verb == "promote":
            return hurry(self._with_ready_candidate(), now)
        if intent.verb == "abort":
            if deployment.running is None or deployment.running.phase in (Phase.ABORTING, Phase.ROLLING_BACK):
                raise NoRollout
            return take_back(deployment, "aborted by hand", now)
        return self._roll_back(now)

    def _begin(self, intent: Intent, now: float) -> Deployment:
        running, release = self.deployment.running, intent.release
        if running is not None:
            raise RolloutUnderWay(release=running.release.name, phase=running.phase.value)
        if release is None:
            raise ReleaseInvalid(target="", why="no release was named", advice="Name one.")
        self._host.check(release)
        steps = parse_steps(self._settings.steps) if intent.steps is None else intent.steps
        return begin(self.deployment, intent.id, release, steps, now)

    def _with_ready_candidate(self) -> Deployment:
        running = self.deployment.running
        if running is None:
            raise NoRollout
        if running.phase not in (Phase.WARMING, Phase.CANARY) or not self._ready().get(running.candidate):
            raise CandidateNotReady(phase=running.phase.value)
        return self.deployment

    def _roll_back(self, now: float) -> Deployment:
        rollout, deployment = self.deployment.rollout, self.deployment
        if deployment.running is not None and deployment.running.phase is not Phase.ROLLING_BACK:
            return take_back(deployment, "rolled back by hand", now)
        if rollout is None or rollout.phase is not Phase.PROMOTED or deployment.kept is None:
            raise NothingKept
        return take_back(deployment, "rolled back by hand", now)

    # --- what is done -------------------------------------------------------------------------------------------------

    def _tend(self, slot: SlotName, want: Wanted, ready: bool) -> None:
        mine, release = self._slots[slot], None if self.deployment.stopping else self.deployment.slots[slot]
        running = self._host.running(slot)
        if running is None:
            self._tend_empty(slot, release, want)
        elif running != release:
            self._end(slot)
        elif self._watcher.silent_s(slot) >= self._patience_s(slot):
            log.error("slot_hangs", slot=slot, silent_s=round(self._watcher.silent_s(slot)))
            self._watcher.forget(slot)
            self._host.kill(slot)
        elif ready:
            self._tend_ready(slot, takes_jobs=want.takes_jobs == slot)
        else:
            mine.ready_since = None

    def _patience_s(self, slot: SlotName) -> float:
        """Until the first answer it may still be loading; one that a steward found may hang since before."""
        heard = self._watcher.was_heard(slot)
        return self._settings.hang_s if heard else max(self._settings.hang_s, self._settings.ready_timeout_s)

    def _tend_empty(self, slot: SlotName, release: Release | None, want: Wanted) -> None:
        mine, now = self._slots[slot], time.monotonic()
        if mine.takes_jobs is not None and mine.stop_asked is None:
            log.error("slot_ended", slot=slot, starts=mine.starts)
            if release is not None and mine.release in (None, release):
                self._uncounted.append((slot, self._clock()))
        mine.stop_asked, mine.takes_jobs = None, None
        self._watcher.forget(slot)
        if release != mine.release:
            self._slots[slot] = mine = _Slot(release=release)
        if release is None or now < mine.next_start:
            return
        mine.ready_since = None
        standby = want.takes_jobs != slot
        mine.starts += 1
        mine.next_start = now + max(_FIRST_RESTART_S, mine.backoff.next_s())
        log.info("slot_starts", slot=slot, release=release.name, standby=standby)
        try:
            self._host.start(slot, release, standby=standby)
            mine.takes_jobs = not standby
        except CareVoiceError as error:
            log.error("slot_start_failed", slot=slot, code=error.code, detail=error.message, hint=error.advice)
        except OSError as error:
            log.error("slot_start_failed", slot=slot, detail=str(error))

    def _count_restarts(self) -> None:
        if self._uncounted:
            counted = self.deployment
            for slot, ended in self._uncounted:
                counted = restarted(counted, slot, ended)
            self._remember(counted)
            self._uncounted.clear()

    def _end(self, slot: SlotName) -> None:
        """Asked once, as a second signal would cut off what it still has in hand; killed where it does not end."""
        mine, now = self._slots[slot], time.monotonic()
        if mine.stop_asked is None:
            log.info("slot_stops", slot=slot)
            self._host.stop(slot)
            mine.stop_asked, mine.starts, mine.next_start = now, 0, now
        elif now - mine.stop_asked >= self._stop_limit_s:
            log.error("slot_does_not_stop", slot=slot)
            self._host.kill(slot)
            mine.stop_asked = now  # one that not even this ends must not fill the log

    def _tend_ready(self, slot: SlotName, *, takes_jobs: bool) -> None:
        mine, now = self._slots[slot], time.monotonic()
        if mine.ready_since is None:
            mine.ready_since = now
            log.info("slot_ready", slot=slot)
        if now - mine.ready_since >= _STEADY_S:
            # Now, and not when it has ended: many a slot is not ready any more for a while before.
            mine.backoff.reset()
        if mine.takes_jobs != takes_jobs:
            (self._host.take_part if takes_jobs else self._host.stand_by)(slot)
            mine.takes_jobs = takes_jobs

    def _tend_entrance(self, want: Wanted) -> None:
        if self.deployment.stopping:
            return
        try:
            if self._entrance.ensure():
                log.info("entrance_started")
                self._weights = {}
            if self._weights != want.weights:
                self._entrance.set_weights(want.weights)
                self._weights = want.weights
        except DeployError as error:
            # Where somebody has to mend something first, each try costs a process or two.
            self._entrance_from = time.monotonic() + self._entrance_backoff.next_s()
            self._note_trouble(f"{error.message} {error.advice}")
            raise
        self._entrance_backoff.reset()
        self._note_trouble("")

    def _note_trouble(self, text: str) -> None:
        if self.deployment.trouble != text:
            self._remember(replace(self.deployment, trouble=text))

    def _clear_up(self) -> None:
        self._entrance.stop(_GOODBYE_S)
        for slot in SLOTS:
            self._host.clear(slot)
        # Else a stop that a steward was killed in could not be told from one that is done.
        self._remember(replace(self.deployment, stopped=True))

    def _ask_entrance(self) -> Mapping[SlotName, ServerStats]:
        """Nothing where it does not answer, which whoever tends it says."""
        with suppress(DeployError):
            return self._entrance.stats() if self._entrance.running else {}
        return {}

    # --- what is compared, and remembered -----------------------------------------------------------------------------

    def _question(self) -> Question | None:
        rollout = self.deployment.rollout
        if rollout is None or self.deployment.stopping:
            return None
        new, moment = rollout.candidate, (rollout.id, rollout.phase.value, str(rollout.step))
        if rollout.phase in _COMPARED:
            return Question(moment, new, {slot: self._model_in(slot) for slot in (other(new), new)})
        # One that starts anew with the machine cannot answer yet; whoever is kept takes over meanwhile.
        watched = rollout.phase in _WATCHED and self._slots[new].ready_since is not None
        if watched and self.deployment.slots[other(new)] is not None:
            return Question((rollout.id, "all"), new, {new: self._model_in(new)}, alone=True)
        return None

    def _model_in(self, slot: SlotName) -> str:
        release = self.deployment.slots[slot]
        return release.settings.get("CARE_VOICE_MODEL", self._model) if release else self._model

    def _remember(self, following: Deployment) -> None:
        if following == self._written:
            return
        # Written first: what is done must never be ahead of what the next steward would read.
        self._folder.save(following)
        before, self._written, self.deployment = self.deployment, following, following
        _log_lines(before.rollout, following.rollout)
        self._migrations_due = self._migrations_due or _alone_now(before, following)

    def _finish_migrations(self, ready: Mapping[SlotName, bool]) -> None:
        """What an older release could not live with is applied once none runs any more; beside all else."""
        active, beside = self.deployment.active, other(self.deployment.active)
        alone = self.deployment.slots[beside] is None and self._host.running(beside) is None
        due = self._migrations_due and time.monotonic() >= self._migrate_from
        if due and alone and ready.get(active):
            self._migrations_due = False
            Thread(target=self._migrate, args=(active,), name="migrations", daemon=True).start()

    def _migrate(self, slot: SlotName) -> None:
        try:
            self._host.finish_migrations(slot)
        except DeployError as error:
            log.error("migrations_unfinished", code=error.code, detail=error.message, why=str(error.__cause__))
            self._migrate_from = time.monotonic() + _MIGRATE_AGAIN_S
            self._migrations_due = True

    def _all_ended(self) -> bool:
        """Not where that cannot be known."""
        with suppress(DeployError):
            return all(self._host.running(slot) is None for slot in SLOTS)
        return False


def _alone_now(before: Deployment, after: Deployment) -> bool:
    """Whether the release that was promoted has just lost the older one beside it."""
    rollout = after.rollout
    kept, promoted = other(after.active), rollout is not None and rollout.phase is Phase.PROMOTED
    return promoted and before.slots[kept] is not None and after.slots[kept] is None


def _log_lines(before: Rollout | None, after: Rollout | None) -> None:
    if after is None:
        return
    known = len(before.lines) if before is not None and before.id == after.id else 0
    for line in after.lines[known:]:
        log.info("rollout", phase=line.phase.value, said=line.text, candidate=after.candidate)
