"""Where the parts of a trip file lie, and copies of it with one bit flipped or cut off."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from margo_gitops.documents.archive import BLOCK, END, padding
from margo_gitops.model.trip import BLOBS
from margo_gitops.store.tripfile import BUNDLE, SEAL, TRIP, opened_trip

FRAME, PADDING, BLOB = "the frame", "the padding", "a blob"
PARTS = {TRIP: TRIP, SEAL: "the seal", BUNDLE: "the bundle"}

_Range = tuple[int, int]


def regions(path: Path) -> Mapping[str, list[_Range]]:
    """Every byte of a trip file by the part that it is of, as ranges."""
    with opened_trip(path) as file:
        sizes = [(TRIP, len(file.data)), (SEAL, len(file.seal))]
        sizes += [(part.name, part.size) for part in file.trip.parts]
    found: dict[str, list[_Range]] = {FRAME: [], PADDING: []}
    at = 0
    for name, size in sizes:
        kind = BLOB if name.startswith(BLOBS) else PARTS.get(name, "the layout")
        content, after = at + BLOCK, at + BLOCK + size
        found[FRAME].append((at, content))
        found.setdefault(kind, []).append((content, after))
        at = after + len(padding(size))
        found[PADDING].append((after, at))
    found[PADDING].append((at, at + len(END)))
    return found


def bits(ranges: Iterable[_Range], count: int, chance: random.Random) -> list[int]:
    """So many different bits of these ranges, by their number in the file."""
    places = [(begin, end) for begin, end in ranges if end > begin]
    total = sum(end - begin for begin, end in places) * 8
    chosen = sorted(chance.sample(range(total), min(count, total)))
    return [_place(places, bit) for bit in chosen]


def flipped(path: Path, bit: int, to: Path) -> Path:
    """A copy with this bit the other way."""
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    to.write_bytes(data)
    return to


def cut(path: Path, size: int, to: Path) -> Path:
    """A copy of its first bytes."""
    to.write_bytes(path.read_bytes()[:size])
    return to


def names(path: Path, out: Path) -> Iterator[Path]:
    """Names for copies: each is that of a trip of this number."""
    stem, _, rest = path.name.partition(".")
    count = 0
    while True:
        count += 1
        yield out / f"copy{count:03d}-{stem}.{rest}"


def _place(places: Iterable[_Range], bit: int) -> int:
    for begin, end in places:
        if bit < (end - begin) * 8:
            return begin * 8 + bit
        bit -= (end - begin) * 8
    raise ValueError(bit)
