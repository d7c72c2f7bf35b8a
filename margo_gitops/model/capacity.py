"""What a fleet asks of its remote, as plain arithmetic: reads, pushes, branches, growth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

STATUS_BYTES = 400
"""What one status commit takes once it is packed: 10,000 of them took 3.9 MB."""

ADVERT_BYTES = 68
"""One line of the refs that a server shows to whoever pushes: there is no protocol 2 for that."""

SHARD = 1000
"""Sites in one repository, from which on another one is worth it."""


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
    """A fleet's habits: times in seconds; `alive` None where no site gives signs of life."""

    sites: int
    poll: float = 300.0
    alive: float | None = 3600.0
    statuses_per_day: float = 4.0

    @property
    def branches(self) -> int:
        """`main`, and a desired and a reported state for each site."""
        return 1 + 2 * self.sites

    @property
    def reads_per_second(self) -> float:
        """Polls, spread evenly."""
        return self.sites / self.poll

    @property
    def pushes_per_minute(self) -> float:
        """Statuses and signs of life; a status stands in for a sign, which is left out here."""
        signs = 0.0 if self.alive is None else 60 / self.alive
        return self.sites * (self.statuses_per_day / (24 * 60) + signs)

    @property
    def push_bytes(self) -> int:
        """What a server that hides no refs shows at each push."""
        return ADVERT_BYTES * (self.branches + (0 if self.alive is None else self.sites))

    @property
    def growth_per_year(self) -> int:
        """Bytes of history: statuses only, a sign of life has none."""
        return round(self.sites * self.statuses_per_day * 365 * STATUS_BYTES)

    @property
    def shards(self) -> int:
        """Repositories to spread the sites over."""
        return max(1, ceil(self.sites / SHARD))


def breaches(load: Load, limits: Limits = GITHUB) -> Iterator[str]:
    """What a fleet asks for beyond the limits, found and expected."""
    pairs = (
        ("branches", load.branches, limits.branches),
        ("reads a second", load.reads_per_second, limits.reads_per_second),
        ("pushes a minute", load.pushes_per_minute, limits.pushes_per_minute),
        ("bytes a year", load.growth_per_year, limits.bytes),
    )
    for name, found, most in pairs:
        if found > most:
            yield f"{found:.4g} {name}, at most {most:.4g}"
