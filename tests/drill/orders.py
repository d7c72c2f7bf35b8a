"""The orders of writes that a power cut would find out, each the wrong way round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from margo_gitops.model.trip import Counted, TripLedger
from margo_gitops.roles.trips import packing
from margo_gitops.roles.trips.arriving import Arrivals
from margo_gitops.roles.trips.loading import Loading
from margo_gitops.roles.trips.office import Office
from margo_gitops.store.tripfile import TripFile, write_trip


def remembered_first(patch: pytest.MonkeyPatch) -> None:
    """The site writes down that it took a trip in, and then takes it in."""
    bring = Arrivals._bring_blobs

    def early(self: Arrivals, file: TripFile) -> None:
        self._remember(file, Counted(number=file.trip.number, digest=file.digest))
        bring(self, file)

    patch.setattr(Arrivals, "_bring_blobs", early)


def counted_last(patch: pytest.MonkeyPatch) -> None:
    """The office writes the file, and then takes its number."""
    record, write = Office.record, write_trip
    due: list[Callable[[], TripLedger]] = []

    def later(
        self: Office, name: str, change: Callable[[TripLedger], TripLedger], why: str
    ) -> TripLedger:
        due.append(lambda: record(self, name, change, why))
        return change(self.site(name).ledger)

    def first(*words: Any, **more: Any) -> str:
        whole = write(*words, **more)
        due.pop()()
        return whole

    patch.setattr(Office, "record", later)
    patch.setattr(packing, "write_trip", first)


def acknowledged_first(patch: pytest.MonkeyPatch) -> None:
    """The office notes a return trip as loaded, and then loads it."""
    updates = Loading._updates

    def early(self: Loading, *words: Any) -> Any:
        words_of = updates(self, *words)
        self._acknowledge(_FILES[-1], words[0].name)
        return words_of

    wanted = Loading._wanted

    def seen(self: Loading, file: TripFile, *words: Any) -> Any:
        _FILES.append(file)
        return wanted(self, file, *words)

    patch.setattr(Loading, "_wanted", seen)
    patch.setattr(Loading, "_updates", early)


_FILES: list[TripFile] = []
