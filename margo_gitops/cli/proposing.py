"""From an edit, or a branch of one's own, to a proposal that others can approve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from margo_gitops.cli.forge import known, tell_forge
from margo_gitops.cli.opening import Opened, over
from margo_gitops.cli.output import emit
from margo_gitops.cli.progress import progress
from margo_gitops.cli.reviewing import lines, value, word
from margo_gitops.errors import MargoError

if TYPE_CHECKING:
    from margo_gitops.cli.as_proposal import AsProposal
    from margo_gitops.render.edits import Edit
    from margo_gitops.roles.central import Central
    from margo_gitops.roles.proposals.looking import Look
    from margo_gitops.roles.proposals.proposing import Proposing, Purpose


def require_fresh(co: Central) -> None:
    """Ask the remote before an edit is made for a proposal: on an old `main` it would contradict.

    Raises `Stalled` where `main` is older here.
    """
    from margo_gitops.errors import Stalled  # noqa: PLC0415
    from margo_gitops.roles.proposals.branch import trunk_of  # noqa: PLC0415

    with over(co):
        head, trunk = co.head(), trunk_of(co.store)
    if trunk is not None and trunk != head:
        raise Stalled(
            f"main is at {head[:12]} here and at {trunk[:12]} at the remote",
            then="nothing was proposed",
            help="margo pull",
        )


def propose(co: Central, edit: Edit, wanted: AsProposal, name: str, *, as_json: bool) -> None:
    """Commit an edit to a new branch `proposal/<id>`, state what it changes, and send both.

    Nothing is left behind where it cannot be stated.
    """
    from margo_gitops.roles.checking import require_valid_edit  # noqa: PLC0415
    from margo_gitops.roles.proposals.branch import free_id  # noqa: PLC0415
    from margo_gitops.store.proposed import forget_proposal  # noqa: PLC0415

    require_valid_edit(co.store, co.head(), edit.changes)
    with over(co, asking=False) as found:
        id = free_id(found.co.store, wanted.id, f"{wanted.verb}-{name}")
        with found.proposing(id) as proposing:
            subject, _, rest = edit.message.strip().partition("\n\n")
            trailers = f"{rest.strip()}\n" if rest.strip() else ""
            proposing.branch.commit(edit.changes, f"{subject}\n\n{trailers}Proposal: {id}\n")
            try:
                seen = stated(found, proposing, wanted.reason or subject, "change")
            except (MargoError, KeyboardInterrupt):
                forget_proposal(found.co.store, proposing.branch.ref)
                raise
            shown(found, seen, as_json=as_json)


def stated(
    found: Opened,
    proposing: Proposing,
    reason: str,
    purpose: Purpose,
    *,
    again: bool = False,
    offline: bool = False,
) -> Look:
    """Resolve what is open in locks, state the records, and send the proposal.

    In an open fleet, and where nothing needs an approval, there is no statement, and it may be
    merged as it is.
    """
    from margo_gitops.roles.checking import require_valid_main  # noqa: PLC0415
    from margo_gitops.roles.proposals.locks import open_locks, resolved  # noqa: PLC0415
    from margo_gitops.roles.proposals.remembered import keep  # noqa: PLC0415

    if not again:
        proposing.branch.tip()
    require_valid_main(found.co.store, proposing.after.head())
    seen = proposing.unstated()
    if not offline:
        with progress("locking", None) as advance:
            keys = open_locks(proposing.after.main(), seen.applications)
            edits = resolved(proposing.after, keys, advance)
        for edit in edits:
            proposing.branch.commit(edit.changes, f"{edit.message}\n\nProposal: {seen.id}\n")
        seen = proposing.unstated() if edits else seen
    if found.co.trust() is not None and (seen.beyond or again or purpose == "break-glass"):
        seen = proposing.create(reason, purpose, again=again)
    else:
        seen = proposing.look()
    keep(proposing, seen)
    found.origin.send()
    return seen


def shown(
    found: Opened, seen: Look, *, as_json: bool, first: str = "", ref: str | None = None
) -> None:
    """Print a proposal, with what else is open over the same files, and show it on its forge."""
    from margo_gitops.roles.proposals.listing import overlapping  # noqa: PLC0415

    notes = overlapping(found.co.store, seen.id)
    told = {**value(found, seen), "overlaps": notes}
    text = [*([first] if first else []), *lines(found, seen, full=False)]
    text += [
        f"proposal/{id} changes {path} too: whichever is merged second is stated again"
        for id, path in notes.items()
    ]
    emit(told if ref is None else {**told, "ref": ref}, as_json=as_json, text=text)
    if known(found):
        tell_forge(found, word(found, seen))
