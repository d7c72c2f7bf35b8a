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
        trip, bundle = self._made(refs, fleet, held)
        data = canonical.dump(trip)
        path = outbox / papers.file_name(trip)
        if _is(path, data):
            return None
        self._count(trip, data)
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

    def _made(
        self, refs: Mapping[str, str], fleet: str, held: Desired | None
    ) -> tuple[Trip, bytes]:
        book = self.book.read()
        base = self._base(book)
        bundle = io.BytesIO()
        pack(self.store, bundle, refs, base)
        data = bundle.getvalue()
        part = TripPart(name=BUNDLE, size=len(data), digest=canonical.digest(data))
        again = book.sent is not None and book.refs == refs
        number = 1 if book.sent is None else book.sent.number + (not again)
        previous = book.before if again or book.sent is None else book.sent.digest
        trip = Trip(
            fleet=fleet,
            site=self.site,
            direction="up",
            number=number,
            previous=previous,
            acknowledges=book.taken,
            builds_on=None,
            generation=None if held is None else held.change.generation,
            refs=dict(refs),
            prerequisites=base,
            parts=(part,),
        )
        digest = canonical.digest(canonical.dump(trip))
        if again and book.sent is not None and digest != book.sent.digest:
            trip = trip.model_copy(update={"number": number + 1, "previous": book.sent.digest})
        return trip, data

    def _base(self, book: SiteTrips) -> tuple[str, ...]:
        """The status that the office has; all of it where that is not known or not here."""
        if book.office is None or not is_commit(self.store.objects, oid(book.office)):
            return ()
        return (book.office,)

    def _count(self, trip: Trip, data: bytes) -> None:
        book = self.book.read()
        counted = Counted(number=trip.number, digest=canonical.digest(data))
        if book.sent == counted:
            return
        before = None if book.sent is None else book.sent.digest
        changes = {"sent": counted, "before": before, "refs": trip.refs}
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


def _is(path: Path, data: bytes) -> bool:
    """Whether this very trip lies there whole."""
    if not path.is_file():
        return False
    try:
        with opened_trip(path) as file:
            return file.data == data
    except (Refused, Missing):
        return False
