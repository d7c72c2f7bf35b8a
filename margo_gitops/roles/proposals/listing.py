"""The proposals that are known here: whose, who signed, where they stand; nothing is rendered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from margo_gitops.errors import MargoError
from margo_gitops.model import layout
from margo_gitops.model.approval import Statement
from margo_gitops.model.proposal import State
from margo_gitops.roles.fleettrust import FleetTrust
from margo_gitops.roles.proposals.branch import after_merge, trunk_of
from margo_gitops.roles.proposals.owned import brought
from margo_gitops.roles.statements import Held, Statements
from margo_gitops.store.git import GitStore
from margo_gitops.store.proposed import statements_at
from margo_gitops.trust.approval import Evidence, judge, read_statement

_FEW = 100
"""Commits of a branch that are looked through for its first one."""


@dataclass(frozen=True, slots=True)
class Known:
    """A proposal by what it says of itself; `statements` are its own, by digest.

    `problem` says why its statement cannot be read, where it cannot.
    """

    id: str
    commit: str
    state: State
    subject: str
    statements: tuple[str, ...] = ()
    statement: Statement | None = None
    approvers: tuple[str, ...] = ()
    problem: str = ""


def proposals(store: GitStore, trust: FleetTrust | None) -> list[Known]:
    """Every proposal whose branch is here, merged ones last."""
    ids = [ref.removeprefix(layout.PROPOSALS) for ref in sorted(store.refs(layout.PROPOSALS))]
    return sorted(
        (known(store, id, trust) for id in ids), key=lambda item: (item.state != "open", item.id)
    )


def known(store: GitStore, id: str, trust: FleetTrust | None) -> Known:
    """One of them; what is wrong with its statement is told, and hides no other."""
    tip = store.resolve(layout.proposal_ref(id)) or ""
    subject = _subject(store, tip)
    state: State = "merged" if merged(store, id, tip) else "open"
    try:
        own = brought(store, id, tip, trunk_of(store))
        held = Statements(store, tip).held
        told = [read_statement(data) for data in own.values()]
        approvers = _approvers(trust, [held[digest] for digest in own])
    except MargoError as error:
        return Known(id, tip, state, subject, problem=error.problem)
    return Known(id, tip, state, subject, tuple(sorted(own)), told[0] if told else None, approvers)


def overlapping(store: GitStore, id: str) -> dict[str, str]:
    """Other open proposals that change a deployment or a site which this one changes, and which."""
    trunk = trunk_of(store)
    if trunk is None:
        return {}
    tips = {
        ref.removeprefix(layout.PROPOSALS): t for ref, t in store.refs(layout.PROPOSALS).items()
    }
    own = _edited(store, trunk, tips.pop(id)) if id in tips else set()
    found = {}
    for other, tip in sorted(tips.items()):
        both = sorted(own & _edited(store, trunk, tip))
        if both and not merged(store, other, tip):
            found[other] = both[0]
    return found


def _edited(store: GitStore, trunk: str, tip: str) -> set[str]:
    """What a branch has otherwise than `main`, of deployments, sites and devices."""
    edited = set()
    for folder in ("deployments", "sites", "devices"):
        here, there = store.paths(tip, folder), store.paths(trunk, folder)
        edited |= {path for path in here.keys() | there.keys() if here.get(path) != there.get(path)}
    return edited


def merged(store: GitStore, id: str, tip: str) -> bool:
    """Whether `main` holds all that a branch brings, also where it was squashed or rebased."""
    trunk = trunk_of(store)
    if trunk is None or store.is_ancestor(tip, trunk):
        return trunk is not None
    try:
        if own := brought(store, id, tip, trunk):
            settled = statements_at(store, trunk)
            return all(digest.removeprefix("sha256:") in settled for digest in own)
        after = after_merge(store, trunk, tip)
    except MargoError:
        return False
    return store.commit(after).tree == store.commit(trunk).tree


def _subject(store: GitStore, tip: str) -> str:
    """What its first commit says: the others add locks, statements, signatures."""
    trunk, first = trunk_of(store), store.commit(tip)
    for commit in store.history(tip, limit=_FEW):
        if trunk is not None and store.is_ancestor(commit.id, trunk):
            break
        first = commit
    return (first.message.splitlines() or [""])[0]


def _approvers(trust: FleetTrust | None, stated: Iterable[Held]) -> tuple[str, ...]:
    if trust is None:
        return ()
    judged = (
        judge(Evidence(held.statement, list(held.signatures.values())), trust.roots.root, [])
        for held in stated
    )
    return tuple(sorted(frozenset[str]().union(*(item.approvers for item in judged))))
