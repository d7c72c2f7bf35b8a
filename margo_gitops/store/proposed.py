"""Proposals between a person's clone and its remote: brought, sent, and gone once they are closed.

A clone remembers where the remote's proposals were (`refs/remotes/origin/proposal/<id>`), as git
does. So one that is gone there, closed or merged, goes here too and is not sent again; one with
commits that the remote never had stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath

from margo_gitops.errors import LostRace
from margo_gitops.model.layout import (
    APPROVALS,
    MAIN,
    ORIGIN_MAIN,
    PROPOSALS,
    STATEMENTS,
    known_ref,
)
from margo_gitops.store.epochs import descends
from margo_gitops.store.git import GitStore
from margo_gitops.store.sync import remember
from margo_gitops.store.transport import Transport, Update

_ROUNDS = 3


def fetch_proposals(store: GitStore, transport: Transport) -> list[str]:
    """Bring the proposals; the branches that are gone there and here.

    Their approvals come with the other refs (`sync.fetch_branches`).

    A proposal that we changed stays ours. Where the remote's was changed as well, what we knew of
    it stays too: so it is not pushed over.
    """
    tips, held = transport.refs([PROPOSALS]), store.refs(PROPOSALS)
    transport.fetch(store, {ref: id for ref, id in tips.items() if held.get(ref) != id})
    for ref, id in sorted(tips.items()):
        _bring(store, ref, held.get(ref), id)
    return [ref for ref in held if _gone(store, ref, tips.get(ref))]


def push_proposals(store: GitStore, transport: Transport) -> list[Update]:
    """Push the approvals of proposals that are open here, then the proposals that are ahead."""
    for _ in range(_ROUNDS):
        due = _due(store, transport)
        if not due:
            return []
        try:
            transport.push(store, due)
        except LostRace:
            continue
        for update in due:
            if update.ref.startswith(PROPOSALS):
                remember(store, update.ref, update.new)
        return due
    raise LostRace(f"proposals of {transport.name} keep being moved by another")


def forget_proposal(store: GitStore, ref: str) -> None:
    """Drop a proposal's branch here, and where the remote's was."""
    for name in (ref, known_ref(ref)):
        tip = store.resolve(name)
        if tip is not None:
            with suppress(LostRace):  # another dropped it, or works on it
                store.delete(name, old=tip)


def approvals_of(store: GitStore, statements: frozenset[str]) -> dict[str, str]:
    """The refs of the signatures of these statements, which are named by their digests in hex."""
    refs = store.refs(APPROVALS)
    return {
        ref: tip
        for ref, tip in refs.items()
        if ref.removeprefix(APPROVALS).partition("-")[0] in statements
    }


def statements_at(store: GitStore, commit: str) -> frozenset[str]:
    """The digests, in hex, of the statements that a commit holds."""
    paths = map(PurePosixPath, store.paths(commit, STATEMENTS))
    return frozenset(path.stem for path in paths if path.suffix == ".json")


def _due(store: GitStore, transport: Transport) -> list[Update]:
    tips = transport.refs([PROPOSALS, APPROVALS])
    ours = {
        ref: tip
        for ref, tip in store.refs(PROPOSALS).items()
        if ref in tips or store.resolve(known_ref(ref)) is None
    }
    mains = filter(None, (store.resolve(MAIN), store.resolve(ORIGIN_MAIN)))
    settled = frozenset[str]().union(*(statements_at(store, main) for main in mains))
    held = (statements_at(store, tip) for tip in ours.values())
    signed = approvals_of(store, frozenset().union(*held) - settled)
    return [*_new(signed, tips), *_ahead(store, ours, tips)]


def _new(signed: dict[str, str], tips: dict[str, str]) -> Iterator[Update]:
    """A signature is written once."""
    yield from (Update(ref, None, id) for ref, id in sorted(signed.items()) if ref not in tips)


def _ahead(store: GitStore, ours: dict[str, str], tips: dict[str, str]) -> Iterator[Update]:
    """What we added to, or wrote anew since the remote's was last seen as it still is."""
    for ref, id in sorted(ours.items()):
        theirs = tips.get(ref)
        if theirs is None or (
            theirs != id
            and not descends(store, id, theirs)
            and (descends(store, theirs, id) or store.resolve(known_ref(ref)) == theirs)
        ):
            yield Update(ref, theirs, id)


def _bring(store: GitStore, ref: str, ours: str | None, theirs: str) -> None:
    """Follow the remote's branch where ours is as we knew it, or behind."""
    known = store.resolve(known_ref(ref))
    if ours is None or ours == known or descends(store, ours, theirs):
        if ours != theirs:
            store.move(ref, theirs, old=ours)
    elif known != theirs and not descends(store, theirs, ours):
        return
    remember(store, ref, theirs)


def _gone(store: GitStore, ref: str, theirs: str | None) -> bool:
    """Whether a proposal was at the remote as it is here, and is there no more; drops it then."""
    ours, known = store.resolve(ref), store.resolve(known_ref(ref))
    if theirs is not None or ours is None or known is None or not descends(store, ours, known):
        return False
    forget_proposal(store, ref)
    return True
