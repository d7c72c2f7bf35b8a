"""What a fleet asks of its remote, as plain arithmetic: reads, pushes, branches, growth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import ceil

STATUS_BYTES = 400
"""What one status commit takes once it is packed: 10,000 of them took 3.9 MB."""

ADVERT_BYTES = 68
"""One line of the refs that a server shows to whoever pushes: there is no protocol 2 for that."""

POLL_BYTES = 2048
"""What a poll receives at most, however many refs the remote has."""

SHARD = 1000
"""Sites in one repository, from which on another one is worth it."""

_DAY = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Limits:
    """What a forge asks its users to stay below, for one repository."""

    branches: int
    reads_per_second: float
    pushes_per_minute: float
    bytes: int


GITHUB = Limits(branches=5000, reads_per_second=15, pushes_per_minute=6, bytes=10 << 30)
"""GitHub's recommended ceilings (docs.github.com, repository limits)."""


@dataclass(frozen=True, slots=True)
class Load:
    """What some sites ask of their remote, spread evenly over the day; two add up.

    `signing` counts the sites that give signs of life. `growth_per_year` is in bytes: statuses
    only, a sign of life has no history.
    """

    sites: int = 0
    signing: int = 0
    reads_per_second: float = 0.0
    pushes_per_minute: float = 0.0
    growth_per_year: int = 0

    def __add__(self, other: Load) -> Load:
        """The load of both."""
        names = [field.name for field in fields(self)]
        return Load(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def branches(self) -> int:
        """`main`, and a desired and a reported state for each site."""
        return 1 + 2 * self.sites

    @property
    def push_bytes(self) -> int:
        """What a server that hides no refs shows at each push."""
        return ADVERT_BYTES * (self.branches + self.signing)

    @property
    def bytes_per_day(self) -> int:
        """What the remote sends at most: answers to polls, and its refs at each push."""
        polls = self.reads_per_second * _DAY * POLL_BYTES
        return round(polls + self.pushes_per_minute * 24 * 60 * self.push_bytes)

    @property
    def shards(self) -> int:
        """Repositories to spread the sites over."""
        return max(1, ceil(self.sites / SHARD))


def load_of(
    sites: int,
    *,
    poll: float = 300.0,
    alive: float | None = 4 * 3600.0,
    statuses_per_day: float = 4.0,
) -> Load:
    """The load of sites with these habits: times in seconds, `alive` None for no sign of life.

    A status stands in for a sign of life, which is left out here.
    """
    signs = 0.0 if alive is None else 60 / alive
    return Load(
        sites=sites,
        signing=0 if alive is None else sites,
        reads_per_second=sites / poll,
        pushes_per_minute=sites * (statuses_per_day / (24 * 60) + signs),
        growth_per_year=round(sites * statuses_per_day * 365 * STATUS_BYTES),
    )


@dataclass(frozen=True, slots=True)
class Breach:
    """What a fleet asks for beyond a limit, and what brings it below."""

    what: str
    found: float
    most: float
    cure: str

    def __str__(self) -> str:
        return f"{self.found:.4g} {self.what}, at most {self.most:.4g}"


def breaches(load: Load, limits: Limits = GITHUB) -> Iterator[Breach]:
    """Each limit that a fleet is above."""
    split = f"spread the sites over {max(2, load.shards)} repositories (docs/scale.md)"
    pairs = (
        ("branches", load.branches, limits.branches, split),
        (
            "reads a second",
            load.reads_per_second,
            limits.reads_per_second,
            f"polling.interval in fleet.yaml, or {split}",
        ),
        (
            "pushes a minute",
            load.pushes_per_minute,
            limits.pushes_per_minute,
            f"polling.alive in fleet.yaml: 4h, or off; or {split}",
        ),
        (
            "bytes a year",
            load.growth_per_year,
            limits.bytes,
            "polling.history in fleet.yaml (docs/epochs.md)",
        ),
    )
    for what, found, most, cure in pairs:
        if found > most:
            yield Breach(what, found, most, cure)
