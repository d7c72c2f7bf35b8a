"""The adoption rule of a site: what it accepts as its desired state (DESIGN section 5).

Each clause has a name, which status reports when it refuses. An open fleet has the same files
without signatures; the clauses on signatures, roots and enrolments join this table with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.record import (
    Change,
    Manifest,
    Record,
    SiteArtifacts,
    SiteSettings,
)
from margo_gitops.render.site import document_path
from margo_gitops.trust.accounting import accounted, order, required

MAX_JUMP = 100_000
"""Generations that may pass unseen; a larger step would burn the numbers for ever."""

MAX_EPOCHS = 1000
"""Epochs that may pass unseen."""


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
    """A site branch's tip as it arrived; `descends` says whether it follows the held commit."""

    site: str
    commit: str
    files: Mapping[str, bytes]
    descends: bool


_ASTRAY = frozenset({"fork", "rollback", "descent"})
"""The rules that refuse a branch which was set back or went another way than this site."""

Clause = Callable[[Offer, Change, "Desired | None"], str | None]


def adopt(offer: Offer, held: Desired | None) -> Desired:
    """The desired state that the offer carries, if every clause holds.

    Raises `Refused` naming the first clause that does not; nothing is then adopted.
    """
    change = canonical.load(required(offer.files, layout.CHANGE), Change, layout.CHANGE)
    for rule, clause in SITE_CLAUSES:
        if problem := clause(offer, change, held):
            if held is not None and rule in _ASTRAY:
                problem += f"; margo render heals it, in a clone that holds {held.commit[:12]}"
            raise Refused(
                f"site/{offer.site} at {offer.commit[:12]}: {problem}",
                rule=rule,
                help=f"margo diff {offer.site}" if rule != "site" else "",
            )
    settings = canonical.load(offer.files[layout.SETTINGS], SiteSettings, layout.SETTINGS)
    return Desired(offer.commit, change, settings, offer.files)


def _fleet(_: Offer, change: Change, held: Desired | None) -> str | None:
    if held is None or change.fleet == held.change.fleet:
        return None
    return f"it is of the fleet {change.fleet}, expected {held.change.fleet}"


def _site(offer: Offer, change: Change, _: Desired | None) -> str | None:
    strangers = {e.record.site for e in change.records} | {change.site}
    wrong = sorted(strangers - {offer.site})
    return f"it is for the site {wrong[0]}, expected {offer.site}" if wrong else None


def _fork(offer: Offer, change: Change, held: Desired | None) -> str | None:
    if held is None or order(change) != order(held.change) or offer.commit == held.commit:
        return None
    return (
        f"generation {change.generation} is already adopted from {held.commit[:12]}:"
        " the same number with other bytes is a fork"
    )


def _rollback(_: Offer, change: Change, held: Desired | None) -> str | None:
    if held is None or order(change) >= order(held.change):
        return None
    return f"generation {change.generation} is older than {held.change.generation}, already adopted"


def _jump(_: Offer, change: Change, held: Desired | None) -> str | None:
    base = 0 if held is None else held.change.generation
    if change.generation - base > MAX_JUMP:
        return f"generation {change.generation} is more than {MAX_JUMP} after {base}"
    epoch = change.epoch if held is None else held.change.epoch
    if change.epoch - epoch > MAX_EPOCHS:
        return f"epoch {change.epoch} is more than {MAX_EPOCHS} after {epoch}"
    return None


def _epoch(_: Offer, change: Change, held: Desired | None) -> str | None:
    """Generations go on over the border of an epoch; within one, its beginning stays the same."""
    start = change.continues
    if start is not None and start.generation >= change.generation:
        return f"epoch {change.epoch} goes on after generation {start.generation}, not before"
    if held is None or change.epoch > held.change.epoch or start == held.change.continues:
        return None
    return f"epoch {change.epoch} has another beginning than the one already adopted"


def _descent(offer: Offer, change: Change, held: Desired | None) -> str | None:
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


def _tree(offer: Offer, change: Change, _: Desired | None) -> str | None:
    """The tree holds exactly what change.json accounts for, byte for byte."""
    expected = {
        layout.MANIFEST: change.manifest,
        layout.SITE_ARTIFACTS: change.artifacts,
        layout.SETTINGS: change.settings,
    }
    for entry in change.records:
        document = entry.record.document
        if (document is None) != (entry.record.action == "remove"):
            return f"the record {entry.record.name} says {entry.record.action} and means another"
        if document is not None:
            expected[document_path(entry.record)] = document
    return accounted(offer.files, expected, layout.CHANGE)


def _manifest(offer: Offer, change: Change, _: Desired | None) -> str | None:
    """Manifest and set records one to one; the manifest's version is the generation."""
    manifest = canonical.load(offer.files[layout.MANIFEST], Manifest, layout.MANIFEST)
    if manifest.manifest_version != change.generation:
        return f"manifestVersion {manifest.manifest_version}, expected {change.generation}"
    listed = {entry.deployment_id: entry.digest for entry in manifest.deployments}
    recorded = {
        entry.record.id: entry.record.document.digest
        for entry in change.records
        if entry.record.application is not None and entry.record.document is not None
    }
    if listed == recorded and len(manifest.deployments) == len(listed):
        return None
    different = sorted(set(listed.items()) ^ set(recorded.items()))
    return f"manifest.json and the records differ in {len(different)} deployments"


def _artifacts(offer: Offer, change: Change, _: Desired | None) -> str | None:
    stated = canonical.load(
        offer.files[layout.SITE_ARTIFACTS], SiteArtifacts, layout.SITE_ARTIFACTS
    )
    needed = {a.digest for e in change.records for a in e.record.artifacts}
    if {artifact.digest for artifact in stated.artifacts} == needed and stated.site == change.site:
        return None
    return "artifacts.json does not list exactly what the records need"


def _records(_: Offer, change: Change, held: Desired | None) -> str | None:
    """Unique, none dropped without a tombstone, no revision back, each successor linked."""
    records = {entry.record.id: entry.record for entry in change.records}
    if len(records) != len(change.records):
        return "two records have one id"
    for id, before in ({} if held is None else held.records).items():
        after = records.get(id)
        if after is None:
            return f"the record {before.name} is gone without a remove record"
        if after != before and (problem := _succession(before, after)):
            return problem
    return None


def _succession(before: Record, after: Record) -> str | None:
    if after.revision <= before.revision:
        return f"revision {after.revision} of {after.name} does not follow {before.revision}"
    if after.revision == before.revision + 1:
        digest = canonical.digest(canonical.dump(before))
        if after.replaces != digest:
            return f"revision {after.revision} of {after.name} does not replace the one held"
    return None


SITE_CLAUSES: tuple[tuple[str, Clause], ...] = (
    ("fleet", _fleet),
    ("site", _site),
    ("fork", _fork),
    ("rollback", _rollback),
    ("jump", _jump),
    ("epoch", _epoch),
    ("descent", _descent),
    ("tree", _tree),
    ("manifest", _manifest),
    ("artifacts", _artifacts),
    ("records", _records),
)
"""Every clause of a site's adoption, in order; the first that fails gives the refusal its name."""
