"""A tree accounted for: every file named by digest and size, and none besides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.record import Change, Content, RecordEntry


def order(change: Change) -> tuple[int, int]:
    """What later means: epoch, then generation; never a clock."""
    return change.epoch, change.generation


def required(files: Mapping[str, bytes], path: str) -> bytes:
    """The file, or `Refused` with the rule `format`."""
    if path not in files:
        raise Refused(f"{path} is missing from the branch", rule="format")
    return files[path]


def accounted(
    files: Mapping[str, bytes], expected: Mapping[str, Content], *uncounted: str
) -> str | None:
    """None where the files are exactly the expected ones, byte for byte."""
    if strangers := sorted(set(files) - set(expected) - set(uncounted)):
        return f"{strangers[0]} is in no record"
    for path, content in expected.items():
        if path not in files:
            return f"{path} is missing"
        if canonical.digest(files[path]) != content.digest or len(files[path]) != content.size:
            found = canonical.digest(files[path])
            return f"{path} has the digest {found[:19]}…, expected {content.digest[:19]}…"
    return None


def evidence_paths(files: Mapping[str, bytes], entries: Iterable[RecordEntry]) -> set[str]:
    """The files that prove rather than say: of the chain, and of these entries' approvals.

    What is in them is checked where they are used; whatever else is there counts as a stranger.
    """
    allowed = {layout.signature_path(layout.CHANGE)}
    statements = set()
    for entry in entries:
        if entry.statement is not None:
            statements.add(layout.approvals_path(entry.statement))
            allowed.add(layout.statement_path(entry.statement))
            allowed.add(layout.proof_path(canonical.digest(canonical.dump(entry.record))))
    begins = (layout.CHAIN, *statements)
    return {path for path in files if path in allowed or path.startswith(begins)}
