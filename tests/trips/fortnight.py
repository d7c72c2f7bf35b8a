"""Two weeks of three sites without a network: their halls, two desks, the people, the couriers."""

from __future__ import annotations

import random
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

from margo_gitops.model import layout
from margo_gitops.model.approval import Policy
from margo_gitops.model.trip import TripLedger
from margo_gitops.model.trust import Mark
from margo_gitops.roles.trips.base import Mode
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from tests.faults.world import twin
from tests.fleet import SimulatedSite
from tests.trips.desk import Desk
from tests.trips.fates import Couriers
from tests.trips.hall import Faltering, Hall
from tests.trips.people import People, another
from tests.trust.world import MarkInMemory, SignedFleet, SignedSite

OFFICE = "the office"
NODES = {"north": ("n1",), "south": ("s1",), "east": ("e1",)}

EVERY = 5
"""In one fortnight of so many, north's mirror lies on a disk."""


@cache
def base(*, approvals: int) -> SignedFleet:
    """The fleet from which every fortnight starts: enrolled in the workshop, then shipped."""
    fleet = SignedFleet(NODES, policy=Policy(approvals=approvals))
    if approvals:
        fleet.approved(fleet.intent())
    else:
        fleet.co.apply(fleet.intent())
        fleet.co.render()
    fleet.settle()
    return fleet


class Fortnight:
    """Three halls, two desks, the people and the couriers."""

    def __init__(self, seed: int, folder: Path, told: list[str]) -> None:
        self.chance, self.told = random.Random(seed), told
        self.folder = folder
        self.mirrors: list[Faltering] = []
        self.on_disk = "north" if seed % EVERY == 0 else None
        start = base(approvals=seed % 2)
        fleet = another(start)
        self.people = People(fleet, self.chance)
        self.couriers = Couriers(self.chance, folder)
        self.desks = [Desk(fleet, twin(fleet.remote), folder / f"cache-{n}") for n in "ab"]
        self.halls = {site: self._hall(start, site) for site in NODES}
        self.asked: dict[str, Mode] = {}
        self.blind = self.chance.choice([*NODES, None])
        self.last = (self.chance.choice([*NODES]), self.chance.randint(3, 10))
        self.backup: Faltering | None = None
        self.ledgers: dict[str, TripLedger] = {}

    def day(self, day: int) -> None:
        """People work, trips are packed, sticks arrive at both ends; at times a box dies."""
        for _ in range(self.chance.randint(0, 2)):
            self.told.append(self.people.work())
        site, last = self.last
        if day == last - 2:
            self.backup = self._mirror(site)
            _copy(self.halls[site].mirror, self.backup)
        if day == last:
            self.die(site, self.chance.choice(["mirror", "box", "backup"]))
        for site, hall in self.halls.items():
            if self.chance.random() < 0.7:
                self._pack(site, day)
            if self.chance.random() < 0.3:
                hall.work()
        for site in self.chance.sample([*NODES], len(NODES)):
            for stick in self.couriers.arrived(day, site):
                self._visit(site, stick, day)
        for stick in self.couriers.arrived(day, OFFICE):
            self._open(stick)

    def end(self) -> None:
        """Nothing is lost any more: one good round trip for each site, and all must be in step."""
        self.told.append(self.people.decide())
        for desk in self.desks:
            desk.pull()
        for site in NODES:
            self.round_trip(site)
            self.require_in_step(site)
            self.halls[site].require_all()
        for store in (self.people.fleet.remote, *(hall.mirror for hall in self.halls.values())):
            _require_whole(store)

    def close(self) -> None:
        """Let go of the disks."""
        for mirror in self.mirrors:
            mirror.close()

    def round_trip(self, site: str) -> None:
        """Pack, carry, take in, bring back, load; once more, where the site asks for a full one."""
        hall, desk = self.halls[site], self.chance.choice(self.desks)
        for _ in range(2):
            stick = self.couriers.stick()
            desk.pack(site, self.asked.pop(site, Mode.ACKNOWLEDGED), stick)
            words = hall.visit(stick, calm=True)
            self.told.append(f"{site}: {' '.join(words)!r}")
            self._heed(site, words)
            if site not in self.asked:
                break
        for file in sorted(stick.glob("*.return.margo.tar")):
            self.told.append(f"loaded: {desk.load(file)}")
        self._require_ledger(site)

    def require_in_step(self, site: str) -> None:
        hall, co = self.halls[site], self.people.fleet.co
        runs, wanted = hall.node.values(), self.people.wanted(site)
        assert runs == wanted, f"{site} runs {runs}, expected {wanted}"
        tip = self.people.fleet.remote.resolve(layout.site_ref(site))
        assert hall.mirror.resolve(layout.site_ref(site)) == tip, f"{site} holds another state"
        assert co.status(site).in_step, f"the office's status of {site}: {co.status(site)}"
        stick = self.couriers.stick()
        self.desks[0].pack(site, Mode.ACKNOWLEDGED, stick)
        (word,) = hall.visit(stick, calm=True)
        assert "NOTHING NEW" in word, word
        assert hall.node.values() == wanted

    def _pack(self, site: str, day: int) -> None:
        desk = self.chance.choice(self.desks)
        if self.chance.random() < 0.8:
            desk.pull()
        mode = self.asked.pop(site, None) or self._mode(site)
        most = 4096 if self.chance.random() < 0.1 else None
        stick = self.couriers.stick()
        desk.pack(site, mode, stick, most)
        if most is not None and self.chance.random() < 0.3:
            self.chance.choice(sorted(stick.glob("*-of-*"))).unlink()
        fate = self.couriers.send(stick, site, day, [*NODES, OFFICE])
        self.told.append(f"{mode.value} trip {self._require_ledger(site)} for {site}: {fate}")

    def _mode(self, site: str) -> Mode:
        if site == self.blind and self.chance.random() < 0.7:
            return Mode.BLIND
        return Mode.FULL if self.chance.random() < 0.1 else Mode.ACKNOWLEDGED

    def _visit(self, site: str, stick: Path, day: int) -> None:
        words = self.halls[site].visit(stick)
        self.told.append(f"at {site}: {stick.name}: {' '.join(words)!r}")
        if words and self.chance.random() < 0.4:
            self._heed(site, words)
        if self.chance.random() < 0.3:
            self._say(words)
        fate = self.couriers.send(stick, OFFICE, day)
        self.told.append(f"{stick.name} comes home from {site}: {fate}")

    def _heed(self, site: str, words: list[str]) -> None:
        """Somebody reads the results and does as they say."""
        if any("--full" in word for word in words):
            self.asked[site] = Mode.FULL

    def _say(self, words: list[str]) -> None:
        for word in words:
            self.chance.choice(self.desks).hear(word)
            self.told.append("said on the telephone")

    def _open(self, stick: Path) -> None:
        desk = self.chance.choice(self.desks)
        files = sorted(stick.glob("*.margo.tar*"))
        self.chance.shuffle(files)
        for file in files:
            self.told.append(f"{stick.name}: {file.name}: {desk.load(file)}")
        for site in NODES:
            self._require_ledger(site)

    def die(self, site: str, what: str) -> None:
        """A site loses its mirror and keeps its key; or its box, and another takes its place.

        Or somebody puts its mirror back to what it was two days before.
        """
        hall = self.halls[site]
        self.told.append(f"what befalls {site}: {what}")
        if what == "backup" and self.backup is not None:
            hall.restored(self.backup)
            return
        if what == "mirror":
            hall.over(self._mirror(site))
            return
        self.people.rekey(site, "new")
        hall.rekeyed("new", self._mirror(site))

    def _hall(self, start: SignedFleet, site: str) -> Hall:
        mirror = self._mirror(site)
        _copy(start.sites[site].mirror, mirror)
        (name,) = NODES[site]
        node = start.host(site, name, mirror, twin(start.nodes[name].store))
        identity = replace(start.identity(site), marks=MarkInMemory(_marked(start.sites[site])))
        return Hall(site, mirror, node, identity, self.chance)

    def _mirror(self, site: str) -> Faltering:
        """An empty one; that of one site lies on a disk."""
        if site != self.on_disk:
            return Faltering.memory()
        self.mirrors.append(Faltering.create(self.folder / f"mirror-{len(self.mirrors)}.git"))
        return self.mirrors[-1]

    def _require_ledger(self, site: str) -> int:
        """Numbers only grow, each way; what was acknowledged stays so."""
        before, now = self.ledgers.get(site), self.desks[0].ledger(site)
        self.ledgers[site] = now
        numbers = [trip.number for trip in now.sent]
        assert numbers == sorted(set(numbers)), f"numbers of {site}: {numbers}"
        if before is not None:
            assert now.number >= before.number
            assert (now.acknowledged or 0) >= (before.acknowledged or 0)
            back = (0 if t.returned is None else t.returned.number for t in (before, now))
            assert next(back) <= next(back), f"return trips of {site} turned back"
        return now.number


def _copy(store: GitStore, to: GitStore) -> None:
    StoreTransport(store).fetch(to, store.refs())
    for ref, id in store.refs().items():
        if to.resolve(ref) is None:
            to.move(ref, id, old=None)


def _require_whole(store: GitStore) -> None:
    """Everything that a ref names is there; on a disk, git says so, too."""
    for tip in store.refs().values():
        store.files(tip)
    if store.path is not None:
        words = ["git", "-C", str(store.path), "fsck", "--full", "--no-dangling"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def _marked(site: SimulatedSite) -> Mark | None:
    """How far the box had come in the workshop, as it stands beside its key."""
    assert isinstance(site, SignedSite)
    assert site.identity is not None
    return site.identity.marks.read()
