"""The generated desired state of a site: records, change, settings, locks, placement."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

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


class Content(Frozen):
    """A file by what is in it."""

    digest: Digest
    size: int = Field(ge=0)


class Artifact(Content):
    """What a node fetches for a component: by digest, bounded by size; the route is not in it."""

    media_type: str


class ComponentArtifact(Artifact):
    """An artifact and the component that it is for."""

    component: str


class LockedComponent(Frozen):
    """One component of one profile; `artifact` is None where its source is not resolved."""

    profile: str
    component: str
    source: str
    artifact: Artifact | None
    path: str | None = None


class ApplicationLock(OwnDocument):
    """`locks/<app-id>/<version>.json`: every name resolved once, before approval."""

    kind: Literal["ApplicationLock"] = "ApplicationLock"
    application: AppId
    version: Version
    description: Content
    components: tuple[LockedComponent, ...]


class Record(OwnDocument):
    """One deployment of one site, or the site's settings: what people approve (DESIGN section 5).

    It holds no generation, commit, branch, time or route, so that merging, squashing or another
    deployment's change voids nothing. `replaces` is the digest of the record before it.
    """

    kind: Literal["Record"] = "Record"
    fleet: Uuid
    site: Flat
    id: Uuid
    name: Flat
    application: AppId | None = None
    version: Version | None = None
    target: DeviceId
    requirements: Requirements | None = None
    revision: int = Field(ge=1)
    replaces: Digest | None
    action: Literal["set", "remove"]
    document: Content | None
    artifacts: tuple[ComponentArtifact, ...] = ()


class RecordEntry(Frozen):
    """A record and the digest of the statement that approves it; None in an open fleet."""

    record: Record
    statement: Digest | None = None


class Change(OwnDocument):
    """`change.json`: one generation of a site; it accounts for every byte of its tree."""

    kind: Literal["Change"] = "Change"
    fleet: Uuid
    site: Flat
    epoch: int = Field(ge=1)
    generation: int = Field(ge=1)
    previous: Digest | None
    source: CommitId
    root: int | None = None
    enrolment: int | None = None
    manifest: Content
    artifacts: Content
    settings: Content
    records: tuple[RecordEntry, ...]


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

    id: Flat
    device_id: DeviceId
    labels: Labels = {}


class SiteSettings(OwnDocument):
    """`settings.json`: what a site must obey."""

    kind: Literal["SiteSettings"] = "SiteSettings"
    fleet: Uuid
    site: Flat
    polling: Polling
    windows: tuple[dict[str, Any], ...] = ()
    mirrors: tuple[str, ...] = ()
    runtime: RuntimePolicy
    nodes: tuple[NodeSettings, ...]
    placement_profiles: tuple[dict[str, Any], ...] = ()


class SiteArtifacts(OwnDocument):
    """`artifacts.json`: all that the site's deployments need, by digest."""

    kind: Literal["SiteArtifacts"] = "SiteArtifacts"
    site: Flat
    artifacts: tuple[Artifact, ...]


class PlacedDeployment(Frozen):
    """One deployment that a node is to run, and why it is this node."""

    id: Uuid
    name: Flat
    record: Digest
    document: Content
    why: str


class Placement(OwnDocument):
    """`placement.json` on `node/<n>`: the site's word on what its node runs."""

    kind: Literal["Placement"] = "Placement"
    fleet: Uuid
    site: Flat
    node: Flat
    sequence: int = Field(ge=1)
    enrolment: int | None = None
    change: Digest
    deployments: tuple[PlacedDeployment, ...]
