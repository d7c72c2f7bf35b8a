"""The generated desired state of a site: records, change, settings, locks, placement."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from margo_gitops.model import layout
from margo_gitops.model.application import Requirements
from margo_gitops.model.base import (
    AppId,
    CommitId,
    DeviceId,
    Digest,
    Flat,
    Frozen,
    Labels,
    OwnDocument,
    Uuid,
    Version,
)
from margo_gitops.model.fleet import Polling, RuntimePolicy
from margo_gitops.model.suspension import Suspension


class Content(Frozen):
    """A file by what is in it."""

    digest: Digest = Field(description="sha256 over the exact bytes.")
    size: int = Field(ge=0, description="How many bytes.")


class Artifact(Content):
    """What a node fetches for a component: by digest, bounded by size; the route is not in it."""

    media_type: str = Field(description="The OCI media type.")


class ComponentArtifact(Artifact):
    """An artifact and the component that it is for: what it is made of, or an image that it runs.

    Where the media type is one of OCI's manifest or index, the artifact is what that leads to: the
    platform's manifest, its layers, each by digest.
    """

    component: str = Field(description="The component that it is for.")
    image: str | None = Field(
        default=None,
        max_length=512,
        description="The image that it pins, as the component names it; null for the component's"
        " own bytes.",
        exclude_if=lambda value: value is None,
    )


class LockedImage(Artifact):
    """An image that a component runs, resolved once; index or manifest."""

    reference: str = Field(max_length=512, description="The image, as the component names it.")


class LockedComponent(Frozen):
    """One component of one profile; `artifact` is None where its source is not resolved."""

    profile: str = Field(description="The id or the type of the profile.")
    component: str = Field(description="The name of the component.")
    source: str = Field(description="What the description names, resolved once.")
    artifact: Artifact | None = Field(description="What it resolved to; null where it did not.")
    path: str | None = Field(
        default=None, description="The file inside the package, where it lies there."
    )
    images: tuple[LockedImage, ...] = Field(
        default=(),
        description="Every image that the component's compose file or chart names.",
        exclude_if=lambda value: not value,
    )


class ApplicationLock(OwnDocument):
    """`locks/<app-id>/<version>.json`: every name resolved once, before approval."""

    kind: Literal["ApplicationLock"] = "ApplicationLock"
    application: AppId = Field(description="The application's id.")
    version: Version = Field(description="The application's version.")
    description: Content = Field(description="The description that was locked.")
    components: tuple[LockedComponent, ...] = Field(description="Every component of every profile.")


class Record(OwnDocument):
    """One deployment of one site, or the site's settings: what people approve (DESIGN section 5).

    It holds no generation, commit, branch, time or route, so that merging, squashing or another
    deployment's change voids nothing. `replaces` is the digest of the record before it.
    """

    kind: Literal["Record"] = "Record"
    fleet: Uuid = Field(description="The fleet's UUID.")
    site: Flat = Field(description="The site that it is for.")
    id: Uuid = Field(description="The deployment's UUID; it stays for life.")
    name: Flat = Field(description="The deployment's name.")
    application: AppId | None = Field(
        default=None, description="The application's id; null for the site's settings."
    )
    version: Version | None = Field(default=None, description="The application's version.")
    target: DeviceId = Field(description="The device; * leaves the choice to the site.")
    requirements: Requirements | None = Field(
        default=None,
        description="What the device must have, where the document has no room to say so.",
    )
    revision: int = Field(ge=1, description="Grows by one with each record of this deployment.")
    replaces: Digest | None = Field(
        description="The digest of the record before it; null for the first."
    )
    action: Literal["set", "remove"] = Field(
        description="Whether the deployment is set or removed."
    )
    document: Content | None = Field(
        description="The deployment document; null where it is removed."
    )
    artifacts: tuple[ComponentArtifact, ...] = Field(
        default=(), description="What its components need."
    )


def document_path(record: Record) -> str:
    """Where a record's document stands in the site tree."""
    if record.application is None:
        return layout.SETTINGS
    return layout.document_path(record.name, layout.node_of(record.target))


class RecordEntry(Frozen):
    """A record and the digest of the statement that approves it; None in an open fleet."""

    record: Record = Field(description="The record.")
    statement: Digest | None = Field(
        default=None,
        description="The digest of the statement that approves it; null in an open fleet.",
    )


class EpochStart(Frozen):
    """The very last commit of the epoch before, and its generation."""

    commit: CommitId = Field(description="The last commit of the epoch before.")
    generation: int = Field(ge=1, description="The generation that it holds.")


class Change(OwnDocument):
    """`change.json`: one generation of a site; it accounts for every byte of its tree."""

    kind: Literal["Change"] = "Change"
    fleet: Uuid = Field(description="The fleet's UUID.")
    site: Flat = Field(description="The site that it is for.")
    epoch: int = Field(ge=1, description="Counts the histories of the site.")
    generation: int = Field(
        ge=1, description="Grows by one with each change; also the manifest version."
    )
    continues: EpochStart | None = Field(
        default=None, description="What this epoch goes on after; null in the first one."
    )
    previous: Digest | None = Field(
        description="The digest of the change before it; null for the first."
    )
    source: CommitId = Field(description="The commit on main that it was rendered from.")
    root: int | None = Field(
        default=None, description="The version of the trust root; null in an open fleet."
    )
    enrolment: int | None = Field(
        default=None, description="The version of the site's enrolment; null in an open fleet."
    )
    manifest: Content = Field(description="manifest.json, by what is in it.")
    artifacts: Content = Field(description="artifacts.json, by what is in it.")
    settings: Content = Field(description="settings.json, by what is in it.")
    records: tuple[RecordEntry, ...] = Field(
        description="Every record in force, removals included."
    )


class ManifestBundle(Frozen):
    """The archive of all deployments, as a Margo client would fetch it."""

    media_type: Literal["application/vnd.margo.bundle.v1+tar+gzip"]
    digest: Digest
    size_bytes: int
    url: str


class ManifestEntry(Frozen):
    """One deployment of the manifest."""

    deployment_id: Uuid
    digest: Digest
    size_bytes: int
    url: str


class Manifest(Frozen):
    """`manifest.json`: the Margo state manifest; its version is the generation."""

    manifest_version: int = Field(ge=1, lt=2**64)
    bundle: ManifestBundle | None
    deployments: tuple[ManifestEntry, ...]


class NodeSettings(Frozen):
    """One node of a site."""

    id: Flat = Field(description="The node's name.")
    device_id: DeviceId = Field(description="The device's Margo id.")
    labels: Labels = Field(
        default={}, description="Names and values that eligibility rules select by."
    )
    declared: str | None = Field(
        default=None,
        max_length=65_536,
        description="The device's capabilities file as people declared it, byte for byte.",
        exclude_if=lambda value: value is None,
    )


class SiteSettings(OwnDocument):
    """`settings.json`: what a site must obey."""

    kind: Literal["SiteSettings"] = "SiteSettings"
    fleet: Uuid = Field(description="The fleet's UUID.")
    site: Flat = Field(description="The site that it is for.")
    polling: Polling = Field(description="How often the site asks its remote.")
    dialect: Literal["app", "B", "C", "D"] = Field(
        default="app",
        description="The dialect that the fleet's generated documents are to have.",
        exclude_if=lambda value: value == "app",
    )
    windows: tuple[dict[str, Any], ...] = Field(default=(), description="When the site may change.")
    mirrors: tuple[str, ...] = Field(
        default=(), description="Registries nearby that are asked first."
    )
    runtime: RuntimePolicy = Field(description="What workloads may ask of their hosts.")
    nodes: tuple[NodeSettings, ...] = Field(description="The nodes of the site.")
    suspended: dict[Uuid, Suspension] = Field(
        default={},
        description="Deployments that are left as they are, by UUID.",
        exclude_if=lambda value: not value,
    )
    placement_profiles: tuple[dict[str, Any], ...] = Field(
        default=(), description="How the site chooses among its nodes."
    )


class SiteArtifacts(OwnDocument):
    """`artifacts.json`: all that the site's deployments need, by digest."""

    kind: Literal["SiteArtifacts"] = "SiteArtifacts"
    site: Flat = Field(description="The site that it is for.")
    artifacts: tuple[Artifact, ...] = Field(description="Each artifact once.")


class PlacedDeployment(Frozen):
    """One deployment that a node is to run, and why it is this node."""

    id: Uuid = Field(description="The deployment's UUID.")
    name: Flat = Field(description="The deployment's name.")
    record: Digest = Field(description="The digest of the record that asks for it.")
    document: Content = Field(description="The deployment document.")
    why: str = Field(description="Why it is on this node, in words.")


class Placement(OwnDocument):
    """`placement.json` on `node/<n>`: the site's word on what its node runs."""

    kind: Literal["Placement"] = "Placement"
    fleet: Uuid = Field(description="The fleet's UUID.")
    site: Flat = Field(description="The site that placed it.")
    node: Flat = Field(description="The node that it is for.")
    sequence: int = Field(ge=1, description="Grows with each placement of this node.")
    enrolment: int | None = Field(
        default=None, description="The version of the site's enrolment; null in an open fleet."
    )
    change: Digest = Field(description="The digest of the change that it follows.")
    deployments: tuple[PlacedDeployment, ...] = Field(description="What the node runs.")
