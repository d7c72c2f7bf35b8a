"""How far `main` is rendered, where CI does it (`render: ci`).

A site that a commit does not change gets no commit, so the site branches cannot tell; whoever
rendered moves a ref (docs/decisions/0009). It is a hint for people: nothing is decided by it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from margo_gitops.errors import LostRace, Refused
from margo_gitops.model import layout
from margo_gitops.roles.reading import read_fleet
from margo_gitops.store.git import GitStore
from margo_gitops.store.gitprogram import answer

MOST = 1000
"""Commits that are counted; more are told as so many."""


@dataclass(frozen=True, slots=True)
class Lag:
    """Commits of `main` that are not rendered yet, merges counted as one, and the oldest's time.

    `ever` is whether CI rendered anything before.
    """

    commits: int
    oldest: int
    ever: bool


def lag(store: GitStore, head: str) -> Lag | None:
    """What of `main` at `head` is not rendered yet; None where nothing is, or people render."""
    if store.path is None or read_fleet(store, head).render != "ci":
        return None
    done = _marked(store)
    since = [head] if done is None else [head, f"^{done}"]
    words = ("rev-list", "--first-parent", "--timestamp", f"--max-count={MOST}")
    lines = (answer(store.path, *words, *since, "--") or "").splitlines()
    return Lag(len(lines), int(lines[-1].split()[0]), done is not None) if lines else None


def mark(store: GitStore, head: str) -> None:
    """Note that all of `main` at `head` is rendered; one who noted more meanwhile is right."""
    done = _marked(store)
    if done is None or (done != head and store.is_ancestor(done, head)):
        with suppress(LostRace):
            store.move(layout.RENDERED_MAIN, head, old=done)


def _marked(store: GitStore) -> str | None:
    """The commit that the ref names; one that names none says nothing."""
    with suppress(Refused):
        return store.resolve(layout.RENDERED_MAIN)
    return None
