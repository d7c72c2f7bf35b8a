"""What a signed word accounts for: every file beside it, by one digest."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.documents import canonical


def contents_of(files: Mapping[str, bytes], path: str) -> str:
    """The digest over path and digest of every other file; `path` and its signature left out."""
    beside = {name: canonical.digest(data) for name, data in files.items() if name != path}
    beside.pop(f"{path}.sig", None)
    return canonical.digest(canonical.dumps(beside))
