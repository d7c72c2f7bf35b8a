"""Our own files: YAML on `main` that people edit, read strictly and written plainly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from margo_gitops.documents import schemas
from margo_gitops.documents.emit import emit
from margo_gitops.documents.faults import shown
from margo_gitops.documents.findings import Finding, InvalidDocument, in_order, refuse_errors
from margo_gitops.documents.yaml import Parsed, parse
from margo_gitops.model.approval import ApprovalPolicy, Proof, Statement
from margo_gitops.model.base import API_VERSION
from margo_gitops.model.fleet import Device, Fleet, Intent, Site
from margo_gitops.model.record import (
    ApplicationLock,
    Change,
    Placement,
    Record,
    SiteArtifacts,
    SiteSettings,
)
from margo_gitops.model.report import NodeReport, SiteStatus
from margo_gitops.model.trip import SiteTrips, Trip, TripLedger
from margo_gitops.model.trust import Enrolment, EnrolRequest, Hold, Invitation, TrustRoot

_MODEL = TypeVar("_MODEL", bound=BaseModel)

MODELS: Mapping[str, type[BaseModel]] = {
    "Fleet": Fleet,
    "Site": Site,
    "Device": Device,
    "DeploymentIntent": Intent,
    "ApplicationLock": ApplicationLock,
    "Record": Record,
    "Change": Change,
    "SiteSettings": SiteSettings,
    "SiteArtifacts": SiteArtifacts,
    "Placement": Placement,
    "SiteStatus": SiteStatus,
    "NodeReport": NodeReport,
    "ApprovalPolicy": ApprovalPolicy,
    "TrustRoot": TrustRoot,
    "Enrolment": Enrolment,
    "EnrolRequest": EnrolRequest,
    "Hold": Hold,
    "Invitation": Invitation,
    "Statement": Statement,
    "Proof": Proof,
    "Trip": Trip,
    "TripLedger": TripLedger,
    "SiteTrips": SiteTrips,
}
"""Every kind of `margo-gitops/v1`."""


def read(data: bytes, model: type[_MODEL], where: str) -> _MODEL:
    """One of our YAML files. Raises `Invalid` listing every error with its place."""
    parsed = parse(data, where)
    kind = model.model_fields["kind"].default
    refuse_errors(in_order(_header(parsed, kind, where)))
    refuse_errors(in_order(schemas.validate(f"own/{kind}", parsed, where)))
    try:
        return model.model_validate(parsed.data)
    except ValidationError as error:
        raise InvalidDocument(in_order(_broken(error, parsed, where))) from error


def write(document: BaseModel) -> bytes:
    """The file as `margo` writes it: fields in the model's order, defaults left out.

    The first line names the schema for editors with a YAML language server, by its place in a
    fleet repository: `margo init` lays the schemas down there, so that it works offline.
    """
    kind = str(getattr(document, "kind", ""))
    header = {"apiVersion": API_VERSION, "kind": kind}
    body = document.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    address = "../" * _DEPTH.get(kind, 0) + f".schemas/own/{kind}.json"
    return emit(
        {**header, **{k: v for k, v in body.items() if k not in header}},
        comment=f"yaml-language-server: $schema={address}",
    )


_DEPTH = {"Site": 1, "DeploymentIntent": 1, "Device": 2, "ApprovalPolicy": 1}
"""How many folders of a fleet repository a file of this kind lies in (DESIGN section 2)."""


def is_own(data: Any) -> bool:
    """True for a document that says it is of this project, whatever its version."""
    return isinstance(data, dict) and str(data.get("apiVersion", "")).startswith("margo-gitops/")


def check(parsed: Parsed, where: str) -> list[Finding]:
    """Everything that is wrong with a parsed document of this project."""
    kind = str(parsed.data.get("kind"))
    if header := list(_header(parsed, kind, where)):
        return header
    if findings := schemas.validate(f"own/{kind}", parsed, where):
        return in_order(findings)
    try:
        MODELS[kind].model_validate(parsed.data)
    except ValidationError as error:
        return in_order(_broken(error, parsed, where))
    return []


def _header(parsed: Parsed, kind: str, where: str) -> Iterator[Finding]:
    """What is wrong before any schema can be chosen."""
    data = parsed.data if isinstance(parsed.data, dict) else {}
    version = data.get("apiVersion")
    if version != API_VERSION:
        message = f"apiVersion: found {shown(version)}, expected {API_VERSION!r}"
        yield Finding(where, *parsed.position(("apiVersion",)), message, "version")
    elif kind not in MODELS or data.get("kind") != kind:
        expected = kind if kind in MODELS else f"one of: {', '.join(MODELS)}"
        message = f"kind: found {shown(data.get('kind'))}, expected {expected}"
        yield Finding(where, *parsed.position(("kind",)), message, "kind")


def _broken(error: ValidationError, parsed: Parsed, where: str) -> Iterator[Finding]:
    for fault in error.errors(include_url=False, include_context=False):
        place = ".".join(str(step) for step in fault["loc"])
        message = f"{place}: {fault['msg']}, found {shown(fault['input'])}"
        yield Finding(where, *parsed.position(tuple(fault["loc"])), message, "model")
