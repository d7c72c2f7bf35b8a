"""The boxes of a fleet on its person's own machine, enrolled by the one who has both ends.

Nothing is compared by voice here: the key is made, asked for and accepted in one process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from margo_gitops.errors import Invalid, Stalled
from margo_gitops.model.trust import EnrolRequest
from margo_gitops.roles.central import Central
from margo_gitops.roles.enrolment import accepting, invitation
from margo_gitops.roles.identity import enrol
from margo_gitops.roles.launch import Launched


def enrol_here(co: Central, launched: Launched, nodes: Mapping[str, Sequence[str]]) -> int:
    """Enrol each of these sites and nodes with a key in its own state folder, and publish.

    How many were new; nothing in an open fleet. Raises `Stalled` where a place is another box's.
    """
    if co.trust() is None:
        return 0
    new = 0
    for site, names in nodes.items():
        new += _enrolled(co, launched, site, None)
        for node in names:
            new += _enrolled(co, launched, site, node)
    if new:
        co.render()
    return new


def _enrolled(co: Central, launched: Launched, site: str, node: str | None) -> bool:
    """Whether this place had to be enrolled."""
    kind, name = ("lo", site) if node is None else ("en", f"{site}-{node}")
    invited = invitation(co, site, node)
    identity = enrol(launched.folder(kind, name), invited)
    trust = co.trust()
    held = None if trust is None else trust.trust(site).enrolment
    if held is not None and held.key_of(node) == str(identity.key.key):
        return False
    asked = EnrolRequest(
        fleet=invited.fleet, root=invited.root, site=site, node=node, key=str(identity.key.key)
    )
    try:
        co.apply(accepting(co, asked, co.signing(), again=False))
    except Invalid as error:
        raise Stalled(
            f"{node or site} cannot run here: {error.problem}",
            then="nothing was started",
            help=error.help,
        ) from error
    return True
