"""An office: one person's clone, from which trips are packed and into which they are loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from margo_gitops.artifacts.content import ContentStore
from margo_gitops.errors import MargoError, Missing, Refused
from margo_gitops.model import layout
from margo_gitops.model.trip import TripLedger
from margo_gitops.roles.supplies import nowhere
from margo_gitops.roles.trips.base import Mode
from margo_gitops.roles.trips.blobs import Blobs
from margo_gitops.roles.trips.loading import Loading
from margo_gitops.roles.trips.office import Office
from margo_gitops.roles.trips.packing import Packing
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.sync import fetch_branches
from margo_gitops.store.tripfile import opened_trip
from tests.trust.world import SignedFleet

SPOKEN = re.compile(r'margo trip ack (\S+) (\d+) --code "([^"]+)"')


@dataclass
class Desk:
    """A clone beside others of one remote; what it lacks it learns by `pull`."""

    fleet: SignedFleet
    store: GitStore
    folder: Path
    office: Office = field(init=False)

    def __post_init__(self) -> None:
        self.far = StoreTransport(self.fleet.remote)
        co = self.fleet.office(self.store, self.fleet._author)
        self.office = Office(co, self.far, lambda: self.fleet.clock)
        self.pull()

    def pull(self) -> None:
        """Follow the remote."""
        main, held = fetch_branches(self.store, self.far).main, self.store.resolve(layout.MAIN)
        if main and main != held:
            self.store.move(layout.MAIN, main, old=held)

    def pack(self, site: str, mode: Mode, stick: Path, most: int | None = None) -> None:
        """A trip on a stick."""
        packing = Packing(self.office, Blobs(ContentStore(self.folder), nowhere))
        packing.pack(packing.plan(site, mode), stick, most)

    def load(self, file: Path) -> str:
        """What came of a file; a person whom something stops pulls, and tries again."""
        try:
            return self._loaded(file)
        except (Refused, Missing):
            self.pull()
        except MargoError as error:
            return str(error)
        try:
            return self._loaded(file)
        except MargoError as error:
            return str(error)

    def hear(self, words: str) -> None:
        """What somebody reads from a RESULT.txt on the telephone."""
        if (match := SPOKEN.search(words)) is not None:
            Loading(self.office).acknowledge(match[1], int(match[2]), match[3])

    def ledger(self, site: str) -> TripLedger:
        """As the remote has it."""
        return self.office.site(site).ledger

    def _loaded(self, file: Path) -> str:
        with opened_trip(file) as trip:
            return "; ".join(Loading(self.office).load(trip).words)
