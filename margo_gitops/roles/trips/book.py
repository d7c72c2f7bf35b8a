"""What a site remembers of its sticks, on a ref of its own mirror."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.trip import SiteTrips, TripsWord
from margo_gitops.store.git import Authorship, GitStore

PAPER = "trips.json"


@dataclass(frozen=True, slots=True)
class SiteBook:
    """`trips.json` at `refs/margo/trip/<site>` of the mirror; written by the site's LO alone."""

    site: str
    store: GitStore
    now: Callable[[], int]

    def read(self) -> SiteTrips:
        """What is remembered; empty before the first stick."""
        tip = self.store.resolve(layout.trips_ref(self.site))
        if tip is None:
            return SiteTrips(site=self.site)
        return canonical.load(self.store.read(tip, PAPER) or b"", SiteTrips, PAPER)

    def write(self, book: SiteTrips, why: str) -> None:
        """Remember this from now on, durably; nothing is written where it stands there already."""
        ref = layout.trips_ref(self.site)
        tip = self.store.resolve(ref)
        if tip is not None and self.read() == book:
            return
        commit = self.store.write(
            {PAPER: canonical.dump(book)},
            parents=[] if tip is None else [tip],
            author=Authorship(f"margo lo {self.site}", "agent@margo-gitops.invalid", self.now()),
            message=f"{self.site}: {why}\n",
        )
        self.store.move(ref, commit, old=tip)

    def word(self) -> TripsWord | None:
        """What the status says of it; None where no stick ever came."""
        book = self.read()
        if book.taken is None and not book.refused:
            return None
        return TripsWord(taken=book.taken, refused=book.refused)
