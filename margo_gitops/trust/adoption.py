"""The adoption rule of a site: what it accepts as its desired state (DESIGN section 5).

Each clause has a name, which status reports when it refuses. An open fleet has the same files
without signatures: the clauses on who said it are then silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.record import Change, SiteSettings
from margo_gitops.trust import authority, content, lineage
from margo_gitops.trust.accounting import required
from margo_gitops.trust.offer import Desired, Offer

_ASTRAY = frozenset({"fork", "rollback", "descent"})
"""The rules that refuse a branch which was set back or went another way than this site."""

_HELP = {
    "site": "",
    "enrolment": "margo lo enroll --invite FILE",
    "approval": "margo pr create ID --again, at the fleet's clone",
}

Clause = Callable[[Offer, Change, "Desired | None"], str | None]


def adopt(offer: Offer, held: Desired | None) -> Desired:
    """The desired state that the offer carries, if every clause holds.

    Raises `Refused` naming the first clause that does not; nothing is then adopted.
    """
    return _adopted(offer, held, SITE_CLAUSES)


def reread(site: str, commit: str, files: Mapping[str, bytes]) -> Desired:
    """What was adopted before, read again: whole, as its change accounts for it.

    Who approved it was asked when it was adopted; a key revoked since voids nothing that runs.
    """
    return _adopted(Offer(site, commit, files, descends=True), None, _WHOLE)


def _adopted(
    offer: Offer, held: Desired | None, clauses: tuple[tuple[str, Clause], ...]
) -> Desired:
    change = canonical.load(required(offer.files, layout.CHANGE), Change, layout.CHANGE)
    for rule, clause in clauses:
        if problem := clause(offer, change, held):
            if held is not None and rule in _ASTRAY:
                problem += f"; margo render heals it, in a clone that holds {held.commit[:12]}"
            raise Refused(
                f"site/{offer.site} at {offer.commit[:12]}: {problem}",
                rule=rule,
                help=_HELP.get(rule, f"margo diff {offer.site}"),
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


_WHOLE: tuple[tuple[str, Clause], ...] = (
    ("site", _site),
    ("tree", content.tree),
    ("manifest", content.manifest),
    ("artifacts", content.artifacts),
    ("records", content.records),
)

SITE_CLAUSES: tuple[tuple[str, Clause], ...] = (
    ("enrolment", authority.enrolled),
    ("signature", authority.signature),
    ("fleet", _fleet),
    ("site", _site),
    ("trust", authority.versions),
    ("fork", lineage.fork),
    ("rollback", lineage.rollback),
    ("floor", lineage.floor),
    ("jump", lineage.jump),
    ("epoch", lineage.epoch),
    ("histories", authority.histories),
    ("descent", lineage.descent),
    ("tree", content.tree),
    ("manifest", content.manifest),
    ("artifacts", content.artifacts),
    ("records", content.records),
    ("approval", authority.approvals),
)
"""Every clause of a site's adoption, in order; the first that fails gives the refusal its name."""
