"""Dialect B (2025): the id under metadata, `helm.v3` and `compose`, `ENV.` before variables."""

from __future__ import annotations

from typing import Any

from margo_gitops.documents import bodies, offers
from margo_gitops.documents.needs import read_resources
from margo_gitops.documents.parts import Known, Spelling, Wire, given
from margo_gitops.errors import Invalid
from margo_gitops.model.application import ApplicationDescription, ProfileType
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.device import DeviceCapabilities

_SPELLING = Spelling(
    types={ProfileType.HELM: "helm.v3", ProfileType.COMPOSE: "compose"}, env_prefix="ENV."
)
_HEAD: Known = {
    **dict.fromkeys(["apiVersion", "kind"]),
    "metadata": {
        **dict.fromkeys(["name", "namespace", "labels"]),
        "annotations": dict.fromkeys(["id", "applicationId"]),
    },
}
_ROLES = {
    "standalone cluster": ProfileType.HELM,
    "cluster leader": ProfileType.HELM,
    "standalone device": ProfileType.COMPOSE,
}


def read_description(data: Wire) -> ApplicationDescription:
    """A description that B's schema accepts."""
    return bodies.read_description(data, data["metadata"]["id"], _SPELLING, _needs)


def _needs(profile: Wire) -> dict[str, Any]:
    wanted = profile.get("requiredResources")
    return {} if wanted is None else {"requirements": read_resources(wanted)}


def read_deployment(data: Wire) -> ApplicationDeployment:
    """A deployment that B's schema accepts; device and resources have no place in it."""
    annotations = data["metadata"]["annotations"]
    head = {"id": annotations["id"], "application_id": annotations["applicationId"]}
    return bodies.read_deployment(data, _SPELLING, head, {}, _HEAD)


def write_deployment(deployment: ApplicationDeployment) -> dict[str, Any]:
    """B's wire object. The record carries the device and the resources (DESIGN section 4).

    Raises `Invalid` for what neither B nor the record has room for.
    """
    if deployment.eligibility:
        raise Invalid(
            f"{deployment.name}: its eligibility rules have no place in dialect B, expected D",
            help="set `dialect: app` or `dialect: D` in fleet.yaml",
        )
    if deployment.type not in _SPELLING.types:
        raise Invalid(
            f"{deployment.name}: a profile of type {deployment.type} has no place in dialect B,"
            " which knows helm.v3 and compose, expected D",
            help="set `dialect: app` or `dialect: D` in fleet.yaml",
        )
    head = {
        "apiVersion": "application.margo.org/v1alpha1",
        "kind": "ApplicationDeployment",
        "metadata": given(
            annotations={"id": deployment.id, "applicationId": deployment.application_id},
            name=deployment.name,
            namespace=deployment.namespace,
            labels=deployment.labels or None,
        ),
    }
    return bodies.write_deployment(deployment, _SPELLING, head, application=None, constraints=None)


def read_capabilities(data: Wire) -> DeviceCapabilities:
    """Capabilities that B's schema accepts; roles become the deployment types that they run."""
    properties: Wire = data["properties"]
    resources: Wire = properties.get("resources", {})
    roles = [str(role).lower() for role in properties.get("roles", ())]
    cpu = resources.get("cpu", [])
    flat = {
        **{key: value for key, value in properties.items() if key not in {"roles", "resources"}},
        **{key: value for key, value in resources.items() if key != "cpu"},
        "cpus": [c for item in _listed(cpu) for c in _processors(item)],
        "supportedDeploymentTypes": [_ROLES[role] for role in roles if role in _ROLES],
    }
    return offers.read(flat, {})


def _processors(cpu: Wire) -> list[dict[str, Any]]:
    """One `architecture` in the specification's examples, a list in its model: both are read."""
    words = [cpu["architecture"]] if "architecture" in cpu else cpu.get("architectures", [])
    counted = [{"cores": cpu["cores"]}] if "cores" in cpu else []
    return counted + [{"architecture": word} for word in words]


def _listed(cpu: Any) -> list[Wire]:
    """One documentation example writes the processor as a list."""
    return [cpu] if isinstance(cpu, dict) else list(cpu)
