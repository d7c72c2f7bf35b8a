"""A proposal's way out: its branch is dropped, and what was approved is made worthless if asked."""

from __future__ import annotations

from dataclasses import dataclass, replace

from margo_gitops.documents import canonical
from margo_gitops.errors import Invalid, Missing
from margo_gitops.model import layout
from margo_gitops.roles.origin import Origin
from margo_gitops.roles.proposals.branch import ProposalBranch, page_of
from margo_gitops.roles.proposals.listing import Known, known
from margo_gitops.roles.proposals.looking import Look
from margo_gitops.roles.proposals.proposing import Proposing
from margo_gitops.roles.statements import Statements
from margo_gitops.store.proposed import approvals_of, forget_proposal


@dataclass(frozen=True, slots=True)
class Closed:
    """A proposal that was closed: who had approved it, and the proposal that voids that, if any."""

    id: str
    approvers: tuple[str, ...]
    void: Look | None


def close(proposing: Proposing, origin: Origin, *, void: bool, reason: str) -> Closed:
    """Drop a proposal's branch, here and at the remote.

    Its signatures go with it, but who copied them has them: with `void` a second proposal,
    `void-<id>`, gives each of its records a successor that no site goes back from. One that is
    merged loses its branch alone. Raises `Invalid` where that is to be voided, `Missing` where
    there is no such proposal, or nothing of it can be voided.
    """
    origin.refresh()
    branch = proposing.branch
    tip = branch.tip()
    found = known(branch.store, branch.id, proposing.co.trust())
    if found.state == "merged" and void:
        raise Invalid(
            f"proposal/{branch.id} is merged",
            then="nothing was changed",
            help="margo rollback NAME",
        )
    made = _void(proposing, found, reason) if void else None
    refs = {branch.ref: tip} | page_of(branch)
    if found.state == "merged":
        origin.drop(refs)
        forget_proposal(branch.store, branch.ref)
        return Closed(branch.id, (), None)
    hexes = (digest.removeprefix("sha256:") for digest in found.statements)
    refs |= approvals_of(branch.store, frozenset(hexes))
    origin.drop(refs)
    forget_proposal(branch.store, branch.ref)
    return Closed(branch.id, found.approvers, made)


def _void(proposing: Proposing, found: Known, reason: str) -> Look:
    """The proposal that outnumbers every record of a closed one."""
    store, id = proposing.branch.store, f"void-{found.id}"[:63]
    statements = Statements(store, found.commit)
    files: dict[str, bytes | None] = {}
    for digest in found.statements:
        lines = [canonical.dump(record) + b"\n" for record in statements.records(digest)]
        files[layout.voided_path(digest)] = b"".join(sorted(lines))
    if not any(files.values()):
        raise Missing(
            f"proposal/{found.id} has no records beside its statement: nothing can be voided",
            then="nothing was closed",
            help=f"margo pr close {found.id}",
        )
    branch = ProposalBranch(store, id, proposing.branch.author)
    if store.resolve(branch.ref) is None:
        branch.commit(files, f"Void proposal/{found.id}\n\n{reason}\n\nProposal: {id}\n")
    other = replace(proposing, branch=branch)
    return other.create(reason)
