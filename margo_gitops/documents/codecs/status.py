"""DeploymentStatusManifest, in every dialect."""

from __future__ import annotations

from typing import Any

from margo_gitops.documents.codecs import table
from margo_gitops.documents.codecs.wire import Wire, extensions, given
from margo_gitops.documents.dialects import Dialect
from margo_gitops.model.status import ComponentStatus, DeploymentStatus, StatusError

_PROSE = {"failure": "failed", "success": "installed"}
"""What the prose of 2024 calls the states of its own table."""


def read(data: Wire, _: Dialect) -> DeploymentStatus:
    """The model of a status that its schema accepts; an error of empty texts is none."""
    status: Wire = data["status"]
    return DeploymentStatus(
        deployment_id=data["deploymentId"],
        device_id=data.get("deviceId"),
        adopted=data.get("adoptedManifestVersion"),
        state=_state(status["state"]),
        error=_read_error(status),
        components=tuple(
            ComponentStatus(name=c["name"], state=_state(c["state"]), error=_read_error(c))
            for c in data["components"]
        ),
        extensions=extensions(data),
    )


def write(status: DeploymentStatus, dialect: Dialect) -> dict[str, Any]:
    """The wire object without its head and unknown fields."""
    named = table.SOURCES[dialect]
    wire = given(
        deploymentId=status.deployment_id,
        deviceId=status.device_id,
        adoptedManifestVersion=status.adopted,
        status=given(state=status.state.value, error=_write_error(status.error, named)),
        components=[
            given(name=c.name, state=c.state.value, error=_write_error(c.error, named))
            for c in status.components
        ],
    )
    return {**wire, **status.extensions}


def _state(word: str) -> Any:
    lower = word.lower()
    return _PROSE.get(lower, lower)


def _read_error(data: Wire) -> StatusError | None:
    error: Wire = data.get("error") or {}
    texts = {name: error.get(name, "") for name in ("code", "source", "message")}
    return StatusError(**texts) if any(texts.values()) else None


def _write_error(error: StatusError | None, named: bool) -> dict[str, Any] | None:
    """Errors of empty texts, as the specification's examples send them, are not written."""
    if error is None or not (error.code or error.source or error.message):
        return None
    source = error.source if named or error.source else None
    return given(code=error.code, source=source, message=error.message)
