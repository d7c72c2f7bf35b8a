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
from margo_gitops.model.suspension import Suspension

Duration = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,5}(ms|s|m|h)$")]
"""A length of time: `500ms`, `30s`, `5m`, `1h`."""


class Polling(Frozen):
    """How often a site asks its remote."""

    interval: Duration = Field(
        default="5m", description="How long to wait between two looks at the remote: 30s, 5m, 1h."
    )
    status: Duration = Field(
        default="60s",
        description="After a burst of ten, no more than one status in this time; failures at once.",
        exclude_if=lambda value: value == "60s",
    )
    alive: Duration | Literal["off"] = Field(
        default="4h",
        description="How often a site where nothing changes says that it is there; off for never.",
        exclude_if=lambda value: value == "4h",
    )
    history: int = Field(
        default=10_000,
        ge=0,
        le=1_000_000,
        description="How many commits of status are kept, about 400 bytes each, before the branch"
        " begins a new epoch and the old ones can be dropped; 0 keeps all.",
        exclude_if=lambda value: value == 10_000,
    )


class RuntimePolicy(Frozen):
    """What workloads of a site may ask of their hosts."""

    privileged: bool = Field(
        default=False, description="Whether containers may have all rights of the host."
    )
    host_network: bool = Field(
        default=False, description="Whether containers may use the host's network as their own."
    )
    host_paths: tuple[str, ...] = Field(
        default=(), description="Folders of the host that workloads may mount, as /var/lib/press."
    )
    unpinned_images: bool = Field(
        default=False,
        description="Whether containers may run images by name that no lock pins to a digest.",
        exclude_if=lambda value: not value,
    )
    chart_hooks: bool = Field(
        default=False,
        description="Whether charts may have hooks: jobs outside of what is watched.",
        exclude_if=lambda value: not value,
    )
    cluster_wide: bool = Field(
        default=False,
        description="Whether charts may reach beyond their namespace: roles, types of resources and"
        " other things of the whole cluster.",
        exclude_if=lambda value: not value,
    )


class Fleet(OwnDocument):
    """`fleet.yaml`."""

    kind: Literal["Fleet"] = "Fleet"
    id: Uuid = Field(
        description="The fleet's UUID; deployment ids are derived from it, so it never changes."
    )
    name: Flat = Field(description="What people call the fleet.")
    trust: Literal["open"] = Field(
        default="open", description="An open fleet is unsigned; every status says so."
    )
    render: Literal["here", "ci"] = Field(
        default="here",
        description="Who renders the sites: the person who changes something (here), or ci.",
    )
    dialect: Literal["app", "B", "C", "D"] = Field(
        default="app",
        description="The dialect of generated deployments; app takes each application's own.",
    )
    polling: Polling = Field(
        default=Polling(),
        description="How often sites ask the remote, where a site says nothing else.",
    )


class Site(OwnDocument):
    """`sites/<site>.yaml`."""

    kind: Literal["Site"] = "Site"
    id: Flat = Field(description="The site's name, as in the file's name.")
    region: str | None = Field(
        default=None, description="Where the site is; targets can select by it."
    )
    tenant: str | None = Field(
        default=None, description="Whose site it is; targets can select by it."
    )
    labels: Labels = Field(
        default={}, description="Names and values that targets select by, as line: press."
    )
    polling: Polling | None = Field(
        default=None,
        description="How often this site asks the remote; without it the fleet's word holds.",
    )
    windows: tuple[dict[str, Any], ...] = Field(default=(), description="When the site may change.")
    mirrors: tuple[str, ...] = Field(
        default=(), description="Registries nearby that are asked first."
    )
    runtime: RuntimePolicy = Field(
        default=RuntimePolicy(), description="What workloads may ask of this site's hosts."
    )
    epoch: int = Field(
        default=1,
        ge=1,
        le=1_000_000,
        description="Which history of the site's branch this is; one more begins a new one, so"
        " that the old can be dropped: margo site epoch.",
    )

    def matches(self, selector: Labels) -> bool:
        """True where every pair of the selector is a label, or the site's id, region or tenant."""
        own = {**self.labels, "site": self.id, "region": self.region, "tenant": self.tenant}
        return all(own.get(key) == value for key, value in selector.items())


class Device(OwnDocument):
    """`devices/<site>/<node>.yaml`: our side of a device."""

    kind: Literal["Device"] = "Device"
    id: Flat = Field(description="The node's name, as in the file's name.")
    site: Flat = Field(description="The site's name, as in the folder's name.")
    device_id: DeviceId = Field(
        description="The device's Margo id, as press-1 or gateway-1/press-1."
    )
    labels: Labels = Field(
        default={}, description="Names and values that eligibility rules select by."
    )


class ApplicationRef(Frozen):
    """One version in the App Store."""

    id: AppId = Field(description="The application's id, a folder under apps/.")
    version: Version = Field(description="The application's version, a folder under its id.")


class Targets(Frozen):
    """Which sites, and which node of each: one named, every one (`each`), or the site's choice."""

    sites: tuple[Flat, ...] = Field(default=(), description="Sites by name.")
    selector: Labels | None = Field(
        default=None,
        description="Sites by label, region or tenant: every pair must hold; {} is every site.",
    )
    without: tuple[Flat, ...] = Field(
        default=(), description="Sites to leave out, whatever else selects them."
    )
    node: Flat | None = Field(default=None, description="One node of each site, by name.")
    each: bool = Field(default=False, description="Whether every node of each site runs it.")


class SiteOverride(Frozen):
    """What one site gets differently."""

    parameters: dict[str, ParameterValue] = Field(
        default={}, description="Parameter values of this site only."
    )
    suspended: Suspension | None = Field(
        default=None,
        description="Leaves it as it is at this site: margo suspend.",
        exclude_if=lambda value: value is None,
    )


class Intent(OwnDocument):
    """`deployments/<name>.yaml`: what a person wants to run, where, and how set."""

    kind: Literal["DeploymentIntent"] = "DeploymentIntent"
    name: Flat = Field(description="The deployment's name, as in the file's name.")
    application: ApplicationRef = Field(description="What to run.")
    profile: str = Field(description="The id or the type of the profile to install, as compose.")
    targets: Targets = Field(description="Where to run it.")
    parameters: dict[str, ParameterValue] = Field(
        default={},
        description="Parameter values; {fromSite: NAME} is a secret that the node fills in.",
    )
    overrides: dict[Flat, SiteOverride] = Field(
        default={}, description="What single sites get differently, by site."
    )
    suspended: Suspension | None = Field(
        default=None,
        description="Leaves it as it is wherever it runs: margo suspend.",
        exclude_if=lambda value: value is None,
    )

    def suspended_at(self, site: str) -> Suspension | None:
        """How it is suspended at a site: there alone, or everywhere."""
        override = self.overrides.get(site)
        return (override and override.suspended) or self.suspended
