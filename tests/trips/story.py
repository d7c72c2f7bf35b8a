"""The story that the golden trips are of: an office, a site, four sticks, and a rival office."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from margo_gitops.model import layout
from margo_gitops.model.trip import Counted
from margo_gitops.render import edits
from margo_gitops.roles.trips.base import Mode
from margo_gitops.roles.trips.book import SiteBook
from margo_gitops.roles.trips.office import Office
from margo_gitops.store.git import GitStore
from tests.trips.boxes import NOW, Box, Desk, copied, counting
from tests.trips.making import bundle_of
from tests.trust.world import SignedFleet

SITE = "north"
CARRIED = ("refs/heads/site/north", "refs/heads/status/north", layout.ARTIFACTS)
OFFICE = (layout.MAIN, *CARRIED, "refs/heads/site/south", layout.trips_ref(SITE))


@dataclass(slots=True)
class Reader:
    """Where a reader stands before a trip comes: what is in a bundle, and what it remembers."""

    refs: dict[str, str]
    bundle: bytes | None
    generation: int | None
    last: Counted | None
    acknowledged: int | None = None


@dataclass(slots=True)
class Story:
    """Trips and return trips by name, and readers before and after them."""

    folder: Path
    fleet: SignedFleet = field(init=False)
    desk: Desk = field(init=False)
    box: Box = field(init=False)
    twin: GitStore = field(init=False)
    trips: dict[str, bytes] = field(default_factory=dict)
    readers: dict[str, Reader] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.fleet = SignedFleet({SITE: ("n1",), "south": ()})
        self.fleet.deploy(sites=(SITE,))
        self.desk = Desk(self.fleet.co, self.folder / "cache")
        self.box = Box(self.folder / "box", self.fleet.identity(SITE))
        self.readers["fresh"] = Reader({}, None, None, None)
        self._first_stick()
        self.twin = copied(self.fleet.remote)
        self._exchange("2", greeting="two")
        self._rival()
        self._exchange("3", greeting="three")
        self._exchange("4")
        self.trips["south"] = self.desk.pack(self.folder / "south", site="south").path.read_bytes()

    def _first_stick(self) -> None:
        """The first stick comes to two boxes with one key: someone cloned a disk."""
        packed = self.desk.pack(self.folder / "1", Mode.FULL).path
        clone = Box(self.folder / "clone", self.fleet.identity(SITE))
        clone.agent.now = clone.agent.branch.now = lambda: NOW + 1
        clone.bring(packed)
        self.trips["clone-return"] = clone.answer().read_bytes()
        self._take("1", packed)

    def _exchange(self, name: str, **values: str) -> None:
        """Something changes or not, a stick goes there and comes back."""
        if values:
            self.fleet.set(**values)
        self._take(name, self.desk.pack(self.folder / name).path)

    def _take(self, name: str, packed: Path) -> None:
        self.trips[name] = packed.read_bytes()
        self.readers[f"office-before-{name}"] = self._office()
        self.box.bring(packed)
        self.readers[f"site-after-{name}"] = self._site()
        home = self.box.answer()
        self.trips[f"return-{name}"] = home.read_bytes()
        self.desk.load(home)
        self.readers[f"office-after-{name}"] = self._office()

    def _rival(self) -> None:
        """A copy of the office, from before trip 2, counts and publishes on by itself."""
        co = self.fleet.office(self.twin, counting)
        for value in ("no", "never"):
            wanted = edits.Settings(parameters={"greeting": value})
            co.apply(edits.change(co.main(), "hello", wanted))
            co.render()
        rival = Desk(co, self.folder / "rival-cache")
        for name in ("2", "3", "4", "5"):
            path = rival.pack(self.folder / "rival").path
            self.trips[f"rival-{name}"] = path.read_bytes()

    def _site(self) -> Reader:
        mirror = self.box.mirror
        held = self.box.agent.read()
        refs = {ref: id for ref, id in mirror.refs().items() if ref.startswith(CARRIED)}
        generation = None if held is None else held.change.generation
        last = SiteBook(SITE, mirror, lambda: NOW).read().taken
        return Reader(refs, bundle_of(mirror, refs), generation, last)

    def _office(self) -> Reader:
        store = self.fleet.remote
        refs = {ref: id for ref, id in store.refs().items() if ref.startswith(OFFICE)}
        ledger = Office(self.fleet.co).site(SITE).ledger
        return Reader(
            refs, bundle_of(store, refs), None, ledger.returned, acknowledged=ledger.acknowledged
        )

    def told(self, name: str) -> dict[str, Any]:
        """A reader as `cases.json` tells it."""
        reader = self.readers[name]
        last = None if reader.last is None else reader.last.model_dump(mode="json")
        bundle = None if reader.bundle is None else f"readers/{name}.bundle"
        if name.startswith("office"):
            return {"is": "office", "bundle": bundle, "refs": reader.refs, "returned": last}
        return {"is": f"site {SITE}", "bundle": bundle, "refs": reader.refs, "taken": last}
