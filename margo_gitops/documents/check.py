"""What `margo validate` says of one file."""

from __future__ import annotations

from margo_gitops.documents import margo, own
from margo_gitops.documents.findings import Finding, InvalidDocument
from margo_gitops.documents.yaml import parse


def check(data: bytes, where: str) -> list[Finding]:
    """Every finding of one document, from top to bottom; none where it is right.

    The document may be one of ours or any Margo document; a file that cannot be parsed, or is
    neither, is one finding. Never raises for what is in the bytes.
    """
    try:
        parsed = parse(data, where)
    except InvalidDocument as error:
        return list(error.findings)
    if own.is_own(parsed.data):
        return own.check(parsed, where)
    return margo.check(parsed, where)
