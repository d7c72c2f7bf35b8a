"""Wire objects of every kind and dialect to the canonical model, and back.

`table` holds what the dialects differ in; the other modules hold what they share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from margo_gitops.documents.codecs import (
    capabilities,
    deployment,
    description,
    manifest,
    needs,
    status,
    table,
    unknown,
)
from margo_gitops.documents.codecs.wire import Wire, given
from margo_gitops.documents.dialects import Dialect, Kind
from margo_gitops.model.application import ApplicationDescription, Component
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.manifest import DesiredStateManifest
from margo_gitops.model.status import DeploymentStatus

Model = (
    ApplicationDescription
    | ApplicationDeployment
    | DeviceCapabilities
    | DeploymentStatus
    | DesiredStateManifest
)
"""What any of the specification's documents says, whatever its dialect."""

MODELS: Mapping[Kind, type[Model]] = {
    Kind.DESCRIPTION: ApplicationDescription,
    Kind.DEPLOYMENT: ApplicationDeployment,
    Kind.CAPABILITIES: DeviceCapabilities,
    Kind.STATUS: DeploymentStatus,
    Kind.MANIFEST: DesiredStateManifest,
}
"""The kinds that are read and written, with their models."""

_READ: Mapping[Kind, Callable[[Wire, Dialect], Model]] = {
    Kind.DESCRIPTION: description.read,
    Kind.DEPLOYMENT: deployment.read,
    Kind.CAPABILITIES: capabilities.read,
    Kind.STATUS: status.read,
    Kind.MANIFEST: manifest.read,
}
_WRITE: Mapping[Kind, Callable[[Any, Dialect], dict[str, Any]]] = {
    Kind.DESCRIPTION: description.write,
    Kind.DEPLOYMENT: deployment.write,
    Kind.CAPABILITIES: capabilities.write,
    Kind.STATUS: status.write,
    Kind.MANIFEST: manifest.write,
}


def decode(kind: Kind, dialect: Dialect, data: Wire, schema: Mapping[str, Any] | None) -> Model:
    """The model of a wire object that the schema of its kind and dialect accepts.

    Fields of nobody's dialect are kept: a component's with the component, the others in the model.
    `schema` tells them; None where the data has none, as where the schema found no fault at all.
    Raises pydantic's `ValidationError` and `Invalid` for what no schema says.
    """
    model = _READ[kind](data, dialect)
    head = table.HEADS[kind][dialect]
    said = data.get("apiVersion")
    if head.api_version is not None and said is not None and said != head.api_version:
        model = model.model_copy(update={"api_version": said})
    strange = {} if schema is None else unknown.unknown(data, schema)
    if strange:
        written = encode(kind, dialect, model)
        model = _keeping(model, {p: v for p, v in strange.items() if not _said(written, p)})
    return model


def encode(kind: Kind, dialect: Dialect, model: Model) -> dict[str, Any]:
    """The wire object: whatever the dialect has a place for, then the unknown fields.

    What it has no place for is left out; `margo.write` and `convert` see to that.
    """
    head = table.HEADS[kind][dialect]
    said = None if isinstance(model, DesiredStateManifest) else model.api_version
    version = head.api_version if head.api_version is None or said is None else said
    first = given(apiVersion=version, kind=None if head.kind is None else str(head.kind))
    return unknown.restored({**first, **_WRITE[kind](model, dialect)}, model.unknown)


def _said(written: Wire, pointer: str) -> bool:
    """True for a field that the codec reads though its schema lacks it."""
    return unknown.has(written, pointer) or unknown.steps(pointer)[-1] in needs.SLIPS


def _keeping(model: Model, strange: Mapping[str, Any]) -> Model:
    """The model with its unknown fields, each with the part that it belongs to."""
    rest = dict(strange)
    if isinstance(model, ApplicationDescription):
        profiles = tuple(
            profile.model_copy(
                update={
                    "components": _with_theirs(
                        profile.components, rest, f"/deploymentProfiles/{index}"
                    )
                }
            )
            for index, profile in enumerate(model.profiles)
        )
        return model.model_copy(update={"profiles": profiles, "unknown": rest})
    if isinstance(model, ApplicationDeployment):
        components = _with_theirs(model.components, rest, "/spec/deploymentProfile")
        return model.model_copy(update={"components": components, "unknown": rest})
    kept = model.model_copy(update={"unknown": rest})
    return capabilities.completed(kept) if isinstance(kept, DeviceCapabilities) else kept


def _with_theirs(
    components: tuple[Component, ...], rest: dict[str, Any], profile: str
) -> tuple[Component, ...]:
    """Components with the unknown fields below them, which are taken out of `rest`."""
    result = []
    for index, component in enumerate(components):
        start = f"{profile}/components/{index}/"
        below = [pointer for pointer in rest if pointer.startswith(start)]
        theirs = {pointer.removeprefix(start[:-1]): rest.pop(pointer) for pointer in below}
        result.append(component.model_copy(update={"unknown": theirs}) if theirs else component)
    return tuple(result)
