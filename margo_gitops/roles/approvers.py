"""Who approved what runs, in words, and what still waits: for the status that people read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from margo_gitops.errors import MargoError
from margo_gitops.roles.central import Central
from margo_gitops.roles.fleettrust import FleetTrust
from margo_gitops.trust.approval import read_statement
from margo_gitops.trust.signers import owners_of
from margo_gitops.trust.sshsig import parse

FEW = 200
"""Sites for which what waits is computed at each look; `margo render --check` tells it of all."""


def approvals(trust: FleetTrust | None) -> Mapping[str, str]:
    """Statement to who proposed and who approved it; a broken glass shouts."""
    if trust is None:
        return {}
    owners = owners_of(trust.roots.root.persons)
    return {
        digest: _told(held.statement, held.signatures.values(), owners)
        for digest, held in trust.statements.held.items()
    }


def late(co: Central, site: str | None, sites: int) -> Mapping[str, list[str]]:
    """Site to what is merged and not published there, with the reason."""
    if co.trust() is None or (site is None and sites > FEW):
        return {}
    try:
        found = co.waiting(co.main(), None if site is None else [site])
    except MargoError:  # a `main` that cannot be rendered is told by the verbs that render it
        return {}
    return {
        site: [f"{item.record.name}: merged, waits: {item.why}" for item in items]
        for site, items in found.items()
    }


def _told(
    statement: bytes, signatures: Iterable[bytes], owners: Mapping[str, tuple[str, str]]
) -> str:
    said = read_statement(statement)
    names = {owners.get(str(parse(data).key), ("", ""))[0] for data in signatures}
    approvers = ", ".join(sorted(names - {said.proposer, ""})) or "nobody"
    if said.purpose == "break-glass":
        return f"BREAK-GLASS by {said.proposer}, approved by {approvers}: {said.reason}"
    return f"by {said.proposer}, approved by {approvers}"
