"""Return trips: what a site says to the office by stick. It is the acknowledgement.

One lies in the outbox whenever there is one: the newest, which holds all that the office is not
known to have. A stick that comes later, or was emptied, gets the same again.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.documents import canonical
from margo_gitops.errors import Missing, Refused
from margo_gitops.model import layout
from margo_gitops.model.trip import Counted, SiteTrips, Trip, TripPart
from margo_gitops.model.trust import EnrolRequest
from margo_gitops.roles.asking import MANY, asked
from margo_gitops.roles.trips import papers
from margo_gitops.roles.trips.book import SiteBook
from margo_gitops.store.bundle import pack
from margo_gitops.store.git import GitStore
from margo_gitops.store.objects import oid
from margo_gitops.store.tripfile import BUNDLE, opened_trip, write_trip
from margo_gitops.store.walk import is_commit
from margo_gitops.trust.offer import Desired
from margo_gitops.trust.sshsig import Signer
from margo_gitops.trust.trips import seal


@dataclass(frozen=True, slots=True)
class _Said:
    """What a return trip tells, but for what it acknowledges."""

    fleet: str
    generation: int | None
    refs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answers:
    """The outbox of one site; `signer` is its key, None in an open fleet."""

    site: str
    store: GitStore
    book: SiteBook
    signer: Signer | None = None

    def leave(self, outbox: Path, held: Desired | None) -> Path | None:
        """Have the newest return trip in the outbox; its file where it was written just now.

        Nothing is written where no stick is there, or nothing can be said yet.
        """
        refs = self._refs()
        fleet = self._fleet(refs, held)
        if not outbox.is_dir() or not refs or fleet is None:
            return None
        book = self.book.read()
        said = _Said(fleet, None if held is None else held.change.generation, refs)
        base = self._base(book)
        if self._lies_there(outbox, book, said, base):
            return None
        trip, bundle = self._made(book, said, base)
        data = canonical.dump(trip)
        self._count(book, trip, data)
        path = outbox / papers.file_name(trip)
        sealed = seal(data, self.signer)
        whole = write_trip(path, trip, sealed, {BUNDLE: lambda: [bundle]})
        papers.leave(papers.slip_path(path), papers.slip(trip, path.name, whole))
        self._clear(outbox, trip)
        return path

    def _refs(self) -> dict[str, str]:
        """The site's status, and what boxes of it ask for."""
        status = self.store.resolve(layout.status_ref(self.site))
        own = {} if status is None else {layout.status_ref(self.site): status}
        return {**dict(sorted(asked(self.store, self.site).items())[:MANY]), **own}

    def _fleet(self, refs: Mapping[str, str], held: Desired | None) -> str | None:
        """As the site holds it, or as the box says that asks to be one."""
        if held is not None:
            return held.change.fleet
        own = refs.get(layout.request_ref(self.site, None))
        data = None if own is None else self.store.read(own, layout.REQUEST)
        return None if data is None else canonical.load(data, EnrolRequest, layout.REQUEST).fleet

    def _lies_there(
        self, outbox: Path, book: SiteTrips, said: _Said, base: tuple[str, ...]
    ) -> bool:
        """Whether the trip that was made last lies there whole, and nothing is new since."""
        if book.sent is None:
            return False
        path = outbox / papers.return_name(self.site, book.sent.number)
        if not path.is_file():
            return False
        try:
            with opened_trip(path) as file:
                digest, trip = file.digest, file.trip
        except (Refused, Missing):
            return False
        told = _Said(trip.fleet, trip.generation, trip.refs)
        known = (trip.acknowledges, trip.prerequisites)
        return digest == book.sent.digest and (told, known) == (said, (book.taken, base))

    def _made(self, book: SiteTrips, said: _Said, base: tuple[str, ...]) -> tuple[Trip, bytes]:
        """The trip that was made last, where it would be the very same; else the next."""
        bundle = io.BytesIO()
        pack(self.store, bundle, said.refs, base)
        data = bundle.getvalue()
        sent = book.sent
        trip = Trip(
            fleet=said.fleet,
            site=self.site,
            direction="up",
            number=1 if sent is None else sent.number,
            previous=book.before,
            acknowledges=book.taken,
            builds_on=None,
            generation=said.generation,
            refs=dict(said.refs),
            prerequisites=base,
            parts=(TripPart(name=BUNDLE, size=len(data), digest=canonical.digest(data)),),
        )
        if sent is None or canonical.digest(canonical.dump(trip)) == sent.digest:
            return trip, data
        after = {"number": sent.number + 1, "previous": sent.digest}
        return trip.model_copy(update=after), data

    def _base(self, book: SiteTrips) -> tuple[str, ...]:
        """The status that the office has; all of it where that is not known or not here."""
        if book.office is None or not is_commit(self.store.objects, oid(book.office)):
            return ()
        return (book.office,)

    def _count(self, book: SiteTrips, trip: Trip, data: bytes) -> None:
        counted = Counted(number=trip.number, digest=canonical.digest(data))
        if book.sent == counted:
            return
        before = None if book.sent is None else book.sent.digest
        changes = {"sent": counted, "before": before}
        self.book.write(book.model_copy(update=changes), f"return trip {trip.number}")

    def _clear(self, outbox: Path, newest: Trip) -> None:
        """Remove the return trips that the newest one holds all of."""
        for path in outbox.glob(papers.returns_of(self.site)):
            try:
                with opened_trip(path) as file:
                    old = file.trip
            except (Refused, Missing):
                continue
            ours = (old.fleet, old.site, old.direction) == (newest.fleet, newest.site, "up")
            if ours and old.number < newest.number:
                path.unlink(missing_ok=True)
                papers.slip_path(path).unlink(missing_ok=True)
