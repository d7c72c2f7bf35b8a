"""Which statements are a proposal's own: its id may have been used before."""

from __future__ import annotations

from margo_gitops.roles.statements import Statements
from margo_gitops.store.git import GitStore
from margo_gitops.trust.approval import read_statement


def owned(store: GitStore, id: str, commit: str | None) -> dict[str, bytes]:
    """Digest to bytes of the statements of this id that a commit holds.

    Raises `Refused` (rule `approval`) where a file among them is no statement.
    """
    if commit is None:
        return {}
    return {
        digest: held.statement
        for digest, held in Statements(store, commit).held.items()
        if read_statement(held.statement).proposal == id
    }


def brought(store: GitStore, id: str, tip: str | None, trunk: str | None) -> dict[str, bytes]:
    """Those of `owned` that a branch brings; those of `main`, where that holds all of them.

    What else `main` holds of the id is another proposal's, of before.
    """
    here, there = owned(store, id, tip), owned(store, id, trunk)
    return {digest: here[digest] for digest in here.keys() - there.keys()} or here
