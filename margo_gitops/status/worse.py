"""Which news cannot wait: a status that says something bad that the one before did not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from margo_gitops.documents import canonical, margo
from margo_gitops.model import layout
from margo_gitops.model.report import SiteStatus


def worse(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> bool:
    """Whether a status tree holds a failure, a refusal or a lack that the earlier one does not."""
    return not set(_bad(after)) <= set(_bad(before))


def _bad(files: Mapping[str, bytes]) -> Iterator[str]:
    """A name for each bad thing that a status tells."""
    if layout.SITE_STATUS in files:
        status = canonical.load(files[layout.SITE_STATUS], SiteStatus, layout.SITE_STATUS)
        yield from (f"refused {refusal.commit} {refusal.rule}" for refusal in status.refusals)
        yield from (f"not placed {item.id}" for item in status.not_placed)
        yield from (f"missing {digest}" for digest in status.missing)
    for path, data in files.items():
        if path.startswith("deployments/") and margo.read_status(data, path).state == "failed":
            yield f"failed {path}"
