"""Which items of a list stayed, went, came or changed; and what equal means for plain data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

_MOST_COMPARED = 400
"""Comparing item by item costs the square of their number."""


class Move(NamedTuple):
    """A run of items before, and what stands in its place after; `equal` where none differs."""

    equal: bool
    before: range
    after: range


def same(left: Any, right: Any) -> bool:
    """Equal in type too: 1, 1.0 and true are three values."""
    return _written(left) == _written(right)


def moves(before: Sequence[Any], after: Sequence[Any]) -> Iterator[Move]:
    """How one list becomes the other, in order, with as many equal items as are easily found."""
    old, new = [_written(item) for item in before], [_written(item) for item in after]
    head = _alike(zip(old, new, strict=False))
    tail = _alike(zip(reversed(old[head:]), reversed(new[head:]), strict=False))
    old_end, new_end = len(old) - tail, len(new) - tail
    if head:
        yield Move(True, range(head), range(head))
    yield from _middle(old, new, range(head, old_end), range(head, new_end))
    if tail:
        yield Move(True, range(old_end, len(old)), range(new_end, len(new)))


def _middle(old: list[str], new: list[str], left: range, right: range) -> Iterator[Move]:
    if not left and not right:
        return
    if len(left) + len(right) > _MOST_COMPARED:
        yield Move(False, left, right)
        return
    matcher = SequenceMatcher(
        None, old[left.start : left.stop], new[right.start : right.stop], False
    )
    for tag, a, b, c, d in matcher.get_opcodes():
        yield Move(tag == "equal", left[a:b], right[c:d])


def _alike(pairs: Any) -> int:
    count = 0
    for one, other in pairs:
        if one != other:
            break
        count += 1
    return count


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
