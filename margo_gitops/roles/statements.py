"""The statements that a fleet's repository holds, and every signature found for them.

A statement and the leaves of its tree lie on `main` (docs/trust-format.md); a signature lies beside
it, or still on the ref of whoever gave it. A signature that does not count is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from margo_gitops.documents import canonical
from margo_gitops.errors import MargoError, Refused
from margo_gitops.model import layout
from margo_gitops.model.record import Record
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.trust import merkle, sshsig
from margo_gitops.trust.approval import Evidence, read_statement
from margo_gitops.trust.sshsig import Namespace
from margo_gitops.trust.statement import proofs_of, read_leaves

FOLDER = "trust/statements"
SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Held:
    """One statement with the leaves of its tree and its signatures, by the id of their key."""

    statement: bytes
    leaves: tuple[bytes, ...]
    signatures: Mapping[str, bytes]


@dataclass(slots=True)
class Statements:
    """Every statement by its digest."""

    held: Mapping[str, Held]
    _proofs: dict[str, Mapping[bytes, bytes]] = field(default_factory=dict)
    _over: dict[bytes, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Know which statements are over a record without looking through each."""
        for digest, held in self.held.items():
            for leaf in held.leaves:
                self._over.setdefault(leaf, []).append(digest)

    @classmethod
    def at(cls, store: GitStore, commit: str) -> Statements:
        """Those of a commit of `main` or of a proposal."""
        files = store.files(commit, FOLDER)
        refs = store.refs(layout.APPROVALS)
        held = {}
        for path, data in files.items():
            if path.endswith(".json"):
                digest = canonical.digest(data)
                beside = files.get(path.removesuffix(".json") + ".leaves", b"")
                leaves = tuple(read_leaves(beside, read_statement(data)))
                found = _signatures(store, path, digest, files, refs)
                held[digest] = Held(data, leaves, dict(_counting(data, found)))
        return cls(held)

    def evidence(self, record: Record) -> Iterator[tuple[str, Evidence]]:
        """Each statement that is over this very record, by its digest, and what proves that."""
        leaf = merkle.leaf(canonical.dump(record))
        for digest in self._over.get(leaf, ()):
            held = self.held[digest]
            if digest not in self._proofs:
                self._proofs[digest] = proofs_of(held.statement, held.leaves)
            signed = [held.signatures[key] for key in sorted(held.signatures)]
            yield digest, Evidence(held.statement, signed, self._proofs[digest][leaf])


def statement_files(statement: bytes, leaves: bytes) -> dict[str, bytes]:
    """Where a statement and its leaves stand on `main`."""
    name = f"{FOLDER}/{canonical.digest(statement).removeprefix('sha256:')}"
    return {f"{name}.json": statement, f"{name}.leaves": leaves}


def keep_approval(store: GitStore, statement: bytes, signature: bytes) -> str:
    """Write one person's signature to its own ref, once; the ref's name."""
    key = sshsig.verify(signature, statement, Namespace.APPROVE)
    ref = layout.approval_ref(canonical.digest(statement), key.id)
    if store.resolve(ref) is None:
        author = Authorship("margo", "approval@margo-gitops.invalid", 0)
        commit = store.write({SIGNATURE: signature}, parents=[], author=author, message=f"{ref}\n")
        store.move(ref, commit, old=None)
    return ref


def _signatures(
    store: GitStore,
    path: str,
    digest: str,
    files: Mapping[str, bytes],
    refs: Mapping[str, str],
) -> Iterator[bytes]:
    """Every signature of a statement, from beside it and from the refs of those who gave it."""
    begins = path.removesuffix(".json") + "."
    for name in sorted(files):
        if name.startswith(begins) and name.endswith(".sig"):
            yield files[name]
    begins = layout.approval_ref(digest, "")
    for ref in sorted(refs):
        if ref.startswith(begins):
            try:
                yield store.read(refs[ref], SIGNATURE) or b""
            except MargoError:  # somebody else's ref: what cannot be read does not count
                continue


def _counting(statement: bytes, found: Iterator[bytes]) -> Iterator[tuple[str, bytes]]:
    for signature in found:
        try:
            yield sshsig.verify(signature, statement, Namespace.APPROVE).id, signature
        except Refused:
            continue
