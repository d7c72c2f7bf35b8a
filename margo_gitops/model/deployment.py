"""A deployment: one application, one profile, one device or a gateway's choice among its own."""

from __future__ import annotations

from typing import Any

from margo_gitops.model.application import (
    Component,
    EligibilityRule,
    Parameter,
    ProfileType,
    Requirements,
)
from margo_gitops.model.base import AppId, DeviceId, Extensions, Frozen, Uuid


class ApplicationDeployment(Frozen):
    """What a device is asked to run; parameters only of the chosen profile's components.

    `device_id`, `requirements` and `eligibility` are None or empty where the dialect has no room
    for them; the record then carries them (DESIGN section 4). `namespace` is None where OpenAPI
    1.0.0 leaves it out. `api_version` and `unknown` are as in `ApplicationDescription`.
    """

    api_version: str | None = None
    id: Uuid
    name: str
    namespace: str | None = None
    application_id: AppId
    device_id: DeviceId | None = None
    type: ProfileType
    components: tuple[Component, ...]
    requirements: Requirements | None = None
    eligibility: tuple[EligibilityRule, ...] = ()
    parameters: dict[str, Parameter] = {}
    labels: dict[str, str] = {}
    extensions: Extensions = {}
    profile_extensions: Extensions = {}
    unknown: dict[str, Any] = {}

    def values_for(self, component: str) -> dict[str, Any]:
        """Pointer to value of every parameter that goes to `component`."""
        return {
            target.pointer: parameter.value
            for parameter in self.parameters.values()
            for target in parameter.targets
            if component in target.components
        }
