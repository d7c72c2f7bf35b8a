"""The remote that people share: asked before anything is decided, told at once what was.

Without one, or while it does not answer, all goes on here; `margo push` tells it the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from margo_gitops.errors import Refused, Stalled, Unreachable
from margo_gitops.model import layout
from margo_gitops.store import proposed, sync
from margo_gitops.store.clone import Clone
from margo_gitops.store.epochs import descends
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.gitprogram import git
from margo_gitops.store.transport import Transport, Update, open_transport


@dataclass(slots=True)
class Origin:
    """`origin` of a person's clone; `clone` and `transport` are None where there is none.

    `notes` collects what could not be asked or told, in words. Once it did not answer it is `away`,
    and not asked again.
    """

    store: GitStore
    clone: Clone | None = None
    transport: Transport | None = None
    notes: list[str] = field(default_factory=list)
    away: bool = False

    @classmethod
    def of(cls, store: GitStore, clone: Clone | None) -> Origin:
        """The one that the clone names, if it names one."""
        url = None if clone is None else clone.remote()
        return cls(store, clone, None if url is None else open_transport(url))

    def refresh(self) -> None:
        """Bring all that others did; our `main` and its files stay as they are."""

        def bring(transport: Transport) -> None:
            found = sync.fetch_branches(self.store, transport)
            if found.main is not None:
                sync.remember(self.store, layout.MAIN, found.main)
            for ref in proposed.fetch_proposals(self.store, transport):
                self.notes.append(f"{ref.removeprefix('refs/heads/')} was closed or merged there")

        self._tried(bring, "nothing was asked of the remote")

    def pull(self) -> None:
        """Bring all that others did, `main` and its files too."""
        if self.clone is not None and self.transport is not None:
            self.clone.pull(self.transport)

    def send(self) -> None:
        """Push the proposals and approvals that are ours."""
        self._tried(
            lambda transport: proposed.push_proposals(self.store, transport),
            "nothing was sent: margo push",
        )

    def land(self, commit: str) -> None:
        """Move the remote's `main` from where it was seen last to a commit that follows it.

        Raises `LostRace` where somebody was quicker, `Stalled` where the remote takes no such push.
        """

        def push(transport: Transport) -> None:
            old = self.store.resolve(layout.ORIGIN_MAIN)
            if old == commit:
                return
            try:
                transport.push(self.store, [Update(layout.MAIN, old, commit)])
            except Refused as error:
                raise Stalled(
                    f"{transport.name} does not take main from here: {error.problem}",
                    then="nothing was merged",
                    help="merge the pull request there; then margo pull, and margo render",
                ) from error
            sync.remember(self.store, layout.MAIN, commit)

        self._tried(push, "merged here only: margo push")

    def publish(self) -> None:
        """Push `main`, artifacts and site branches; `LostRace` where others were quicker."""

        def push(transport: Transport) -> None:
            sync.push_main(self.store, transport)
            sync.push_artifacts(self.store, transport)
            sync.push_sites(self.store, transport)
            sync.push_rendered(self.store, transport)

        self._tried(push, "published here only: margo push")

    def show(self, ref: str, files: Mapping[str, bytes], message: str) -> None:
        """Have a branch of one replaced commit hold these files, here and at the remote."""
        old = self.store.resolve(ref)
        author = Authorship("margo", "margo@margo-gitops.invalid", 0)
        new = self.store.write(files, parents=[], author=author, message=message)
        if new != old:
            self.store.move(ref, new, old=old)

        def push(transport: Transport) -> None:
            theirs = transport.refs([ref]).get(ref)
            if theirs != new:
                transport.push(self.store, [Update(ref, theirs, new)])

        self._tried(push, "its page is here only")

    def drop(self, refs: Mapping[str, str]) -> None:
        """Delete refs, here and there, that hold nothing beyond these commits, or that we know."""
        for ref, tip in refs.items():
            if self.store.resolve(ref) == tip:
                self.store.delete(ref, old=tip)
        if self.clone is None or self.transport is None:
            return
        theirs = self.transport.refs(list(refs))
        due = {
            ref: tip
            for ref, tip in theirs.items()
            if descends(self.store, tip, refs[ref])
            or tip == self.store.resolve(layout.known_ref(ref))
        }
        if not due:
            return
        leases = [f"--force-with-lease={ref}:{tip}" for ref, tip in due.items()]
        words = ["push", "--quiet", "--no-verify", *leases, "origin", *(f":{ref}" for ref in due)]
        done = git(self.clone.path, *words)
        if done.code != 0:
            lines = done.err.strip().splitlines() or [f"exit code {done.code}"]
            self.notes.append(f"{len(due)} refs are still at the remote: {lines[-1][:200]}")

    def require_told(self) -> None:
        """`Unreachable` where the remote was not told all, for who is there to tell it."""
        if self.transport is None and self.notes:
            raise Unreachable(self.notes[-1], help="margo push")

    def _tried(self, task: Callable[[Transport], object], otherwise: str) -> None:
        if self.transport is None:
            if self.away:
                self.notes.append(otherwise)
            return
        try:
            task(self.transport)
        except Unreachable as error:
            self.notes.append(f"{error.problem}; {otherwise}")
            self.transport, self.away = None, True
