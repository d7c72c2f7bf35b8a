"""What a proposal changes, in groups, kept in the clone: a second look renders nothing again.

What is kept is worth nothing by itself (`store.verdicts`), and is of exactly the commits that it
was computed from: `main`, the proposal, every site's branch and every status.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from margo_gitops.model import layout
from margo_gitops.model.proposal import Group
from margo_gitops.plan.changes import grouped
from margo_gitops.roles.proposals.branch import trunk_of
from margo_gitops.roles.proposals.looking import Look
from margo_gitops.roles.proposals.proposing import Proposing
from margo_gitops.store.verdicts import Verdicts

CACHE = Path("margo") / "proposals.sqlite"


def groups_of(proposing: Proposing) -> tuple[Group, ...]:
    """What the proposal changes, in groups; raises all that `Proposing.look` does."""
    proposing.branch.tip()
    cache, key = _cache(proposing), _key(proposing)
    kept = cache.get([key]).get(key)
    return _decoded(kept) if kept is not None else keep(proposing, proposing.look())


def keep(proposing: Proposing, seen: Look) -> tuple[Group, ...]:
    """The groups of a look that was taken just now, for whoever asks next."""
    groups = grouped(seen.all)
    _cache(proposing).put({_key(proposing): _encoded(groups)})
    return groups


def _cache(proposing: Proposing) -> Verdicts:
    path = proposing.branch.store.path
    return Verdicts(None if path is None else path / CACHE)


def _key(proposing: Proposing) -> str:
    store = proposing.branch.store
    refs = {**store.refs(layout.SITES), **store.refs(layout.STATUSES)}
    ends = [proposing.branch.head(), trunk_of(store), proposing.co.pinned]
    text = "\n".join([*map(str, ends), *(f"{ref} {tip}" for ref, tip in sorted(refs.items()))])
    return hashlib.sha256(text.encode()).hexdigest()


def _encoded(groups: tuple[Group, ...]) -> str:
    return json.dumps([[group.title, group.sites, group.lines] for group in groups])


def _decoded(text: str) -> tuple[Group, ...]:
    return tuple(
        Group(title, tuple(sites), tuple(lines)) for title, sites, lines in json.loads(text)
    )
