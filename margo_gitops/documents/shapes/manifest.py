"""DesiredStateManifest in each dialect (specification, desired state)."""

from __future__ import annotations

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.shapes.fields import SHA256, UUID, digest, manifest_version, uuid
from margo_gitops.documents.shapes.words import (
    Fields,
    Shape,
    integer,
    list_of,
    obj,
    or_null,
    text,
    word,
)

_ROOT = {Dialect.CP: "/api/v1/clients/[^/]+", Dialect.D: "/api/v1"}
"""Where the addresses begin: OpenAPI 1.0.0 names the client, later ones do not."""


def manifest(dialect: Dialect) -> Shape:
    """The shape of what a client shall run."""
    root = _ROOT[dialect]
    bundle = obj(
        "One archive of all deployments; null exactly where there is none.",
        must={
            "mediaType": word("What it is.", "application/vnd.margo.bundle.v1+tar+gzip"),
            **_content("archive", f"^{root}/bundles/{SHA256}$"),
        },
        may=_size("archive"),
    )
    deployment = obj(
        "One deployment.",
        must={
            "deploymentId": uuid("The deployment's UUID."),
            **_content("deployment", f"^{root}/deployments/{UUID}/{SHA256}$"),
        },
        may=_size("deployment"),
    )
    return obj(
        "What a client shall run, and where to fetch it.",
        must={
            "manifestVersion": manifest_version("Grows with each manifest for the same client."),
            "bundle": or_null(bundle),
            "deployments": list_of("The deployments; what is not here is removed.", deployment),
        },
    )


def _content(what: str, address: str) -> Fields:
    return {
        "digest": digest(f"The sha256 over the {what}'s exact bytes."),
        "url": text(
            "Where to fetch it, from the server's root; the digest ends it.", pattern=address
        ),
    }


def _size(what: str) -> Fields:
    return {"sizeBytes": integer(f"The {what}'s size; a hint, never proof of it.", least=0)}
