"""A site that no network reaches: its box and its host, and the sticks that people bring there."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from margo_gitops.documents import canonical
from margo_gitops.errors import Stalled
from margo_gitops.model import layout
from margo_gitops.model.record import Change
from margo_gitops.model.report import Agent, SiteStatus
from margo_gitops.reconcile import once
from margo_gitops.roles.beliefs import Identity
from margo_gitops.roles.local import LocalOrchestrator
from margo_gitops.roles.trips.book import SiteBook
from margo_gitops.roles.trips.post import Post, open_post
from margo_gitops.roles.trips.sticks import Sticks
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.noremote import NoRemote
from tests.fleet import MemoryContents, SimulatedNode
from tests.trust.keys import key
from tests.trust.world import MarkInMemory


class PowerCut(Exception):
    """The box went dark."""


class Faltering(GitStore):
    """A mirror whose box goes dark before one of its refs moves, after `lasts` others did."""

    lasts: int | None = None

    def move(self, ref: str, new: str, *, old: str | None) -> None:
        """See `GitStore`."""
        if self.lasts == 0:
            raise PowerCut
        if self.lasts is not None:
            self.lasts -= 1
        super().move(ref, new, old=old)


@dataclass
class Hall:
    """One site. Its mirror survives its agent; its key and mark survive the mirror."""

    site: str
    mirror: Faltering
    node: SimulatedNode
    identity: Identity
    chance: random.Random
    instance: str = "lo"
    adopted: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    contents: MemoryContents = field(default_factory=MemoryContents)
    agent: LocalOrchestrator = field(init=False)
    post: Post = field(init=False)

    def __post_init__(self) -> None:
        self.over(self.mirror)

    def over(self, mirror: Faltering) -> None:
        """Go on with this mirror, the host too."""
        self.mirror = self.node.mirror = mirror
        self.node.link.to = StoreTransport(mirror)
        self.node.restart()
        self.restart()

    def restart(self) -> None:
        """A new agent: nothing but the mirror, the contents, and key and mark are left."""
        book = SiteBook(self.site, self.mirror, lambda: 1_000_000_000)
        self.post = open_post(book, self.identity, self.contents, Sticks(), patient=False)
        self.agent = LocalOrchestrator(
            self.site,
            self.mirror,
            NoRemote(),
            Agent(version="0", formats=("margo-gitops/v1",), instance=self.instance),
            lambda: 1_000_000_000,
            self.identity,
            contents=self.contents,
            post=self.post,
        )

    def rekeyed(self, box: str, mirror: Faltering) -> None:
        """Another box stands in this one's place, with nothing of it."""
        self.instance = box
        self.identity = replace(self.identity, key=key(f"{self.site}/{box}"), marks=MarkInMemory())
        self.contents = MemoryContents()
        self.over(mirror)

    def restored(self, mirror: Faltering) -> None:
        """Somebody put the mirror back; until the next stick it may be behind."""
        self.before += self.adopted
        self.adopted = []
        self.over(mirror)

    def require_all(self) -> None:
        """Whatever was adopted at any time is in the history of what is held."""
        self.adopted, self.before = [*self.before, *self.adopted], []
        self.require_nothing_lost(self.mirror.resolve(layout.site_ref(self.site)) or "")

    def visit(self, stick: Path, *, calm: bool = False) -> list[str]:
        """A stick is put in for some passes, with power cuts in and between them if not `calm`.

        Returns the words of the results that lie on it then.
        """
        self._insert(stick)
        for _ in range(3):
            if not calm and self.chance.random() < 0.2:
                self._cut()
                self._insert(stick)
            self.work()
        self.post.inbox = self.post.outbox = None
        return [path.read_text() for path in sorted(stick.glob("*.RESULT.txt"))]

    def work(self) -> None:
        """One pass of the box, its host, and the box."""
        self._pass()
        before = dict(self.node.engine.owners)
        self.node.poll()
        if self.chance.random() < 0.05:
            self.node.restart()
        self._require_removed(before.keys() - self.node.engine.owners.keys())
        self._pass()

    def _cut(self) -> None:
        self.mirror.lasts = self.chance.randrange(9)
        with suppress(PowerCut):
            self.work()
        self.mirror.lasts = None
        self.restart()
        self.node.restart()

    def _insert(self, stick: Path) -> None:
        self.post.inbox = self.post.outbox = stick

    def _pass(self) -> None:
        outcome = once(self.agent)
        for trouble in outcome.troubles:
            assert not isinstance(trouble, Stalled), f"{self.site} asks for a person: {trouble}"
        tip = self.mirror.resolve(layout.site_ref(self.site))
        if tip is not None:
            self.require_nothing_lost(tip)
            if tip not in self.adopted:
                self.adopted.append(tip)

    def require_nothing_lost(self, tip: str) -> None:
        """What was ever said to be adopted is in the history of what is held."""
        self.mirror.files(tip)
        for commit in self.adopted:
            assert self.mirror.is_ancestor(commit, tip), f"{self.site} turned back to {tip[:12]}"
        status = self.mirror.resolve(layout.status_ref(self.site))
        if status is not None:
            data = self.mirror.read(status, layout.SITE_STATUS) or b""
            said = canonical.load(data, SiteStatus, layout.SITE_STATUS).adopted
            assert said is None or self.mirror.is_ancestor(said.commit, tip), "said what is not so"

    def _require_removed(self, gone: set[str]) -> None:
        """Only a verified remove record takes a workload away."""
        if not gone:
            return
        tip = self.node.store.resolve(layout.node_ref(self.node.node)) or ""
        data = self.node.store.read(tip, layout.CHANGE) or b""
        change = canonical.load(data, Change, layout.CHANGE)
        removed = {entry.record.id for entry in change.records if entry.record.action == "remove"}
        assert gone <= removed, f"{self.site} removed without a record: {gone - removed}"
