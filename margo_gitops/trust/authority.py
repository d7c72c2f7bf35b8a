"""Clauses on who said it: the publisher's signature, and the approvals of each new record."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.record import Change, RecordEntry
from margo_gitops.trust.approval import evidence_in, unapproved
from margo_gitops.trust.chain import Trust
from margo_gitops.trust.offer import Desired, Offer
from margo_gitops.trust.sshsig import Namespace


def enrolled(offer: Offer, change: Change, _: Desired | None) -> str | None:
    """Signed for those who were enrolled, unsigned for those who never were."""
    if offer.trust is None and change.root is not None:
        return "the fleet is signed, and this site was not enrolled: nothing of it can be checked"
    if offer.trust is not None and change.root is None:
        return "it is unsigned, and this site was enrolled in a signed fleet"
    return None


def signature(offer: Offer, _: Change, __: Desired | None) -> str | None:
    """One person with the role publish signed change.json."""
    if offer.trust is None:
        return None
    return unpublished(offer.trust, offer.files)


def unpublished(trust: Trust, files: Mapping[str, bytes]) -> str | None:
    """What is wrong with the signature of a change.json; None where it may be believed."""
    signed = files.get(layout.signature_path(layout.CHANGE))
    if signed is None:
        return f"{layout.CHANGE} is unsigned"
    found = trust.persons.signed(files[layout.CHANGE], Namespace.PUBLISH, [signed], "publish")
    return None if found.persons else f"{layout.CHANGE}: {found.problems[0]}"


def versions(offer: Offer, change: Change, _: Desired | None) -> str | None:
    """It was published under the root and the enrolment in force."""
    return None if offer.trust is None else outdated(offer.trust, change)


def outdated(trust: Trust, change: Change) -> str | None:
    """Which of its versions is not in force; None where both are."""
    enrolment = None if trust.enrolment is None else trust.enrolment.version
    if enrolment is None:
        return f"no enrolment of the site {change.site} came with it"
    for what, found, expected in (
        ("root", change.root, trust.root.version),
        ("enrolment", change.enrolment, enrolment),
    ):
        if found != expected:
            return f"it was published under {what} {found}, in force is {expected}"
    return None


def histories(offer: Offer, change: Change, _: Desired | None) -> str | None:
    """Only a root allows a further history of the branch."""
    if offer.trust is None:
        return None
    allowed = offer.trust.root.epochs.get(offer.site, 1)
    if change.epoch <= allowed:
        return None
    return f"epoch {change.epoch} is begun, the root allows {allowed}"


def approvals(offer: Offer, change: Change, held: Desired | None) -> str | None:
    """Each record that is not held already is approved as the policy in force asks."""
    if offer.trust is None:
        return None
    known = frozenset() if held is None else frozenset(held.change.records)
    for entry in change.records:
        if entry in known or _digest(entry) in offer.known:
            continue
        if problem := unapproved_entry(offer.trust, offer.files, entry):
            return problem
    return None


def unapproved_entry(trust: Trust, files: Mapping[str, bytes], entry: RecordEntry) -> str | None:
    """What an entry's approval lacks, by the evidence beside it."""
    try:
        evidence = evidence_in(files, entry)
    except Refused as error:
        return f"{entry.record.name}: {error.problem}"
    return unapproved(entry.record, evidence, trust.root, trust.enrolment)


def _digest(entry: RecordEntry) -> str:
    return canonical.digest(canonical.dump(entry.record))
