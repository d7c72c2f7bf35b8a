"""What is wrong with a document, and exactly where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from margo_gitops.errors import Invalid

Path = tuple[str | int, ...]
"""The way from a document's root to a node: field names and list indexes."""

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of one document; lines and columns count from 1.

    An `error` means that the document cannot be used; a `warning`, that it can, but hardly does
    what its author meant.
    """

    path: str
    line: int
    column: int
    message: str
    rule: str
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message} [{self.rule}]"


class InvalidDocument(Invalid):
    """A document that cannot be used; `findings` holds every error, not the first."""

    def __init__(self, findings: Iterable[Finding], *, help: str = "") -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings), help=help)


def refuse_errors(findings: Iterable[Finding]) -> None:
    """Raise `InvalidDocument` with all errors among `findings`; warnings alone pass."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise InvalidDocument(errors)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """As a reader meets them, from top to bottom."""
    return sorted(findings, key=lambda finding: (finding.line, finding.column, finding.message))
