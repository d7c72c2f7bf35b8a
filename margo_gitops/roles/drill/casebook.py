"""What a case is: something is tried on the scene, somebody says something, it ends somewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from margo_gitops.roles.drill.scene import Scene


class Astray(Exception):
    """It did not end where it should; what was found and expected."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a case showed: how often, by which rule or class of error it was told, and how it ended.

    `rule` is empty where nothing was wrong with what was tried.
    """

    tried: str
    said: str
    rule: str = ""
    times: int = 1
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One row: what is tried, in words that are true before it ran, and the trial itself."""

    name: str
    tries: str
    run: Callable[[Scene], Found]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A case that was run; `ok` says that it ended where it should."""

    name: str
    ok: bool
    found: Found
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The case for `--json`."""
        found = self.found
        value = {"name": self.name, "tried": found.tried, "times": found.times}
        told = {"said": found.said, "rule": found.rule, "ended": found.ended}
        return {**value, **told, "ok": self.ok, "seconds": round(self.seconds, 2)}


def expect(truth: object, words: str) -> None:
    """`Astray` with these words unless it is true."""
    if not truth:
        raise Astray(words)
