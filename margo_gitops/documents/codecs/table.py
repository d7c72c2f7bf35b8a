"""How each dialect spells what all dialects mean, as data; the codecs read nothing else of them.

The rows follow the specification's own versions; `dialects.py` tells which is which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from margo_gitops.documents.dialects import Dialect, Kind
from margo_gitops.model.application import ProfileType

Names = tuple[str, ...]
"""The way to a field, by names only."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first words of a document; None where the dialect has no such field."""

    api_version: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """How a dialect's descriptions and deployments differ from the others'.

    `variable` goes before an environment variable's name. `needs` is the field of a profile that
    says what it asks of a device. `types` lacks a type that the dialect does not know.
    """

    id: Names
    types: Mapping[ProfileType, str]
    variable: str = ""
    needs: Literal["requiredResources", "deviceConstraints"] = "requiredResources"
    application: Names = ()
    device: Names | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a dialect's device capabilities keep what they say, below `properties`.

    `decimal` is for dialect A, which counts memory in GB and gives hardware a name and properties.
    A `hosting` dialect says runtimes and deployment types, the others roles that stand for them.
    """

    processors: Names
    room: Names = ()
    hardware: Names = ()
    decimal: bool = False
    hosting: bool = True
    labels: bool = False


_OLD = {ProfileType.HELM: "helm.v3", ProfileType.COMPOSE: "compose"}
_NEW = {ProfileType.HELM: "helm", ProfileType.COMPOSE: "compose"}
_2024 = {ProfileType.HELM: "helm.v3", ProfileType.COMPOSE: "docker-compose"}
_ALL = {kind: kind.value for kind in ProfileType}

_DESCRIPTION = "margo.org/v1-alpha1"
_DEPLOYMENT = "application.margo.org/v1alpha1"
_DEVICE = "device.margo.org/v1alpha1"
_ANNOTATIONS = ("metadata", "annotations")
_ANNOTATED = (*_ANNOTATIONS, "applicationId")
_IN_SPEC = ("spec", "applicationId")

HEADS: Mapping[Kind, Mapping[Dialect, Head]] = {
    Kind.DESCRIPTION: {
        Dialect.A: Head(_DESCRIPTION, "application"),
        **dict.fromkeys(
            (Dialect.B, Dialect.B2, Dialect.CM, Dialect.C), Head(_DESCRIPTION, Kind.DESCRIPTION)
        ),
        Dialect.D: Head("v1"),
    },
    Kind.DEPLOYMENT: {
        **dict.fromkeys(
            (Dialect.A, Dialect.B, Dialect.B2, Dialect.CM, Dialect.C),
            Head(_DEPLOYMENT, Kind.DEPLOYMENT),
        ),
        Dialect.CP: Head("margo.org", Kind.DEPLOYMENT),
        Dialect.D: Head(),
    },
    Kind.CAPABILITIES: {
        Dialect.A: Head("device.margo/v1", "DeviceCapabilities"),
        Dialect.B: Head(_DEVICE, Kind.CAPABILITIES),
        Dialect.C2: Head(_DEVICE, Kind.CAPABILITIES),
        Dialect.D: Head(),
    },
    Kind.STATUS: {
        Dialect.A: Head("deployment.margo/v1", "DeploymentStatus"),
        Dialect.B: Head("deployment.margo.org/v1alpha1", Kind.STATUS),
        Dialect.C: Head(),
        Dialect.D: Head(),
    },
    Kind.MANIFEST: {Dialect.CP: Head(), Dialect.D: Head()},
}
"""Every kind and dialect that is read and written."""

DESCRIPTIONS: Mapping[Dialect, Words] = {
    Dialect.A: Words(("metadata", "id"), _2024, "ENV."),
    Dialect.B: Words(("metadata", "id"), _OLD, "ENV."),
    Dialect.B2: Words(("metadata", "id"), _NEW),
    Dialect.CM: Words(("id",), _OLD),
    Dialect.C: Words(("id",), _NEW),
    Dialect.D: Words(("id",), _ALL, needs="deviceConstraints"),
}
DEPLOYMENTS: Mapping[Dialect, Words] = {
    Dialect.A: Words((*_ANNOTATIONS, "id"), _2024, "ENV.", application=_ANNOTATED),
    Dialect.B: Words((*_ANNOTATIONS, "id"), _OLD, "ENV.", application=_ANNOTATED),
    Dialect.B2: Words((*_ANNOTATIONS, "id"), _NEW, application=_ANNOTATED),
    Dialect.CM: Words(("id",), _OLD, application=_ANNOTATED),
    Dialect.C: Words(("id",), _NEW, application=_ANNOTATED),
    Dialect.CP: Words(("id",), _NEW, application=_IN_SPEC),
    Dialect.D: Words(
        ("id",),
        _ALL,
        needs="deviceConstraints",
        application=_IN_SPEC,
        device=("metadata", "deviceId"),
    ),
}
SHAPES: Mapping[Dialect, Shape] = {
    Dialect.A: Shape(("resources", "cpus"), ("resources",), decimal=True, hosting=False),
    Dialect.B: Shape(("resources", "cpu"), ("resources",), ("resources",), hosting=False),
    Dialect.C2: Shape(("cpu",)),
    Dialect.D: Shape(("cpus",), labels=True),
}
SOURCES: Mapping[Dialect, bool] = {
    Dialect.A: False,
    Dialect.B: False,
    Dialect.C: True,
    Dialect.D: True,
}
"""Whether a status error always names its source (from rc.2)."""


def type_of(word: str) -> ProfileType:
    """The profile type of any dialect's word: `helm.v3` is helm, `docker-compose` is compose."""
    return ProfileType(word.removesuffix(".v3").removeprefix("docker-"))
