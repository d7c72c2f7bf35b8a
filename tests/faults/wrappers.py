"""Faults as wrappers, each named after what happens."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from margo_gitops.errors import Unreachable
from margo_gitops.roles.edge import EdgeNode
from margo_gitops.roles.local import LocalOrchestrator
from margo_gitops.store.git import GitStore
from margo_gitops.store.reflock import taken
from margo_gitops.store.transport import Transport, Update
from tests.fleet import SimulatedNode, SimulatedSite


@dataclass(slots=True)
class HalfAnswered:
    """A server that takes each push whole, and whose answer is then lost, `times` times."""

    to: Transport
    times: int = 1
    pushes: int = 0
    name: str = "half-answered"

    def refs(self, wanted: Sequence[str]) -> dict[str, str]:
        return self.to.refs(wanted)

    def fetch(self, store: GitStore, wanted: Mapping[str, str]) -> None:
        self.to.fetch(store, wanted)

    def push(self, store: GitStore, updates: Sequence[Update]) -> None:
        self.pushes += 1
        self.to.push(store, updates)
        if self.pushes <= self.times:
            raise Unreachable("the connection was reset before the answer came")

    def watched(self) -> Path | None:
        return self.to.watched()


@dataclass(slots=True)
class YesterdaysRefs:
    """A cache before the remote that goes on saying what it heard first."""

    to: Transport
    heard: dict[str, str] = field(default_factory=dict)
    is_stale: bool = False
    name: str = "stale"

    def refs(self, wanted: Sequence[str]) -> dict[str, str]:
        if not self.is_stale:
            self.heard = self.to.refs(wanted)
        return dict(self.heard)

    def fetch(self, store: GitStore, wanted: Mapping[str, str]) -> None:
        self.to.fetch(store, wanted)

    def push(self, store: GitStore, updates: Sequence[Update]) -> None:
        self.to.push(store, updates)

    def watched(self) -> Path | None:
        return None


def set_clock(agent: EdgeNode | LocalOrchestrator, seconds: int) -> None:
    """From now on the agent's host believes that it is so many seconds after 1970."""
    agent.now = agent.branch.now = lambda: seconds


def through(device: SimulatedSite | SimulatedNode, link: Transport) -> None:
    """Put a faulty link in place of the agent's."""
    device.agent.upstream = device.agent.branch.upstream = link


def copied(store: GitStore) -> GitStore:
    """The store as a snapshot of the machine would hold it: every object and ref."""
    twin = GitStore.memory()
    twin.add(store.objects[id] for id in store.objects)
    for ref, id in store.refs().items():
        twin.move(ref, id, old=None)
    return twin


def restored(path: Path, snapshot: Path) -> None:
    """Put the folder `path` back to an earlier copy of it."""
    shutil.rmtree(path)
    shutil.copytree(snapshot, path)


def locked_by_the_dead(git: Path, ref: str) -> Path:
    """The lock of a writer that was killed while it moved a ref."""
    lock = git / f"{ref}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    child = os.fork()
    if child == 0:
        taken(lock)
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert lock.exists()
    return lock
