"""An office and a site that only sticks connect, in one process, with keys made from names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from margo_gitops.artifacts.content import ContentStore
from margo_gitops.artifacts.registry import registries
from margo_gitops.model import layout
from margo_gitops.model.report import Agent
from margo_gitops.reconcile import Outcome, once
from margo_gitops.roles.beliefs import Identity
from margo_gitops.roles.central import Central
from margo_gitops.roles.local import LocalOrchestrator
from margo_gitops.roles.trips.base import Mode
from margo_gitops.roles.trips.blobs import Blobs
from margo_gitops.roles.trips.book import SiteBook
from margo_gitops.roles.trips.loading import Loaded, Loading
from margo_gitops.roles.trips.office import Office
from margo_gitops.roles.trips.packing import Packed, Packing
from margo_gitops.roles.trips.post import open_post
from margo_gitops.roles.trips.sticks import Sticks
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.noremote import NoRemote
from margo_gitops.store.tripfile import opened_trip

NOW = 1_790_000_000


@dataclass(slots=True)
class Desk:
    """The office: it packs on sticks, and loads what came home."""

    co: Central
    cache: Path
    office: Office = field(init=False)

    def __post_init__(self) -> None:
        self.office = Office(self.co, now=lambda: NOW)

    def pack(
        self,
        out: Path,
        mode: Mode = Mode.ACKNOWLEDGED,
        site: str = "north",
        most: int | None = None,
    ) -> Packed:
        packing = Packing(self.office, Blobs(ContentStore(self.cache), registries))
        out.mkdir(parents=True, exist_ok=True)
        return packing.pack(packing.plan(site, mode), out, most)

    def load(self, path: Path) -> Loaded:
        with opened_trip(path) as file:
            return Loading(self.office).load(file)


@dataclass(slots=True)
class Box:
    """The site: an LO whose one way to the office is a stick."""

    folder: Path
    identity: Identity | None
    site: str = "north"
    mirror: GitStore = field(default_factory=GitStore.memory)
    agent: LocalOrchestrator = field(init=False)

    def __post_init__(self) -> None:
        for name in ("inbox", "outbox"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        book = SiteBook(self.site, self.mirror, lambda: NOW)
        contents = ContentStore(self.folder / "content")
        sticks = Sticks(self.folder / "inbox", self.folder / "outbox")
        self.agent = LocalOrchestrator(
            self.site,
            self.mirror,
            NoRemote(),
            Agent(version="0", formats=("margo-gitops/v1",), instance="lo"),
            lambda: NOW,
            self.identity,
            contents=contents,
            post=open_post(book, self.identity, contents, sticks, patient=False),
        )

    @property
    def tip(self) -> str | None:
        """The commit that is in force."""
        return self.mirror.resolve(layout.site_ref(self.site))

    def bring(self, *paths: Path) -> Outcome:
        """Put these on the stick, and nothing else, and let the site look at it."""
        for path in (self.folder / "inbox").glob("*.margo.tar*"):
            path.unlink()
        for path in paths:
            (self.folder / "inbox" / path.name).write_bytes(path.read_bytes())
        return once(self.agent)

    def answer(self) -> Path:
        """The return trip that lies in the outbox."""
        (path,) = (self.folder / "outbox").glob("*.return.margo.tar")
        return path

    def said(self, path: Path) -> str:
        """What the site left beside a trip."""
        stem = path.name.partition(".margo.tar")[0]
        return (self.folder / "inbox" / f"{stem}.RESULT.txt").read_text()


def copied(store: GitStore) -> GitStore:
    """The same repository once more."""
    again = GitStore.memory()
    StoreTransport(store).fetch(again, store.refs())
    for ref, id in store.refs().items():
        again.move(ref, id, old=None)
    return again


def counting() -> Authorship:
    """Who commits at an office of the tests, at one moment."""
    return Authorship("Ada", "ada@example.invalid", NOW)
