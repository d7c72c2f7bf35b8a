"""What a device reports of one deployment (DeploymentStatusManifest)."""

from __future__ import annotations

from typing import Any

from margo_gitops.model.base import DeviceId, Extensions, Frozen, Uuid
from margo_gitops.model.state import State


class StatusError(Frozen):
    """Why a component or a deployment is not as wanted."""

    code: str
    source: str = ""
    message: str


class ComponentStatus(Frozen):
    """One component's state."""

    name: str
    state: State
    error: StatusError | None = None


class DeploymentStatus(Frozen):
    """One deployment on one device.

    `adopted` is the manifest version that it describes; None in dialects before D. `api_version`
    and `unknown` are as in `ApplicationDescription`.
    """

    api_version: str | None = None
    deployment_id: Uuid
    device_id: DeviceId | None = None
    adopted: int | None = None
    state: State
    error: StatusError | None = None
    components: tuple[ComponentStatus, ...]
    extensions: Extensions = {}
    unknown: dict[str, Any] = {}
