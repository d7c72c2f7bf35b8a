"""Device capabilities."""

from __future__ import annotations

import re
from collections.abc import Iterator

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.rule import Fault, Rule
from margo_gitops.documents.rules.node import Node

HOST_FIELDS = Rule(
    "host-fields",
    asks="A device that hosts workloads names its runtimes and its deployment types together.",
    why="One without the other says that it runs nothing (specification, device capabilities).",
    cure="Give supportedRuntimes and supportedDeploymentTypes, or neither for a gateway that hosts"
    " nothing.",
    severity="warning",
)
CUSTOM_RUNTIME = Rule(
    "custom-runtime",
    asks="A device that offers the deployment type `custom` offers the runtime `custom` too.",
    why="The specification has devices report both (specification, custom deployments).",
    cure="Add `custom` to the list that lacks it.",
    severity="warning",
)
CHILD_CHOICE = Rule(
    "device-id",
    asks="A device's own id names one device: no trailing /*.",
    why="`/*` lets a gateway choose a child; it is a deployment's target, not a name"
    " (specification, device ids).",
    cure="Name the device: gateway-01, or gateway-01/child.",
)
NO_UNIT = Rule(
    "unit",
    asks="Memory and storage are a whole number and a unit: 16Gi.",
    why="A bare 64 is read as bytes by one and as gigabytes by another, and 2000 GB is not 2000Gi"
    " (specification, resources).",
    cure="Write Ki, Mi or Gi after the number.",
)
RULES = (HOST_FIELDS, CUSTOM_RUNTIME, CHILD_CHOICE, NO_UNIT)

_AMOUNT = re.compile(r"[0-9]{1,15} ?(?:[KMGTPE]i)")


def broken(document: Node, dialect: Dialect) -> Iterator[Fault]:
    """What a device's capabilities break besides their schema."""
    properties = document.at("properties")
    id = properties.at("id")
    if id.text is not None and id.text.endswith("/*"):
        yield CHILD_CHOICE.broken(id.path, f"found {id.text[:60]!r}, expected one device's id")
    if dialect in {Dialect.C2, Dialect.D}:
        yield from _host(properties)
    if dialect is Dialect.D:
        yield from _units(properties)


def _host(properties: Node) -> Iterator[Fault]:
    runtimes, types = (
        properties.at(name) for name in ("supportedRuntimes", "supportedDeploymentTypes")
    )
    if (runtimes.value is None) != (types.value is None):
        here, missing = (types, runtimes) if runtimes.value is None else (runtimes, types)
        text = f"found {here.path[-1]} without {missing.path[-1]}"
        yield HOST_FIELDS.broken(here.path, text)
        return
    offered = [{item.value for item in node.each() if item.text} for node in (runtimes, types)]
    if ("custom" in offered[0]) != ("custom" in offered[1]):
        lacking = runtimes if "custom" in offered[1] else types
        yield CUSTOM_RUNTIME.broken(lacking.path, f"expected `custom` in {lacking.path[-1]} too")


def _units(properties: Node) -> Iterator[Fault]:
    """D's schema has plain text here; the requirements that it is compared with have units."""
    for name in ("memory", "storage"):
        amount = properties.at(name)
        if amount.text is not None and not _AMOUNT.fullmatch(amount.text):
            text = (
                f"found {amount.text[:40]!r}, expected a whole number with Ki, Mi, Gi, Ti, Pi, Ei"
            )
            yield NO_UNIT.broken(amount.path, text)
