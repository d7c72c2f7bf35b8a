"""Where a site's branch stands: the state that its next generation is made from.

In a signed fleet only what a publisher signed, or the site adopted, is built on. What somebody else
put on the branch is passed over and merged: the site refused it, and goes on with what comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.record import Change
from margo_gitops.model.report import SiteStatus
from margo_gitops.render import PublishedTree, SiteTree
from margo_gitops.roles.fleettrust import FleetTrust
from margo_gitops.roles.healing import astray
from margo_gitops.roles.proofs import signed_status
from margo_gitops.store.git import GitStore

LOOK_BACK = 1000
"""Commits of a branch that are looked through for one that a publisher signed."""

Believes = Callable[[Mapping[str, bytes]], bool]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the next generation is made from, and the generation that it must exceed, if any.

    `tip` is what the branch holds, where that is believed and another one.
    """

    before: PublishedTree | None
    beyond: int | None = None
    tip: PublishedTree | None = None

    @property
    def sources(self) -> set[str]:
        """The commits of `main` that it was rendered from."""
        known = (self.before, self.tip)
        return {tree.tree.change.source for tree in known if tree is not None}


def standing(
    store: GitStore, site: str, tip: str | None, status: str | None, trust: FleetTrust | None
) -> Standing:
    """Where a site stands by its branch's tip and by its status.

    Raises `Refused` (rule `format`) where an open fleet's branch holds what no margo writes.
    """
    if tip is None:
        return Standing(None)
    if trust is None:
        lost = astray(store, site, tip, status)
        found = published(store, site, tip)
        return Standing(found) if lost is None else Standing(lost.before, lost.beyond, found)
    said = _said(store, site, status, trust)
    adopted = None if said is None or said.adopted is None else said.adopted.change

    def believes(files: Mapping[str, bytes]) -> bool:
        """A publisher's, or what the site adopted: a key may have been revoked since."""
        data = files.get(layout.CHANGE, b"")
        return canonical.digest(data) == adopted or trust.published(files)

    newest = _newest(store, site, tip, believes)
    if newest is None or newest.commit != tip:
        return Standing(newest, None if newest is None else newest.tree.change.generation)
    lost = astray(store, site, tip, None if said is None else status, believes)
    return Standing(newest) if lost is None else Standing(lost.before, lost.beyond, newest)


def published(store: GitStore, site: str, tip: str) -> PublishedTree:
    """What a site branch holds at one commit; `Refused` for what no margo writes."""
    return _tree(site, tip, store.files(tip))


def _tree(site: str, commit: str, files: Mapping[str, bytes]) -> PublishedTree:
    change = canonical.load(files.get(layout.CHANGE, b""), Change, f"site/{site}:change.json")
    return PublishedTree(commit, SiteTree(files, change))


def _newest(store: GitStore, site: str, tip: str, believes: Believes) -> PublishedTree | None:
    """The newest state of the branch that is believed."""
    for commit in store.history(tip, limit=LOOK_BACK):
        files = store.files(commit.id)
        if believes(files):
            return _tree(site, commit.id, files)
    return None


def _said(store: GitStore, site: str, status: str | None, trust: FleetTrust) -> SiteStatus | None:
    """The site's own word, by the key that it is enrolled with."""
    key = trust.site_key(site)
    if status is None or key is None:
        return None
    return signed_status(store.files(status), key)
