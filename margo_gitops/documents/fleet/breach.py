"""A rule that the files of a repository break together, before its line is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

from margo_gitops.documents.findings import Finding, InvalidDocument, Path
from margo_gitops.documents.fleet.view import View
from margo_gitops.documents.rule import Fault, Rule
from margo_gitops.documents.yaml import parse

IDENTITY: Path = ("id",)
"""Where a document says its id: at its top, or below `metadata` in the older dialects."""

_ELSEWHERE: tuple[Path, ...] = (
    ("metadata", "id"),
    ("metadata", "annotations", "id"),
    ("properties", "id"),
)


@dataclass(frozen=True, slots=True)
class Breach:
    """A fault of one file. Lines are found only where one is printed: that takes a parse."""

    file: str
    fault: Fault

    def placed(self, view: View) -> Finding:
        """The finding with its line and column; 1:1 where the file is no document."""
        fault = self.fault
        first = Finding(self.file, 1, 1, fault.message, fault.rule.id, fault.severity)
        data = view.read(self.file) if fault.path else None
        if data is None:
            return first
        try:
            parsed = parse(data, self.file)
        except InvalidDocument:
            return first
        if fault.path == IDENTITY:
            fault = replace(fault, path=_identity(parsed.data))
        return fault.placed(parsed, self.file)


def breach(file: str, rule: Rule, path: Path, message: str, *, on_key: bool = False) -> Breach:
    """`rule`, broken in a file at a place of its document (the empty path: the file itself)."""
    return Breach(file, rule.broken(path, message, on_key=on_key))


def _identity(data: object) -> Path:
    return next((path for path in (IDENTITY, *_ELSEWHERE) if _holds(data, path)), IDENTITY)


def _holds(data: object, path: Path) -> bool:
    for step in path:
        if not isinstance(data, dict) or step not in data:
            return False
        data = data[step]
    return True
