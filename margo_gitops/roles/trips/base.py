"""What a site is known to hold, and so what its next trip may build on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from margo_gitops.model.report import SiteStatus
from margo_gitops.model.trip import TripLedger
from margo_gitops.roles.trips.office import sent

EVERY = 10
"""In blind mode one trip of so many is full, and the others build on the last full one."""


class Mode(Enum):
    """How a trip is packed."""

    ACKNOWLEDGED = "acknowledged"
    FULL = "full"
    BLIND = "blind"


@dataclass(frozen=True, slots=True)
class Base:
    """A commit of the site's branch that the site holds, and the trip that brought it.

    `blobs` are the digests that it holds beside; None: all that this commit needs.
    """

    commit: str
    generation: int
    trip: int | None
    blobs: frozenset[str] | None = None


def base(mode: Mode, ledger: TripLedger, said: SiteStatus | None) -> Base | None:
    """What the next trip builds on; None where it must be full."""
    if mode is Mode.FULL:
        return None
    if mode is Mode.BLIND:
        return _last_full(ledger)
    known = [found for found in (_spoken(ledger), _reported(ledger, said)) if found is not None]
    return max(known, key=lambda found: found.generation, default=None)


def _last_full(ledger: TripLedger) -> Base | None:
    full = next((trip for trip in reversed(ledger.sent) if trip.full), None)
    if full is None or ledger.number + 1 - full.number >= EVERY:
        return None
    return Base(full.commit, full.generation, full.number)


def _spoken(ledger: TripLedger) -> Base | None:
    trip = sent(ledger, ledger.acknowledged)
    return None if trip is None else Base(trip.commit, trip.generation, trip.number)


def _reported(ledger: TripLedger, said: SiteStatus | None) -> Base | None:
    now = None if said is None else said.held or said.adopted
    if now is None or said is None:
        return None
    brought = [trip.number for trip in ledger.sent if trip.commit == now.commit]
    number = min(brought, default=None)
    return Base(now.commit, now.generation, number, frozenset(said.blobs))
