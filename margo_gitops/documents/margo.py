"""The front door of Margo documents: bytes of any dialect in, the canonical model out, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from margo_gitops.documents import canonical, dialect_b, dialect_d, rules, schemas
from margo_gitops.documents.dialects import Dialect, Kind, detect
from margo_gitops.documents.emit import emit
from margo_gitops.documents.findings import Finding, InvalidDocument, in_order, refuse_errors
from margo_gitops.documents.yaml import Parsed, parse
from margo_gitops.errors import Invalid, MargoError
from margo_gitops.model.application import ApplicationDescription
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.status import DeploymentStatus

_MODEL = TypeVar("_MODEL", bound=BaseModel)

_READERS: Mapping[tuple[Kind, Dialect], Callable[[Mapping[str, Any]], BaseModel]] = {
    (Kind.DESCRIPTION, Dialect.B): dialect_b.read_description,
    (Kind.DESCRIPTION, Dialect.D): dialect_d.read_description,
    (Kind.DEPLOYMENT, Dialect.B): dialect_b.read_deployment,
    (Kind.DEPLOYMENT, Dialect.D): dialect_d.read_deployment,
    (Kind.CAPABILITIES, Dialect.B): dialect_b.read_capabilities,
    (Kind.CAPABILITIES, Dialect.D): dialect_d.read_capabilities,
    (Kind.STATUS, Dialect.D): dialect_d.read_status,
}
_WRITERS: Mapping[Dialect, Callable[[ApplicationDeployment], dict[str, Any]]] = {
    Dialect.B: dialect_b.write_deployment,
    Dialect.D: dialect_d.write_deployment,
}


def read_description(data: bytes, where: str) -> tuple[ApplicationDescription, Dialect]:
    """An application package's description. Raises `Invalid` with every error and its place.

    Fields of nobody's dialect do not fail it; they are kept in `unknown` where a deployment would
    carry them, and `check` warns of them.
    """
    return _read(data, where, Kind.DESCRIPTION, ApplicationDescription)


def read_deployment(data: bytes, where: str) -> tuple[ApplicationDeployment, Dialect]:
    """A deployment. Raises `Invalid` with every error and its place."""
    return _read(data, where, Kind.DEPLOYMENT, ApplicationDeployment)


def read_capabilities(data: bytes, where: str) -> tuple[DeviceCapabilities, Dialect]:
    """A device's capabilities, YAML or JSON. Raises `Invalid` with every error and its place.

    Spellings of real devices are accepted and become the strict ones: `59 Gi`, `x86_64`, roles in
    any case.
    """
    return _read(data, where, Kind.CAPABILITIES, DeviceCapabilities)


def read_status(data: bytes, where: str) -> DeploymentStatus:
    """A deployment's status on one device. Raises `Invalid` with every error and its place."""
    return _read(data, where, Kind.STATUS, DeploymentStatus)[0]


def write_deployment(deployment: ApplicationDeployment, dialect: Dialect) -> bytes:
    """The generated YAML: the same model gives the same bytes for ever.

    Its first line names kind, dialect and schema. Raises `Invalid` that names the loss where the
    dialect has no room for something and the record does not carry it either (DESIGN section 4).
    """
    writer = _WRITERS.get(dialect)
    if writer is None:
        raise Invalid(
            f"{deployment.name}: found dialect {dialect} ({dialect.period}), expected one that this"
            f" version writes: {', '.join(_WRITERS)}",
            help="set `dialect: D` in fleet.yaml",
        )
    schema = schemas.address(_schema(Kind.DEPLOYMENT, dialect))
    comment = f"yaml-language-server: $schema={schema} kind={Kind.DEPLOYMENT} dialect={dialect}"
    return emit(writer(deployment), comment=comment)


def write_capabilities(capabilities: DeviceCapabilities) -> bytes:
    """Dialect D as canonical JSON. Raises `Invalid` for a fraction, which has no canonical form."""
    return _canonical(dialect_d.write_capabilities(capabilities), capabilities.id)


def write_status(status: DeploymentStatus) -> bytes:
    """Dialect D as canonical JSON. Raises `Invalid` for a fraction among its extensions."""
    return _canonical(dialect_d.write_status(status), status.deployment_id)


def check(parsed: Parsed, where: str) -> list[Finding]:
    """Everything that is to be said of a parsed document that is none of our own."""
    found = detect(parsed.data)
    if found is None:
        return [_unknown(parsed, where)]
    kind, dialect = found
    if kind is not Kind.MANIFEST and found not in _READERS:
        return [_unread(parsed, where, kind, dialect)]
    schema = _schema(kind, dialect)
    findings = schemas.validate(schema, parsed, where, unknown="warning")
    if all(finding.severity == "warning" for finding in findings):
        findings += rules.broken(kind, parsed, where)
        findings += _model_findings(found, parsed, where)
    return in_order(findings)


def _read(data: bytes, where: str, wanted: Kind, model: type[_MODEL]) -> tuple[_MODEL, Dialect]:
    parsed = parse(data, where)
    found = detect(parsed.data)
    if found is None:
        raise InvalidDocument([_unknown(parsed, where, wanted)])
    kind, dialect = found
    if kind is not wanted:
        message = f"found a document of kind {kind}, expected {wanted}"
        raise InvalidDocument([Finding(where, *parsed.position(()), message, "kind")])
    if found not in _READERS:
        raise InvalidDocument([_unread(parsed, where, kind, dialect)])
    refuse_errors(
        in_order(schemas.validate(_schema(kind, dialect), parsed, where, unknown="warning"))
    )
    document = _build(found, parsed, where)
    return model.model_validate(document), dialect


def _build(found: tuple[Kind, Dialect], parsed: Parsed, where: str) -> BaseModel:
    try:
        return _READERS[found](parsed.data)
    except ValidationError as error:
        _refuse(parsed, where, "; ".join(_told(fault) for fault in error.errors()[:5]))
    except MargoError as error:
        _refuse(parsed, where, error.problem)


def _refuse(parsed: Parsed, where: str, message: str) -> NoReturn:
    raise InvalidDocument([Finding(where, *parsed.position(()), message, "model")])


def _told(fault: Mapping[str, Any]) -> str:
    return f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}"


def _model_findings(found: tuple[Kind, Dialect], parsed: Parsed, where: str) -> tuple[Finding, ...]:
    if found not in _READERS:
        return ()
    try:
        _build(found, parsed, where)
    except InvalidDocument as error:
        return error.findings
    return ()


def _schema(kind: Kind, dialect: Dialect) -> str:
    return f"margo/{kind}" if kind is Kind.MANIFEST else f"margo/{kind}.{dialect}"


def _unknown(parsed: Parsed, where: str, wanted: Kind | None = None) -> Finding:
    data = parsed.data
    kind = data.get("kind") if isinstance(data, dict) else None
    version = data.get("apiVersion") if isinstance(data, dict) else None
    named = (
        f"kind {kind!r} of apiVersion {version!r}" if kind else "a document without a known form"
    )
    expected = wanted or "a Margo document or one of margo-gitops/v1"
    message = f"found {named}, expected {expected}"
    return Finding(where, *parsed.position(("kind",)), message[:300], "kind")


def _unread(parsed: Parsed, where: str, kind: Kind, dialect: Dialect) -> Finding:
    readable = ", ".join(sorted(d for k, d in _READERS if k is kind))
    message = (
        f"found {kind} in dialect {dialect} ({dialect.period}), which is not read yet;"
        f" expected dialect {readable}"
    )
    return Finding(where, *parsed.position(()), message, "dialect")


def _canonical(wire: dict[str, Any], what: str) -> bytes:
    try:
        return canonical.dumps(_whole(wire))
    except ValueError as error:
        raise Invalid(f"{what} cannot be written as canonical JSON: {error}") from error


def _whole(value: Any) -> Any:
    """2.0 is 2 in JSON; a real fraction is left for the canonical form to refuse."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
