"""The tree: the same as RFC 9162's own definition, and no proof for what is not in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.trust import merkle

MANY = st.integers(1, 40)


def defined(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, word for word: split at the largest power of two below n."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    both = defined(leaves[:split]) + defined(leaves[split:])
    return hashlib.sha256(b"\1" + both).digest()


def leaves_of(count: int) -> list[bytes]:
    return [merkle.leaf(bytes([number])) for number in range(count)]


@given(MANY)
def test_the_head_is_the_one_that_the_rfc_defines(count: int) -> None:
    assert merkle.head(leaves_of(count)) == defined(leaves_of(count))


@given(MANY)
def test_every_leaf_has_a_proof_that_leads_to_the_head(count: int) -> None:
    leaves = leaves_of(count)
    proofs = merkle.proofs(leaves)
    for index, (leaf, path) in enumerate(zip(leaves, proofs, strict=True)):
        assert merkle.leads(leaf, index, count, path) == merkle.head(leaves)


@given(MANY, st.data())
def test_no_other_leaf_place_or_path_leads_there(count: int, data: st.DataObject) -> None:
    leaves = leaves_of(count)
    index = data.draw(st.integers(0, count - 1))
    path = merkle.proofs(leaves)[index]
    head = merkle.head(leaves)
    assert merkle.leads(merkle.leaf(b"other"), index, count, path) != head
    assert merkle.leads(leaves[index], index, count, (*path, leaves[0])) is None
    assert merkle.leads(leaves[index], count, count, path) is None
    assert merkle.leads(leaves[index], -1, count, path) is None
    if path:
        assert merkle.leads(leaves[index], index, count, path[1:]) != head
        assert merkle.leads(leaves[index], index ^ 1, count, path) != head


def test_a_node_is_no_leaf() -> None:
    """The second-preimage trick: what is inside the tree cannot be passed off as a record."""
    leaves = leaves_of(4)
    inner = leaves[0] + leaves[1]
    path = merkle.proofs(leaves)[0][1:]
    assert merkle.leads(merkle.leaf(inner), 0, 2, path) != merkle.head(leaves)


def test_a_proof_has_an_end() -> None:
    assert merkle.leads(b"", 0, 1 << 60, [b"x" * 32] * 60) is None
