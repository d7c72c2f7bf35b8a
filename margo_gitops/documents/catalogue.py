"""Every rule by its name: what `margo validate --explain` prints and `docs/rules.md` lists."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.documents import fleet, identity, leniency
from margo_gitops.documents.rule import Rule
from margo_gitops.documents.rules import (
    capabilities,
    components,
    deployment,
    description,
    eligibility,
    manifest,
    secrets,
    settings,
    shape,
    status,
    syntax,
    targets,
    unique,
)

GROUPS: Mapping[str, tuple[Rule, ...]] = {
    "The file": syntax.RULES,
    "What it is": identity.RULES,
    "Its shape": shape.RULES,
    "Names": unique.RULES,
    "Applications": (*description.RULES, *components.RULES),
    "Parameters": (*targets.RULES, *settings.RULES, *secrets.RULES),
    "Eligibility": eligibility.RULES,
    "Deployments": deployment.RULES,
    "Device capabilities": capabilities.RULES,
    "Statuses": status.RULES,
    "Manifests": manifest.RULES,
    "The repository as a whole": fleet.RULES,
    "Leniencies": leniency.RULES,
}
"""The rules by subject, in the order in which a document meets them."""

RULES: Mapping[str, Rule] = {rule.id: rule for rules in GROUPS.values() for rule in rules}
