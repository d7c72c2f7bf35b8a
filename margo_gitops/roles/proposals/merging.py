"""A proposal's way into `main`: only with its approvals, whatever others merge meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from margo_gitops.errors import Missing, Stalled
from margo_gitops.model import layout
from margo_gitops.roles.central import Trunk
from margo_gitops.roles.checking import require_valid_main
from margo_gitops.roles.origin import Origin
from margo_gitops.roles.outgoing import racing
from margo_gitops.roles.proposals.branch import page_of, trunk_of
from margo_gitops.roles.proposals.listing import merged
from margo_gitops.roles.proposals.looking import Look, Stated
from margo_gitops.roles.proposals.proposing import Proposing
from margo_gitops.roles.statements import statement_files
from margo_gitops.store.proposed import approvals_of, forget_proposal


@dataclass(frozen=True, slots=True)
class Merged:
    """The commit of `main` that holds a proposal, and what was merged."""

    commit: str
    seen: Look


def merge(proposing: Proposing, origin: Origin) -> Merged:
    """Merge into `main`, here and at the remote, what has its approvals; quiet where it is there.

    The signatures go beside the statement. Raises `Missing` (exit 4) where approvals are missing,
    `Stalled` where git finds no one tree of both; nothing is then changed.
    """
    return racing()(_once, proposing, origin)


def _once(proposing: Proposing, origin: Origin) -> Merged:
    origin.refresh()
    store, branch, trunk = proposing.branch.store, proposing.branch, proposing.co.branch
    if not isinstance(trunk, Trunk):
        raise Stalled("a proposal is merged into main")
    seen = proposing.look()
    base = trunk_of(store)
    if base is None:
        raise Stalled("this repository has no main branch", help="margo init DIR")
    if merged(store, branch.id, seen.commit):
        commit = base
    else:
        require_approved(seen)
        tip = _with_signatures(proposing, seen)
        told = f"Merge proposal/{branch.id}\n\nProposal: {branch.id}\n"
        commit = trunk.join(base, tip, told)
        require_valid_main(store, commit)
    origin.land(commit)
    if commit != trunk.head():
        _forward(trunk, base, commit, branch.id)
    return Merged(commit, seen)


def _forward(trunk: Trunk, base: str, commit: str, id: str) -> None:
    try:
        trunk.forward(base, commit)
    except Stalled as error:
        raise Stalled(
            f"proposal/{id} is merged at {commit[:12]}, and not here: {error.problem}",
            then="nothing of yours was changed; nothing was published yet",
            help=f"{error.help}; then margo render --push",
        ) from error


def require_approved(seen: Look) -> None:
    """`Missing` (exit 4) where a proposal may not be merged yet."""
    if seen.missing is not None:
        raise Missing(
            f"proposal/{seen.id} may not be merged: {seen.missing}",
            then="nothing was changed",
            help=f"{seen.next}, by somebody else" if not seen.beyond else seen.next,
        )


def tidy(proposing: Proposing, origin: Origin, seen: Look) -> None:
    """Drop the branch that `main` holds now, and the refs of signatures if they lie there, too."""
    store, branch = proposing.branch.store, proposing.branch
    tip = store.resolve(branch.ref)
    refs = {} if tip is None else {branch.ref: tip}
    refs |= page_of(branch)
    if (
        seen.stated is not None
        and _beside(seen.stated).keys()
        <= store.paths(proposing.co.head(), layout.STATEMENTS).keys()
    ):
        refs |= approvals_of(store, frozenset([seen.stated.digest.removeprefix("sha256:")]))
    origin.drop(refs)
    forget_proposal(store, branch.ref)


def _with_signatures(proposing: Proposing, seen: Look) -> str:
    """The tip of the branch, with each signature beside the statement."""
    if seen.stated is None:
        return proposing.branch.tip()
    beside = _beside(seen.stated)
    held = proposing.branch.store.paths(proposing.branch.tip(), layout.STATEMENTS)
    if beside.keys() <= held.keys():
        return proposing.branch.tip()
    message = f"Approvals of {proposing.id}\n\nProposal: {proposing.id}\n"
    return proposing.branch.commit(dict(beside), message)


def _beside(stated: Stated) -> dict[str, bytes]:
    """Where each signature stands beside the statement."""
    (path, *_) = statement_files(stated.data, b"")
    return {layout.signed_by(path, key): data for key, data in stated.signatures.items()}
