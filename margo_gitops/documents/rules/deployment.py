"""Deployments."""

from __future__ import annotations

from collections.abc import Iterator

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.rule import Fault, Rule
from margo_gitops.documents.rules import components, eligibility, secrets, targets
from margo_gitops.documents.rules.node import Node

CUSTOM_LABELS = Rule(
    "custom-labels",
    asks="A `custom` profile has eligibility rules with a label selector.",
    why="Only a label says which device has that runtime (specification, custom deployments).",
    cure="Add deviceConstraints.eligibilityRules with a labelSelector.",
    severity="warning",
)
RULES = (CUSTOM_LABELS,)


def broken(document: Node, dialect: Dialect) -> Iterator[Fault]:
    """What a deployment breaks besides its schema."""
    profile = document.at("spec", "deploymentProfile")
    parameters = document.at("spec", "parameters")
    yield from components.broken(profile.at("components"), dialect)
    yield from targets.broken(parameters, [profile], targets.DEPLOYED_COMPONENT)
    yield from eligibility.broken(profile.at("deviceConstraints"))
    yield from secrets.broken(parameters)
    yield from custom(profile)


def custom(profile: Node) -> Iterator[Fault]:
    """A custom profile that no label binds to a runtime."""
    if profile.at("type").value != "custom":
        return
    rules = profile.at("deviceConstraints", "eligibilityRules")
    if not any(rule.has("labelSelector") for rule in rules.each()):
        text = (
            "found a custom profile without a label selector, expected one that names its runtime"
        )
        yield CUSTOM_LABELS.broken(profile.at("type").path, text)
