"""A node's share of the site's desired state: the values that its adoption rule is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.model.record import Change, Placement, Record, RecordEntry, SiteSettings
from margo_gitops.trust.chain import Trust


@dataclass(frozen=True, slots=True)
class Share:
    """What one node is to run, at one commit of its node branch, checked."""

    commit: str
    placement: Placement
    change: Change
    settings: SiteSettings
    files: Mapping[str, bytes]

    @property
    def records(self) -> dict[str, Record]:
        """Every record of the site by id, tombstones included."""
        return {entry.record.id: entry.record for entry in self.change.records}

    @property
    def adopted(self) -> frozenset[str]:
        """The digests of the records that this node adopted: its settings' and those it runs."""
        placed = entries_of(self.placement, self.change)
        return frozenset(canonical.digest(canonical.dump(entry.record)) for entry in placed)

    @property
    def place(self) -> tuple[int, int]:
        """Its place in order: a site that was enrolled anew counts from the beginning."""
        return self.placement.enrolment or 0, self.placement.sequence


@dataclass(frozen=True, slots=True)
class Shared:
    """A node branch's tip as it arrived.

    `trust` is what this node believes, with the chain of this very tip followed; None where it was
    enrolled in no signed fleet. `since` is the place in order of the last share that this node
    adopted before it lost its state, `known` the digests of the records of that.
    """

    node: str
    commit: str
    files: Mapping[str, bytes]
    trust: Trust | None = None
    since: tuple[int, int] = (0, 0)
    known: frozenset[str] = frozenset()


def entries_of(placement: Placement, change: Change) -> list[RecordEntry]:
    """Whose evidence a node needs: the site's settings, and what it is to run."""
    placed = {item.id for item in placement.deployments}
    return [
        entry
        for entry in change.records
        if entry.record.id in placed or entry.record.application is None
    ]
