"""What `margo validate` says of one file: everything that is wrong with it, in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from margo_gitops.documents import margo, own, schemas
from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.findings import Finding, InvalidDocument, in_order
from margo_gitops.documents.identity import identify
from margo_gitops.documents.rule import Fault
from margo_gitops.documents.rules import every, intent
from margo_gitops.documents.rules.node import Node
from margo_gitops.documents.rules.syntax import TEMPLATE, templated
from margo_gitops.documents.yaml import Parsed, parse

_UNEXPANDED = "found a template's placeholder, expected a value: render the template first"


def check(
    data: bytes, where: str, *, strict: bool = False, dialect: Dialect | None = None
) -> list[Finding]:
    """Every finding of one document, from top to bottom; none where it is right.

    The document may be one of ours or any Margo document; a file that cannot be parsed, or is
    neither, is one finding. `strict` makes errors of the leniencies, `dialect` judges a Margo
    document as if it were written in that one. Never raises for what is in the bytes.
    """
    try:
        parsed = parse(data, where)
    except InvalidDocument as error:
        return list(error.findings)
    found = _own(parsed, where) if own.is_own(parsed.data) else _margo(parsed, where, dialect)
    return in_order(_strictly(found) if strict else found)


def _own(parsed: Parsed, where: str) -> list[Finding]:
    findings = own.check(parsed, where)
    if parsed.data.get("kind") == "DeploymentIntent":
        findings += [fault.placed(parsed, where) for fault in intent.broken(Node(parsed.data))]
    return findings


def _margo(parsed: Parsed, where: str, dialect: Dialect | None) -> list[Finding]:
    found = identify(parsed.data, dialect)
    if isinstance(found, Fault):
        return [found.placed(parsed, where)]
    kind, spoken = found
    faults = (
        *(TEMPLATE.broken(path, _UNEXPANDED) for path in templated(parsed)),
        *schemas.faults(f"margo/{kind}.{spoken.name}", parsed.data, unknown="warning"),
        *every.broken(kind, spoken, parsed.data),
    )
    findings = [fault.placed(parsed, where) for fault in faults]
    if all(finding.severity == "warning" for finding in findings):
        findings += margo.misfits((kind, spoken), parsed, where)
    return findings


def _strictly(findings: Iterable[Finding]) -> Iterator[Finding]:
    from margo_gitops.documents.catalogue import RULES  # noqa: PLC0415

    for finding in findings:
        yield replace(finding, severity="error") if RULES[finding.rule].lenient else finding
