"""A site that adopted what its branch does not hold: found by its status, healed by a merge.

A branch that was set back, or went on from an earlier commit, is refused by its site for ever: what
comes next neither descends from what is in force there nor is later. So the next generation is made
from what the site adopted and has both for parents (DESIGN section 5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from margo_gitops.errors import Missing, Refused
from margo_gitops.model import layout
from margo_gitops.model.report import Adopted
from margo_gitops.render import PublishedTree, SiteTree
from margo_gitops.roles.reading import site_status
from margo_gitops.store.epochs import follows
from margo_gitops.store.git import GitStore
from margo_gitops.trust.adoption import reread
from margo_gitops.trust.lineage import MAX_JUMP
from margo_gitops.trust.offer import Desired


@dataclass(frozen=True, slots=True)
class Astray:
    """What the next generation is made from, and merged with, and the one that it must exceed."""

    before: PublishedTree
    beyond: int


def astray(
    store: GitStore,
    site: str,
    tip: str,
    status: str | None,
    believes: Callable[[Mapping[str, bytes]], bool] = lambda _: True,
) -> Astray | None:
    """How to heal a site that, by its status commit, adopted what its branch at `tip` lacks.

    None where the branch holds it. Where this store does not hold it, only its number is exceeded:
    enough for a site that lost it, too; else a clone that holds it must heal. A site is believed
    only what adds up as a later generation of its own; of that `believes` says whether its files
    may be built on.
    """
    if status is None:
        return None
    try:
        said = site_status(store, status)
        adopted = None if said is None else said.adopted
        if said is None or adopted is None:
            return None
        ref, known = layout.site_ref(site), [adopted, *([said.held] if said.held else [])]
        lacking = [item for item in known if not follows(store, ref, item.commit, tip)]
        if not lacking:
            return None
        published = _checked(store, site, tip)
        beyond = max(adopted.generation, published.change.generation)
        if beyond - published.change.generation > MAX_JUMP:
            return None
        merged = (
            _merged(store, site, item.commit, published, beyond)
            for item in lacking
            if believes(_files(store, item.commit))
        )
        return next(filter(None, merged), None) or _exceeded(adopted, published)
    except Refused:
        return None


def _merged(
    store: GitStore, site: str, adopted: str, published: Desired, beyond: int
) -> Astray | None:
    try:
        held = _checked(store, site, adopted)
    except Missing:
        return None
    if held.change.fleet != published.change.fleet:
        return None
    return Astray(_published(held), beyond)


def _files(store: GitStore, commit: str) -> dict[str, bytes]:
    try:
        return store.files(commit)
    except Missing:
        return {}


def _exceeded(adopted: Adopted, published: Desired) -> Astray | None:
    if adopted.generation < published.change.generation:
        return None
    return Astray(_published(published), adopted.generation)


def _published(desired: Desired) -> PublishedTree:
    return PublishedTree(desired.commit, SiteTree(desired.files, desired.change))


def _checked(store: GitStore, site: str, commit: str) -> Desired:
    return reread(site, commit, store.files(commit))
