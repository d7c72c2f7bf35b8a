"""Components in registries: what a description names, and the one file that it stands for."""

from __future__ import annotations

from margo_gitops.artifacts.follow import whole
from margo_gitops.artifacts.manifest import INDEXES, read_index, read_manifest
from margo_gitops.artifacts.oci_package import tag_of
from margo_gitops.artifacts.reference import SCHEME, Reference, parse_reference
from margo_gitops.artifacts.registry import Registry
from margo_gitops.errors import Invalid
from margo_gitops.model.application import Component
from margo_gitops.model.record import Artifact

LARGEST = 64 << 20
"""Bytes of an archive or chart that is read where it is locked."""


def repository_name(component: Component) -> str:
    """What a component names in a registry: by its revision, a tag or a digest."""
    repository = (component.repository or "").removeprefix(SCHEME)
    revision = component.revision or ""
    if not revision:
        return f"{SCHEME}{repository}"
    mark = "@" if revision.startswith("sha256:") else ":"
    return f"{SCHEME}{repository}{mark}{tag_of(revision)}"


def payload(component: Component, artifact: Artifact) -> bytes:
    """The archive or chart that a component is pinned to, fetched by digest and hashed.

    Raises `Invalid` for what has not one layer, and as `Registry` and `whole` do.
    """
    named = parse_reference(repository_name(component))
    reference = Reference(named.host, named.repository, digest=artifact.digest)
    registry = Registry(reference)
    data = registry.resolve()[1]
    while artifact.media_type in INDEXES:
        manifests = read_index(data, artifact).manifests
        if not manifests:
            raise Invalid(f"{reference} is an index of nothing")
        artifact = manifests[0].artifact
        data = registry.manifest(artifact)
    layers = read_manifest(data, artifact).content
    if len(layers) != 1:
        raise Invalid(f"{reference} has {len(layers)} layers, expected one: the archive or chart")
    return whole(registry, layers[0], LARGEST)
