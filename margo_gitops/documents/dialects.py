"""Which Margo document this is, and which of the specification's dialects it speaks."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any


class Dialect(StrEnum):
    """The shapes that the specification took, by age; apiVersion alone does not tell them."""

    A = "A"
    B = "B"
    C = "C"
    CP = "C'"
    D = "D"
    S = "S"

    @property
    def period(self) -> str:
        """When it was written so, for people."""
        return _PERIODS[self]


_PERIODS = {
    Dialect.A: "October 2024",
    Dialect.B: "2025",
    Dialect.C: "first half of 2026",
    Dialect.CP: "OpenAPI 1.0.0",
    Dialect.D: "1.0.0-rc.3",
    Dialect.S: "the sandbox",
}


class Kind(StrEnum):
    """The specification's documents."""

    DESCRIPTION = "ApplicationDescription"
    DEPLOYMENT = "ApplicationDeployment"
    CAPABILITIES = "DeviceCapabilitiesManifest"
    STATUS = "DeploymentStatusManifest"
    MANIFEST = "DesiredStateManifest"


_KINDS = {
    **{kind.value: kind for kind in Kind},
    "application": Kind.DESCRIPTION,
    "DeviceCapabilities": Kind.CAPABILITIES,
    "DeviceCapability": Kind.CAPABILITIES,
    "DeploymentStatus": Kind.STATUS,
}


def detect(data: Any) -> tuple[Kind, Dialect] | None:
    """The kind and dialect of parsed data; None where it is no Margo document.

    The order is: `kind` where there is one, else the field that only this document has; then where
    the id stands, then the profile's type, then which resource field is used.
    """
    if not isinstance(data, dict):
        return None
    kind = _KINDS.get(str(data["kind"])) if "kind" in data else _by_field(data)
    return None if kind is None else (kind, _DIALECT_OF[kind](data))


def _by_field(data: dict[str, Any]) -> Kind | None:
    if "deploymentProfiles" in data:
        return Kind.DESCRIPTION
    if "deploymentProfile" in _map(data, "spec"):
        return Kind.DEPLOYMENT
    if "manifestVersion" in data:
        return Kind.MANIFEST
    if "components" in data and "status" in data:
        return Kind.STATUS
    if _map(data, "properties").keys() & {"serialNumber", "modelNumber", "vendor"}:
        return Kind.CAPABILITIES
    return None


def _description(data: dict[str, Any]) -> Dialect:
    found = data.get("deploymentProfiles")
    profiles = [p for p in found if isinstance(p, dict)] if isinstance(found, list) else []
    types = {str(profile.get("type")) for profile in profiles}
    if data.get("kind") == "application" or "docker-compose" in types:
        return Dialect.A
    newest = "custom" in types or any("deviceConstraints" in profile for profile in profiles)
    if "kind" not in data or newest:
        return Dialect.D
    return Dialect.C if "id" in data else Dialect.B


def _deployment(data: dict[str, Any]) -> Dialect:
    spec = _map(data, "spec")
    sandbox = {"margo.org/v1alpha1", "non-margo.org"}
    if "appPackageRef" in spec or str(data.get("apiVersion")) in sandbox:
        return Dialect.S
    if "kind" not in data:
        return Dialect.D
    if "id" in data:
        return Dialect.CP if "applicationId" in spec else Dialect.C
    old = _map(spec, "deploymentProfile").get("type") == "docker-compose"
    return Dialect.A if old else Dialect.B


def _capabilities(data: dict[str, Any]) -> Dialect:
    if "kind" not in data or "labels" in data:
        return Dialect.D
    if data["kind"] != Kind.CAPABILITIES:
        return Dialect.A
    return Dialect.B if _map(data, "properties").keys() & {"roles", "resources"} else Dialect.C


def _status(data: dict[str, Any]) -> Dialect:
    if "kind" in data:
        return Dialect.B if data["kind"] == Kind.STATUS else Dialect.A
    return Dialect.D if "adoptedManifestVersion" in data else Dialect.C


def _manifest(data: dict[str, Any]) -> Dialect:
    """One shape in every dialect; only OpenAPI 1.0.0 names the client in its addresses."""
    address = str(_map(data, "bundle").get("url", ""))
    return Dialect.CP if address.startswith("/api/v1/clients/") else Dialect.D


def _map(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


_DIALECT_OF: dict[Kind, Callable[[dict[str, Any]], Dialect]] = {
    Kind.DESCRIPTION: _description,
    Kind.DEPLOYMENT: _deployment,
    Kind.CAPABILITIES: _capabilities,
    Kind.STATUS: _status,
    Kind.MANIFEST: _manifest,
}
