"""What a person's clone and its remote owe each other: `main`, the site branches, the statuses.

`main` belongs to people and only fast-forwards. A site branch can be rendered again, so where two
differ the remote's is taken. A status is never ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from margo_gitops.errors import LostRace
from margo_gitops.model.layout import (
    ALIVES,
    APPROVALS,
    ARTIFACTS,
    MAIN,
    RENDERED,
    REQUESTS,
    SITES,
    STATUSES,
    known_ref,
)
from margo_gitops.store.epochs import descends, follows
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import Transport, Update

_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class PullResult:
    """What a pull did: `main` after it, the refs that moved, and those that we are ahead in."""

    main: str | None
    moved: tuple[str, ...]
    ahead: tuple[str, ...]


def fetch_branches(store: GitStore, transport: Transport) -> PullResult:
    """Bring `main`, the site branches, the statuses, and what people and sites say by refs.

    All but `main` move; an approval, once it is here, never does. The result's `main` is the
    remote's.
    """
    return _fetch(store, transport, [MAIN, SITES, STATUSES, ALIVES, APPROVALS, REQUESTS, RENDERED])


def remember(store: GitStore, ref: str, tip: str) -> None:
    """Keep git's own memory of where a branch of the remote is, which `git status` shows."""
    name = known_ref(ref)
    held = store.resolve(name)
    if held != tip:
        with suppress(LostRace):  # another git remembers the same
            store.move(name, tip, old=held)


def push_main(store: GitStore, transport: Transport) -> list[Update]:
    """Push `main` if it is ahead; `LostRace` if the remote's holds commits that ours lacks."""
    tip, ours = transport.refs([MAIN]).get(MAIN), store.resolve(MAIN)
    if ours is None or tip == ours:
        return []
    if tip is not None and not descends(store, tip, ours):
        if descends(store, ours, tip):
            return []
        raise LostRace(
            f"main of {transport.name} is at {tip}, which our main at {ours} does not hold",
            then="nothing was pushed",
            help="margo pull",
        )
    update = Update(MAIN, tip, ours)
    transport.push(store, [update])
    return [update]


def push_artifacts(store: GitStore, transport: Transport) -> list[Update]:
    """Push every artifact that travels in git and that the remote lacks."""
    return _push_due(store, transport, ARTIFACTS)


def push_sites(store: GitStore, transport: Transport) -> list[Update]:
    """Push the site branches that are ahead; to lose a race to the same commit is success.

    Raises `LostRace`, with all others pushed, for those where the remote holds something else.
    """
    pushed = _push_due(store, transport, SITES)
    tips = transport.refs([SITES])
    apart = [
        ref
        for ref, ours in store.refs(SITES).items()
        if ref in tips and not follows(store, ref, ours, tips[ref])
    ]
    if apart:
        raise LostRace(
            f"{', '.join(sorted(apart)[:5])} of {transport.name} holds what ours does not",
            then="all other branches were pushed",
            help="margo pull, then margo render",
        )
    return pushed


def push_rendered(store: GitStore, transport: Transport) -> list[Update]:
    """Push how far `main` is rendered, if that is noted here; after the sites, of course."""
    return _push_due(store, transport, RENDERED) if store.refs(RENDERED) else []


def _fetch(store: GitStore, transport: Transport, wanted: Sequence[str]) -> PullResult:
    tips = transport.refs(wanted)
    held = store.refs()
    changed = {ref: id for ref, id in tips.items() if held.get(ref) != id}
    transport.fetch(store, changed)
    moved = [
        ref
        for ref, id in sorted(changed.items())
        if ref != MAIN and not _stays(store, ref, held.get(ref), id)
    ]
    for ref in moved:
        store.move(ref, tips[ref], old=held.get(ref))
    ahead = [ref for ref in held if ref.startswith(SITES) and ref not in moved]
    return PullResult(
        tips.get(MAIN), tuple(moved), tuple(ref for ref in ahead if tips.get(ref) != held[ref])
    )


def _push_due(store: GitStore, transport: Transport, prefix: str) -> list[Update]:
    for _ in range(_ROUNDS):
        due = _due(store, prefix, transport.refs([prefix]))
        if not due:
            return []
        try:
            transport.push(store, due)
        except LostRace:
            continue
        return due
    raise LostRace(f"{prefix} of {transport.name} keeps being moved by another")


def _due(store: GitStore, prefix: str, tips: Mapping[str, str]) -> list[Update]:
    return [
        Update(ref, tips.get(ref), ours)
        for ref, ours in sorted(store.refs(prefix).items())
        if tips.get(ref) is None or (tips[ref] != ours and follows(store, ref, tips[ref], ours))
    ]


def _stays(store: GitStore, ref: str, ours: str | None, theirs: str) -> bool:
    """A branch that we are ahead in, and a given approval."""
    if ours is None:
        return False
    return ref.startswith(APPROVALS) or (
        ref.startswith((SITES, RENDERED)) and follows(store, ref, theirs, ours)
    )
