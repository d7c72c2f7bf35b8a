"""The statements that a fleet's repository holds, and every signature found for them.

A statement and the leaves of its tree lie on `main` (docs/trust-format.md); a signature lies beside
it, or still on the ref of whoever gave it. A signature that does not count is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

from margo_gitops.documents import canonical
from margo_gitops.errors import MargoError, Refused
from margo_gitops.model import layout
from margo_gitops.model.record import Record
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.trust import merkle, sshsig
from margo_gitops.trust.approval import Evidence, read_statement
from margo_gitops.trust.sshsig import Namespace
from margo_gitops.trust.statement import proofs_of, read_leaves

SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Held:
    """One statement and its signatures, by the id of their key."""

    statement: bytes
    signatures: Mapping[str, bytes]


@dataclass
class Statements:
    """The statements of a commit of `main` or of a proposal; their leaves are read when asked."""

    store: GitStore
    commit: str
    _proofs: dict[str, Mapping[bytes, bytes]] = field(default_factory=dict, repr=False)

    @cached_property
    def held(self) -> Mapping[str, Held]:
        """Every statement by its digest; `Refused` where a file is none."""
        refs: dict[str, list[str]] = {}
        for ref, tip in self.store.refs(layout.APPROVALS).items():
            name = ref.removeprefix(layout.APPROVALS).partition("-")[0]
            refs.setdefault(name, []).append(tip)
        found = {}
        for name, files in self._files.items():
            if "json" in files:
                data = self.store.blob(files["json"])
                read_statement(data)
                signed = self._signed(files, refs.get(name, ()))
                found[canonical.digest(data)] = Held(data, dict(_counting(data, signed)))
        return found

    def leaves(self, digest: str) -> tuple[bytes, ...]:
        """The leaves of a statement's tree; `Refused` where those beside it are not its own."""
        id = self._files.get(digest.removeprefix("sha256:"), {}).get("leaves")
        beside = b"" if id is None else self.store.blob(id)
        return tuple(read_leaves(beside, read_statement(self.held[digest].statement)))

    def records(self, digest: str) -> Iterator[Record]:
        """The records of a statement, as they were stated; those that it is not over are left out.

        None of them where they were not recorded beside it.
        """
        id = self._files.get(digest.removeprefix("sha256:"), {}).get("records")
        over = frozenset(self.leaves(digest))
        for line in (b"" if id is None else self.store.blob(id)).splitlines():
            if merkle.leaf(line) in over:
                yield canonical.load(line, Record, "a stated record")

    def evidence(self, record: Record) -> Iterator[tuple[str, Evidence]]:
        """Each statement that is over this very record, by its digest, and what proves that."""
        leaf = merkle.leaf(canonical.dump(record))
        for digest in self._over.get(leaf, ()):
            held = self.held[digest]
            if digest not in self._proofs:
                self._proofs[digest] = proofs_of(held.statement, self.leaves(digest))
            signed = [held.signatures[key] for key in sorted(held.signatures)]
            yield digest, Evidence(held.statement, signed, self._proofs[digest][leaf])

    @cached_property
    def _over(self) -> Mapping[bytes, list[str]]:
        """Leaf to the statements that are over it."""
        found: dict[bytes, list[str]] = {}
        for digest in self.held:
            for leaf in self.leaves(digest):
                found.setdefault(leaf, []).append(digest)
        return found

    @cached_property
    def _files(self) -> Mapping[str, Mapping[str, str]]:
        """Statement, by its digest in hex, to what lies there of it: ending to blob."""
        found: dict[str, dict[str, str]] = {}
        for path, id in self.store.paths(self.commit, layout.STATEMENTS).items():
            name, _, ending = path.removeprefix(f"{layout.STATEMENTS}/").partition(".")
            found.setdefault(name, {})[ending] = id
        return found

    def _signed(self, files: Mapping[str, str], refs: Iterable[str]) -> Iterator[bytes]:
        """Every signature: from beside a statement, and from the refs of those who gave it."""
        for ending in sorted(files):
            if ending.endswith(".sig"):
                yield self.store.blob(files[ending])
        for tip in refs:
            with suppress(MargoError):  # anybody's ref: what cannot be read does not count
                yield self.store.read(tip, SIGNATURE) or b""


def statement_files(
    statement: bytes, leaves: bytes, records: Sequence[Record] = ()
) -> dict[str, bytes]:
    """Where a statement, its leaves and its records stand on `main`, one record a line."""
    name = f"{layout.STATEMENTS}/{canonical.digest(statement).removeprefix('sha256:')}"
    lines = sorted(canonical.dump(record) + b"\n" for record in records)
    return {
        f"{name}.json": statement,
        f"{name}.leaves": leaves,
        f"{name}.records": b"".join(lines),
    }


def keep_approval(store: GitStore, statement: bytes, signature: bytes) -> str:
    """Write one person's signature to its own ref, once; the ref's name."""
    key = sshsig.verify(signature, statement, Namespace.APPROVE)
    ref = layout.approval_ref(canonical.digest(statement), key.id)
    if store.resolve(ref) is None:
        author = Authorship("margo", "approval@margo-gitops.invalid", 0)
        commit = store.write({SIGNATURE: signature}, parents=[], author=author, message=f"{ref}\n")
        store.move(ref, commit, old=None)
    return ref


def _counting(statement: bytes, found: Iterator[bytes]) -> Iterator[tuple[str, bytes]]:
    for signature in found:
        try:
            yield sshsig.verify(signature, statement, Namespace.APPROVE).id, signature
        except Refused:
            continue
