"""OCI indexes and manifests, read by somebody who distrusts them (OCI image specification 1.1).

A registry, a mirror, a site or a stick may have sent them: their digest was right, so they are what
was locked, but whoever made them may be hostile all the same.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from margo_gitops.errors import Invalid, Refused
from margo_gitops.model.base import Digest
from margo_gitops.model.record import Artifact

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEXES = frozenset({INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"})
MANIFESTS = frozenset({MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"})

MAX_MANIFEST = 4 << 20
"""Bytes of an index or manifest: what registries take at most, too."""

MAX_LAYERS = 256
MAX_PLATFORMS = 256
MAX_PARTS = 2048
"""Blobs that one artifact may lead to on all its platforms together."""

_PORTABLE = "wasm"
_PROVENANCE = "application/vnd.cncf.helm.chart.provenance.v1.prov"


class Platform(BaseModel):
    """What a manifest of an index is for."""

    model_config = ConfigDict(frozen=True)

    architecture: str
    os: str = ""


class Descriptor(BaseModel):
    """What a manifest names, by digest and size (OCI content descriptors)."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    media_type: str = Field(max_length=255)
    digest: Digest
    size: int = Field(ge=0, lt=1 << 50)
    platform: Platform | None = None
    annotations: dict[str, str] = {}

    @property
    def artifact(self) -> Artifact:
        """The same without the platform."""
        return Artifact(digest=self.digest, size=self.size, media_type=self.media_type)


class Index(BaseModel):
    """One artifact for several platforms."""

    manifests: tuple[Descriptor, ...] = Field(max_length=MAX_PLATFORMS)

    def for_platform(self, architectures: Collection[str]) -> list[Artifact]:
        """The first manifest for Linux on each of these architectures, or for any host."""
        found: dict[str, Artifact] = {}
        for item in self.manifests:
            platform = item.platform
            if platform is not None and _fits(platform, architectures):
                found.setdefault(platform.architecture, item.artifact)
        return list(found.values())

    @property
    def offered(self) -> str:
        """The platforms, in words."""
        named = [f"{p.os}/{p.architecture}" for m in self.manifests if (p := m.platform)]
        return ", ".join(named[:10]) or "none"


class Manifest(BaseModel):
    """One artifact: its configuration and its layers."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    artifact_type: str | None = Field(default=None, max_length=255)
    config: Descriptor
    layers: tuple[Descriptor, ...] = Field(max_length=MAX_LAYERS)

    @property
    def content(self) -> list[Artifact]:
        """The layers that are the thing itself, without what helm puts beside a signed chart."""
        return [item.artifact for item in self.layers if item.media_type != _PROVENANCE]

    @property
    def parts(self) -> list[Artifact]:
        """The configuration and the layers, each digest once."""
        named = {item.digest: item.artifact for item in (self.config, *self.layers)}
        return list(named.values())


class _Object(BaseModel):
    """Any JSON object."""

    model_config = ConfigDict(extra="allow")


_MODEL = TypeVar("_MODEL", Index, Manifest)


def is_followed(artifact: Artifact) -> bool:
    """Whether an artifact is an index or manifest that leads to others."""
    return artifact.media_type in INDEXES | MANIFESTS


def read_index(data: bytes, artifact: Artifact) -> Index:
    """The index; `Refused` (rule `manifest`) for anything else."""
    return _read(data, artifact, Index, INDEXES)


def read_manifest(data: bytes, artifact: Artifact) -> Manifest:
    """The manifest; `Refused` (rule `manifest`) for anything else."""
    return _read(data, artifact, Manifest, MANIFESTS)


def media_type(data: bytes) -> str | None:
    """What an index or manifest says it is; None for anything else."""
    try:
        document = _Object.model_validate_json(data).model_extra or {}
    except ValidationError:
        return None
    said = document.get("mediaType", INDEX if "manifests" in document else MANIFEST)
    return str(said) if said in INDEXES | MANIFESTS else None


def no_platform(artifact: Artifact, index: Index, architectures: Collection[str]) -> Invalid:
    """The error of an index that has nothing for these hosts."""
    wanted = " or ".join(f"linux/{name}" for name in sorted(architectures)) or "any host"
    return Invalid(
        f"{artifact.digest[:19]}… has nothing for {wanted}: it is for {index.offered}",
        help="margo device list; another version, or another node",
    )


def _read(data: bytes, artifact: Artifact, model: type[_MODEL], kinds: Collection[str]) -> _MODEL:
    if len(data) > MAX_MANIFEST:
        raise _no(artifact, model, f"it has {len(data)} bytes, expected at most {MAX_MANIFEST}")
    try:
        document: dict[str, Any] = _Object.model_validate_json(data).model_extra or {}
        found = model.model_validate(document)
    except ValidationError as error:
        raise _no(artifact, model, _words(error)) from error
    said = document.get("mediaType", artifact.media_type)
    if said != artifact.media_type or said not in kinds:
        raise _no(artifact, model, f"found {str(said)[:80]!r}, expected {artifact.media_type}")
    return found


def _no(artifact: Artifact, model: type[BaseModel], why: str) -> Refused:
    words = f"{artifact.digest[:19]}… is no {model.__name__.lower()}: {why}"
    return Refused(words, rule="manifest")


def _words(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:200]


def _fits(platform: Platform, architectures: Collection[str]) -> bool:
    if platform.architecture == _PORTABLE:
        return True
    return platform.os == "linux" and platform.architecture in architectures
