"""Which node of a site runs a deployment: pure, deterministic, and it says why."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from margo_gitops.model.application import EligibilityRule, Hardware, ProfileType, Requirements
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.eligibility import eligible


@dataclass(frozen=True, slots=True)
class Need:
    """What a deployment asks of a node."""

    type: ProfileType
    requirements: Requirements | None = None
    eligibility: tuple[EligibilityRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node, what it offers, and what the deployments already placed there took of it."""

    node: str
    capabilities: DeviceCapabilities | None
    labels: Mapping[str, Any] = field(default_factory=dict)
    taken: tuple[Requirements, ...] = ()
    placed: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """The node, or None where there is none, and the reason in words."""

    node: str | None
    why: str


def obstacles(need: Need, candidate: Candidate) -> tuple[str, ...]:
    """Why this node cannot run it; empty where it can (capacity first, then eligibility)."""
    capabilities = candidate.capabilities
    if capabilities is None:
        return ("has not reported what it offers",)
    if need.type not in capabilities.deployment_types:
        offered = ", ".join(sorted(capabilities.deployment_types)) or "nothing"
        return (f"needs {need.type}, offers {offered}",)
    found = list(_shortages(need.requirements or Requirements(), capabilities, candidate.taken))
    labels = {**capabilities.labels, **candidate.labels}
    if not found and not eligible(need.eligibility, capabilities.properties, labels):
        found.append("meets none of the application's eligibility rules")
    return tuple(found)


def choose(
    need: Need, candidates: Iterable[Candidate], *, current: str | None, deployment: str
) -> Choice:
    """The node for a deployment that the site may place.

    Where it is it stays, as long as that node is still fit, silent or not. Else the fit node with
    the fewest deployments; among equals the order is the digest of deployment and node, the same
    for ever and spread evenly.
    """
    ordered = sorted(candidates, key=lambda candidate: candidate.node)
    against = {candidate.node: obstacles(need, candidate) for candidate in ordered}
    silent = {c.node for c in ordered if c.capabilities is None}
    if current in silent:
        return Choice(current, f"stays on {current}: placed there before, not heard since")
    fit = [candidate for candidate in ordered if not against[candidate.node]]
    if not fit:
        reasons = "; ".join(f"{node} {', '.join(why)}" for node, why in against.items())
        return Choice(None, f"not placeable: {reasons or 'the site has no nodes'}")
    if current in {candidate.node for candidate in fit}:
        return Choice(current, f"stays on {current}: placed there before and still fit")
    best = min(fit, key=lambda c: (c.placed, _lot(deployment, c.node)))
    why = f"{len(fit)} of {len(ordered)} nodes fit, {best.node} runs the fewest ({best.placed})"
    if current is not None:
        gone = ", ".join(against.get(current, ("is no node of this site any more",)))
        why += f"; moved from {current}: {gone}"
    return Choice(best.node, why)


def _lot(deployment: str, node: str) -> str:
    return hashlib.sha256(f"{deployment} {node}".encode()).hexdigest()


def _shortages(
    wanted: Requirements, offered: DeviceCapabilities, taken: Sequence[Requirements]
) -> Iterable[str]:
    if wanted.architectures and not set(wanted.architectures) & set(offered.architectures):
        yield f"needs {' or '.join(wanted.architectures)}, is {' '.join(offered.architectures)}"
    rooms = (
        ("cores", wanted.cores, offered.cores, [t.cores for t in taken]),
        ("bytes of memory", wanted.memory, offered.memory, [t.memory for t in taken]),
        ("bytes of storage", wanted.storage, offered.storage, [t.storage for t in taken]),
    )
    for name, amount, total, used in rooms:
        free = Decimal(total or 0) - sum((Decimal(u) for u in used if u is not None), Decimal(0))
        if amount is not None and amount > free:
            yield f"needs {amount} {name}, has {free} left"
    for kind, asked, present in (
        ("peripheral", wanted.peripherals, offered.peripherals),
        ("interface", wanted.interfaces, offered.interfaces),
    ):
        for item in asked:
            if not any(_is_one(item, other) for other in present):
                yield f"lacks the {kind} {item.type}"


def _is_one(wanted: Hardware, present: Hardware) -> bool:
    return (
        wanted.type == present.type
        and wanted.manufacturer in {None, present.manufacturer}
        and wanted.model in {None, present.model}
    )
