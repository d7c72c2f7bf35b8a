"""Making a statement: the tree over its records, and each record's proof."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Literal

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model.approval import Proof, Statement
from margo_gitops.model.record import Record
from margo_gitops.trust import merkle


def leaves_of(records: Iterable[Record]) -> list[bytes]:
    """The leaves of these records' tree, in its order: by the leaves themselves."""
    return sorted(merkle.leaf(canonical.dump(record)) for record in records)


def state(
    fleet: str,
    leaves: Sequence[bytes],
    *,
    proposal: str,
    proposer: str,
    purpose: Literal["change", "break-glass"],
    reason: str,
) -> Statement:
    """The statement over these leaves, which must be in order."""
    return Statement(
        fleet=fleet,
        proposal=proposal,
        proposer=proposer,
        purpose=purpose,
        reason=reason,
        records=len(leaves),
        tree=f"sha256:{merkle.head(leaves).hex()}",
    )


def proofs_of(statement: bytes, leaves: Sequence[bytes]) -> dict[bytes, bytes]:
    """Leaf to the bytes of its proof, for each leaf of a statement's tree."""
    named = canonical.digest(statement)
    made = zip(leaves, merkle.proofs(leaves), strict=True)
    return {
        leaf: canonical.dump(
            Proof(statement=named, index=index, path=base64.b64encode(b"".join(path)).decode())
        )
        for index, (leaf, path) in enumerate(made)
    }


def write_leaves(leaves: Sequence[bytes]) -> bytes:
    """The leaves beside a statement on `main`: one a line, in hex."""
    return b"".join(leaf.hex().encode() + b"\n" for leaf in leaves)


def read_leaves(data: bytes, statement: Statement) -> list[bytes]:
    """The leaves of a statement; `Refused` (rule `approval`) where they are not its own."""
    try:
        leaves = [bytes.fromhex(line) for line in data.decode("ascii").splitlines()]
    except ValueError:
        leaves = []
    own = len(leaves) == statement.records and all(len(leaf) == merkle.DIGEST for leaf in leaves)
    if not own or f"sha256:{merkle.head(leaves).hex()}" != statement.tree:
        raise Refused(
            "the records beside a statement are not those that it is over", rule="approval"
        )
    return leaves
