"""What is cut short: a site takes a trip in, an office packs one, an office loads one.

Each is done on a folder that was prepared, then looked at, then done again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from margo_gitops.errors import MargoError, Stalled
from margo_gitops.model import layout
from margo_gitops.model.trip import TripLedger
from margo_gitops.roles.agents import MIRROR
from margo_gitops.roles.drill.casebook import expect
from margo_gitops.roles.drill.goods import Goods
from margo_gitops.roles.drill.office import SITE, DrillOffice
from margo_gitops.roles.drill.site import DrillSite
from margo_gitops.roles.drill.whole import fsck
from margo_gitops.roles.trips.verifying import verify
from margo_gitops.store.tripfile import opened_trip

HOME, STICK, OFFICE, EXPECTED = "home", "stick", "office", "expected.json"
STATUS = layout.status_ref(SITE)


@dataclass(frozen=True, slots=True)
class Told:
    """What a work said when it came to its end, and what was wrong with that."""

    said: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """The commit before and after, and the number of the trip."""

    old: str | None
    new: str
    number: int

    def keep(self, folder: Path) -> None:
        """Write it beside what is prepared."""
        (folder / EXPECTED).write_text(json.dumps(asdict(self)))

    @classmethod
    def of(cls, folder: Path) -> Expected:
        """What was written there."""
        return cls(**json.loads((folder / EXPECTED).read_text()))

    def side(self, found: str | None, what: str) -> str:
        """`old` or `new`; `Astray` for anything else."""
        expect(found in {self.old, self.new}, f"{what} is at {found}, neither old nor new")
        return "new" if found == self.new else "old"


class Work(Protocol):
    """Done once under a fault; `ended` and `repeated` raise `Astray`."""

    def done(self) -> Told:
        """Do it; what was said."""

    def ended(self) -> str:
        """Where it ended: `old`, `new`, or a word between that is allowed."""

    def repeated(self) -> None:
        """Do it again, as after a restart: it must come to its end."""


@dataclass(frozen=True, slots=True)
class Taking:
    """A site takes a trip in."""

    folder: Path

    @property
    def _site(self) -> DrillSite:
        return DrillSite(self.folder / SITE, self.folder / HOME)

    def done(self) -> Told:
        """See `Work`."""
        try:
            answer = self._site.take(self.folder / STICK)
        except MargoError as error:
            return _told(error)
        return _told(answer.troubles[0]) if answer.troubles else Told("")

    def ended(self) -> str:
        """See `Work`: git finds it whole, and it is at one commit or the other."""
        fsck(self.folder / SITE / MIRROR)
        stands, expected = self._site.stands(), Expected.of(self.folder)
        side = expected.side(stands.commit, f"site/{SITE}")
        counted = stands.taken == expected.number
        expect(side == "new" or not counted, "the trip is counted, and its state is not in force")
        return side

    def repeated(self) -> None:
        """See `Work`."""
        answer, expected = self._site.take(self.folder / STICK), Expected.of(self.folder)
        stands = self._site.stands()
        expect(
            (stands.commit, stands.taken) == (expected.new, expected.number),
            f"the same stick again was not taken in: {answer.words}",
        )
        expect(not answer.troubles, f"taken in at last, and still: {answer.words}")


@dataclass(frozen=True, slots=True)
class Packing:
    """An office packs a trip."""

    folder: Path

    @property
    def _office(self) -> DrillOffice:
        return DrillOffice(self.folder / OFFICE, Goods(self.folder))

    def done(self) -> Told:
        """See `Work`."""
        try:
            self._office.pack(self.folder / STICK)
        except MargoError as error:
            return _told(error)
        return Told("")

    def ended(self) -> str:
        """See `Work`: each trip on the stick is whole, and the ledger knows it."""
        ledger, expected = self._ledger(), Expected.of(self.folder)
        found = self._trips()
        counted = {trip.number: trip.digest for trip in ledger.sent}
        for number, digest in found.items():
            expect(
                counted.get(number) == digest,
                f"trip {number} lies there, and the ledger does not know it",
            )
        if ledger.number < expected.number:
            return "old"
        return "new" if expected.number in found else "a number that stays unused"

    def repeated(self) -> None:
        """See `Work`: another number, and a file that its reader will take."""
        before = self._ledger().number
        packed = self._office.pack(self.folder / STICK)
        expect(packed.trip.number == before + 1, f"number {packed.trip.number} after {before}")
        with self._office.opened() as office, opened_trip(packed.path) as file:
            verify(office, file, lambda _: None)
        numbers = [trip.number for trip in self._ledger().sent]
        expect(len(numbers) == len(set(numbers)), f"a number was given twice: {numbers}")

    def _ledger(self) -> TripLedger:
        with self._office.opened() as office:
            return office.site(SITE).ledger

    def _trips(self) -> dict[int, str]:
        found = {}
        for path in sorted((self.folder / STICK).glob(f"{SITE}-*.margo.tar")):
            with opened_trip(path) as file:
                found[file.trip.number] = file.digest
        return found


@dataclass(frozen=True, slots=True)
class Loading:
    """An office loads a return trip."""

    folder: Path

    @property
    def _office(self) -> DrillOffice:
        return DrillOffice(self.folder / OFFICE, Goods(self.folder))

    @property
    def _file(self) -> Path:
        return next((self.folder / STICK).glob("*.return.margo.tar"))

    def done(self) -> Told:
        """See `Work`."""
        try:
            self._office.load(self._file)
        except MargoError as error:
            return _told(error)
        return Told("")

    def ended(self) -> str:
        """See `Work`: what the ledger says was loaded is there."""
        expected, ledger = Expected.of(self.folder), self._ledger()
        side = expected.side(self._office.tips().get(STATUS), "the status")
        known = ledger.returned is not None and ledger.returned.number == expected.number
        expect(side == "new" or not known, "the ledger says loaded, and the status is the old one")
        return side if known or side == "old" else "new, not counted yet"

    def repeated(self) -> None:
        """See `Work`."""
        self._office.load(self._file)
        expected, ledger = Expected.of(self.folder), self._ledger()
        side = expected.side(self._office.tips().get(STATUS), "the status")
        known = ledger.returned is not None and ledger.returned.number == expected.number
        expect(side == "new" and known, "loaded again, and it is not there")

    def _ledger(self) -> TripLedger:
        with self._office.opened() as office:
            return office.site(SITE).ledger


WORKS: Mapping[str, type[Taking | Packing | Loading]] = {
    "taking": Taking,
    "packing": Packing,
    "loading": Loading,
}


def _told(error: MargoError) -> Told:
    """A full disk is a person's to mend, and every other word for it is wrong."""
    problem = "" if isinstance(error, Stalled) else f"told as {type(error).__name__}"
    return Told(error.problem, problem)
