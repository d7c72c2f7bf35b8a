"""The adoption rule of a node: its share of the site's desired state (DESIGN section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.record import Change, Content, Placement, Record, SiteSettings
from margo_gitops.render.site import document_path
from margo_gitops.trust.accounting import accounted, order, required


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


def adopt_share(node: str, commit: str, files: Mapping[str, bytes], held: Share | None) -> Share:
    """A node's share if it is this node's, newer than the one held, and whole.

    Raises `Refused` with the rule: format, node, site, sequence, change, records, tree.
    """
    placement = canonical.load(required(files, layout.PLACEMENT), Placement, layout.PLACEMENT)
    change_bytes = required(files, layout.CHANGE)
    change = canonical.load(change_bytes, Change, layout.CHANGE)
    for rule, problem in (
        ("node", _node(node, placement)),
        ("site", _site(placement, change, held)),
        ("sequence", _sequence(placement, held)),
        ("change", _change(placement, canonical.digest(change_bytes), change, held)),
        ("records", _records(placement, change)),
        ("tree", _tree(files, placement, change)),
    ):
        if problem:
            raise Refused(f"node/{node} at {commit[:12]}: {problem}", rule=rule)
    settings = canonical.load(files[layout.SETTINGS], SiteSettings, layout.SETTINGS)
    return Share(commit, placement, change, settings, files)


def _node(node: str, placement: Placement) -> str | None:
    return None if placement.node == node else f"it is for {placement.node}, expected {node}"


def _site(placement: Placement, change: Change, held: Share | None) -> str | None:
    mine = (placement.fleet, placement.site)
    if mine != (change.fleet, change.site):
        return "placement.json and change.json name different sites"
    if held is not None and mine != (held.placement.fleet, held.placement.site):
        return f"it is of the site {placement.site}, expected {held.placement.site}"
    return None


def _sequence(placement: Placement, held: Share | None) -> str | None:
    if held is None or placement.sequence > held.placement.sequence:
        return None
    return f"sequence {placement.sequence} does not follow {held.placement.sequence}"


def _change(placement: Placement, digest: str, change: Change, held: Share | None) -> str | None:
    if placement.change != digest:
        return "placement.json names another change.json than the one beside it"
    if held is not None and order(change) < order(held.change):
        return f"generation {change.generation} is older than {held.change.generation}"
    return None


def _records(placement: Placement, change: Change) -> str | None:
    records = {entry.record.id: entry.record for entry in change.records}
    for placed in placement.deployments:
        record = records.get(placed.id)
        if record is None or record.action != "set" or record.document != placed.document:
            return f"{placed.name} is no deployment of this generation"
        if canonical.digest(canonical.dump(record)) != placed.record:
            return f"{placed.name} is placed from another record than the approved one"
        if layout.node_of(record.target) not in {None, placement.node}:
            return f"{placed.name} is for {record.target}, not for {placement.node}"
    return None


def _tree(files: Mapping[str, bytes], placement: Placement, change: Change) -> str | None:
    records = {entry.record.id: entry.record for entry in change.records}
    expected: dict[str, Content] = {layout.SETTINGS: change.settings}
    for placed in placement.deployments:
        if placed.id in records:
            expected[document_path(records[placed.id])] = placed.document
    return accounted(files, expected, layout.CHANGE, layout.PLACEMENT)
