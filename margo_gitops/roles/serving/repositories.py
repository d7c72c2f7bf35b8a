"""A bare repository for each served node: its share, its report, and nothing else.

The LO alone puts shares there, the node alone reports. What a node wrote is read in place and
bounded; it is never copied into the mirror, which a few bytes of deltas could fill.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from margo_gitops.errors import MargoError
from margo_gitops.model import layout
from margo_gitops.roles.serving.tokens import make_token
from margo_gitops.store.disk import disk_faults
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.maintenance import Keeper, measure
from margo_gitops.store.objects import oid
from margo_gitops.store.walk import few_files

MAX_REPOSITORY = 64 << 20
"""Bytes on the disk above which a node's repository takes no more pushes."""

MAX_FILES = 2000
MAX_BYTES = 4 << 20
"""Files and bytes of one report; of 500 deployments it has a quarter of that."""

NO_ROOM = (
    "this site's repository of this node is full; its reports are not taken any more."
    " What runs goes on running. See serving.md, A repository that is full"
)

NODES = "nodes"
NEWS = "news"


@dataclass(slots=True)
class NodeRepositories:
    """Those below `state`; `everyone` says that each node of the site gets one, and a token.

    `clock` counts seconds and never back. One thread uses it.
    """

    state: Path
    clock: Callable[[], float]
    everyone: bool = False
    _far: dict[str, StoreTransport] = field(default_factory=dict)
    _keepers: dict[str, Keeper] = field(default_factory=dict)
    _turn: int = 0

    def prepare(self) -> None:
        """At the start of the one process that looks after them: remove what a killed one left."""
        with disk_faults(self.state):
            for folder in (self.state / NODES, self.state / NEWS):
                folder.mkdir(mode=0o700, exist_ok=True)
        for path in self._paths():
            with GitStore.open(path) as store:
                store.recover()

    def offer(self, mirror: GitStore, node: str) -> None:
        """Put a node's share of the mirror into its repository, where it differs.

        The mirror decides, also where it was restored from an older copy.
        """
        ref = layout.node_ref(node)
        tip = mirror.resolve(ref)
        if self.everyone:
            make_token(self.state, node)
        far = self._transport(node)
        if far is None and self.everyone:
            GitStore.create(repository(self.state, node)).close()
            far = self._transport(node)
        held = None if far is None else far.refs([ref]).get(ref)
        if far is None or tip is None or held == tip:
            return
        with GitStore.open(repository(self.state, node)) as store:
            StoreTransport(mirror).fetch(store, {ref: tip})
            store.move(ref, tip, old=held)

    def reported(self, node: str) -> str | None:
        """The commit of a served node's report; None where it never pushed one."""
        far = self._transport(node)
        ref = layout.report_ref(node)
        return None if far is None else far.refs([ref]).get(ref)

    def report(self, node: str, commit: str) -> Mapping[str, bytes]:
        """The files of a report; `Refused` where they are many or large: a node is a stranger."""
        with GitStore.open(repository(self.state, node)) as store:
            return few_files(store.objects, oid(commit), MAX_FILES, MAX_BYTES)

    def keep(self) -> None:
        """Tidy up one repository, if it is time; each gets its turn."""
        paths = self._paths()
        if not paths:
            return
        self._turn = (self._turn + 1) % len(paths)
        path = paths[self._turn]
        self._keepers.setdefault(path.name, Keeper(path, self.clock)).keep()

    def _paths(self) -> list[Path]:
        return sorted((self.state / NODES).glob("*.git"))

    def _transport(self, node: str) -> StoreTransport | None:
        path = repository(self.state, node)
        if not (path / "HEAD").exists():
            self._far.pop(node, None)
            return None
        return self._far.setdefault(node, StoreTransport(path))


def repository(state: Path, node: str) -> Path:
    """Where a node's repository lies."""
    return state / NODES / f"{layout.flat(node, 'node id')}.git"


def room_left(git: Path) -> bool:
    """Whether a node's repository takes another push."""
    return measure(git).bytes < MAX_REPOSITORY


def announce(state: Path, node: str) -> None:
    """Wake the LO: a node pushed, or is there for the first time. Quiet where it cannot be said."""
    try:
        with disk_faults(state):
            (state / NEWS).mkdir(mode=0o700, exist_ok=True)
            (state / NEWS / layout.flat(node, "node id")).write_text("")
    except MargoError:
        return
