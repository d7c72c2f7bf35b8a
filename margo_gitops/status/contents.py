"""What a signed word accounts for: every file beside it, by a digest for each top folder."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.documents import canonical
from margo_gitops.model import layout


def contents_of(files: Mapping[str, bytes], path: str) -> dict[str, str]:
    """Top folder, or file, to the digest over path and digest of all that is in it.

    `path` and its signature are left out. A reader who takes only some folders can check those.
    """
    parts: dict[str, dict[str, str]] = {}
    for name, data in files.items():
        if name not in {path, layout.signature_path(path)}:
            parts.setdefault(name.partition("/")[0], {})[name] = canonical.digest(data)
    return {top: canonical.digest(canonical.dumps(inside)) for top, inside in parts.items()}
