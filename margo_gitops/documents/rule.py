"""What a rule is: its name, what it asks, why, and what to do where it is broken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from margo_gitops.documents.findings import Finding, Path, Severity

if TYPE_CHECKING:
    from margo_gitops.documents.parsed import Parsed


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a document must or should keep to; `margo validate --explain ID` prints it.

    `asks` is one sentence, `why` gives the source and what goes wrong otherwise, `cure` is what a
    person does. A `lenient` rule names a spelling that the dialect's letter forbids and real
    documents have: a warning, an error with `--strict`.
    """

    id: str
    asks: str
    why: str
    cure: str
    severity: Severity = "error"
    lenient: bool = False

    def broken(self, path: Path, message: str, *, on_key: bool = False) -> Fault:
        """This rule, broken at a place of a document."""
        return Fault(self, path, message, on_key, self.severity)


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken rule before its line is known; `on_key` points at the field's name."""

    rule: Rule
    path: Path
    message: str
    on_key: bool
    severity: Severity

    def placed(self, parsed: Parsed, where: str) -> Finding:
        """The finding, with the line and column of its place."""
        find = parsed.key_position if self.on_key else parsed.position
        return Finding(where, *find(self.path), self.message, self.rule.id, self.severity)
