"""What a site is offered, and what it holds: the values that the adoption rule is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from margo_gitops.model.record import Change, Record, SiteSettings
from margo_gitops.model.report import Adopted
from margo_gitops.trust.chain import Trust


@dataclass(frozen=True, slots=True)
class Desired:
    """The desired state of a site at one commit, checked."""

    commit: str
    change: Change
    settings: SiteSettings
    files: Mapping[str, bytes]

    @property
    def records(self) -> dict[str, Record]:
        """Every record by id, tombstones included."""
        return {entry.record.id: entry.record for entry in self.change.records}

    @property
    def deployments(self) -> tuple[Record, ...]:
        """The records that set a deployment, by name and target."""
        placed = [r for r in self.records.values() if r.action == "set" and r.application]
        return tuple(sorted(placed, key=lambda record: (record.name, record.target)))


@dataclass(frozen=True, slots=True)
class Offer:
    """A site branch's tip as it arrived; `descends` says whether it follows the held commit.

    `trust` is what this site believes, with the chain of this very tip followed; None where it was
    enrolled in no signed fleet. `since` is what this site adopted before it lost its state, by its
    own signed word, `known` the digests of the records of that.
    """

    site: str
    commit: str
    files: Mapping[str, bytes]
    descends: bool
    trust: Trust | None = None
    since: Adopted | None = None
    known: frozenset[str] = frozenset()
