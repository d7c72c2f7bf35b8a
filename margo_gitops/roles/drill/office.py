"""The office of the drill: a signed fleet's repository, its remote, and the person's key."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from margo_gitops.artifacts.content import ContentStore
from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.fleet import ApplicationRef, Device, Fleet, Intent, Site, Targets
from margo_gitops.model.trust import EnrolRequest
from margo_gitops.render import edits
from margo_gitops.roles.central import BareMain, Central
from margo_gitops.roles.ceremony import first_root
from margo_gitops.roles.drill.goods import Goods
from margo_gitops.roles.enrolment import accepting, invitation
from margo_gitops.roles.identity import enrol
from margo_gitops.roles.signing import KeyFile, machine_key
from margo_gitops.roles.supplies import nowhere
from margo_gitops.roles.trips.base import Mode
from margo_gitops.roles.trips.blobs import Blobs
from margo_gitops.roles.trips.loading import Loaded, Loading
from margo_gitops.roles.trips.office import Office
from margo_gitops.roles.trips.packing import Packed, Packing
from margo_gitops.store import sync
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.transport import open_transport
from margo_gitops.store.tripfile import opened_trip

SITE, OTHER, NODE = "north", "south", "n1"
NAME = "hello"
PERSON = "ada"

REMOTE, CLONE, KEY, CACHE, PIN = "remote.git", "office.git", "key", "cache", "pinned"


@dataclass(slots=True)
class DrillOffice:
    """The office in `folder`; `goods` makes what is deployed. All of it is found there again."""

    folder: Path
    goods: Goods
    word: int = 0
    """How many greetings were given out; each generation has one of its own."""
    _key: KeyFile | None = field(default=None, repr=False)

    @property
    def key(self) -> KeyFile:
        """The person's key, with every role in the fleet."""
        if self._key is None:
            self._key = machine_key(self.folder / KEY)
        return self._key

    def found(self) -> None:
        """Make the fleet of two sites, with one application, deployed to both."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fleet = Fleet(id=str(uuid.uuid4()), name="drill")
        root = first_root(fleet.id, PERSON, self.key)
        (self.folder / PIN).write_text(canonical.digest(root[layout.root_path(1)]))
        for name in (REMOTE, CLONE):
            GitStore.create(self.folder / name).close()
        with self.central() as co:
            co.apply(edits.new_fleet(fleet, root))
            for site in (SITE, OTHER):
                co.apply(edits.add_site(co.main(), Site(id=site)))
            device = Device(id=NODE, site=SITE, device_id=f"{SITE}/{NODE}")
            co.apply(edits.add_device(co.main(), device, None))
            version = self._stock(co)
            co.apply(edits.deploy(co.main(), _intent(version, self.goods)))

    def admit(self, state: Path, site: str, node: str | None = None) -> None:
        """Enrol a box whose state folder that is; its key never leaves it."""
        with self.central() as co:
            invited = invitation(co, site, node)
            key = str(enrol(state, invited).key.key)
            asked = EnrolRequest(
                fleet=invited.fleet, root=invited.root, site=site, node=node, key=key
            )
            co.apply(accepting(co, asked, self.key, again=False))

    def publish(self) -> None:
        """Render, and push as `margo push` does."""
        with self.central() as co:
            co.render()
            far = open_transport(str(self.folder / REMOTE))
            for push in (sync.push_main, sync.push_artifacts, sync.push_sites):
                push(co.store, far)

    def advance(self, *, goods: bool = False) -> str:
        """The next generation, published: another greeting, with `goods` another module, too."""
        self.word += 1
        greeting = f"Hello-{self.word}"
        with self.central() as co:
            version = self._stock(co) if goods else None
            change = edits.Settings(parameters={"greeting": greeting}, version=version)
            co.apply(edits.change(co.main(), NAME, change))
        self.publish()
        return greeting

    def pack(self, out: Path, mode: Mode = Mode.ACKNOWLEDGED, site: str = SITE) -> Packed:
        """A trip into this folder, as `margo trip pack` makes it."""
        out.mkdir(parents=True, exist_ok=True)
        with self.opened() as office:
            packing = Packing(office, self.blobs(), ("amd64",))
            return packing.pack(packing.plan(site, mode), out)

    def load(self, path: Path) -> Loaded:
        """A return trip, as `margo trip load` takes it."""
        with self.opened() as office, opened_trip(path) as file:
            return Loading(office).load(file)

    def tips(self) -> dict[str, str]:
        """Every ref of the remote."""
        with GitStore.open(self.folder / REMOTE) as store:
            return store.refs()

    def blobs(self) -> Blobs:
        """The office's cache; no registry is asked in a drill."""
        return Blobs(ContentStore(self.folder / CACHE), nowhere)

    @contextmanager
    def opened(self) -> Iterator[Office]:
        """The office's part of sticks, over the clone and its remote."""
        with self.central() as co:
            yield Office(co, open_transport(str(self.folder / REMOTE)))

    @contextmanager
    def central(self) -> Iterator[Central]:
        """The CO of the clone."""
        pinned = (self.folder / PIN).read_text()
        with GitStore.open(self.folder / CLONE) as store:
            yield Central(store, BareMain(store, _author), pinned, lambda: self.key)

    def _stock(self, co: Central) -> str:
        """A further version of the application, its module in the cache; the version."""
        count = sum(id == self.goods.application for id, _ in co.main().applications)
        made = self.goods.version(f"{count + 1}.0.0")
        contents = self.blobs().contents
        for digest, data in made.blobs.items():
            contents.put(digest, len(data), data)
        co.apply(edits.add_application(co.main(), made.description, made.files, made.lock))
        return made.lock.version


def _author() -> Authorship:
    return Authorship(PERSON, f"{PERSON}@margo-gitops.invalid", int(time.time()))


def _intent(version: str, goods: Goods) -> Intent:
    return Intent(
        name=NAME,
        application=ApplicationRef(id=goods.application, version=version),
        profile=goods.profile,
        targets=Targets(sites=(SITE, OTHER)),
    )
