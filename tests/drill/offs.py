"""For each case of the drill its one defence, switched off."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from margo_gitops.artifacts.content import ContentStore
from margo_gitops.model import layout
from margo_gitops.model.report import SiteStatus
from margo_gitops.model.trip import SiteTrips, TripLedger, TripPart
from margo_gitops.roles.trips import answering, arriving, loading, packing
from margo_gitops.roles.trips.base import Base, Mode
from margo_gitops.store import disk, quarantine, tripfile
from margo_gitops.store.tripfile import TripFile
from margo_gitops.trust import adoption, trips
from margo_gitops.trust.trips import Order
from tests.drill.orders import acknowledged_first, counted_last, remembered_first

Off = Callable[[pytest.MonkeyPatch], None]


def instead(where: object, name: str, value: object) -> Off:
    """A defence replaced by something that lets everything pass."""
    return lambda patch: patch.setattr(where, name, value)


def without(where: Any, rule: str) -> Off:
    """A table of clauses without one of them."""

    def off(patch: pytest.MonkeyPatch) -> None:
        left = tuple(clause for clause in where.SITE_CLAUSES if clause[0] != rule)
        assert len(left) == len(where.SITE_CLAUSES) - 1
        patch.setattr(where, "SITE_CLAUSES", left)

    return off


def _last_sent(mode: Mode, ledger: TripLedger, _: SiteStatus | None) -> Base | None:
    """Build on what was sent, as if each trip arrived."""
    if mode is Mode.FULL or not ledger.sent:
        return None
    last = ledger.sent[-1]
    return Base(last.commit, last.generation, last.number)


def _sent_before(self: answering.Answers, _: SiteTrips) -> tuple[str, ...]:
    """Build a return trip on the status before its own, as if that had come home."""
    status = self.store.resolve(layout.status_ref(self.site))
    return () if status is None else self.store.commit(status).parents[:1]


def _unhashed(self: TripFile, part: TripPart, _: Callable[[int], None] | None = None) -> Any:
    return self.raw(part)


def _taken_unhashed(
    self: ContentStore, part: Path, digest: str, _size: int, _came: int, _found: str
) -> Path:
    return part.replace(self._folder / digest[7:])


def _believed(*_: object) -> None:
    """Whoever sealed it."""


def _new(*_: object) -> Order:
    return Order.NEW


def _any_size(found: TripFile) -> int:
    return found.file.seek(0, 2)


def _raw_faults(patch: pytest.MonkeyPatch) -> None:
    """What the disk says goes through as the system said it."""
    for module in list(sys.modules.values()):
        if getattr(module, "disk_faults", None) is disk.disk_faults and module is not disk:
            patch.setattr(module, "disk_faults", lambda _: nullcontext())


def _nothing(*_: object, **__: object) -> None:
    """It is not asked."""


LAST_SENT = instead(packing, "base", _last_sent)
ANY_ORDER = instead(arriving, "order", _new)
ANY_SEAL = instead(arriving, "unsealed_down", _believed)
ANY_SEAL_HOME = instead(loading, "unsealed_up", _believed)
ANY_ORDER_HOME = instead(loading, "order", _new)
ANY_FRAME = instead(TripFile, "require_frame", _nothing)

OFFS: Mapping[str, tuple[Off, str]] = {
    "lost": (LAST_SENT, "builds on"),
    "lost and built upon": (
        instead(quarantine, "_require_base", _nothing),
        "it does not say 'which trip",
    ),
    "late": (LAST_SENT, "builds on"),
    "repeated": (ANY_ORDER, "looked at as a new one"),
    "reordered": (ANY_ORDER, "the site moved"),
    "replayed": (ANY_ORDER, "the site moved"),
    "replayed bundle": (without(adoption, "rollback"), "not told as a rollback"),
    "replayed after a loss": (without(adoption, "floor"), "it went back to an older state"),
    "truncated": (instead(tripfile, "_size", _any_size), "was told as 'trip', expected truncated"),
    "bit flipped in TRIP.json": (ANY_SEAL, "the site moved"),
    "bit flipped in the seal": (ANY_SEAL, "the site moved"),
    "bit flipped in the bundle": (
        instead(TripFile, "read", _unhashed),
        "was told as 'corrupt', expected digest",
    ),
    "bit flipped in a blob": (instead(ContentStore, "_take", _taken_unhashed), "the site moved"),
    "bit flipped in the frame": (ANY_FRAME, "the site moved"),
    "bit flipped in the padding": (ANY_FRAME, "the site moved"),
    "forked numbers": (without(trips, "trip-chain"), "told as fork, not trip-chain"),
    "forked state": (without(adoption, "fork"), "told as descent, not fork"),
    "wrong site": (without(trips, "site"), "told as refs, not site"),
    "wrong fleet": (without(trips, "fleet"), "told as root, not fleet"),
    "wrong way": (without(trips, "direction"), "told as refs, not direction"),
    "unsigned": (ANY_SEAL, "the site moved"),
    "wrong key": (ANY_SEAL, "the site moved"),
    "return trip damaged": (ANY_SEAL_HOME, "was told as nothing"),
    "return trip forged": (ANY_SEAL_HOME, "a ref of the office moved"),
    "return trip repeated": (ANY_ORDER_HOME, "looked at as a new one"),
    "return trip overtaken": (ANY_ORDER_HOME, "a ref of the office moved"),
    "return trip lost": (instead(answering.Answers, "_base", _sent_before), "builds on"),
    "full stick": (instead(packing.Packing, "_require_room", _nothing), "it was packed"),
    "power cut while taking in": (
        remembered_first,
        "the trip is counted, and its state is not in force",
    ),
    "power cut while packing": (counted_last, "the ledger does not know it"),
    "power cut while loading": (acknowledged_first, "the status is the old one"),
    "full disk at the site": (_raw_faults, "the process ended with 1"),
    "full stick while packing": (_raw_faults, "the process ended with 1"),
}
"""By the name of the case: what is off, and how the drill then tells that it went astray.

Every case has one: there is none that nothing defends. Where another defence stands behind the one
that is off, nothing is taken in all the same; the drill sees that the wrong one answered.
"""
