"""A proposal's branch, `main` as far as it is known here, and what `main` would be with both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from margo_gitops.errors import Invalid, LostRace, Missing, Stalled
from margo_gitops.model import layout
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.gitprogram import merged_tree

_PREVIEW = Authorship("margo", "preview@margo-gitops.invalid", 0)


@dataclass(frozen=True, slots=True)
class ProposalBranch:
    """`proposal/<id>`: a branch beside `main`, moved by compare-and-swap."""

    store: GitStore
    id: str
    author: Callable[[], Authorship]

    @property
    def ref(self) -> str:
        """The branch."""
        return layout.proposal_ref(self.id)

    def head(self) -> str | None:
        """Its commit; where it does not exist yet, `main`'s, from which it begins."""
        return self.store.resolve(self.ref) or trunk_of(self.store)

    def tip(self) -> str:
        """Its commit; `Missing` where there is no such branch."""
        tip = self.store.resolve(self.ref)
        if tip is None:
            raise Missing(
                f"there is no proposal/{self.id}: it was closed or merged, or never was",
                then="nothing was signed or changed",
                help=f"margo pr list; git log --grep 'Proposal: {self.id}' main",
            )
        return tip

    def commit(self, changes: Mapping[str, bytes | None], message: str) -> str:
        """Commit on the branch; `LostRace` where somebody was quicker."""
        old, head = self.store.resolve(self.ref), self.head()
        if head is None:
            raise Stalled("this repository has no main branch", help="margo init DIR")
        new = self.store.amend(head, changes, author=self.author(), message=message)
        self.store.move(self.ref, new, old=old)
        return new

    def who(self) -> str:
        """The name that its commits carry."""
        return self.author().name


@dataclass(frozen=True, slots=True)
class Preview:
    """`main` as it would be with a proposal; what is committed goes onto the proposal."""

    branch: ProposalBranch
    _made: dict[tuple[str, str], str] = field(default_factory=dict, init=False, repr=False)

    def head(self) -> str | None:
        """A commit that no ref holds, where both have commits of their own."""
        store, tip, trunk = self.branch.store, self.branch.head(), trunk_of(self.branch.store)
        if trunk is None or tip is None:
            return tip
        if (trunk, tip) not in self._made:
            self._made[trunk, tip] = after_merge(store, trunk, tip)
        return self._made[trunk, tip]

    def commit(self, changes: Mapping[str, bytes | None], message: str) -> str:
        """Commit on the proposal's branch."""
        return self.branch.commit(changes, message)

    def who(self) -> str:
        """The name that its commits carry."""
        return self.branch.who()


def page_of(branch: ProposalBranch) -> dict[str, str]:
    """The branch of the proposal's page and its commit, where it has one."""
    ref = layout.preview_ref(branch.id)
    tip = branch.store.resolve(ref)
    return {} if tip is None else {ref: tip}


def free_id(store: GitStore, wanted: str | None, otherwise: str) -> str:
    """An id that no proposal has; the one that is wanted, else the other with a number if need be.

    Raises `Invalid` where the wanted one is taken.
    """
    taken = {ref.removeprefix(layout.PROPOSALS) for ref in store.refs(layout.PROPOSALS)}
    if wanted in taken:
        raise Invalid(
            f"proposal/{wanted} exists",
            then="nothing was changed",
            help=f"margo pr show {wanted}; --id for another",
        )
    names = (otherwise[:59], *(f"{otherwise[:59]}-{number}" for number in range(2, 1000)))
    return wanted or next(name for name in names if name not in taken)


def trunk_of(store: GitStore) -> str | None:
    """The newest commit of `main` that is known here: the remote's, where ours is older.

    Raises `LostRace` where each has commits that the other lacks.
    """
    ours, theirs = store.resolve(layout.MAIN), store.resolve(layout.ORIGIN_MAIN)
    if ours is None or theirs is None or store.is_ancestor(theirs, ours):
        return ours
    if store.is_ancestor(ours, theirs):
        return theirs
    raise LostRace(
        f"main went two ways: {ours[:12]} here, {theirs[:12]} at the remote",
        then="both are kept; nothing was changed",
        help="git pull --rebase",
    )


def after_merge(store: GitStore, trunk: str, tip: str) -> str:
    """The commit that `main` would be with a branch's tip: one of both, or a merge of them.

    Raises `Stalled` where they contradict each other.
    """
    if store.is_ancestor(tip, trunk) or store.commit(tip).tree == store.commit(trunk).tree:
        return trunk
    if store.is_ancestor(trunk, tip):
        return tip
    if store.path is None:
        raise Stalled(f"{tip[:12]} cannot be merged in memory: git works on folders")
    tree = merged_tree(store.path, trunk, tip)
    return store.join(tree, parents=[trunk, tip], author=_PREVIEW, message="preview\n")
