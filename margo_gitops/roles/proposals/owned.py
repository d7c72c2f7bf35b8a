"""Which statements are a proposal's own: its id may have been used before."""

from __future__ import annotations

from margo_gitops.model import layout
from margo_gitops.store.git import GitStore
from margo_gitops.store.proposed import statements_at
from margo_gitops.trust.approval import read_statement


def brought(store: GitStore, id: str, tip: str | None, trunk: str | None) -> dict[str, bytes]:
    """Digest to bytes of the statements that a branch has beyond where it left `main`.

    Of one that `main` holds whole, all of its id. Raises `Refused` (rule `approval`) where a file
    among them is no statement.
    """
    if tip is None:
        return {}
    here = statements_at(store, tip)
    if trunk is not None and not store.is_ancestor(tip, trunk):
        here -= statements_at(store, _left(store, tip, trunk))
    found = {hex: store.read(tip, f"{layout.STATEMENTS}/{hex}.json") or b"" for hex in here}
    return {
        f"sha256:{hex}": data for hex, data in found.items() if read_statement(data).proposal == id
    }


def _left(store: GitStore, tip: str, trunk: str) -> str:
    """The newest commit of a branch that `main` holds; the branch's own, where there is none."""
    held = (c.id for c in store.history(tip, limit=10_000) if store.is_ancestor(c.id, trunk))
    return next(held, tip)
