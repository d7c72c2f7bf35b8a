"""What a site says that it adopted: what is in force, or later what it lost since."""

from __future__ import annotations

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.report import Adopted, SiteStatus
from margo_gitops.trust.offer import Desired


def adopted_last(held: Desired | None, said: SiteStatus | None) -> Adopted | None:
    """What is in force, or what this site said before, where its state was set back since.

    Its nodes go on with that; by this word the CO sees that the branch must get beyond it.
    """
    now = in_force(held)
    before = None if said is None else said.adopted
    if now is None or before is None:
        return now or before
    return max(now, before, key=lambda adopted: (adopted.epoch, adopted.generation))


def in_force(held: Desired | None) -> Adopted | None:
    """What the site holds, and what comes next must descend from."""
    return None if held is None else _adopted(held)


def _adopted(desired: Desired) -> Adopted:
    change = desired.change
    return Adopted(
        epoch=change.epoch,
        generation=change.generation,
        commit=desired.commit,
        change=canonical.digest(desired.files[layout.CHANGE]),
    )
