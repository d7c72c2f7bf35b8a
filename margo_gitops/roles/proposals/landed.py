"""Proposals that came into `main`, by whatever merge, and how far their sites are with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from margo_gitops.model import layout
from margo_gitops.model.proposal import Progress, Word
from margo_gitops.model.record import Record
from margo_gitops.roles.central import Central
from margo_gitops.roles.statements import Statements
from margo_gitops.status.view import SiteView
from margo_gitops.store.git import GitStore
from margo_gitops.store.proposed import statements_at
from margo_gitops.trust.approval import read_statement

LOOK_BACK = 200
"""Merges of `main` that are looked through."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A statement that a commit of `main` brought, by its digest; an id may land more than once."""

    id: str
    commit: str
    statement: str


def landed(store: GitStore, trunk: str, most: int = 20) -> list[Landed]:
    """The newest proposals that `main` holds, newest first; of an open fleet none."""
    found: list[Landed] = []
    for commit, digests in _brought(store, trunk):
        for hex in sorted(digests):
            data = store.read(commit, f"{layout.STATEMENTS}/{hex}.json") or b""
            found.append(Landed(read_statement(data).proposal, commit, f"sha256:{hex}"))
        if len(found) >= most:
            break
    return found[:most]


def word_of_landed(co: Central, item: Landed) -> Word:
    """A merged proposal with its result; what it changed was told while it was open."""
    statements = Statements(co.store, item.commit)
    statement = read_statement(statements.held[item.statement].statement)
    records = list(statements.records(item.statement))
    return Word(
        id=item.id,
        branch=layout.proposal_ref(item.id).removeprefix("refs/heads/"),
        commit=item.commit,
        title=statement.reason.splitlines()[0],
        reason=statement.reason,
        proposer=statement.proposer,
        records=statement.records,
        sites=len({record.site for record in records}),
        groups=(),
        approvers=(),
        missing=None,
        state="merged",
        merge=item.commit,
        progress=progress_of(co, records),
    )


def progress_of(co: Central, records: Sequence[Record]) -> Progress | None:
    """At how many sites all of these records run, as the sites last said; None for none."""
    wanted: dict[str, list[Record]] = {}
    for record in records:
        wanted.setdefault(record.site, []).append(record)
    known = sorted(wanted.keys() & set(co.sites()))
    views = {view.site: view for view in co.statuses(known)}
    running = sum(_runs(co, views[site], wanted[site]) for site in known)
    refused = sum(1 for view in views.values() if view.refusals)
    return Progress(running, len(wanted), refused) if wanted else None


def _runs(co: Central, view: SiteView, records: Sequence[Record]) -> bool:
    """Whether a site was sent these records, or later ones of theirs, and runs what they say."""
    tree = co.published(view.site)
    if tree is None or view.adopted != view.desired:
        return False
    held = {entry.record.id: entry.record for entry in tree.change.records}
    return all(
        record.id in held
        and held[record.id].revision >= record.revision
        and all(item.state in _SETTLED for item in view.deployments if item.id == record.id)
        for record in records
    )


_SETTLED = frozenset({"installed", "removed"})


def _brought(store: GitStore, trunk: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Each commit of `main` itself that brought statements, newest first, with their digests."""
    commit: str | None = trunk
    for _ in range(LOOK_BACK):
        if commit is None:
            return
        before = next(iter(store.commit(commit).parents), None)
        if before is None or store.entry(commit, layout.STATEMENTS) != store.entry(
            before, layout.STATEMENTS
        ):
            there = frozenset[str]() if before is None else statements_at(store, before)
            if new := statements_at(store, commit) - there:
                yield commit, new
        commit = before
