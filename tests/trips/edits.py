"""A spoilt trip as what differs from another: runs of bytes put in the place of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

LONGEST = 1024
"""Bytes that may be put in; what differs more is a file of its own."""

_GAP = 8

Edit = dict[str, Any]


def edits_of(base: bytes, data: bytes) -> list[Edit]:
    """What to replace in `base` for `data`, from its end to its beginning."""
    if len(base) != len(data):
        at = _common(base, data)
        same = _common(base[at:][::-1], data[at:][::-1])
        return [_edit(at, len(base) - same - at, data[at : len(data) - same])]
    runs = [_edit(begin, end - begin, data[begin:end]) for begin, end in _runs(base, data)]
    return runs[::-1]


def edited(base: bytes, edits: Sequence[Mapping[str, Any]]) -> bytes:
    """What these make of `base`, one after the other."""
    for edit in edits:
        at, remove = edit["at"], edit["remove"]
        base = base[:at] + bytes.fromhex(edit["insert"]) + base[at + remove :]
    return base


def nearest(data: bytes, files: Mapping[str, bytes]) -> tuple[str, list[Edit]] | None:
    """The file that differs least, and how; None where all differ too much."""
    found = ((path, edits_of(base, data)) for path, base in files.items())
    best = min(found, key=lambda item: _weight(item[1]), default=None)
    return None if best is None or _weight(best[1]) > LONGEST else best


def _common(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _edit(at: int, remove: int, put: bytes) -> Edit:
    return {"at": at, "remove": remove, "insert": put.hex()}


def _runs(base: bytes, data: bytes) -> Iterator[tuple[int, int]]:
    """Where the two differ; places that lie close together are one."""
    found = [at for at in range(len(base)) if base[at] != data[at]]
    begin = 0
    for index, at in enumerate(found):
        if index + 1 == len(found) or found[index + 1] - at > _GAP:
            yield found[begin], at + 1
            begin = index + 1


def _weight(edits: Sequence[Edit]) -> int:
    return sum(len(edit["insert"]) // 2 for edit in edits)
