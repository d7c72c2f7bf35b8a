"""The office's side of a site's sticks: what the remote confirmed, and the ledger.

The ledger is a branch of its own, one commit for each trip. A number is taken by compare-and-swap
at the remote, so that two offices never give the same one away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from margo_gitops.documents import canonical, own
from margo_gitops.errors import Invalid, LostRace, Refused
from margo_gitops.model import layout
from margo_gitops.model.fleet import Fleet
from margo_gitops.model.report import SiteStatus
from margo_gitops.model.trip import SentTrip, TripLedger
from margo_gitops.roles.central import Central
from margo_gitops.roles.proofs import newest_status
from margo_gitops.roles.reading import site_status
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.transport import Transport, Update

LEDGER = "ledger.json"

REMEMBERED = 50
"""Trips that a ledger names; the newest acknowledged one stays beyond that."""

_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Site:
    """A site as the remote has it: the tips of its refs, all of whose objects are here."""

    name: str
    tips: Mapping[str, str]
    ledger: TripLedger

    @property
    def tip(self) -> str | None:
        """The commit of its desired state; None where nothing was published yet."""
        return self.tips.get(layout.site_ref(self.name))

    @property
    def status(self) -> str | None:
        """The commit of its status."""
        return self.tips.get(layout.status_ref(self.name))


@dataclass(frozen=True)
class Office:
    """A clone, or a bare repository that is the remote itself (`remote` None)."""

    co: Central
    remote: Transport | None = None
    now: Callable[[], int] = lambda: int(time.time())

    @property
    def store(self) -> GitStore:
        """The repository."""
        return self.co.store

    @property
    def name(self) -> str:
        """Where the refs are that count."""
        return "this repository" if self.remote is None else self.remote.name

    @cached_property
    def fleet(self) -> str:
        """The fleet's id; nothing else of `main` is read."""
        data = self.store.read(self.co.head(), layout.FLEET) or b""
        return own.read(data, Fleet, layout.FLEET).id

    def site(self, name: str) -> Site:
        """Where a site stands; `Invalid` where `main` has no such site."""
        if self.store.read(self.co.head(), layout.site_path(name)) is None:
            raise Invalid(f"there is no site {name}", help="margo site list")
        refs = (layout.site_ref(name), layout.status_ref(name), layout.trips_ref(name))
        tips = self.confirmed(refs)
        return Site(name, tips, self._ledger(name, tips.get(refs[2])))

    def require_fleet(self, name: str, found: str) -> None:
        """`Refused` (rule `fleet`) where a trip is another fleet's."""
        if found != self.fleet:
            raise Refused(f"{name} is of the fleet {found}, expected {self.fleet}", rule="fleet")

    def confirmed(self, refs: Sequence[str]) -> dict[str, str]:
        """What the remote has of these refs, brought here; no ref of this clone moves."""
        if self.remote is None:
            found = {ref: self.store.resolve(ref) for ref in refs}
            return {ref: id for ref, id in found.items() if id is not None}
        tips = self.remote.refs(refs)
        self.remote.fetch(self.store, tips)
        return tips

    def said(self, site: Site) -> tuple[str, SiteStatus] | None:
        """The newest status that is the site's own word, and its commit."""
        trust = self.co.trust()
        if site.status is None:
            return None
        if trust is None:
            status = site_status(self.store, site.status)
            return None if status is None else (site.status, status)
        key = trust.site_key(site.name)
        return None if key is None else newest_status(self.store, site.status, key)

    def record(self, name: str, change: Callable[[TripLedger], TripLedger], why: str) -> TripLedger:
        """Write the ledger as `change` makes it of the present one; confirmed by the remote.

        Raises `LostRace` where others were quicker again and again.
        """
        ref = layout.trips_ref(name)
        for _ in range(_ROUNDS):
            tip = self.confirmed([ref]).get(ref)
            before = self._ledger(name, tip)
            after = _bounded(change(before))
            if after == before:
                return after
            try:
                self._move(ref, tip, after, why)
            except LostRace:
                continue
            return after
        raise LostRace(f"the ledger of {name} keeps being moved by another")

    def hand_over(self, updates: Sequence[Update]) -> None:
        """Move these refs at the remote, then here."""
        if self.remote is not None:
            self.remote.push(self.store, updates)
        for update in updates:
            held = self.store.resolve(update.ref)
            if held != update.new:
                self.store.move(update.ref, update.new, old=held)

    def _ledger(self, name: str, tip: str | None) -> TripLedger:
        if tip is None:
            return TripLedger(site=name)
        found = canonical.load(self.store.read(tip, LEDGER) or b"", TripLedger, LEDGER)
        if found.site != name:
            raise Refused(f"the ledger of {name} is that of {found.site}", rule="site")
        return found

    def _move(self, ref: str, tip: str | None, ledger: TripLedger, why: str) -> None:
        commit = self.store.write(
            {LEDGER: canonical.dump(ledger)},
            parents=[] if tip is None else [tip],
            author=Authorship(self.co.branch.who(), "margo@margo-gitops.invalid", self.now()),
            message=f"{ledger.site}: {why}\n\nTrip: {ledger.number}\n",
        )
        self.hand_over([Update(ref, tip, commit)])


def sent(ledger: TripLedger, number: int | None) -> SentTrip | None:
    """A trip of the ledger by its number."""
    return next((trip for trip in ledger.sent if trip.number == number), None)


def _bounded(ledger: TripLedger) -> TripLedger:
    """Without what nobody asks for any more."""
    kept = ledger.sent[-REMEMBERED:]
    known = sent(ledger, ledger.acknowledged)
    full = next((trip for trip in reversed(ledger.sent) if trip.full), None)
    older = {trip.number: trip for trip in (known, full) if trip is not None and trip not in kept}
    return ledger.model_copy(update={"sent": (*(older[key] for key in sorted(older)), *kept)})
