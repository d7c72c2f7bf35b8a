"""What is known of one file after it was checked alone: its findings and what it says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass

from pydantic import BaseModel, ValidationError

from margo_gitops.documents import margo, own
from margo_gitops.documents.canonical import digest
from margo_gitops.documents.check import check
from margo_gitops.documents.dialects import Dialect, Kind, detect
from margo_gitops.documents.findings import Finding, InvalidDocument
from margo_gitops.documents.yaml import parse
from margo_gitops.errors import MargoError
from margo_gitops.model.application import ApplicationDescription
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.record import Manifest
from margo_gitops.model.status import DeploymentStatus

_MODELS: tuple[type[BaseModel], ...] = (
    *own.MODELS.values(),
    *(ApplicationDescription, ApplicationDeployment, DeviceCapabilities, DeploymentStatus),
    Manifest,
)
_KEPT: Mapping[str, type[BaseModel]] = {model.__name__: model for model in _MODELS}
_READERS: Mapping[Kind, Callable[[bytes, str], BaseModel]] = {
    Kind.DESCRIPTION: lambda data, where: margo.read_description(data, where)[0],
    Kind.DEPLOYMENT: lambda data, where: margo.read_deployment(data, where)[0],
    Kind.CAPABILITIES: lambda data, where: margo.read_capabilities(data, where)[0],
    Kind.STATUS: margo.read_status,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One file, checked alone: `fact` is what it says, None where nobody can rely on that.

    `digest` and `size` are of the exact bytes. The findings' paths are empty: the same bytes may
    stand in many places.
    """

    digest: str
    size: int
    findings: tuple[Finding, ...]
    fact: BaseModel | None

    def encoded(self) -> str:
        """One line of JSON that `decoded` reads."""
        findings = [astuple(finding)[1:] for finding in self.findings]
        kind = type(self.fact).__name__
        fact = None if self.fact is None else self.fact.model_dump_json(exclude_defaults=True)
        return json.dumps([self.digest, self.size, findings, kind, fact], ensure_ascii=False)


def decoded(text: str) -> Verdict:
    """A verdict that was kept. Raises `ValueError` for anything else."""
    digest, size, findings, kind, fact = json.loads(text)
    found = tuple(Finding("", *finding) for finding in findings)
    return Verdict(
        digest, size, found, None if fact is None else _KEPT[kind].model_validate_json(fact)
    )


def judge(data: bytes, *, strict: bool = False, dialect: Dialect | None = None) -> Verdict:
    """Check one document by itself and keep what rules across files need of it.

    `strict` and `dialect` are those of `check`. Never raises for what is in the bytes.
    """
    findings = tuple(check(data, "", strict=strict, dialect=dialect))
    usable = all(finding.severity != "error" for finding in findings)
    return Verdict(digest(data), len(data), findings, _fact(data) if usable else None)


def _fact(data: bytes) -> BaseModel | None:
    try:
        parsed = parse(data, "").data
        if own.is_own(parsed):
            return own.MODELS[parsed["kind"]].model_validate(parsed)
        found = detect(parsed)
        if found is not None and found[0] is Kind.MANIFEST:
            return Manifest.model_validate(parsed)
        return _READERS[found[0]](data, "") if found and found[0] in _READERS else None
    except (InvalidDocument, MargoError, ValidationError):
        return None
