"""Another repository on this host, or in memory, as a transport: every object is hashed anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from margo_gitops.errors import Refused, Unreachable
from margo_gitops.store.git import GitStore
from margo_gitops.store.names import asked
from margo_gitops.store.objects import oid
from margo_gitops.store.refs import DiskRefs
from margo_gitops.store.transport import Update, confirm, lost, require_forward
from margo_gitops.store.walk import reachable


class StoreTransport:
    """A repository by its path, opened for each call, or a `GitStore` that the caller holds."""

    def __init__(self, other: GitStore | Path) -> None:
        self._other = other
        self.name = str(other) if isinstance(other, Path) else str(other.path or "memory")
        self._disk: DiskRefs | None = None

    def refs(self, wanted: Sequence[str]) -> dict[str, str]:
        """See `Transport`. A ref of a path is read from its file: no repository is opened."""
        found: dict[str, str] = {}
        for name in wanted:
            found |= self._below(name) if name.endswith("/") else self._one(name)
        return asked(found.items(), wanted)

    def fetch(self, store: GitStore, wanted: Mapping[str, str]) -> None:
        """See `Transport`: every object is read, hashed and copied; the damaged one ends it."""
        with self._opened() as other:
            _copy(other, store, wanted.values())

    def push(self, store: GitStore, updates: Sequence[Update]) -> None:
        """See `Transport`."""
        with self._opened() as other:
            tips = {update.ref: other.resolve(update.ref) for update in updates}
            due = [update for update in updates if tips[update.ref] != update.new]
            for update in due:
                if tips[update.ref] != update.old:
                    raise lost(self.name, update, tips[update.ref])
                require_forward(store, update)
            _copy(store, other, [update.new for update in due])
            for update in due:
                other.move(update.ref, update.new, old=update.old)
        confirm(store, self.name, updates, self.refs)

    def watched(self) -> Path | None:
        """See `Transport`."""
        disk = self._disk_refs()
        return None if disk is None else disk.git

    def _one(self, name: str) -> dict[str, str]:
        disk = self._disk_refs()
        if disk is not None:
            _require(disk.git)
            id = disk.read(name)
        else:
            with self._opened() as other:
                id = other.resolve(name)
        return {} if id is None else {name: id}

    def _below(self, prefix: str) -> dict[str, str]:
        with self._opened() as other:
            return other.refs(prefix)

    def _disk_refs(self) -> DiskRefs | None:
        """Kept once found: a path may be a disk that is mounted after we start."""
        if self._disk is None:
            with self._opened() as other:
                self._disk = None if other.path is None else DiskRefs(other.path)
        return self._disk

    @contextmanager
    def _opened(self) -> Iterator[GitStore]:
        if isinstance(self._other, GitStore):
            yield self._other
            return
        with GitStore.open(self._other) as other:
            yield other


def _copy(source: GitStore, target: GitStore, wants: Iterable[str]) -> None:
    ids = [oid(id) for id in wants]
    try:
        target.add(reachable(source.objects, ids, target.known()))
    except Refused as error:
        raise Refused(
            f"{source.path or 'memory'} does not hold all of it: {error.problem}", rule=error.rule
        ) from error


def _require(git: Path) -> None:
    """A disk that was pulled out is no remote without refs."""
    if not (git / "HEAD").exists():
        raise Unreachable(f"{git} is not there any more")
