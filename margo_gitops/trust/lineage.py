"""Clauses on order: what is offered must come after what is held. No clock is asked."""

from __future__ import annotations

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.record import Change
from margo_gitops.trust.accounting import order
from margo_gitops.trust.offer import Desired, Offer

MAX_JUMP = 100_000
"""Generations that may pass unseen; a larger step would burn the numbers for ever."""

MAX_EPOCHS = 1000
"""Epochs that may pass unseen."""


def fork(offer: Offer, change: Change, held: Desired | None) -> str | None:
    """One generation has one commit."""
    if held is None or order(change) != order(held.change) or offer.commit == held.commit:
        return None
    return (
        f"generation {change.generation} is already adopted from {held.commit[:12]}:"
        " the same number with other bytes is a fork"
    )


def rollback(_: Offer, change: Change, held: Desired | None) -> str | None:
    """What was left behind does not come back."""
    if held is None or order(change) >= order(held.change):
        return None
    return f"generation {change.generation} is older than {held.change.generation}, already adopted"


def floor(offer: Offer, change: Change, held: Desired | None) -> str | None:
    """A box that lost its history begins no lower than it stood, or its enrolment says."""
    enrolment = None if offer.trust is None else offer.trust.enrolment
    if held is not None:
        return None
    if enrolment is not None and change.generation < enrolment.floor:
        return f"generation {change.generation} is below the enrolment's floor {enrolment.floor}"
    since = offer.since
    if since is None or order(change) > (since.epoch, since.generation):
        return None
    if canonical.digest(offer.files[layout.CHANGE]) == since.change:
        return None
    return (
        f"generation {change.generation} does not follow {since.generation}, which this site"
        " adopted before it lost its state"
    )


def jump(offer: Offer, change: Change, held: Desired | None) -> str | None:
    """Numbers grow in bounded steps, so that nobody uses them up."""
    enrolment = None if offer.trust is None else offer.trust.enrolment
    base = 0 if enrolment is None else enrolment.floor
    if offer.since is not None:
        base = max(base, offer.since.generation)
    if held is not None:
        base = held.change.generation
    if change.generation - base > MAX_JUMP:
        return f"generation {change.generation} is more than {MAX_JUMP} after {base}"
    epoch = change.epoch if held is None else held.change.epoch
    if change.epoch - epoch > MAX_EPOCHS:
        return f"epoch {change.epoch} is more than {MAX_EPOCHS} after {epoch}"
    return None


def epoch(_: Offer, change: Change, held: Desired | None) -> str | None:
    """Generations go on over the border of an epoch; within one, its beginning stays the same."""
    start = change.continues
    if start is not None and start.generation >= change.generation:
        return f"epoch {change.epoch} goes on after generation {start.generation}, not before"
    if held is None or change.epoch > held.change.epoch or start == held.change.continues:
        return None
    return f"epoch {change.epoch} has another beginning than the one already adopted"


def descent(offer: Offer, change: Change, held: Desired | None) -> str | None:
    """It descends, or begins an epoch after the commit held, or after a later one."""
    if held is None or offer.descends:
        return None
    start = change.continues
    if start is None or change.epoch <= held.change.epoch:
        return (
            f"it does not descend from {held.commit[:12]}, already adopted: the branch was"
            " rewritten"
        )
    if start.commit == held.commit or start.generation > held.change.generation:
        return None
    return (
        f"epoch {change.epoch} goes on after {start.commit[:12]}, generation {start.generation},"
        f" which is not {held.commit[:12]}, already adopted"
    )
