"""The Margo state manifest of a site (specification, desired state)."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.documents import archive, canonical
from margo_gitops.model.record import Manifest, ManifestBundle, ManifestEntry

BUNDLE_TYPE = "application/vnd.margo.bundle.v1+tar+gzip"


def manifest_of(generation: int, documents: Mapping[str, bytes]) -> Manifest:
    """The Margo state manifest over deployment id to document bytes (specification, desired state).

    The bundle is null exactly when there is no deployment; its URLs are the server-relative ones of
    the specification, since content addresses itself.
    """
    entries = tuple(
        ManifestEntry(
            deployment_id=id,
            digest=(digest := canonical.digest(data)),
            size_bytes=len(data),
            url=f"/api/v1/deployments/{id}/{digest}",
        )
        for id, data in sorted(documents.items())
    )
    bundle = None
    if documents:
        packed = archive.pack({f"{id}.yaml": data for id, data in documents.items()})
        digest = canonical.digest(packed)
        bundle = ManifestBundle(
            media_type=BUNDLE_TYPE,
            digest=digest,
            size_bytes=len(packed),
            url=f"/api/v1/bundles/{digest}",
        )
    return Manifest(manifest_version=generation, bundle=bundle, deployments=entries)
