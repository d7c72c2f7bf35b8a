"""Dialect D (1.0.0-rc.3): no kind, the id on top, device constraints, all artifacts by OCI."""

from __future__ import annotations

import math
from typing import Any

from margo_gitops.documents import bodies, needs, offers
from margo_gitops.documents.parts import Known, Spelling, Wire, extensions, given
from margo_gitops.errors import Invalid
from margo_gitops.model.application import ApplicationDescription, ProfileType
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.status import ComponentStatus, DeploymentStatus, StatusError

_SPELLING = Spelling(types={kind: kind.value for kind in ProfileType})
_HEAD: Known = {"id": None, "metadata": dict.fromkeys(["name", "namespace", "deviceId", "labels"])}


def read_description(data: Wire) -> ApplicationDescription:
    """A description that D's schema accepts."""
    return bodies.read_description(data, data["id"], _SPELLING, _needs)


def _needs(profile: Wire) -> dict[str, Any]:
    constraints: Wire = profile.get("deviceConstraints") or {}
    capacity = constraints.get("capacityRequirements")
    return {
        "requirements": None if capacity is None else needs.read_capacity(capacity),
        "eligibility": needs.read_rules(constraints.get("eligibilityRules", ())),
    }


def read_deployment(data: Wire) -> ApplicationDeployment:
    """A deployment that D's schema accepts."""
    spec: Wire = data["spec"]
    head = {
        "id": data["id"],
        "device_id": data["metadata"]["deviceId"],
        "application_id": spec["applicationId"],
    }
    return bodies.read_deployment(data, _SPELLING, head, _needs(spec["deploymentProfile"]), _HEAD)


def write_deployment(deployment: ApplicationDeployment) -> dict[str, Any]:
    """D's wire object. Raises `Invalid` that names what D has no room for, or wants and lacks."""
    if deployment.device_id is None:
        raise Invalid(f"{deployment.name}: dialect D must name a device, found none")
    for component in deployment.components:
        if component.package_location or component.key_location:
            raise Invalid(
                f"{deployment.name}: packageLocation and keyLocation of the component"
                f" {component.name} have no place in dialect D, expected repository and revision",
                help="set `dialect: app` in fleet.yaml",
            )
    head = {
        "id": deployment.id,
        "metadata": given(
            name=deployment.name,
            namespace=deployment.namespace,
            deviceId=deployment.device_id,
            labels=deployment.labels or None,
        ),
    }
    return bodies.write_deployment(
        deployment,
        _SPELLING,
        head,
        application=deployment.application_id,
        constraints=_constraints(deployment),
    )


def _constraints(deployment: ApplicationDeployment) -> dict[str, Any] | None:
    wanted = deployment.requirements
    if wanted is not None and (wanted.peripherals or wanted.interfaces):
        raise Invalid(
            f"{deployment.name}: its required peripherals and interfaces have no place in"
            " dialect D, expected eligibility rules",
            help="set `dialect: app` in fleet.yaml",
        )
    written = given(
        capacityRequirements=None if wanted is None else needs.write_capacity(wanted),
        eligibilityRules=needs.write_rules(deployment.eligibility) or None,
    )
    return written or None


def read_capabilities(data: Wire) -> DeviceCapabilities:
    """Capabilities that D's schema accepts."""
    return offers.read(data["properties"], extensions(data), data.get("labels"))


def write_capabilities(device: DeviceCapabilities) -> dict[str, Any]:
    """D's wire object without fractions: cores are rounded down to whole ones.

    An offer never promises more than there is. Raises `Invalid` for another fraction.
    """
    properties = offers.write(device)
    for cpu in properties.get("cpus", ()):
        if "cores" in cpu:
            cpu["cores"] = math.floor(cpu["cores"])
    wire = given(properties=properties, labels=device.labels or None)
    return {**wire, **device.extensions}


def read_status(data: Wire) -> DeploymentStatus:
    """A status that D's schema accepts; an error of empty texts is none."""
    status: Wire = data["status"]
    return DeploymentStatus(
        deployment_id=data["deploymentId"],
        device_id=data.get("deviceId"),
        adopted=data["adoptedManifestVersion"],
        state=status["state"],
        error=_read_error(status),
        components=tuple(
            ComponentStatus(name=c["name"], state=c["state"], error=_read_error(c))
            for c in data["components"]
        ),
        extensions=extensions(data),
    )


def write_status(status: DeploymentStatus) -> dict[str, Any]:
    """D's wire object."""
    wire = given(
        deploymentId=status.deployment_id,
        deviceId=status.device_id,
        adoptedManifestVersion=status.adopted,
        status=given(state=status.state.value, error=_write_error(status.error)),
        components=[
            given(name=c.name, state=c.state.value, error=_write_error(c.error))
            for c in status.components
        ],
    )
    return {**wire, **status.extensions}


def _read_error(data: Wire) -> StatusError | None:
    error: Wire = data.get("error") or {}
    texts = {name: error.get(name, "") for name in ("code", "source", "message")}
    return StatusError(**texts) if any(texts.values()) else None


def _write_error(error: StatusError | None) -> dict[str, Any] | None:
    """Errors of empty texts, as the specification's examples send them, are not written."""
    if error is None or not (error.code or error.source or error.message):
        return None
    return {"code": error.code, "source": error.source, "message": error.message}
