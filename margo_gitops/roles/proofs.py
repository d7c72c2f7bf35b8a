"""The signatures of sites and nodes under their own words: put on, and asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeVar

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.report import NodeReport, SiteStatus
from margo_gitops.status.contents import contents_of
from margo_gitops.store.git import GitStore
from margo_gitops.trust.chain import Trust
from margo_gitops.trust.signers import by_key
from margo_gitops.trust.sshsig import Namespace, Signer

LOOK_BACK = 2000
"""Statuses of a history that are looked through for one of a key."""

_MODEL = TypeVar("_MODEL", SiteStatus, NodeReport)
_NAMESPACES = {
    layout.SITE_STATUS: Namespace.STATUS,
    layout.NODE_REPORT: Namespace.REPORT,
    layout.PLACEMENT: Namespace.PLACE,
}


def signed(files: Mapping[str, bytes], path: str, signer: Signer) -> dict[str, bytes]:
    """The files with the signature of the one that accounts for all others."""
    signature = signer.sign(files[path], _NAMESPACES[path])
    return {**files, layout.signature_path(path): signature}


def signed_status(files: Mapping[str, bytes], key: str) -> SiteStatus | None:
    """A site's status where this key signed it and all that stands beside it; else None."""
    return _read(files, layout.SITE_STATUS, key, SiteStatus)


def newest_status(store: GitStore, tip: str, key: str) -> tuple[str, SiteStatus] | None:
    """The newest status of a history that this key signed, and its commit."""
    for commit in store.history(tip, limit=LOOK_BACK):
        said = signed_status(store.files(commit.id), key)
        if said is not None:
            return commit.id, said
    return None


def signed_report(files: Mapping[str, bytes], key: str) -> NodeReport | None:
    """A node's report where this key signed it and all that stands beside it; else None."""
    return _read(files, layout.NODE_REPORT, key, NodeReport)


def require_report(node: str, files: Mapping[str, bytes], trust: Trust | None) -> None:
    """`Refused` (rule `signature`) where a report is not the enrolled node's own, whole."""
    key = None if trust is None or trust.enrolment is None else trust.enrolment.key_of(node)
    if key is None:
        raise Refused(
            f"report/{node}: no key of that node is enrolled",
            rule="enrolment",
            help="margo en enroll --invite FILE, there; then margo device accept",
        )
    try:
        _believed(files, layout.NODE_REPORT, key, NodeReport)
    except Refused as error:
        raise Refused(f"report/{node}: {error.problem}", rule="signature") from error


def forged(files: Mapping[str, bytes], path: str, key: str) -> str | None:
    """What is wrong with the signature of `site.json` or `node.json`; None where nothing is."""
    if path not in files:
        return f"{path} is missing"
    signature = files.get(layout.signature_path(path))
    problem = by_key(key, files[path], _NAMESPACES[path], signature)
    return None if problem is None else f"{path}: {problem}"


def unbelievable(files: Mapping[str, bytes], key: str | None, part: str) -> str | None:
    """Why a status that was read in part is not the enrolled site's own; None where it is."""
    if key is None:
        return "[enrolment]: the site is not enrolled, its status proves nothing"
    if problem := forged(files, layout.SITE_STATUS, key):
        return f"[signature]: the status is not the site's own: {problem}"
    status = canonical.load(files[layout.SITE_STATUS], SiteStatus, layout.SITE_STATUS)
    if status.contents.get(part) == contents_of(files, layout.SITE_STATUS).get(part):
        return None
    return f"[signature]: the status does not account for its {part}"


def alive_at(files: Mapping[str, bytes], key: str | None) -> int | None:
    """When a site says that it was there, in seconds since 1970; None where it is not its word."""
    data = files.get(layout.ALIVE, b"")
    if key is None or by_key(
        key, data, Namespace.ALIVE, files.get(layout.signature_path(layout.ALIVE))
    ):
        return None
    time = json.loads(data).get("time")
    return time if isinstance(time, int) else None


def _read(files: Mapping[str, bytes], path: str, key: str, model: type[_MODEL]) -> _MODEL | None:
    try:
        return _believed(files, path, key, model)
    except Refused:
        return None


def _believed(files: Mapping[str, bytes], path: str, key: str, model: type[_MODEL]) -> _MODEL:
    """What this key signed, with all that stands beside it; `Refused` for anything else."""
    if problem := forged(files, path, key):
        raise Refused(problem, rule="signature")
    said = canonical.load(files[path], model, path)
    if said.contents != contents_of(files, path):
        raise Refused(f"{path} does not account for its files", rule="signature")
    return said
