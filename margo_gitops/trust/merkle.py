"""The tree over a statement's records, and a record's proof (RFC 9162, section 2.1).

One signature over the tree's head stands for a thousand sites; each carries its own proof only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

DIGEST = 32
DEEPEST = 32
"""Hashes of the longest proof: over four thousand million records."""


def leaf(data: bytes) -> bytes:
    """The hash of a record's bytes; the prefix keeps a leaf from being taken for a node."""
    return hashlib.sha256(b"\0" + data).digest()


def head(leaves: Sequence[bytes]) -> bytes:
    """The hash over all leaves, in their order; there is at least one."""
    return _levels(leaves)[-1][0]


def proofs(leaves: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """The hashes that lead each leaf to the head, from below."""
    levels = _levels(leaves)
    return [tuple(_path(levels, index)) for index in range(len(leaves))]


def leads(found: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The head that a leaf leads to by a path; None where the path does not fit a tree of `size`.

    The algorithm is RFC 9162's, section 2.1.3.2.
    """
    if not 0 <= index < size or len(path) > DEEPEST:
        return None
    at, last = index, size - 1
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            found = _node(sibling, found)
            while at & 1 == 0 and at:
                at, last = at >> 1, last >> 1
        else:
            found = _node(found, sibling)
        at, last = at >> 1, last >> 1
    return found if last == 0 else None


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """From the leaves up; the odd one out goes up as it is, which is RFC 9162's uneven tree."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = [_node(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)]
        levels.append(pairs + below[len(pairs) * 2 :])
    return levels


def _path(levels: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    path = []
    for level in levels[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        index >>= 1
    return path
