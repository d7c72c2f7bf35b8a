"""A node's share of the site's desired state: the values that its adoption rule is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.record import (
    Change,
    PlacedDeployment,
    Placement,
    Record,
    RecordEntry,
    SiteSettings,
)
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
    def entries(self) -> tuple[RecordEntry, ...]:
        """Whose evidence this node needs: the site's settings, and what it is to run."""
        return entries_of(self.placement, self.change, self.files)

    @property
    def running(self) -> dict[str, Record]:
        """What this node is to run, by id: of this generation, or what its site keeps."""
        return {e.record.id: e.record for e in self.entries if e.record.application is not None}

    @property
    def adopted(self) -> frozenset[str]:
        """The digests of the records that this node adopted: its settings' and those it runs."""
        return frozenset(canonical.digest(canonical.dump(entry.record)) for entry in self.entries)

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


def entries_of(
    placement: Placement, change: Change, files: Mapping[str, bytes]
) -> tuple[RecordEntry, ...]:
    """The settings' entry, and that of each placed deployment: the kept one where one is placed."""
    placed = {item.id: item for item in placement.deployments}
    found = []
    for entry in change.records:
        item = placed.get(entry.record.id)
        if item is not None:
            found.append(_kept(item, files) or entry)
        elif entry.record.application is None:
            found.append(entry)
    return tuple(found)


def _kept(placed: PlacedDeployment, files: Mapping[str, bytes]) -> RecordEntry | None:
    """The entry beside a hold, where that is what was placed."""
    data = files.get(layout.kept_path(placed.id))
    if data is None:
        return None
    entry = canonical.load(data, RecordEntry, layout.kept_path(placed.id))
    return entry if canonical.digest(canonical.dump(entry.record)) == placed.record else None
