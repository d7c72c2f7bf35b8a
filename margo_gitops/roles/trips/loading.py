"""Return trips at the office: checked in quarantine, then one ref move, then the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.errors import Invalid, Refused
from margo_gitops.model import layout
from margo_gitops.model.report import SiteStatus
from margo_gitops.model.trip import Counted, TripLedger
from margo_gitops.roles.asking import requests_of
from margo_gitops.roles.proofs import signed_status
from margo_gitops.roles.trips.office import Office, Site, sent
from margo_gitops.store.epochs import follows
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.quarantine import quarantine, unpack_trip
from margo_gitops.store.transport import Update
from margo_gitops.store.tripfile import TripFile
from margo_gitops.trust.spoken import heard_code
from margo_gitops.trust.trips import Order, code, order, self_sealed, unsealed_up


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a return trip brought: the refs that moved, the site's word, and words for people."""

    site: str
    number: int
    moved: tuple[str, ...]
    status: SiteStatus | None
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Loading:
    """Loads return trips at one office."""

    office: Office

    def load(self, file: TripFile) -> Loaded:
        """Take a return trip in. Loading it again is quiet.

        Raises `Refused` for what is not the site's own, damaged, or no return trip; `Missing`
        where it builds on a status that is not here. Nothing has then changed.
        """
        trip = file.trip
        if trip.direction != "up":
            raise Invalid(
                f"{file.name} is a trip to the site {trip.site}, no return trip",
                help=f"margo lo run --site {trip.site} --inbox DIR, there",
            )
        site = self.office.site(trip.site)
        wanted, sealed = self._wanted(file, site)
        come = order(trip, file.digest, site.ledger.returned)
        if come is not Order.NEW:
            return Loaded(site.name, trip.number, (), None, (_known(come, site.ledger),))
        with quarantine(self.office.store, [layout.status_ref(site.name)]) as scratch:
            unpack_trip(file, scratch)
            status = self._status(site, scratch, wanted)
            updates = self._updates(site, scratch, wanted)
            StoreTransport(scratch).fetch(
                self.office.store, {update.ref: update.new for update in updates}
            )
        self.office.hand_over(updates)
        if sealed:
            self._acknowledge(file, site.name)
        words = tuple(_words(site, status, trip.acknowledges, sealed=sealed))
        return Loaded(
            site.name, trip.number, tuple(update.ref for update in updates), status, words
        )

    def acknowledge(self, name: str, number: int, said: str) -> TripLedger:
        """Take the site's people at their word that a trip was taken in.

        Raises `Invalid` where the ledger has no such trip, or the code is another trip's.
        """
        site = self.office.site(name)
        trip = sent(site.ledger, number)
        if trip is None:
            raise Invalid(
                f"the ledger of {name} has no trip {number}", help=f"margo trip ledger {name}"
            )
        counted = Counted(number=number, digest=trip.digest)
        if not heard_code(said, code(name, counted)):
            raise Invalid(
                f"{said[:40]!r} is not what {name} says once trip {number} was taken in",
                then="nothing was written",
                help="let them read the last line of the RESULT.txt on the stick again",
            )

        def known(ledger: TripLedger) -> TripLedger:
            return ledger.model_copy(update={"acknowledged": max(number, ledger.acknowledged or 0)})

        return self.office.record(name, known, f"trip {number} was taken in, they say")

    def _wanted(self, file: TripFile, site: Site) -> tuple[dict[str, str], bool]:
        """The refs that are taken from a trip, and whether the enrolled site sealed it.

        A box that asks for its place is enrolled nowhere yet: only what it asks is taken.
        """
        trip = file.trip
        self.office.require_fleet(file.name, trip.fleet)
        asked = requests_of(site.name, trip.refs)
        strange = trip.refs.keys() - asked.keys() - {layout.status_ref(site.name)}
        if strange:
            raise Refused(
                f"{file.name} carries {min(strange)}, which is none of {site.name}'s", rule="refs"
            )
        trust = self.office.co.trust()
        key = None if trust is None else trust.site_key(site.name)
        problem = unsealed_up(file.data, file.seal, key)
        if trust is not None and key is None:
            problem = f"{site.name} is not enrolled"
        if problem is None:
            return dict(trip.refs), True
        if trust is not None and asked and self_sealed(file.data, file.seal):
            return asked, False
        raise Refused(
            f"{file.name}: {problem}",
            rule="signature",
            then="nothing was taken in",
            help=f"margo trip inspect {file.name}",
        )

    def _status(
        self, site: Site, scratch: GitStore, wanted: Mapping[str, str]
    ) -> SiteStatus | None:
        """The site's word that came; in a signed fleet its own signature is on that, too."""
        tip = wanted.get(layout.status_ref(site.name))
        if tip is None:
            return None
        files = scratch.files(tip)
        trust = self.office.co.trust()
        if trust is None:
            data = files.get(layout.SITE_STATUS, b"")
            found: SiteStatus | None = canonical.load(data, SiteStatus, layout.SITE_STATUS)
        else:
            found = signed_status(files, trust.site_key(site.name) or "")
        if found is None or found.site != site.name:
            raise Refused(f"the status that came is not {site.name}'s own", rule="signature")
        return found

    def _updates(self, site: Site, scratch: GitStore, wanted: Mapping[str, str]) -> list[Update]:
        """The moves that are due; `Refused` (rule `fork`) where the status went two ways."""
        updates = []
        there = self.office.confirmed(list(wanted))
        for ref, new in sorted(wanted.items()):
            old = there.get(ref)
            if old == new or (old is not None and follows(scratch, ref, new, old)):
                continue
            if ref == layout.status_ref(site.name) and old is not None:
                self._require_follows(scratch, ref, old, new)
            updates.append(Update(ref, old, new))
        return updates

    def _require_follows(self, scratch: GitStore, ref: str, old: str, new: str) -> None:
        if not follows(scratch, ref, old, new):
            name = ref.rpartition("/")[2]
            raise Refused(
                f"{ref.removeprefix('refs/heads/')} went two ways: {old[:12]} here, {new[:12]} on"
                " the stick: two agents report for one site, or one lost its state",
                rule="fork",
                then="nothing was taken in",
                help=f"margo trip pack {name} --full --out DIR; the site joins the two",
            )

    def _acknowledge(self, file: TripFile, name: str) -> None:
        trip = file.trip
        taken = trip.acknowledges
        known = 0 if taken is None else taken.number
        returned = Counted(number=trip.number, digest=file.digest)

        def add(ledger: TripLedger) -> TripLedger:
            """A ledger that was lost learns again what was counted before."""
            return ledger.model_copy(
                update={
                    "last": taken if known > ledger.number else ledger.last,
                    "acknowledged": max(known, ledger.acknowledged or 0) or None,
                    "returned": returned,
                }
            )

        self.office.record(name, add, f"return trip {trip.number}, acknowledges {known or 'none'}")


def _known(come: Order, ledger: TripLedger) -> str:
    last = 0 if ledger.returned is None else ledger.returned.number
    if come is Order.AGAIN:
        return f"nothing new: return trip {last} was loaded before"
    return f"overtaken: return trip {last} was loaded before, and holds all that this one had"


def _words(
    site: Site, status: SiteStatus | None, acknowledged: Counted | None, *, sealed: bool
) -> list[str]:
    if not sealed:
        accept = f"margo site accept {site.name}"
        return [f"{site.name} asks for its place, and only that was taken: {accept}"]
    words = []
    if acknowledged is not None:
        words.append(f"trip {acknowledged.number} was taken in there")
    if status is not None and status.adopted is not None:
        words.append(f"generation {status.adopted.generation} is in force")
    if status is not None:
        refused = () if status.trips is None else status.trips.refused
        words += [f"refused {r.commit[:12]} [{r.rule}]: {r.message}" for r in status.refusals]
        words += [f"refused {r.file} [{r.rule}]: {r.message}" for r in refused]
    return words or ["nothing new"]
