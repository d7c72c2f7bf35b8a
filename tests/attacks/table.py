"""Attacks: each is tried with its defence switched off, where it must succeed, and with it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from margo_gitops.errors import MargoError, Refused
from margo_gitops.reconcile import Outcome
from margo_gitops.trust import adoption, sharing

FORGE = "the forge, or whoever can push to it"
THIEF = "the forge with a stolen publish key"

Off = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Tried:
    """What came of an attack: whether it got what it wanted, and what was said."""

    succeeded: bool
    said: MargoError | None = None

    @classmethod
    def by(cls, outcome: Outcome, succeeded: bool) -> Tried:
        """What one pass of an agent said about it."""
        refused = [trouble for trouble in outcome.troubles if isinstance(trouble, Refused)]
        return cls(succeeded, refused[0] if refused else next(iter(outcome.troubles), None))


@dataclass(frozen=True)
class Attack:
    """One attack as the threat model tells it; `rule` and `says` are of the refusal.

    `rule` is `-` where a person's own tool stops, which ends with another `code`.
    """

    name: str
    who: str
    stops: str
    remains: str
    rule: str
    says: str
    off: Off
    run: Callable[[], Tried]
    code: int = 3


ATTACKS: dict[str, Attack] = {}


def attack(
    *,
    who: str,
    stops: str,
    rule: str,
    says: str,
    off: Off,
    remains: str = "nothing",
    code: int = 3,
) -> Callable[[Callable[[], Tried]], Callable[[], Tried]]:
    """Put a function into the table, under its own name."""

    def register(run: Callable[[], Tried]) -> Callable[[], Tried]:
        name = run.__name__.removeprefix("_").replace("_", " ")
        ATTACKS[name] = Attack(name, who, stops, remains, rule, says, off, run, code)
        return run

    return register


def without(*rules: str) -> Off:
    """The adoption of sites and nodes without these clauses."""

    def off(patch: pytest.MonkeyPatch) -> None:
        left = [clause for clause in adoption.SITE_CLAUSES if clause[0] not in rules]
        patch.setattr(adoption, "SITE_CLAUSES", tuple(left))
        shares = [clause for clause in sharing.NODE_CLAUSES if clause[0] not in rules]
        patch.setattr(sharing, "NODE_CLAUSES", tuple(shares))

    return off


def instead(where: object, name: str, value: object) -> Off:
    """A defence replaced by something that lets everything pass."""
    return lambda patch: patch.setattr(where, name, value)


def both(*offs: Off) -> Off:
    """Several defences at once, where one stands behind another."""

    def off(patch: pytest.MonkeyPatch) -> None:
        for one in offs:
            one(patch)

    return off
