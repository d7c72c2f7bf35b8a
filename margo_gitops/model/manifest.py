"""What a client is to have, by digest (DesiredStateManifest), as any fleet manager serves it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from margo_gitops.model.base import Frozen, Uuid


class ServedContent(Frozen):
    """Bytes to fetch: digest, advisory size, and where, without the client that asks."""

    digest: str
    size_bytes: int | None = None
    url: str


class ServedBundle(ServedContent):
    """The archive of all deployments."""

    media_type: str


class ServedDeployment(ServedContent):
    """One deployment's document."""

    deployment_id: Uuid


class DesiredStateManifest(Frozen):
    """One version of a client's desired state; the bundle is None where nothing is desired.

    `client_id` is the client that OpenAPI 1.0.0 names in its addresses; None in dialect D. Our own
    generated manifest is `model.record.Manifest`. `unknown` is as in `ApplicationDescription`.
    """

    manifest_version: int = Field(ge=1, lt=2**64)
    client_id: str | None = None
    bundle: ServedBundle | None = None
    deployments: tuple[ServedDeployment, ...] = ()
    unknown: dict[str, Any] = {}
