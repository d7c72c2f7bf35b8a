"""The front door of Margo documents: bytes of any dialect in, the canonical model out, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError

from margo_gitops.documents import canonical, codecs, schemas
from margo_gitops.documents.codecs import Model, room, table
from margo_gitops.documents.codecs.wire import extensions
from margo_gitops.documents.dialects import Dialect, Kind
from margo_gitops.documents.emit import emit
from margo_gitops.documents.findings import Finding, InvalidDocument, in_order, refuse_errors
from margo_gitops.documents.identity import KIND, identify
from margo_gitops.documents.rule import Fault
from margo_gitops.documents.yaml import Parsed, parse
from margo_gitops.errors import Invalid, MargoError
from margo_gitops.model.application import ApplicationDescription
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.manifest import DesiredStateManifest
from margo_gitops.model.status import DeploymentStatus

_MODEL = TypeVar("_MODEL")
_YAML = (Kind.DESCRIPTION, Kind.DEPLOYMENT)
_VERSION = ("metadata", "version")


@dataclass(frozen=True, slots=True)
class Document:
    """What a document is and what it says."""

    kind: Kind
    dialect: Dialect
    model: Model


def read(data: bytes, where: str) -> Document:
    """Any of the specification's documents. Raises `Invalid` with every error and its place.

    Spellings of real documents are accepted and become the strict ones: `59 Gi`, `x86_64`, roles in
    any case, a version that YAML reads as a number. Fields of nobody's dialect are kept.
    """
    return _read(parse(data, where), where, None)


def read_description(data: bytes, where: str) -> tuple[ApplicationDescription, Dialect]:
    """An application package's description, as `read`."""
    return _read_as(data, where, Kind.DESCRIPTION, ApplicationDescription)


def read_deployment(data: bytes, where: str) -> tuple[ApplicationDeployment, Dialect]:
    """A deployment, as `read`."""
    return _read_as(data, where, Kind.DEPLOYMENT, ApplicationDeployment)


def read_capabilities(data: bytes, where: str) -> tuple[DeviceCapabilities, Dialect]:
    """A device's capabilities, YAML or JSON, as `read`."""
    return _read_as(data, where, Kind.CAPABILITIES, DeviceCapabilities)


def read_status(data: bytes, where: str) -> DeploymentStatus:
    """A deployment's status on one device, as `read`."""
    return _read_as(data, where, Kind.STATUS, DeploymentStatus)[0]


def read_manifest(data: bytes, where: str) -> tuple[DesiredStateManifest, Dialect]:
    """A fleet manager's state manifest, as `read`."""
    return _read_as(data, where, Kind.MANIFEST, DesiredStateManifest)


def write(kind: Kind, model: Model, dialect: Dialect) -> bytes:
    """The generated document: the same model gives the same bytes for ever.

    Descriptions and deployments are YAML whose first line names kind, dialect and schema, the
    others canonical JSON, which has no fractions: a device's cores are rounded down, since an offer
    never promises more than there is. Raises `Invalid` for another fraction, for a dialect that the
    kind does not have, and that names the loss where a description's or deployment's dialect has no
    room for something and the record does not carry it either (DESIGN section 4).
    """
    if dialect not in table.HEADS.get(kind, {}):
        raise Invalid(
            f"found dialect {dialect} ({dialect.period}), expected one that {kind} has:"
            f" {', '.join(table.HEADS.get(kind, ()))}"
        )
    room.refuse_loss(model, dialect)
    return serialise(kind, dialect, codecs.encode(kind, dialect, whole_cores(model)))


def write_description(description: ApplicationDescription, dialect: Dialect) -> bytes:
    """An application package's description, as `write`."""
    return write(Kind.DESCRIPTION, description, dialect)


def write_deployment(deployment: ApplicationDeployment, dialect: Dialect) -> bytes:
    """A deployment, as `write`."""
    return write(Kind.DEPLOYMENT, deployment, dialect)


def write_capabilities(capabilities: DeviceCapabilities) -> bytes:
    """A device's capabilities in dialect D, as `write`."""
    return write(Kind.CAPABILITIES, capabilities, Dialect.D)


def write_status(status: DeploymentStatus) -> bytes:
    """A deployment's status in dialect D, as `write`."""
    return write(Kind.STATUS, status, Dialect.D)


def write_manifest(manifest: DesiredStateManifest, dialect: Dialect) -> bytes:
    """A state manifest, as `write`."""
    return write(Kind.MANIFEST, manifest, dialect)


def serialise(kind: Kind, dialect: Dialect, wire: Mapping[str, Any]) -> bytes:
    """A wire object's bytes, as `write` makes them."""
    if kind in _YAML:
        address = schemas.address(schemas.margo(kind, dialect))
        return emit(dict(wire), comment=f"{kind}, dialect {dialect}, schema {address}")
    try:
        return canonical.dumps(_whole(wire))
    except ValueError as error:
        raise Invalid(f"this {kind} cannot be written as canonical JSON: {error}") from error


def _read_as(data: bytes, where: str, wanted: Kind, model: type[_MODEL]) -> tuple[_MODEL, Dialect]:
    document = _read(parse(data, where), where, wanted)
    if not isinstance(document.model, model):
        raise TypeError(f"{document.kind} is read as {type(document.model).__name__}")
    return document.model, document.dialect


def _read(parsed: Parsed, where: str, wanted: Kind | None) -> Document:
    found = identify(parsed.data)
    if isinstance(found, Fault):
        raise InvalidDocument([found.placed(parsed, where)], help=found.rule.cure)
    kind, dialect = found
    if (wanted is not None and kind is not wanted) or kind not in codecs.MODELS:
        message = f"found a document of kind {kind}, expected {wanted or 'one that says something'}"
        raise InvalidDocument([KIND.broken((), message).placed(parsed, where)])
    name = schemas.margo(kind, dialect)
    if schemas.plainly_right(name, parsed.data, extensions(parsed.data)):
        return Document(kind, dialect, _build(found, parsed, where))
    findings = in_order(schemas.validate(name, parsed, where, unknown="warning"))
    refuse_errors(findings)
    schema = schemas.schema(name) if findings else None
    return Document(kind, dialect, _build(found, parsed, where, schema))


def _build(
    found: tuple[Kind, Dialect], parsed: Parsed, where: str, schema: Mapping[str, Any] | None = None
) -> Model:
    data = _with_version_as_written(parsed) if found[0] is Kind.DESCRIPTION else parsed.data
    try:
        return codecs.decode(*found, data, schema)
    except ValidationError as error:
        _refuse(parsed, where, "; ".join(_told(fault) for fault in error.errors()[:5]))
    except MargoError as error:
        _refuse(parsed, where, error.problem)


def _with_version_as_written(parsed: Parsed) -> Any:
    """A version that YAML takes for a number becomes the text that its author wrote."""
    data = parsed.data
    version = data["metadata"]["version"]
    if isinstance(version, bool) or not isinstance(version, int | float):
        return data
    start, end = parsed.span(_VERSION)
    return {**data, "metadata": {**data["metadata"], "version": parsed.text[start:end]}}


def _refuse(parsed: Parsed, where: str, message: str) -> NoReturn:
    raise InvalidDocument([Finding(where, *parsed.position(()), message, "model")])


def _told(fault: Mapping[str, Any]) -> str:
    return f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}"


def misfits(found: tuple[Kind, Dialect], parsed: Parsed, where: str) -> tuple[Finding, ...]:
    if found[0] not in codecs.MODELS:
        return ()
    try:
        _build(found, parsed, where)
    except InvalidDocument as error:
        return error.findings
    return ()


def whole_cores(model: Model) -> Model:
    """A device with its cores rounded down, as `write` rounds them; any other model as it is."""
    if not isinstance(model, DeviceCapabilities):
        return model
    cpus = tuple(cpu.model_copy(update={"cores": _floor(cpu.cores)}) for cpu in model.cpus)
    return model.model_copy(update={"cores": _floor(model.cores), "cpus": cpus})


def _floor(cores: Decimal | None) -> Decimal | None:
    return None if cores is None else Decimal(math.floor(cores))


def _whole(value: Any) -> Any:
    """2.0 is 2 in JSON; a real fraction is left for the canonical form to refuse."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
