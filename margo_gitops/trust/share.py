"""The adoption rule of a node: its share of the site's desired state (DESIGN section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.record import (
    Change,
    Content,
    Placement,
    Record,
    RecordEntry,
    SiteSettings,
)
from margo_gitops.render.site import document_path
from margo_gitops.trust.accounting import accounted, evidence_paths, order, required
from margo_gitops.trust.authority import outdated, unapproved_entry, unpublished
from margo_gitops.trust.chain import Trust
from margo_gitops.trust.signers import by_key
from margo_gitops.trust.sshsig import Namespace


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


def adopt_share(offer: Shared, held: Share | None) -> Share:
    """A node's share if it is this node's, newer than the one held, whole, and approved.

    Raises `Refused` with the rule: format, enrolment, signature, node, site, sequence, change,
    records, tree, approval.
    """
    share = reread_share(offer.node, offer.commit, offer.files, held)
    for rule, problem in (
        ("enrolment", _enrolled(offer.trust, share)),
        ("signature", _signed(offer.trust, share)),
        ("trust", _outdated(offer.trust, share)),
        ("sequence", _floor(offer, share, held)),
        ("approval", _unapproved(offer, share, held)),
    ):
        if problem:
            raise Refused(f"node/{offer.node} at {offer.commit[:12]}: {problem}", rule=rule)
    return share


def reread_share(
    node: str, commit: str, files: Mapping[str, bytes], held: Share | None = None
) -> Share:
    """A share that is whole and this node's; who signed and approved it is not asked.

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
        ("records", _records(placement, change) or _revisions(change, held)),
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
    if held is None or place_in_order(placement) > place_in_order(held.placement):
        return None
    return f"sequence {placement.sequence} does not follow {held.placement.sequence}"


def place_in_order(placement: Placement) -> tuple[int, int]:
    """What a later placement means: a site that was enrolled anew counts from the beginning."""
    return placement.enrolment or 0, placement.sequence


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
    signed = layout.signature_path(layout.PLACEMENT)
    uncounted = evidence_paths(files, entries_of(placement, change))
    return accounted(files, expected, layout.CHANGE, layout.PLACEMENT, signed, *uncounted)


def entries_of(placement: Placement, change: Change) -> list[RecordEntry]:
    """Whose evidence a node needs: the site's settings, and what it is to run."""
    placed = {item.id for item in placement.deployments}
    return [
        entry
        for entry in change.records
        if entry.record.id in placed or entry.record.application is None
    ]


def _revisions(change: Change, held: Share | None) -> str | None:
    """No record of the site comes back in an earlier revision."""
    before = {} if held is None else held.records
    for entry in change.records:
        known = before.get(entry.record.id)
        if known is not None and entry.record.revision < known.revision:
            now, name = entry.record.revision, entry.record.name
            return f"revision {now} of {name} does not follow {known.revision}"
    return None


def _enrolled(trust: Trust | None, share: Share) -> str | None:
    if trust is None and share.change.root is not None:
        return "the fleet is signed, and this node was not enrolled: nothing of it can be checked"
    if trust is not None and share.change.root is None:
        return "it is unsigned, and this node was enrolled in a signed fleet"
    return None


def _signed(trust: Trust | None, share: Share) -> str | None:
    """The publisher signed change.json, the site placement.json."""
    if trust is None:
        return None
    if trust.enrolment is None:
        return "no enrolment of the site came with it"
    if problem := unpublished(trust, share.files):
        return problem
    message = share.files[layout.PLACEMENT]
    signature = share.files.get(layout.signature_path(layout.PLACEMENT))
    problem = by_key(trust.enrolment.key, message, Namespace.PLACE, signature)
    return None if problem is None else f"{layout.PLACEMENT}: {problem}"


def _floor(offer: Shared, share: Share, held: Share | None) -> str | None:
    if held is not None or place_in_order(share.placement) >= offer.since:
        return None
    return (
        f"sequence {share.placement.sequence} is before {offer.since[1]}, which this node adopted"
        " before it lost its state"
    )


def _outdated(trust: Trust | None, share: Share) -> str | None:
    if trust is None:
        return None
    if share.placement.enrolment != share.change.enrolment:
        return "placement.json and change.json name different enrolments"
    return outdated(trust, share.change)


def _unapproved(offer: Shared, share: Share, held: Share | None) -> str | None:
    """Each record that this node runs is approved, unless it holds that very one already."""
    if offer.trust is None:
        return None
    before = set() if held is None else held.adopted
    for entry in entries_of(share.placement, share.change):
        digest = canonical.digest(canonical.dump(entry.record))
        if digest in before or digest in offer.known:
            continue
        if problem := unapproved_entry(offer.trust, share.files, entry):
            return problem
    return None
