"""Which Margo document this is, and which of the specification's dialects it speaks."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any


class Dialect(StrEnum):
    """The shapes that the specification took, by age; apiVersion alone does not tell them.

    A member's name is fit for a file's name, its value is the specification's letter. `B2`, `CM`
    and `C2` are short-lived variants: B with C's words, C with B's word for helm, and C's flat
    device capabilities. `S` is the sandbox's own shape, which no version of the specification has.
    """

    A = "A"
    B = "B"
    B2 = "B2"
    CM = "C-"
    C = "C"
    C2 = "C2"
    CP = "C'"
    D = "D"
    S = "S"

    @property
    def period(self) -> str:
        """When it was written so, for people."""
        return _PERIODS[self]

    @classmethod
    def _missing_(cls, value: object) -> Dialect | None:
        """Also by the member's name, in any case: `cp` is easier to type than `C'`."""
        return cls.__members__.get(str(value).upper())


_PERIODS = {
    Dialect.A: "October 2024",
    Dialect.B: "2025",
    Dialect.B2: "end of 2025",
    Dialect.CM: "first half of 2026",
    Dialect.C: "first half of 2026",
    Dialect.C2: "first half of 2026, flat capabilities",
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
    PROBLEM = "ProblemDetail"


DIALECTS: dict[Kind, tuple[Dialect, ...]] = {
    Kind.DESCRIPTION: (Dialect.A, Dialect.B, Dialect.B2, Dialect.CM, Dialect.C, Dialect.D),
    Kind.DEPLOYMENT: (
        *(Dialect.A, Dialect.B, Dialect.B2, Dialect.CM, Dialect.C, Dialect.CP, Dialect.D),
    ),
    Kind.CAPABILITIES: (Dialect.A, Dialect.B, Dialect.C2, Dialect.D),
    Kind.STATUS: (Dialect.A, Dialect.B, Dialect.C, Dialect.D),
    Kind.MANIFEST: (Dialect.CP, Dialect.D),
    Kind.PROBLEM: (Dialect.D,),
}
"""The shapes that each kind has; each has a schema."""

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
    kind = _kind(data)
    return None if kind is None else (kind, _DIALECT_OF[kind](data))


def _kind(data: dict[str, Any]) -> Kind | None:
    if "kind" in data:
        return _KINDS.get(str(data["kind"]))
    return next((kind for kind, told in _TOLD_BY.items() if told(data)), None)


_DEVICE = {"serialNumber", "modelNumber", "vendor"}
_TOLD_BY: dict[Kind, Callable[[dict[str, Any]], bool]] = {
    Kind.DESCRIPTION: lambda data: "deploymentProfiles" in data,
    Kind.DEPLOYMENT: lambda data: "deploymentProfile" in _map(data, "spec"),
    Kind.MANIFEST: lambda data: "manifestVersion" in data,
    Kind.STATUS: lambda data: {"components", "status"} <= data.keys(),
    Kind.CAPABILITIES: lambda data: not _DEVICE.isdisjoint(_map(data, "properties")),
    Kind.PROBLEM: lambda data: {"type", "title", "status"} <= data.keys(),
}
"""The fields that only this kind has, for dialects without `kind`."""


def _description(data: dict[str, Any]) -> Dialect:
    found = data.get("deploymentProfiles")
    profiles = [p for p in found if isinstance(p, dict)] if isinstance(found, list) else []
    types = {str(profile.get("type")) for profile in profiles}
    if data.get("kind") == "application" or "docker-compose" in types:
        return Dialect.A
    newest = "custom" in types or any("deviceConstraints" in profile for profile in profiles)
    if "kind" not in data or newest:
        return Dialect.D
    return _by_id_and_helm(types, on_top="id" in data)


def _by_id_and_helm(types: set[str], *, on_top: bool) -> Dialect:
    """B and C differ in where the id stands, their variants in the word for helm."""
    if on_top:
        return Dialect.CM if "helm.v3" in types else Dialect.C
    return Dialect.B2 if "helm" in types else Dialect.B


def _deployment(data: dict[str, Any]) -> Dialect:
    spec = _map(data, "spec")
    sandbox = {"margo.org/v1alpha1", "non-margo.org"}
    if "appPackageRef" in spec or str(data.get("apiVersion")) in sandbox:
        return Dialect.S
    if "kind" not in data:
        return Dialect.D
    if "id" in data and "applicationId" in spec:
        return Dialect.CP
    type_ = str(_map(spec, "deploymentProfile").get("type"))
    if type_ == "docker-compose":
        return Dialect.A
    return _by_id_and_helm({type_}, on_top="id" in data)


def _capabilities(data: dict[str, Any]) -> Dialect:
    if "kind" not in data or "labels" in data:
        return Dialect.D
    if data["kind"] != Kind.CAPABILITIES:
        return Dialect.A
    return Dialect.B if _map(data, "properties").keys() & {"roles", "resources"} else Dialect.C2


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
    Kind.PROBLEM: lambda _: Dialect.D,
}
