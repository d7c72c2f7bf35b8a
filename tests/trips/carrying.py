"""A fleet whose sites have no network: an office, sticks, and boxes that only see those."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from margo_gitops.artifacts.content import ContentStore
from margo_gitops.model import layout
from margo_gitops.model.report import Agent, SiteStatus
from margo_gitops.reconcile import Outcome, once
from margo_gitops.roles.local import LocalOrchestrator
from margo_gitops.roles.supplies import nowhere
from margo_gitops.roles.trips.base import Mode
from margo_gitops.roles.trips.blobs import Blobs
from margo_gitops.roles.trips.book import SiteBook
from margo_gitops.roles.trips.loading import Loaded, Loading
from margo_gitops.roles.trips.office import Office
from margo_gitops.roles.trips.packing import Packed, Packing
from margo_gitops.roles.trips.post import open_post
from margo_gitops.roles.trips.sticks import Sticks
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.noremote import NoRemote
from margo_gitops.store.tripfile import opened_trip
from tests.fleet import Link, SimulatedFleet, SimulatedNode
from tests.trust.world import SignedFleet

NOW = 1_000_000_000


class Near(Link):
    """A link within one host, on which large files are read where they lie."""

    def watched(self) -> Path | None:
        return self.to.watched()


@dataclass(slots=True)
class Box:
    """A site's box with its mirror on disk, and a folder for each way of the sticks."""

    fleet: SimulatedFleet
    site: str
    folder: Path
    nodes: dict[str, SimulatedNode] = field(default_factory=dict)
    mirror: GitStore = field(init=False)
    agent: LocalOrchestrator = field(init=False)

    def __post_init__(self) -> None:
        for folder in (self.inbox, self.outbox):
            folder.mkdir(parents=True)
        self.mirror = GitStore.create(self.folder / "mirror.git")
        self.start()
        for node in self.fleet.nodes_of[self.site]:
            host = self.fleet.host(self.site, node, self.mirror, GitStore.memory())
            host.link = Near(StoreTransport(self.folder / "mirror.git"))
            host.contents = ContentStore(self.folder / node)
            host.restart()
            self.nodes[node] = host

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    def start(self) -> None:
        """A new LO process over the same mirror."""
        identity = None
        if isinstance(self.fleet, SignedFleet):
            identity = self.fleet.identity(self.site)
        book = SiteBook(self.site, self.mirror, lambda: NOW)
        contents = ContentStore(self.folder / "content")
        self.agent = LocalOrchestrator(
            self.site,
            self.mirror,
            NoRemote(),
            Agent(version="0", formats=("margo-gitops/v1",), instance=f"lo-{self.site}"),
            lambda: NOW,
            identity,
            contents=contents,
            post=open_post(
                book, identity, contents, Sticks(self.inbox, self.outbox), patient=False
            ),
        )

    def poll(self) -> Outcome:
        return once(self.agent)

    def settle(self) -> None:
        """Passes of the LO and its nodes until all has been said."""
        for _ in range(3):
            self.poll()
            for node in self.nodes.values():
                node.poll()
        self.poll()

    @property
    def status(self) -> SiteStatus:
        tip = self.mirror.resolve(layout.status_ref(self.site)) or ""
        data = self.mirror.read(tip, layout.SITE_STATUS) or b""
        return SiteStatus.model_validate_json(data)

    @property
    def generation(self) -> int | None:
        adopted = self.status.adopted
        return None if adopted is None else adopted.generation

    def returned(self) -> Path:
        """The one return trip that lies in the outbox."""
        (path,) = self.outbox.glob("*.return.margo.tar")
        return path

    def result(self, packed: Packed) -> str:
        """What the site's people read beside a trip."""
        name = packed.path.name.partition(".margo.tar")[0]
        return (self.inbox / f"{name}.RESULT.txt").read_text()


@dataclass(slots=True)
class Carrying:
    """An office over the fleet's repository, and one box for each site."""

    fleet: SimulatedFleet
    folder: Path
    boxes: dict[str, Box] = field(default_factory=dict)
    office: Office = field(init=False)

    def __post_init__(self) -> None:
        self.office = Office(self.fleet.co, now=lambda: NOW)
        for site in self.fleet.nodes_of:
            self._forget(layout.status_ref(site))
            self.boxes[site] = Box(self.fleet, site, self.folder / site)

    def _forget(self, ref: str) -> None:
        """The boxes that the fleet was made with had a network; these begin anew."""
        tip = self.fleet.remote.resolve(ref)
        if tip is not None:
            self.fleet.remote.delete(ref, old=tip)

    @property
    def packing(self) -> Packing:
        return Packing(self.office, Blobs(ContentStore(self.folder / "cache"), nowhere))

    def pack(self, site: str, mode: Mode = Mode.ACKNOWLEDGED, *, to: Path | None = None) -> Packed:
        """A trip on a stick; by default straight in the inbox."""
        packing = self.packing
        return packing.pack(packing.plan(site, mode), to or self.boxes[site].inbox)

    def load(self, path: Path) -> Loaded:
        with opened_trip(path) as file:
            return Loading(self.office).load(file)

    def round(self, site: str) -> Packed:
        """There and back again, with nothing lost."""
        packed = self.pack(site)
        self.boxes[site].settle()
        self.load(self.boxes[site].returned())
        return packed

    def greeting(self, node: str) -> str | None:
        """What runs on a node."""
        (box,) = (box for box in self.boxes.values() if node in box.nodes)
        return box.nodes[node].values().get("hello")
