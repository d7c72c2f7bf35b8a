"""Small artifacts that travel in git: one parentless commit each, named by content (DESIGN 2)."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.documents import canonical
from margo_gitops.errors import Missing, Refused
from margo_gitops.model import layout
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.transport import Blobs, Transport

LIMIT = 5 << 20
"""Bytes; what is larger travels as an OCI artifact."""


_AUTHOR = Authorship("margo", "artifact@margo-gitops.invalid", 0)


def store_artifact(store: GitStore, data: bytes) -> str:
    """Keep an artifact under its own ref; returns its digest. The same bytes, the same commit."""
    digest = canonical.digest(data)
    ref = layout.artifact_ref(digest)
    if store.resolve(ref) is None:
        commit = store.write(
            {layout.ARTIFACT_BLOB: data}, parents=[], author=_AUTHOR, message=f"{digest}\n"
        )
        store.move(ref, commit, old=None)
    return digest


def held_artifacts(store: GitStore) -> frozenset[str]:
    """The digests that a store holds."""
    return frozenset("sha256:" + ref.rpartition("/")[2] for ref in store.refs(layout.ARTIFACTS))


def artifact_bytes(store: GitStore, digest: str, size: int) -> bytes | None:
    """An artifact's bytes, hashed; None where the store lacks it."""
    commit = store.resolve(layout.artifact_ref(digest))
    return None if commit is None else _verified(store, commit, digest, size)


def artifact(store: GitStore, digest: str) -> bytes | None:
    """The same where only its digest is known."""
    commit = store.resolve(layout.artifact_ref(digest))
    data = None if commit is None else store.read(commit, layout.ARTIFACT_BLOB)
    return data if commit is None or data is None else _verified(store, commit, digest, len(data))


def fetch_artifacts(store: GitStore, upstream: Transport, wanted: Mapping[str, int]) -> None:
    """Bring in every wanted artifact (digest to size) that the store lacks, each hashed by us.

    Raises `Missing` naming those that the remote lacks too, `Refused` (rule `digest`) for one whose
    bytes are not what its name says; the others are kept.
    """
    lacking = {layout.artifact_ref(d): d for d in wanted if d not in held_artifacts(store)}
    if not lacking:
        return
    tips = upstream.refs(sorted(lacking))
    for ref, tip in tips.items():
        upstream.fetch(store, {ref: tip})
        _verified(store, tip, lacking[ref], wanted[lacking[ref]])
        store.move(ref, tip, old=None)
    if absent := sorted(set(lacking) - set(tips)):
        raise Missing(
            f"{upstream.name} lacks {len(absent)} of {len(lacking)} artifacts,"
            f" first {lacking[absent[0]][:19]}…",
            help="margo push, at the fleet's clone",
        )


def fetch_from_site(store: GitStore, site: Transport, wanted: Mapping[str, int]) -> None:
    """The same for a node: a site that is served gives them by digest beside git.

    What it has as refs (a mirror on this disk) comes that way, whatever else it offers.
    """
    try:
        fetch_artifacts(store, site, wanted)
    except Missing:
        if not isinstance(site, Blobs):
            raise
        if lacking := [d for d in wanted if not _bring(store, site, d, wanted[d])]:
            raise Missing(
                f"{site.name} lacks {len(lacking)} artifacts, first {lacking[0][:19]}…",
                help="margo status, at the fleet's clone: does the site have them?",
            ) from None


def _bring(store: GitStore, site: Blobs, digest: str, size: int) -> bool:
    if digest in held_artifacts(store):
        return True
    blocks = site.blob(digest, size)
    if blocks is None:
        return False
    data = b"".join(blocks)
    _require(data, digest, size, "sent by the site")
    store_artifact(store, data)
    return True


def _verified(store: GitStore, commit: str, digest: str, size: int) -> bytes:
    data = store.read(commit, layout.ARTIFACT_BLOB) or b""
    _require(data, digest, size, f"at {commit[:12]}")
    return data


def _require(data: bytes, digest: str, size: int, where: str) -> None:
    if len(data) != size or canonical.digest(data) != digest:
        raise Refused(
            f"an artifact {where} has the digest {canonical.digest(data)[:19]}… and"
            f" {len(data)} bytes, expected {digest[:19]}… and {size}",
            rule="digest",
        )
