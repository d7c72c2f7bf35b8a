"""DesiredStateManifest: one shape, but OpenAPI 1.0.0 names the client in every address."""

from __future__ import annotations

import re
from typing import Any

from margo_gitops.documents.codecs.wire import Wire, given
from margo_gitops.documents.dialects import Dialect
from margo_gitops.model.manifest import (
    DesiredStateManifest,
    ServedBundle,
    ServedContent,
    ServedDeployment,
)

_ROOT = "/api/v1/"
_CLIENT = re.compile(r"/api/v1/clients/([^/]+)/(?!clients/)")


def read(data: Wire, _: Dialect) -> DesiredStateManifest:
    """The model of a manifest that its schema accepts."""
    bundle = data["bundle"]
    entries = [*([] if bundle is None else [bundle]), *data["deployments"]]
    client = _CLIENT.match(entries[0]["url"]) if entries else None
    prefix = client[0] if client else _ROOT
    return DesiredStateManifest(
        manifest_version=data["manifestVersion"],
        client_id=client[1] if client else None,
        bundle=None
        if bundle is None
        else ServedBundle(media_type=bundle["mediaType"], **_content(bundle, prefix)),
        deployments=tuple(
            ServedDeployment(deployment_id=entry["deploymentId"], **_content(entry, prefix))
            for entry in data["deployments"]
        ),
    )


def write(manifest: DesiredStateManifest, dialect: Dialect) -> dict[str, Any]:
    """The wire object; the client stands in the addresses only where the dialect has it there."""
    client = manifest.client_id if dialect is Dialect.CP else None
    prefix = _ROOT if client is None else f"{_ROOT}clients/{client}/"
    bundle = manifest.bundle
    return {
        "manifestVersion": manifest.manifest_version,
        "bundle": None
        if bundle is None
        else {"mediaType": bundle.media_type, **_written(bundle, prefix)},
        "deployments": [
            {"deploymentId": entry.deployment_id, **_written(entry, prefix)}
            for entry in manifest.deployments
        ],
    }


def _content(data: Wire, prefix: str) -> dict[str, Any]:
    url: str = data["url"]
    if url.startswith(prefix):
        url = _ROOT + url.removeprefix(prefix)
    return {"digest": data["digest"], "size_bytes": data.get("sizeBytes"), "url": url}


def _written(content: ServedContent, prefix: str) -> dict[str, Any]:
    url = content.url
    if url.startswith(_ROOT) and not _CLIENT.match(url):
        url = prefix + url.removeprefix(_ROOT)
    return given(digest=content.digest, sizeBytes=content.size_bytes, url=url)
