"""The adoption rule of a node: what it accepts as its share (DESIGN section 5).

Each clause has a name, which the report says when it refuses. In an open fleet the clauses on who
said it are silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.record import Change, Content, Placement, SiteSettings, document_path
from margo_gitops.model.trust import Hold
from margo_gitops.trust.accounting import accounted, evidence_paths, order, required
from margo_gitops.trust.authority import outdated, unapproved_entry, unpublished
from margo_gitops.trust.holding import hold_files, hold_in
from margo_gitops.trust.share import Share, Shared
from margo_gitops.trust.signers import by_key
from margo_gitops.trust.sshsig import Namespace

Clause = Callable[[Shared, Share, "Share | None"], str | None]


def adopt_share(offer: Shared, held: Share | None) -> Share:
    """A node's share if it is this node's, newer than the one held, whole, and approved.

    Raises `Refused` naming the first clause that does not hold; nothing is then adopted.
    """
    return _adopted(offer, held, NODE_CLAUSES)


def reread_share(node: str, commit: str, files: Mapping[str, bytes]) -> Share:
    """What was adopted before, read again: whole, and this node's."""
    return _adopted(Shared(node, commit, files), None, _WHOLE)


def _adopted(offer: Shared, held: Share | None, clauses: tuple[tuple[str, Clause], ...]) -> Share:
    files = offer.files
    placement = canonical.load(required(files, layout.PLACEMENT), Placement, layout.PLACEMENT)
    change = canonical.load(required(files, layout.CHANGE), Change, layout.CHANGE)
    settings = canonical.load(required(files, layout.SETTINGS), SiteSettings, layout.SETTINGS)
    share = Share(offer.commit, placement, change, settings, files)
    for rule, clause in clauses:
        if problem := clause(offer, share, held):
            raise Refused(
                f"node/{offer.node} at {offer.commit[:12]}: {problem}",
                rule=rule,
                help="margo en enroll --invite FILE" if rule == "enrolment" else "",
            )
    return share


def _enrolled(offer: Shared, share: Share, _: Share | None) -> str | None:
    """Signed for those who were enrolled, unsigned for those who never were."""
    if offer.trust is None and share.change.root is not None:
        return "the fleet is signed, and this node was not enrolled: nothing of it can be checked"
    if offer.trust is not None and share.change.root is None:
        return "it is unsigned, and this node was enrolled in a signed fleet"
    if offer.trust is not None and offer.trust.enrolment is None:
        return "no enrolment of the site came with it"
    return None


def _published(offer: Shared, share: Share, _: Share | None) -> str | None:
    """One person with the role publish signed change.json."""
    return None if offer.trust is None else unpublished(offer.trust, share.files)


def _placed(offer: Shared, share: Share, _: Share | None) -> str | None:
    """The site signed placement.json with the key that it is enrolled with."""
    if offer.trust is None or offer.trust.enrolment is None:
        return None
    message = share.files[layout.PLACEMENT]
    signature = share.files.get(layout.signature_path(layout.PLACEMENT))
    problem = by_key(offer.trust.enrolment.key, message, Namespace.PLACE, signature)
    return None if problem is None else f"{layout.PLACEMENT}: {problem}"


def _node(offer: Shared, share: Share, _: Share | None) -> str | None:
    named = share.placement.node
    return None if named == offer.node else f"it is for {named}, expected {offer.node}"


def _site(_: Shared, share: Share, held: Share | None) -> str | None:
    mine = (share.placement.fleet, share.placement.site)
    if mine != (share.change.fleet, share.change.site):
        return "placement.json and change.json name different sites"
    if held is not None and mine != (held.placement.fleet, held.placement.site):
        return f"it is of the site {share.placement.site}, expected {held.placement.site}"
    return None


def _versions(offer: Shared, share: Share, _: Share | None) -> str | None:
    """It was published and placed under the root and the enrolment in force."""
    if share.placement.enrolment != share.change.enrolment:
        return "placement.json and change.json name different enrolments"
    return None if offer.trust is None else outdated(offer.trust, share.change)


def _sequence(_: Shared, share: Share, held: Share | None) -> str | None:
    if held is None or share.place > held.place:
        return None
    found, known = share.placement.sequence, held.placement.sequence
    return f"sequence {found} does not follow {known}"


def _floor(offer: Shared, share: Share, held: Share | None) -> str | None:
    """A node that lost its state begins no earlier than it stood."""
    if held is not None or share.place >= offer.since:
        return None
    return (
        f"sequence {share.placement.sequence} is before {offer.since[1]}, which this node adopted"
        " before it lost its state"
    )


def _change(_: Shared, share: Share, held: Share | None) -> str | None:
    if share.placement.change != canonical.digest(share.files[layout.CHANGE]):
        return "placement.json names another change.json than the one beside it"
    if held is not None and order(share.change) < order(held.change):
        now, before = share.change.generation, held.change.generation
        return f"generation {now} is older than {before}"
    return None


def _records(_: Shared, share: Share, __: Share | None) -> str | None:
    """Every placed deployment is one of this generation, or one that is kept, and may be here."""
    records = share.running
    for placed in share.placement.deployments:
        record = records.get(placed.id)
        if record is None or record.action != "set" or record.document != placed.document:
            return f"{placed.name} is no deployment of this generation"
        if canonical.digest(canonical.dump(record)) != placed.record:
            return f"{placed.name} is placed from another record than the approved one"
        if layout.node_of(record.target) not in {None, share.placement.node}:
            return f"{placed.name} is for {record.target}, not for {share.placement.node}"
    return None


def _holds(offer: Shared, share: Share, held: Share | None) -> str | None:
    """What is kept at an earlier record, an operator of the site keeps; no hold comes back."""
    published = set(share.change.records)
    for entry in share.entries:
        id, name = entry.record.id, entry.record.name
        before = _hold_number({} if held is None else held.files, id)
        if offer.trust is None:
            if entry not in published:
                return f"{name} is placed from another record than the approved one"
            continue
        try:
            hold = hold_in(share.files, id, offer.trust)
        except Refused as error:
            return error.problem
        if (0 if hold is None else hold.number) < before:
            return f"hold {before} of {name} was followed by an earlier one, or by none"
        kept = None if hold is None else hold.record
        if entry not in published and kept != canonical.digest(canonical.dump(entry.record)):
            return f"{name} is placed from another record than the one that is held"
    return None


def _hold_number(files: Mapping[str, bytes], deployment: str) -> int:
    data = files.get(layout.hold_path(deployment))
    return 0 if data is None else canonical.load(data, Hold, "hold").number


def _revisions(_: Shared, share: Share, held: Share | None) -> str | None:
    """No record of the site comes back in an earlier revision."""
    before = {} if held is None else held.records
    for id, record in share.records.items():
        known = before.get(id)
        if known is not None and record.revision < known.revision:
            return f"revision {record.revision} of {record.name} does not follow {known.revision}"
    return None


def _tree(_: Shared, share: Share, __: Share | None) -> str | None:
    """The tree holds exactly what placement and change account for."""
    records = share.running
    expected: dict[str, Content] = {layout.SETTINGS: share.change.settings}
    for placed in share.placement.deployments:
        if placed.id in records:
            expected[document_path(records[placed.id])] = placed.document
    signed = layout.signature_path(layout.PLACEMENT)
    uncounted = evidence_paths(share.files, share.entries) | set(
        hold_files(share.files, set(records))
    )
    return accounted(share.files, expected, layout.CHANGE, layout.PLACEMENT, signed, *uncounted)


def _approvals(offer: Shared, share: Share, held: Share | None) -> str | None:
    """Each record that this node runs is approved, unless it holds that very one already."""
    if offer.trust is None:
        return None
    before = frozenset[str]() if held is None else held.adopted
    for entry in share.entries:
        digest = canonical.digest(canonical.dump(entry.record))
        if digest in before or digest in offer.known:
            continue
        if problem := unapproved_entry(offer.trust, share.files, entry):
            return problem
    return None


_WHOLE: tuple[tuple[str, Clause], ...] = (
    ("node", _node),
    ("site", _site),
    ("change", _change),
    ("records", _records),
    ("tree", _tree),
)

NODE_CLAUSES: tuple[tuple[str, Clause], ...] = (
    ("enrolment", _enrolled),
    ("signature", _published),
    ("placement", _placed),
    ("node", _node),
    ("site", _site),
    ("trust", _versions),
    ("sequence", _sequence),
    ("sequence", _floor),
    ("change", _change),
    ("records", _records),
    ("hold", _holds),
    ("revisions", _revisions),
    ("tree", _tree),
    ("approval", _approvals),
)
"""Every clause of a node's adoption, in order; the first that fails gives the refusal its name."""
