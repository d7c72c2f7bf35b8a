"""What people edit on `main`: the fleet, its sites, its devices and their intents."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from margo_gitops.model.base import (
    AppId,
    DeviceId,
    Flat,
    Frozen,
    Labels,
    OwnDocument,
    ParameterValue,
    Uuid,
    Version,
)

Duration = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,5}(ms|s|m|h)$")]
"""A length of time: `500ms`, `30s`, `5m`, `1h`."""


class Polling(Frozen):
    """How often a site asks its remote."""

    interval: Duration = "5m"


class RuntimePolicy(Frozen):
    """What workloads of a site may ask of their hosts."""

    privileged: bool = False
    host_network: bool = False
    host_paths: tuple[str, ...] = ()


class Fleet(OwnDocument):
    """`fleet.yaml`."""

    kind: Literal["Fleet"] = "Fleet"
    id: Uuid
    name: Flat
    trust: Literal["open"] = Field(
        default="open", description="An open fleet is unsigned; every status says so."
    )
    render: Literal["here", "ci"] = "here"
    dialect: Literal["app", "B", "D"] = "app"
    polling: Polling = Polling()


class Site(OwnDocument):
    """`sites/<site>.yaml`."""

    kind: Literal["Site"] = "Site"
    id: Flat
    region: str | None = None
    tenant: str | None = None
    labels: Labels = {}
    polling: Polling | None = None
    windows: tuple[dict[str, Any], ...] = ()
    mirrors: tuple[str, ...] = ()
    runtime: RuntimePolicy = RuntimePolicy()

    def matches(self, selector: Labels) -> bool:
        """True where every pair of the selector is a label, or the site's id, region or tenant."""
        own = {**self.labels, "site": self.id, "region": self.region, "tenant": self.tenant}
        return all(own.get(key) == value for key, value in selector.items())


class Device(OwnDocument):
    """`devices/<site>/<node>.yaml`: our side of a device."""

    kind: Literal["Device"] = "Device"
    id: Flat
    site: Flat
    device_id: DeviceId
    labels: Labels = {}


class ApplicationRef(Frozen):
    """One version in the App Store."""

    id: AppId
    version: Version


class Targets(Frozen):
    """Which sites, and which node of each: one named, every one (`each`), or the site's choice."""

    sites: tuple[Flat, ...] = ()
    selector: Labels | None = None
    without: tuple[Flat, ...] = ()
    node: Flat | None = None
    each: bool = False


class SiteOverride(Frozen):
    """What one site gets differently."""

    parameters: dict[str, ParameterValue] = {}


class Intent(OwnDocument):
    """`deployments/<name>.yaml`: what a person wants to run, where, and how set."""

    kind: Literal["DeploymentIntent"] = "DeploymentIntent"
    name: Flat
    application: ApplicationRef
    profile: str
    targets: Targets
    parameters: dict[str, ParameterValue] = {}
    overrides: dict[Flat, SiteOverride] = {}
