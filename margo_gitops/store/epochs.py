"""Epochs: a branch that begins again, so that its old history can be dropped (DESIGN section 6).

The first commit of an epoch has no parent; its message names the exact last commit of the epoch
before. That is the only non-fast-forward there is. What is asked of ancestry is asked across this
border too, for as long as the old commits are here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from margo_gitops.model.layout import SITES, STATUSES
from margo_gitops.store.git import GitStore
from margo_gitops.store.objects import oid
from margo_gitops.store.walk import is_commit

CONTINUES = "Continues"
EPOCH = "Epoch"
NUMBER = "Number"

_TRAILER = re.compile(r"^([A-Z][A-Za-z-]{0,30}): (.{1,200})$", re.MULTILINE)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BORDERS = 64


def trailers(message: str) -> dict[str, str]:
    """The trailers of a commit's message, from its last paragraph; the last of a name counts."""
    return dict(_TRAILER.findall(message.strip().rpartition("\n\n")[2]))


def with_trailers(message: str, more: Mapping[str, object]) -> str:
    """A message with these trailers at its end."""
    subject = "\n" not in message.strip()
    lines = "".join(f"{name}: {value}\n" for name, value in more.items())
    return message.rstrip("\n") + ("\n\n" if subject else "\n") + lines


def counted(message: str, name: str) -> int:
    """The number that a trailer gives; 1 where there is none that can be one."""
    said = trailers(message).get(name, "")
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 16 else 1


def descends(store: GitStore, older: str, newer: str) -> bool:
    """Whether `newer` holds `older`; not, if either is not here."""
    return _here(store, older) and _here(store, newer) and store.is_ancestor(older, newer)


def follows(store: GitStore, ref: str, older: str, newer: str) -> bool:
    """Whether a ref may go from `older` to `newer`: by descent, or over the border of an epoch.

    Not, where a commit on the way is not here any more. Only desired states and statuses have
    epochs; `main` never does.
    """
    if not ref.startswith((SITES, STATUSES)):
        return descends(store, older, newer)
    if not _here(store, older):
        return False
    tip: str | None = newer
    for _ in range(_BORDERS):
        if tip is None or not _here(store, tip):
            return False
        if store.is_ancestor(older, tip):
            return True
        tip = _continued(store, tip)
    return False


def _continued(store: GitStore, tip: str) -> str | None:
    """The commit that the history of a tip says it goes on after, where it begins."""
    commit = store.commit(tip)
    while commit.parents:
        commit = store.commit(commit.parents[0])
    named = trailers(commit.message).get(CONTINUES, "")
    return named if _COMMIT.fullmatch(named) else None


def _here(store: GitStore, id: str) -> bool:
    return is_commit(store.objects, oid(id))
