"""ApplicationDeployment, in every dialect."""

from __future__ import annotations

from typing import Any

from margo_gitops.documents.codecs import needs, parts, table
from margo_gitops.documents.codecs.wire import Wire, extensions, found, given, placed
from margo_gitops.documents.dialects import Dialect
from margo_gitops.model.deployment import ApplicationDeployment

_ORDER = ("apiVersion", "kind", "id", "metadata", "spec")


def read(data: Wire, dialect: Dialect) -> ApplicationDeployment:
    """The model of a deployment that its schema accepts."""
    words = table.DEPLOYMENTS[dialect]
    metadata, spec = data["metadata"], data["spec"]
    profile: Wire = spec["deploymentProfile"]
    kind = table.type_of(profile["type"])
    components = parts.read_components(profile.get("components", ()))
    return ApplicationDeployment(
        id=found(data, words.id),
        name=metadata["name"],
        namespace=metadata.get("namespace"),
        application_id=found(data, words.application),
        device_id=None if words.device is None else found(data, words.device),
        type=kind,
        components=components,
        parameters=parts.read_parameters(
            spec.get("parameters") or {}, parts.variables(kind, components)
        ),
        labels=metadata.get("labels") or {},
        extensions=extensions(spec),
        profile_extensions=extensions(profile),
        **_needs(profile, words),
    )


def write(deployment: ApplicationDeployment, dialect: Dialect) -> dict[str, Any]:
    """The wire object without its head and unknown fields: whatever the dialect has a place for."""
    words = table.DEPLOYMENTS[dialect]
    profile = {
        **given(
            type=words.types.get(deployment.type, deployment.type.value),
            components=parts.write_components(deployment.components),
        ),
        **_constraints(deployment, words),
        **deployment.profile_extensions,
    }
    parameters = parts.write_parameters(
        deployment.parameters,
        parts.variables(deployment.type, deployment.components),
        words.variable,
    )
    return placed(
        [
            (words.id, deployment.id),
            (words.application, deployment.application_id),
            (("metadata", "name"), deployment.name),
            (("metadata", "namespace"), deployment.namespace),
            *([] if words.device is None else [(words.device, deployment.device_id)]),
            (("metadata", "labels"), deployment.labels or None),
            (("spec", "deploymentProfile"), profile),
            (("spec", "parameters"), parameters),
            *((("spec", name), value) for name, value in deployment.extensions.items()),
        ],
        _ORDER,
    )


def _needs(profile: Wire, words: table.Words) -> dict[str, Any]:
    """Only D's deployments say what they ask of a device."""
    return needs.read(profile, words.needs) if words.needs == "deviceConstraints" else {}


def _constraints(deployment: ApplicationDeployment, words: table.Words) -> dict[str, Any]:
    if words.needs != "deviceConstraints":
        return {}
    return needs.write(deployment.requirements, deployment.eligibility, words.needs)
