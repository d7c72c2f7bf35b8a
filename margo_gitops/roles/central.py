"""CO, the Central Orchestrator: validates, commits to `main`, renders site branches. No state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import PurePosixPath
from typing import Protocol, runtime_checkable

from margo_gitops.errors import MargoError, Stalled
from margo_gitops.model import layout
from margo_gitops.render import Main, PublishedTree, SiteTree, Waiting, render, waiting
from margo_gitops.render.edits import Edit
from margo_gitops.roles.checking import require_valid_main
from margo_gitops.roles.fleettrust import FleetTrust, read_trust
from margo_gitops.roles.lag import mark
from margo_gitops.roles.overview import Overview
from margo_gitops.roles.publishing import Published, Publishing, Rendered
from margo_gitops.roles.reading import package, read_main
from margo_gitops.roles.standing import published, standing
from margo_gitops.status.view import SiteView
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.gitprogram import merged_tree
from margo_gitops.store.maintenance import pack_refs
from margo_gitops.store.repository import require_whole
from margo_gitops.trust.sshsig import Signer

__all__ = ["BareMain", "Central", "MainBranch", "Published", "Rendered"]

BATCH = 1000
"""Sites that are published together: about 60 MB of memory, and one sync of the disk."""

MANY = 200
"""Refs that moved at once, from which on it is worth packing them."""


def no_key() -> Signer:
    """Where nobody's key was given."""
    raise Stalled(
        "the fleet is signed and there is no key to sign with",
        then="nothing was published",
        help="name one with MARGO_KEY, or git config margo.key",
    )


class MainBranch(Protocol):
    """Where a verb's change of `main` goes: a person's clone, or a bare repository."""

    def head(self) -> str | None:
        """The commit of `main`."""

    def commit(self, changes: Mapping[str, bytes | None], message: str) -> str:
        """Commit these files (None deletes); returns the new commit."""

    def who(self) -> str:
        """The name that its commits carry."""


@runtime_checkable
class Trunk(MainBranch, Protocol):
    """`main` itself, into which proposals are merged."""

    def join(self, base: str, commit: str, message: str) -> str:
        """The commit that merges one into another, which no ref holds yet."""

    def forward(self, base: str, commit: str) -> None:
        """Move `main` from `base` to a commit that follows it."""


@dataclass(frozen=True, slots=True)
class BareMain:
    """`main` of a repository without a work tree, moved by compare-and-swap."""

    store: GitStore
    author: Callable[[], Authorship]

    def head(self) -> str | None:
        """The commit of `main`."""
        return self.store.resolve(layout.MAIN)

    def commit(self, changes: Mapping[str, bytes | None], message: str) -> str:
        """Commit on the present head; `LostRace` where somebody was quicker."""
        old = self.head()
        author = self.author()
        if old is None:
            files = {path: data for path, data in changes.items() if data is not None}
            new = self.store.write(files, parents=[], author=author, message=message)
        else:
            new = self.store.amend(old, changes, author=author, message=message)
        self.store.move(layout.MAIN, new, old=old)
        return new

    def join(self, base: str, commit: str, message: str) -> str:
        """The commit that merges two; `Stalled` where git finds no one tree of both."""
        if self.store.path is None:
            raise Stalled("this repository has no main branch", help="margo init DIR")
        tree = merged_tree(self.store.path, base, commit)
        parents = [base, commit]
        return self.store.join(tree, parents=parents, author=self.author(), message=message)

    def forward(self, base: str, commit: str) -> None:
        """Move `main`; `LostRace` where somebody was quicker."""
        self.store.move(layout.MAIN, commit, old=base)

    def who(self) -> str:
        """The name that its commits carry."""
        return self.author().name


@dataclass(frozen=True, slots=True)
class Central:
    """The role of whoever steers the fleet, over one repository.

    `pinned` is the digest of the fleet's first root, as this person compared it; `signing` gives
    the person's key. Neither is needed in an open fleet, nor to look.
    """

    store: GitStore
    branch: MainBranch
    pinned: str | None = None
    signing: Callable[[], Signer] = no_key
    clock: Callable[[], float] = time.time
    _trust: dict[tuple[str, frozenset[str]], FleetTrust | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _read: dict[str, Main] = field(default_factory=dict, init=False, repr=False, compare=False)

    def main(self) -> Main:
        """`main` as it stands, read at one commit; read again only where it moved."""
        head = self.head()
        if head not in self._read:
            main = read_main(self.store, head)
            self._read.clear()
            self._read[head] = main
        return self._read[head]

    def head(self) -> str:
        """The commit of `main`; `Stalled` where there is none."""
        head = self.branch.head()
        if head is None:
            raise Stalled("this repository has no main branch", help="margo init DIR")
        return head

    def trust(self) -> FleetTrust | None:
        """The fleet's trust as `main` holds it; None for an open fleet.

        Raises `Refused` where the chain of roots is broken, or gone.
        """
        head = self.head()
        seen = (head, frozenset(self.store.refs(layout.APPROVALS)))
        if seen not in self._trust:
            found = read_trust(self.store, head, self.pinned, self.clock)
            self._trust.clear()
            self._trust[seen] = found
        return self._trust[seen]

    def package(self, app: str, version: str) -> dict[str, bytes]:
        """The files of an application version on `main`, by their path in the package."""
        return package(self.store, self.head(), app, version)

    def apply(self, edit: Edit) -> str:
        """Commit an edit to `main`."""
        return self.branch.commit(edit.changes, edit.message)

    def preview(self, main: Main, sites: Sequence[str] | None = None) -> list[Rendered]:
        """The next tree of every site that differs from what it is published as: pure reading."""
        return list(self.previews(main, sites))

    def previews(self, main: Main, sites: Sequence[str] | None = None) -> Iterator[Rendered]:
        """`preview` one site at a time: ten thousand trees are more than memory should hold.

        Raises `Stalled` in a shallow clone: it cannot tell whether `main` was rewritten.
        """
        require_whole(self.store.path)
        trust = self.trust()
        tips = self.store.refs(layout.SITES)
        statuses = self.store.refs(layout.STATUSES)
        lineage: set[str] = set()
        for site in sorted(main.sites) if sites is None else sites:
            tip = tips.get(layout.site_ref(site))
            signed = None if trust is None else trust.signed(site)
            if signed is not None and not signed.enrolment:
                continue
            status = statuses.get(layout.status_ref(site))
            stands = standing(self.store, site, tip, status, trust)
            before = stands.before
            for source in stands.sources - lineage:
                self._require_lineage(site, source, main.commit)
                lineage.add(source)
            tree = render(main, site, before, beyond=stands.beyond, signed=signed)
            if tree is not None and trust is not None:
                tree = trust.proven(tree, {} if before is None else before.tree.files)
            if tree is not None:
                yield Rendered(site, tree, before, tip=tip)

    def waiting(self, main: Main, sites: Sequence[str] | None = None) -> dict[str, list[Waiting]]:
        """What is merged and not published yet, by site; nothing in an open fleet."""
        trust = self.trust()
        found: dict[str, list[Waiting]] = {}
        if trust is None:
            return found
        for site in sorted(main.sites) if sites is None else sites:
            if late := waiting(main, site, self._before(site), trust.signed(site)):
                found[site] = list(late)
        return found

    def render(self, *, progress: Callable[[str], None] = lambda _: None) -> list[Published]:
        """Publish every site that changed; the same `main` gives everybody the same commits.

        Sites go out in batches of `BATCH`. Where it ends early, by a crash or a lost race, whole
        batches are published and the next call goes on with the rest. Raises `InvalidDocument` with
        every error of `main`, and then publishes nothing.
        """
        main = self.main()
        require_valid_main(self.store, main.commit)
        key = self.publisher("nothing was published")
        publishing = Publishing(self.store, self.store.commit(main.commit), key)
        rest = self.previews(main)
        published: list[Published] = []
        while some := list(islice(rest, BATCH)):
            published += publishing.publish(some)
            for rendered in some:
                progress(rendered.site)
        if len(published) > MANY and self.store.path is not None:
            with suppress(MargoError):  # slower then, and nothing else
                pack_refs(self.store.path)
        if main.fleet.render == "ci":
            mark(self.store, main.commit)
        return published

    def require_pinned(self, then: str) -> None:
        """`Stalled`, and `then`, where nobody read the fleet's root to this clone's person.

        A clone that never heard it could be shown anybody's persons.
        """
        if self.pinned is None:
            raise Stalled(
                "this clone has not pinned the fleet's first root: nothing is signed on hearsay",
                then=then,
                help="margo trust pin FINGERPRINT, as a person reads it to you",
            )

    def publisher(self, then: str) -> Signer | None:
        """The key that signs what sites are sent; None in an open fleet.

        Raises `Stalled`, and `then`, where this person may not.
        """
        trust = self.trust()
        if trust is None:
            return None
        self.require_pinned(then)
        return trust.publisher(self.signing())

    def published(self, site: str) -> SiteTree | None:
        """What a site branch says now."""
        tip = self.store.resolve(layout.site_ref(site))
        return None if tip is None else published(self.store, site, tip).tree

    def _before(self, site: str) -> PublishedTree | None:
        tips = [self.store.resolve(ref(site)) for ref in (layout.site_ref, layout.status_ref)]
        return standing(self.store, site, tips[0], tips[1], self.trust()).before

    def sites(self) -> list[str]:
        """The names of all sites of `main`; no file is read."""
        paths = self.store.paths(self.head(), "sites")
        return sorted(PurePosixPath(path).stem for path in paths if path.endswith(".yaml"))

    def status(self, site: str) -> SiteView:
        """A site's published state against what its status branch says."""
        return self.statuses([site])[0]

    def statuses(
        self, sites: Sequence[str], *, progress: Callable[[str], None] = lambda _: None
    ) -> list[SiteView]:
        """`status` of many sites; only those whose branches moved since are read again."""
        return Overview(self.store, self.trust()).views(sites, progress=progress)

    def _require_lineage(self, site: str, source: str, head: str) -> None:
        if not self.store.is_ancestor(source, head):
            raise Stalled(
                f"main at {head[:12]} does not descend from {source[:12]}, which site/{site} was"
                " rendered from: main was rewritten",
                then="nothing is published",
                help=f"git log {source[:12]}; bring that commit back with git merge",
            )
