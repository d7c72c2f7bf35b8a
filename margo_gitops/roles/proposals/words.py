"""A proposal in the words that a terminal and a forge show."""

from __future__ import annotations

from margo_gitops.model import layout
from margo_gitops.model.proposal import Progress, State, Word
from margo_gitops.plan.changes import grouped
from margo_gitops.roles.proposals.listing import Known
from margo_gitops.roles.proposals.looking import Look


def word_of(
    seen: Look,
    known: Known,
    *,
    state: State | None = None,
    merge: str | None = None,
    progress: Progress | None = None,
) -> Word:
    """All that is told of a proposal that was looked at."""
    statement = None if seen.stated is None else seen.stated.statement
    return Word(
        id=seen.id,
        branch=layout.proposal_ref(seen.id).removeprefix("refs/heads/"),
        commit=seen.commit,
        title=known.subject if statement is None else statement.reason.splitlines()[0],
        reason=known.subject if statement is None else statement.reason,
        proposer=None if statement is None else statement.proposer,
        records=len(seen.all),
        sites=seen.sites,
        groups=grouped(seen.all),
        approvers=seen.approvers,
        missing=seen.missing,
        state=state or known.state,
        next=seen.next,
        merge=merge,
        progress=progress,
    )
