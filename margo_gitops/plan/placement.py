"""A site's plan: which node runs which deployment, as placements to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.application import Requirements
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.matching import Candidate, Choice, Need, choose, obstacles
from margo_gitops.model.record import (
    Change,
    Content,
    PlacedDeployment,
    Placement,
    Record,
    SiteSettings,
)
from margo_gitops.model.report import NotPlaced


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a site knows of a node: its offer, the placement it was given, the last it adopted."""

    capabilities: DeviceCapabilities | None = None
    held: Placement | None = None
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class SitePlan:
    """Every node's placement, changed or not, and what found no node."""

    placements: Mapping[str, Placement]
    not_placed: tuple[NotPlaced, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    record: Record
    document: Content
    need: Need


def place(
    change: Change,
    settings: SiteSettings,
    deployments: Mapping[str, ApplicationDeployment],
    nodes: Mapping[str, NodeFacts],
    digest: str,
) -> SitePlan:
    """The placements of one generation: deterministic, and stable while nothing forces a move.

    `digest` is that of change.json, and `deployments` is by record id. `nodes` may hold nodes that
    the settings no longer name: these are given nothing to run.
    """
    labels = {node.id: node.labels for node in settings.nodes}
    chosen: dict[str, tuple[_Asked, Choice]] = {}
    for asked in _asked(change, deployments):
        candidates = [
            _candidate(node, nodes.get(node, NodeFacts()), labels[node], chosen, asked.record.id)
            for node in labels
        ]
        chosen[asked.record.id] = (asked, _choice(asked, candidates, nodes))
    placed = {
        node: _placement(node, nodes.get(node, NodeFacts()), change, digest, chosen)
        for node in sorted({*labels, *nodes})
    }
    return SitePlan(
        placed,
        tuple(
            NotPlaced(id=asked.record.id, name=asked.record.name, why=choice.why)
            for asked, choice in chosen.values()
            if choice.node is None
        ),
    )


def _asked(change: Change, deployments: Mapping[str, ApplicationDeployment]) -> Sequence[_Asked]:
    """Directed ones first, since they have no choice; then by name."""
    asked = [
        _Asked(
            entry.record,
            entry.record.document,
            Need(
                deployments[entry.record.id].type,
                entry.record.requirements or deployments[entry.record.id].requirements,
                deployments[entry.record.id].eligibility,
            ),
        )
        for entry in change.records
        if entry.record.id in deployments and entry.record.document is not None
    ]
    return sorted(
        asked, key=lambda a: (layout.node_of(a.record.target) is None, a.record.name, a.record.id)
    )


def _candidate(
    node: str,
    facts: NodeFacts,
    labels: Mapping[str, str],
    chosen: Mapping[str, tuple[_Asked, Choice]],
    deployment: str,
) -> Candidate:
    """A node with what this generation has put there so far, and what stays there from before."""
    here = [asked for asked, choice in chosen.values() if choice.node == node]
    return Candidate(
        node=node,
        capabilities=facts.capabilities,
        labels=labels,
        taken=tuple(asked.need.requirements or Requirements() for asked in here),
        placed=len({a.record.id for a in here} | _held_ids(facts, chosen) - {deployment}),
    )


def _held_ids(facts: NodeFacts, chosen: Mapping[str, tuple[_Asked, Choice]]) -> set[str]:
    held = () if facts.held is None else facts.held.deployments
    return {placed.id for placed in held if placed.id not in chosen}


def _choice(
    asked: _Asked, candidates: Sequence[Candidate], nodes: Mapping[str, NodeFacts]
) -> Choice:
    directed = layout.node_of(asked.record.target)
    if directed is None:
        return choose(
            asked.need,
            candidates,
            current=_current(asked.record.id, nodes),
            deployment=asked.record.id,
        )
    named = next((c for c in candidates if c.node == directed), None)
    if named is None:
        return Choice(None, f"not placeable: {directed} is no node of this site")
    against = obstacles(asked.need, named)
    if against and _current(asked.record.id, nodes) != directed:
        return Choice(None, f"not placeable: {directed} {', '.join(against)}")
    return Choice(directed, f"the deployment names {directed}")


def _current(deployment: str, nodes: Mapping[str, NodeFacts]) -> str | None:
    holders = [
        node
        for node, facts in sorted(nodes.items())
        if facts.held is not None and any(p.id == deployment for p in facts.held.deployments)
    ]
    return holders[0] if holders else None


def _placement(
    node: str,
    facts: NodeFacts,
    change: Change,
    digest: str,
    chosen: Mapping[str, tuple[_Asked, Choice]],
) -> Placement:
    """The node's placement: the held one where it says the same, else the next sequence.

    A node that was never heard of is handed one empty placement, by which it can report: a further
    one would take from it what a site that was set back does not know any more.
    """
    before = {} if facts.held is None else {p.id: p for p in facts.held.deployments}
    deployments = tuple(
        _placed(asked, choice, before.get(asked.record.id))
        for asked, choice in sorted(chosen.values(), key=lambda pair: pair[0].record.name)
        if choice.node == node
    )
    fresh = Placement(
        fleet=change.fleet,
        site=change.site,
        node=node,
        enrolment=change.enrolment,
        sequence=1 + max(facts.sequence, 0 if facts.held is None else facts.held.sequence),
        change=digest,
        deployments=deployments,
    )
    if facts.held is not None and facts.capabilities is None and not (deployments or before):
        return facts.held
    if facts.held is not None and facts.held.sequence >= facts.sequence:
        same = fresh.model_copy(update={"sequence": facts.held.sequence})
        if same == facts.held:
            return facts.held
    return fresh


def _placed(asked: _Asked, choice: Choice, before: PlacedDeployment | None) -> PlacedDeployment:
    """Why it was put here stays its reason while it stays here."""
    record = asked.record
    return PlacedDeployment(
        id=record.id,
        name=record.name,
        record=canonical.digest(canonical.dump(record)),
        document=asked.document,
        why=choice.why if before is None else before.why,
    )
