"""Whether a deployment can run at all where it is sent: asked before it is committed."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.errors import Invalid
from margo_gitops.model import layout
from margo_gitops.model.matching import Candidate, Need, obstacles
from margo_gitops.render import Main
from margo_gitops.render.desired import wanted_at
from margo_gitops.roles.reading import read_capabilities
from margo_gitops.store.git import GitStore


def unplaceable(store: GitStore, main: Main, name: str) -> dict[str, str]:
    """Site to reason, where no known node of it can run the deployment `name`.

    A site of which no node is known yet is left out: nobody can say.
    """
    found = {}
    for site in main.sites:
        known = read_capabilities(store, main.commit, site)
        labels = {device.id: device.labels for device in main.devices.get(site, ())}
        for wanted in wanted_at(main, site):
            if wanted.name != name or not known:
                continue
            deployment = wanted.deployment
            need = Need(deployment.type, deployment.requirements, deployment.eligibility)
            named = layout.node_of(wanted.target)
            against = {
                node: obstacles(need, Candidate(node, known[node], labels.get(node, {})))
                for node in sorted(known)
                if named in {None, node}
            }
            if against and all(against.values()):
                reasons = sorted({", ".join(why) for why in against.values()})
                found[site] = "; ".join(reasons)
    return found


def require_placeable(problems: Mapping[str, str], name: str) -> None:
    """`Invalid` where a deployment can run at none of the nodes of some site."""
    if problems:
        told = "; ".join(f"{site}: {why}" for site, why in sorted(problems.items())[:5])
        raise Invalid(f"{name} is not placeable: {told}", help="margo device list")
