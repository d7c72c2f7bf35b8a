"""Our own readers, set up as `golden/cases.json` says, and what they say of a case."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from margo_gitops.artifacts.content import ContentStore
from margo_gitops.errors import Invalid, MargoError, Missing, Refused
from margo_gitops.model import layout
from margo_gitops.model.trip import Counted
from margo_gitops.roles.adopting import Adopting
from margo_gitops.roles.beliefs import Beliefs, Identity
from margo_gitops.roles.central import BareMain, Central
from margo_gitops.roles.trips.arriving import Arrivals
from margo_gitops.roles.trips.book import SiteBook
from margo_gitops.roles.trips.loading import Loading
from margo_gitops.roles.trips.office import Office
from margo_gitops.store.bundle import BundleTransport
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import Transport
from margo_gitops.store.tripfile import TripFile, opened_trip
from tests.trips.boxes import NOW, counting
from tests.trips.edits import edited
from tests.trips.golden import FOLDER, INDEX
from tests.trips.making import written
from tests.trust.keys import key
from tests.trust.world import MarkInMemory

KIT = json.loads((FOLDER / INDEX).read_bytes())
CASES = KIT["cases"]
SITE = "north"


@dataclass(frozen=True, slots=True)
class Said:
    """What a reader said of a trip, and where it stands then."""

    verdict: str
    rule: str | None
    words: str
    after: Mapping[str, Any]


def laid(case: Mapping[str, Any], folder: Path) -> Path:
    """The case's trip as a file."""
    path = FOLDER / str(case["file"])
    if "edits" not in case:
        return path
    return written(folder / f"{case['name']}.margo.tar", edited(path.read_bytes(), case["edits"]))


def asked(case: Mapping[str, Any], folder: Path) -> Said:
    """Give the case's trip to its reader."""
    reader = KIT["readers"][case["reader"]]
    path = laid(case, folder)
    with GitStore.create(folder / "reader.git") as store:
        if reader["bundle"] is not None:
            bundle = BundleTransport(FOLDER / reader["bundle"])
            bundle.fetch(store, bundle.refs(["refs/"]))
            for ref, id in reader["refs"].items():
                store.move(ref, id, old=None)
        if reader["is"] == "office":
            return _office(store, path)
        return _site(store, path, reader["taken"], folder)


def _site(store: GitStore, path: Path, taken: dict[str, Any] | None, folder: Path) -> Said:
    book = SiteBook(SITE, store, lambda: NOW)
    if taken is not None:
        known = book.read().model_copy(update={"taken": Counted.model_validate(taken)})
        book.write(known, "as the kit says")
    identity = Identity(key("north/"), SITE, KIT["pinned"], MarkInMemory())
    contents = ContentStore(folder / "content")
    arrivals = Arrivals(SITE, store, book, identity, contents)

    def adopt(remote: Transport) -> None:
        ref = layout.site_ref(SITE)
        role = Adopting(SITE, store, Beliefs(SITE, store, identity))
        role.take(remote.refs([ref])[ref], store.resolve(layout.status_ref(SITE)), remote)

    def give(file: TripFile) -> str:
        result = arrivals.take(file, adopt)
        assert result.error is None
        return result.words

    verdict, rule, words = _said(path, give)
    held = Adopting(SITE, store).read()
    last = book.read().taken
    after = {
        "site": None if held is None else held.commit,
        "generation": None if held is None else held.change.generation,
        "taken": None if last is None else last.number,
    }
    return Said(verdict, rule, words, after)


def _office(store: GitStore, path: Path) -> Said:
    office = Office(Central(store, BareMain(store, counting), KIT["pinned"]), now=lambda: NOW)

    def give(file: TripFile) -> str:
        loaded = Loading(office).load(file)
        return "taken in" if loaded.moved else loaded.words[0]

    verdict, rule, words = _said(path, give)
    ledger = office.site(SITE).ledger
    after = {
        "status": store.resolve(layout.status_ref(SITE)),
        "acknowledged": ledger.acknowledged,
        "returned": None if ledger.returned is None else ledger.returned.number,
    }
    return Said(verdict, rule, words, after)


def _said(path: Path, give: Any) -> tuple[str, str | None, str]:
    try:
        with opened_trip(path) as file:
            words: str = give(file)
    except Refused as error:
        return "refused", error.rule, str(error)
    except (Missing, Invalid) as error:
        return ("waits" if isinstance(error, Missing) else "invalid"), None, str(error)
    for begin, verdict in _VERDICTS.items():
        if words.startswith(begin):
            return verdict, None, words
    raise MargoError(words)


_VERDICTS = {"taken in": "taken", "nothing new": "nothing-new", "overtaken": "overtaken"}
