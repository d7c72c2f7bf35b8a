"""An application as its author describes it: profiles, components, parameters."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import Field

from margo_gitops.model.base import AppId, Extensions, Frozen, ParameterValue, Version

OWN_EXTENSIONS = "x-margo-gitops-extensions"
"""Where this project's own component settings stand (specification, extensions)."""


COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""Dialect D knows the first only; archives of older dialects use the others too."""


class ProfileType(StrEnum):
    """How a profile's components are installed, whatever the dialect calls it."""

    HELM = "helm"
    COMPOSE = "compose"
    CUSTOM = "custom"


class Component(Frozen):
    """One installable part; components are installed in listed order.

    `repository` and `revision` name an OCI artifact, `package_location` an archive (dialects A to
    C). `wait` defaults to true; `timeout` is `##m##s`. `unknown` holds fields of nobody's dialect
    by JSON Pointer from the component (`/properties/vendor`); they go on to its deployments.
    """

    name: str = Field(min_length=1)
    repository: str | None = None
    revision: str | None = None
    package_location: str | None = None
    key_location: str | None = None
    wait: bool = True
    timeout: str | None = None
    extensions: Extensions = {}
    unknown: dict[str, Any] = {}

    @property
    def local(self) -> str | None:
        """The path, as written, that it has in the application's package; None elsewhere."""
        named = self.settings.get("artifact")
        if named is None and self.package_location and "://" not in self.package_location:
            named = self.package_location
        return None if named is None else str(named)

    @property
    def settings(self) -> dict[str, Any]:
        """This project's own settings of the component; empty where the author gave none."""
        return dict(self.extensions.get(OWN_EXTENSIONS, {}))


class Hardware(Frozen):
    """A peripheral or interface that a workload needs or a device has."""

    type: str = Field(description="What it is, as gpu, display, ethernet.")
    manufacturer: str | None = Field(default=None, description="Of this make; any where left out.")
    model: str | None = Field(default=None, description="Of this model; any where left out.")


class Requirements(Frozen):
    """What a device must have room for. Memory and storage in bytes, cores as a decimal number."""

    cores: Decimal | None = Field(default=None, description="Processor cores; 0.5 is half a core.")
    architectures: tuple[str, ...] = Field(
        default=(), description="Processors that will do, as amd64, arm64."
    )
    memory: int | None = Field(default=None, description="Memory in bytes.")
    storage: int | None = Field(default=None, description="Storage in bytes.")
    peripherals: tuple[Hardware, ...] = Field(
        default=(), description="What must be attached to the device."
    )
    interfaces: tuple[Hardware, ...] = Field(
        default=(), description="Ways to communicate that the device must have."
    )


class Expression(Frozen):
    """One match expression of an eligibility rule (dialect D, eligibility rules)."""

    key: str
    operator: str
    values: tuple[str | bool | int | float, ...] = ()
    items: tuple[Expression, ...] = ()


class EligibilityRule(Frozen):
    """Both selectors must hold; inside one, all expressions. Rules are alternatives."""

    properties: tuple[Expression, ...] = ()
    labels: tuple[Expression, ...] = ()


class Profile(Frozen):
    """One way to install the application."""

    type: ProfileType
    id: str | None = None
    description: str | None = None
    components: tuple[Component, ...] = ()
    requirements: Requirements | None = None
    eligibility: tuple[EligibilityRule, ...] = ()
    extensions: Extensions = {}


class Target(Frozen):
    """Where a parameter goes: a helm values path or an environment variable's bare name."""

    pointer: str
    components: tuple[str, ...]


class Parameter(Frozen):
    """A value with its targets; no value means that the deployment must give one."""

    value: ParameterValue | None = None
    targets: tuple[Target, ...]


class ApplicationDescription(Frozen):
    """A Margo application; `catalog` and `configuration` are kept as their author wrote them.

    `api_version` is None where it is the one that the dialect's documents carry. `unknown` holds
    fields of nobody's dialect by JSON Pointer from the root, those of components excepted.
    """

    api_version: str | None = None
    id: AppId
    name: str
    version: Version
    description: str | None = None
    catalog: dict[str, Any] = {}
    profiles: tuple[Profile, ...] = Field(min_length=1)
    parameters: dict[str, Parameter] = {}
    configuration: dict[str, Any] | None = None
    extensions: Extensions = {}
    unknown: dict[str, Any] = {}

    def profile(self, wanted: str) -> Profile | None:
        """The first profile whose id, else whose type, is `wanted`."""
        by_id = [p for p in self.profiles if p.id == wanted]
        by_type = [p for p in self.profiles if p.type == wanted]
        return next(iter(by_id + by_type), None)
