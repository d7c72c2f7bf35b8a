"""The one branch that a role writes: taken over, committed to, handed to the remote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from margo_gitops.errors import Stalled
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.transport import Transport, Update


@dataclass(slots=True)
class OwnBranch:
    """`ref` in `store`, written by nobody else, and its twin at `upstream`.

    `is_mine` tells from a tree's files whether this very instance wrote it: two agents for one
    site or node are found by that, and the one that was there first stops (exit 5).
    """

    store: GitStore
    upstream: Transport
    ref: str
    author: str
    now: Callable[[], int]
    is_mine: Callable[[Mapping[str, bytes]], bool]
    contested: Stalled | None = None
    _remote: str | None = None
    _joined: bool = False

    def join(self, remote: str | None) -> None:
        """Start from the remote's branch where we have none; find a second writer.

        Raises `Stalled` where the remote's branch holds commits of another instance that ours
        does not have.
        """
        self._remote = remote
        self.contested = None
        local = self.store.resolve(self.ref)
        self._joined = True
        if remote is None or remote == local:
            return
        self.upstream.fetch(self.store, {self.ref: remote})
        if local is None:
            self.store.move(self.ref, remote, old=None)
        elif not self.store.is_ancestor(remote, local):
            self._follow(local, remote)

    def files(self) -> dict[str, bytes]:
        """What the branch says now; empty where it does not exist."""
        tip = self.store.resolve(self.ref)
        return {} if tip is None else self.store.files(tip)

    def write(self, files: Mapping[str, bytes], message: str) -> str | None:
        """Commit these files as the whole tree; None where the branch says so already.

        Without a history of its own it writes nothing until the remote was asked for one: a wiped
        agent goes on where it stood, it does not begin again.
        """
        tip = self.store.resolve(self.ref)
        if self.contested is not None or (tip is None and not self._joined):
            return None
        if tip is not None and self.store.files(tip) == files:
            return None
        commit = self.store.write(
            files,
            parents=[] if tip is None else [tip],
            author=Authorship(self.author, "agent@margo-gitops.invalid", self.now()),
            message=message,
        )
        self.store.move(self.ref, commit, old=tip)
        return commit

    def deliver(self) -> None:
        """Push what the remote lacks; quiet where it has all."""
        tip = self.store.resolve(self.ref)
        if tip is None or tip == self._remote or self.contested is not None:
            return
        self.upstream.push(self.store, [Update(self.ref, self._remote, tip)])
        self._remote = tip

    def _follow(self, local: str, remote: str) -> None:
        """Follow our own later word (our state was restored); stop at anybody else's."""
        files = self.store.files(remote)
        if self.store.is_ancestor(local, remote) and self.is_mine(files):
            self.store.move(self.ref, remote, old=local)
            return
        self.contested = Stalled(
            f"{self.ref.removeprefix('refs/heads/')} at {self.upstream.name} holds"
            f" {remote[:12]}, which this agent did not write: another agent reports in its place",
            then="this one writes nothing until it is alone; what runs goes on running",
            help="stop one of the two; to go on here, delete this agent's --state folder",
        )
        raise self.contested
