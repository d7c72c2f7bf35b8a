"""The resident loop: when it asks, when it only looks, when it stops; on a counted clock."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from margo_gitops.errors import Unreachable
from margo_gitops.reconcile import Outcome, Pass, Rhythm, Wake, run


@dataclass
class Scripted:
    """A role that notes at which second it was asked to sync."""

    down_until: float
    now: float = 0.0
    asked: list[float] = field(default_factory=list)
    looked: int = 0

    def sync(self) -> None:
        self.asked.append(self.now)
        if self.now < self.down_until:
            raise Unreachable("down")

    def read(self) -> str:
        self.looked += 1
        return "desired"

    def observe(self, desired: str) -> str:
        return desired

    def plan(self, desired: str, observed: str) -> str:
        return observed

    def apply(self, desired: str, plan: str) -> str:
        return plan

    def report(self, done: Pass[str, str, str, str] | None) -> Outcome:
        return Outcome()

    def deliver(self) -> None:
        return


class Steady(random.Random):
    """No chance in it."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def asked(down_until: float, until: float, wakes: dict[float, Wake] | None = None) -> Scripted:
    role = Scripted(down_until)

    def wait(seconds: float) -> Wake:
        role.now += seconds
        if role.now >= until:
            return Wake.STOP
        return (wakes or {}).pop(role.now, Wake.TIME)

    run(
        role,
        rhythm=lambda: Rhythm(poll=60, tick=5),
        wait=wait,
        clock=lambda: role.now,
        tell=lambda _: None,
        chance=Steady(),
    )
    return role


def test_it_asks_every_poll_and_looks_for_drift_between() -> None:
    role = asked(down_until=0, until=130)
    assert role.asked == [0, 60, 120]
    assert role.looked >= 24


def test_a_remote_that_is_gone_is_asked_soon_then_less_often() -> None:
    role = asked(down_until=100, until=200)
    assert role.asked[:8] == [0, 1, 3, 7, 15, 31, 63, 123]


def test_a_change_is_asked_for_at_once() -> None:
    role = asked(down_until=0, until=62, wakes={15.0: Wake.CHANGED})
    assert role.asked == [0, 15]
