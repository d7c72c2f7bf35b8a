"""What a benchmark found: rows of measurements, and targets that were met or missed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.measure import Sample


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a run works, how often each case is measured, and whether it is the quick one."""

    folder: Path
    quick: bool = False
    rounds: int = 7

    def room(self, name: str) -> Path:
        """A new folder of its own."""
        made = self.folder / name
        made.mkdir(parents=True)
        return made


@dataclass(frozen=True, slots=True)
class Target:
    """One promise (DESIGN section 11), what was found, and why it is missed where it is."""

    promise: str
    wanted: str
    found: str
    met: bool
    why: str = ""


@dataclass(slots=True)
class Section:
    """One comparison: its rows in order, what is said of it, and the targets that it decides.

    `notes` stand below its rows; `heads` at the head of the page, once for all that say the same.
    """

    title: str
    about: str
    rows: dict[str, Sample] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    chart: str = "cpu"

    def at_most(self, promise: str, limit: float, found: float, unit: str, why: str = "") -> None:
        """A target that is met where `found` is at most `limit`."""
        self._target(promise, f"≤ {limit:g} {unit}", f"{short(found)} {unit}", found <= limit, why)

    def at_least(self, promise: str, limit: float, found: float, unit: str, why: str = "") -> None:
        """A target that is met where `found` is at least `limit`."""
        self._target(promise, f"≥ {limit:g} {unit}", f"{short(found)} {unit}", found >= limit, why)

    def ratio(self, promise: str, limit: float, ours: str, theirs: str, why: str = "") -> None:
        """A target on the processor time of our row as a part of that of another."""
        found = self.rows[ours].cpu / self.rows[theirs].cpu
        self._target(promise, f"≤ {_part(limit)}", _part(found), found <= limit, why)

    def _target(self, promise: str, wanted: str, found: str, met: bool, why: str) -> None:
        self.targets.append(Target(promise, wanted, found, met, "" if met else why))


def short(value: float) -> str:
    """A number as a table shows it: three digits, no more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _part(ratio: float) -> str:
    return f"1/{1 / ratio:.3g}" if ratio < 0.7 else f"{ratio:.2f}x"
