"""A trip file: a tar of which every byte is accounted for (docs/trip-format.md).

`TRIP.json` lists the parts, its seal vouches for it, and the frame around them has one spelling:
so each bit of the file is either as it was written or found to be flipped.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from margo_gitops.documents import canonical
from margo_gitops.documents.archive import BLOCK, END, header, padding
from margo_gitops.errors import Refused
from margo_gitops.model.trip import Trip, TripPart
from margo_gitops.store.volumes import Sink, opened, written

TRIP = "TRIP.json"
SEAL = "TRIP.sig"
BUNDLE = "refs.bundle"

MAX_TRIP = 4 << 20
"""Bytes of a TRIP.json: some 20,000 parts."""

MAX_SEAL = 4096

_READ = 1 << 20
_SIZE = slice(124, 136)

Source = Callable[[], Iterable[bytes]]
Advance = Callable[[int], None]


def _quiet(_: int) -> None:
    """Nobody looks."""


@dataclass(frozen=True)
class TripFile:
    """An opened trip file, whose frame and TRIP.json were read; nothing is believed yet."""

    file: BinaryIO
    name: str
    data: bytes
    seal: bytes
    trip: Trip

    @property
    def digest(self) -> str:
        """The trip's digest: that of TRIP.json."""
        return canonical.digest(self.data)

    def read(self, part: TripPart, progress: Advance = _quiet) -> Iterator[bytes]:
        """A part's bytes in blocks. Raises `Refused` (rule `digest`) at their end if they differ.

        Whoever writes them down on the way must not use them before that end.
        """
        hashed = hashlib.sha256()
        for block in self.raw(part):
            hashed.update(block)
            progress(len(block))
            yield block
        found = f"sha256:{hashed.hexdigest()}"
        if found != part.digest:
            raise Refused(
                f"{self.name}: {part.name} has the digest {found[:19]}…,"
                f" expected {part.digest[:19]}…: it was changed on the way",
                rule="digest",
                help="copy the trip again, from another stick",
            )

    def raw(self, part: TripPart, offset: int = 0) -> Iterator[bytes]:
        """The same from an offset on, not hashed."""
        at, end = self._places[part.name]
        at += offset
        while at < end:
            self.file.seek(at)
            block = self.file.read(min(_READ, end - at))
            if not block:
                raise _astray(self.name, "ends too early")
            at += len(block)
            yield block

    @cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        """Part to where its bytes begin and end."""
        return {name: (begin, begin + size) for name, begin, size in _entries(self)}

    def require_frame(self) -> None:
        """`Refused` (rule `trip`) unless every byte outside of the parts is as it must be."""
        last = 0
        for name, begin, size in _entries(self):
            self._require(begin - BLOCK, header(name, size), f"the entry of {name}")
            self._require(begin + size, padding(size), f"the zeros after {name}")
            last = begin + size + len(padding(size))
        self._require(last, END, "its end")

    def _require(self, at: int, expected: bytes, what: str) -> None:
        self.file.seek(at)
        if self.file.read(len(expected)) != expected:
            raise _astray(self.name, f"has been changed at {what}")


@contextmanager
def opened_trip(path: Path) -> Iterator[TripFile]:
    """Open a trip file, or its pieces by their first one.

    Raises `Missing` for a piece that is not there; `Refused`: rule `truncated` where it has fewer
    bytes than it says, `trip` or `format` for anything that is no trip file.
    """
    with opened(path) as file:
        found = _read(file, path.name)
        size, expected = file.seek(0, os.SEEK_END), _size(found)
        if size < expected:
            raise _truncated(path.name, size, expected)
        if size > expected:
            raise _astray(path.name, f"has {size - expected} bytes too many")
        found.require_frame()
        yield found


def write_trip(
    path: Path,
    trip: Trip,
    seal: bytes,
    sources: Mapping[str, Source],
    *,
    most: int | None = None,
    progress: Advance = _quiet,
) -> str:
    """Write a trip file, or pieces of at most `most` bytes; the sha256 of all of it, in hex.

    `sources` gives each part's bytes, which must be what the trip says: else `Refused` (rule
    `digest`), and nothing is there. Raises `Stalled` where the medium cannot take it.
    """
    data = canonical.dump(trip)
    hashed = hashlib.sha256()

    def out(sink: Sink, block: bytes) -> None:
        sink.write(block)
        hashed.update(block)

    with written(path, size_of(trip, data, seal), most) as sink:
        for name, content in ((TRIP, data), (SEAL, seal)):
            out(sink, header(name, len(content)) + content + padding(len(content)))
        for part in trip.parts:
            out(sink, header(part.name, part.size))
            for block in _checked(part, sources[part.name]()):
                out(sink, block)
                progress(len(block))
            out(sink, padding(part.size))
        out(sink, END)
    return hashed.hexdigest()


def size_of(trip: Trip, data: bytes, seal: bytes) -> int:
    """The bytes of the whole file."""
    sizes = [len(data), len(seal), *(part.size for part in trip.parts)]
    return sum(BLOCK + size + len(padding(size)) for size in sizes) + len(END)


def _size(found: TripFile) -> int:
    return size_of(found.trip, found.data, found.seal)


def _entries(found: TripFile) -> Iterator[tuple[str, int, int]]:
    """Every entry: its name, where its bytes begin, how many they are."""
    at = 0
    sizes = [(TRIP, len(found.data)), (SEAL, len(found.seal))]
    sizes += [(part.name, part.size) for part in found.trip.parts]
    for name, size in sizes:
        yield name, at + BLOCK, size
        at += BLOCK + size + len(padding(size))


def _read(file: BinaryIO, name: str) -> TripFile:
    data = _first(file, 0, TRIP, MAX_TRIP, name)
    seal = _first(file, BLOCK + len(data) + len(padding(len(data))), SEAL, MAX_SEAL, name)
    trip = canonical.load(data, Trip, f"{name}: {TRIP}")
    names = [part.name for part in trip.parts]
    if names != [BUNDLE, *sorted(set(names) - {BUNDLE})]:
        raise _astray(name, f"does not list {BUNDLE} and then its blobs in order")
    return TripFile(file, name, data, seal, trip)


def _first(file: BinaryIO, at: int, wanted: str, most: int, name: str) -> bytes:
    """One of the two entries whose size nothing has told yet."""
    file.seek(at)
    block = file.read(BLOCK)
    if len(block) < BLOCK:
        raise _truncated(name, at + len(block), at + BLOCK)
    digits = block[_SIZE].rstrip(b"\0")
    size = int(digits, 8) if digits.isdigit() and not set(digits) & set(b"89") else most + 1
    if size > most or block != header(wanted, size):
        raise _astray(name, f"does not begin with {TRIP} and {SEAL} as a trip does")
    data = file.read(size)
    if len(data) < size:
        raise _truncated(name, at + BLOCK + len(data), at + BLOCK + size)
    return data


def _checked(part: TripPart, blocks: Iterable[bytes]) -> Iterator[bytes]:
    hashed, size = hashlib.sha256(), 0
    for block in blocks:
        hashed.update(block)
        size += len(block)
        yield block
    if (f"sha256:{hashed.hexdigest()}", size) != (part.digest, part.size):
        raise Refused(
            f"{part.name} has other bytes than it had before: {size} of {part.size}",
            rule="digest",
            then="no trip was written",
        )


def _truncated(name: str, found: int, expected: int) -> Refused:
    return Refused(
        f"{name} has {found} bytes, expected {expected} or more: it was cut off",
        rule="truncated",
        then="nothing was taken in",
        help="copy it again, and unmount the stick before pulling it out",
    )


def _astray(name: str, what: str) -> Refused:
    return Refused(
        f"{name} {what}",
        rule="trip",
        then="nothing was taken in",
        help="copy the trip again, from another stick",
    )
