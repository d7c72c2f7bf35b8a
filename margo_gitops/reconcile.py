"""The loop that every role runs: sync, read, observe, plan, apply, report (DESIGN section 1)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

from margo_gitops.errors import MargoError, Refused, Stalled, Underway, Waiting

_Desired = TypeVar("_Desired")
_Observed = TypeVar("_Observed")
_Plan = TypeVar("_Plan")
_Results = TypeVar("_Results")
_T = TypeVar("_T")
_DOUBLINGS = 20


@dataclass(frozen=True, slots=True)
class Pass(Generic[_Desired, _Observed, _Plan, _Results]):
    """Everything that one pass saw, decided and did."""

    desired: _Desired
    observed: _Observed
    plan: _Plan
    results: _Results


class Role(Protocol[_Desired, _Observed, _Plan, _Results]):
    """What a role puts into the loop. Each step raises only `MargoError`."""

    def sync(self) -> None:
        """Bring in what the remote offers; adopt it if it is right."""

    def read(self) -> _Desired | None:
        """The desired state in force, from one commit; None where there is none yet."""

    def observe(self, desired: _Desired) -> _Observed:
        """Reality."""

    def plan(self, desired: _Desired, observed: _Observed) -> _Plan:
        """What to do: a value."""

    def apply(self, desired: _Desired, plan: _Plan) -> _Results:
        """Do it; a fault of one item is in its result and stops no other."""

    def report(self, done: Pass[_Desired, _Observed, _Plan, _Results] | None) -> Outcome:
        """Write down what was seen and done, in one commit, only where it differs."""

    def deliver(self) -> None:
        """Hand the reports to the remote."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one pass did and what stood in its way; all empty when nothing was to do."""

    actions: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()
    troubles: tuple[MargoError, ...] = ()

    @property
    def quiet(self) -> bool:
        """True where the pass took no action and wrote no commit."""
        return not self.actions and not self.commits

    @property
    def exit_code(self) -> int:
        """The exit code of a single pass: a person's task, then a refusal, then a wait."""
        ranked = (Stalled, Refused, Waiting, MargoError)
        codes = [t.exit_code for kind in ranked for t in self.troubles if isinstance(t, kind)]
        return codes[0] if codes else 0


def once(role: Role[_Desired, _Observed, _Plan, _Results], *, sync: bool = True) -> Outcome:
    """One pass. A fault ends its own step only: what runs goes on, and status says what failed.

    Without `sync` the remote is not asked: drift is repaired from what is held.
    """
    troubles: list[MargoError] = []
    if sync:
        _attempt(role.sync, troubles)
    done = _attempt(lambda: _steps(role), troubles)
    outcome = _attempt(lambda: role.report(done), troubles) or Outcome()
    if sync or outcome.commits:
        _attempt(role.deliver, troubles)
    return Outcome(outcome.actions, outcome.commits, (*troubles, *outcome.troubles))


class Wake(Enum):
    """Why a wait ended."""

    TIME = "time"
    CHANGED = "changed"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often to ask the remote (`poll`) and to look for drift (`tick`), in seconds."""

    poll: float
    tick: float


def run(
    role: Role[_Desired, _Observed, _Plan, _Results],
    *,
    rhythm: Callable[[], Rhythm],
    wait: Callable[[float], Wake],
    clock: Callable[[], float],
    tell: Callable[[Outcome], None],
    chance: random.Random,
) -> None:
    """Pass after pass until `wait` answers STOP.

    The remote is asked every `poll` seconds, a tenth more or less at random so that a fleet does
    not ask in step, and at once when `wait` says that it changed. Where it does not answer it is
    asked again after a second, two, four, up to `poll`; drift is looked for all the while.
    """
    asked_at, failures, due = clock(), 0, True
    while True:
        outcome = once(role, sync=due)
        tell(outcome)
        beat = rhythm()
        if due:
            asked_at = clock()
            failures = _failures(failures, outcome.troubles)
            usual = min(beat.poll, 2.0 ** (failures - 1)) if failures else beat.poll
            pause = usual * chance.uniform(0.9, 1.1)
        left = asked_at + pause - clock()
        wake = wait(max(0.0, min(beat.tick, left)))
        if wake is Wake.STOP:
            return
        due = wake is Wake.CHANGED or clock() >= asked_at + pause


def _failures(before: int, troubles: Iterable[MargoError]) -> int:
    """How often in a row it had to wait; what gets on is gone on with after the first pause."""
    waiting = [trouble for trouble in troubles if isinstance(trouble, Waiting)]
    if any(isinstance(trouble, Underway) for trouble in waiting):
        return 1
    return min(before + 1, _DOUBLINGS) if waiting else 0


def _steps(
    role: Role[_Desired, _Observed, _Plan, _Results],
) -> Pass[_Desired, _Observed, _Plan, _Results] | None:
    desired = role.read()
    if desired is None:
        return None
    observed = role.observe(desired)
    plan = role.plan(desired, observed)
    return Pass(desired, observed, plan, role.apply(desired, plan))


def _attempt(step: Callable[[], _T], troubles: list[MargoError]) -> _T | None:
    try:
        return step()
    except MargoError as error:
        troubles.append(error)
        return None
