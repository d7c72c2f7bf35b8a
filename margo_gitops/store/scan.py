"""A pack's frame, checked before any of its objects is built: sizes first, belief later.

A few kilobytes can declare gigabytes, as a compressed run of zeros or as a delta that copies its
base again and again; both are refused by their declared sizes, which are then held against what
comes out. The format is git's gitformat-pack(5), version 2.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Protocol, overload

from dulwich.pack import OFS_DELTA, REF_DELTA

from margo_gitops.errors import Refused
from margo_gitops.store.limits import MAX_FILE, MAX_INFLATED, MAX_OBJECTS

HEADER = struct.Struct(">4sII")

_TRAILER = 20
_KINDS = {1, 2, 3, 4, OFS_DELTA, REF_DELTA}


@dataclass(frozen=True, slots=True)
class Contents:
    """What a scanned pack holds: objects, and bytes of them unpacked."""

    count: int
    inflated: int


@dataclass(frozen=True, slots=True)
class Most:
    """How much a pack may hold: objects, bytes of one, bytes of all, both unpacked."""

    objects: int
    file: int
    inflated: int


class Bytes(Protocol):
    """Bytes that are there, or arrive while they are looked at; a slice may give fewer."""

    @overload
    def __getitem__(self, at: int, /) -> int: ...

    @overload
    def __getitem__(self, at: slice, /) -> bytes: ...


def scan_file(file: BinaryIO) -> Contents:
    """Scan a pack that fills a file from its first byte; the position is left at the start."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size < HEADER.size + _TRAILER:
        raise corrupt(f"has {size} bytes, too few for a pack")
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return scan(data, size)


def scan(data: Bytes, size: int) -> Contents:
    """Check a pack's frame without building its objects: header, checksum, each object's size.

    Raises `Refused`, rule `corrupt` or `too-large`.
    """
    most = Most(MAX_OBJECTS, MAX_FILE, MAX_INFLATED)
    _count(data, most)
    end = size - _TRAILER
    _verify(data, end)
    contents, at = scan_objects(data, end, most)
    if at != end:
        raise corrupt(f"has {end - at} bytes after its last object")
    return contents


def scan_objects(data: Bytes, end: int, most: Most) -> tuple[Contents, int]:
    """Check all but the checksum; returns where the checksum begins, at `end` or before it.

    It looks no further than it must, so that the end of a pack that still arrives is found.
    """
    count, at, inflated = _count(data, most), HEADER.size, 0
    starts: set[int] = set()
    for _ in range(count):
        start = at
        at, grown = _object(data, start, end, starts, most.file)
        starts.add(start)
        inflated += grown
        if inflated > most.inflated:
            raise Refused(f"a pack unpacks to more than {most.inflated} bytes", rule="too-large")
    return Contents(count, inflated), at


def corrupt(what: str) -> Refused:
    """The refusal of a pack that is not what git writes."""
    return Refused(f"a pack {what}", rule="corrupt")


def _count(data: Bytes, most: Most) -> int:
    """How many objects the pack says that it holds."""
    magic, version, count = HEADER.unpack(data[: HEADER.size])
    if magic != b"PACK" or version != 2:
        raise corrupt("does not begin like a git pack of version 2")
    if count > most.objects:
        raise Refused(f"a pack of {count} objects, at most {most.objects}", rule="too-large")
    found: int = count
    return found


def _verify(data: Bytes, end: int) -> None:
    checksum = hashlib.sha1(usedforsecurity=False)
    for at in range(0, end, 1 << 20):
        checksum.update(data[at : min(at + (1 << 20), end)])
    if checksum.digest() != data[end : end + _TRAILER]:
        raise corrupt("does not match its checksum: it was cut short or altered")


def _object(data: Bytes, start: int, end: int, starts: set[int], largest: int) -> tuple[int, int]:
    """Where the object at `start` ends, and its size unpacked."""
    kind, size, at = _kind_and_size(data, start, end)
    if kind not in _KINDS:
        raise corrupt(f"has an object of the unknown type {kind}")
    if size > largest:
        raise Refused(
            f"a pack holds an object of {size} bytes, at most {largest} are taken",
            rule="too-large",
        )
    if kind == REF_DELTA:
        at += 20
    elif kind == OFS_DELTA:
        back, at = _back(data, at, end)
        if start - back not in starts:
            raise corrupt("has a delta against no object before it")
    first, at = _inflate(data, at, end, size)
    return at, size if kind < OFS_DELTA else size + _result_size(first, largest)


def _kind_and_size(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    byte = _byte(data, at, end)
    kind, size, shift = byte >> 4 & 7, byte & 15, 4
    while byte & 0x80:
        at += 1
        byte = _byte(data, at, end)
        size |= (byte & 0x7F) << shift
        shift += 7
        if shift > 60:
            raise corrupt("has an object with a size beyond all bounds")
    return kind, size, at + 1


def _back(data: Bytes, at: int, end: int) -> tuple[int, int]:
    byte = _byte(data, at, end)
    back = byte & 0x7F
    while byte & 0x80:
        at += 1
        byte = _byte(data, at, end)
        back = ((back + 1) << 7) | (byte & 0x7F)
        if back > end:
            raise corrupt("has a delta that points before its beginning")
    return back, at + 1


def _inflate(data: Bytes, at: int, end: int, size: int) -> tuple[bytes, int]:
    """The first bytes of what is compressed at `at`, and where it ends."""
    inflate = zlib.decompressobj()
    step = min(1 << 16, size + 256)
    first, total = b"", 0
    try:
        while not inflate.eof:
            block = data[at : min(at + step, end)]
            if not block:
                raise corrupt("ends within an object")
            out = inflate.decompress(block, size - total + 1)
            first = first or out[:32]
            total += len(out)
            at += len(block) - len(inflate.unused_data) - len(inflate.unconsumed_tail)
            if total > size:
                break
    except zlib.error as error:
        raise corrupt(f"cannot be unpacked: {error}") from error
    if total != size:
        raise corrupt(f"has an object of another size than the {size} bytes it declares")
    return first, at


def _result_size(delta: bytes, largest: int) -> int:
    """The size of what a delta makes: the second number at its head."""
    numbers = [0, 0]
    shift, at = 0, 0
    for byte in delta:
        numbers[at] |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            at, shift = at + 1, 0
            if at == 2:
                break
    if at < 2:
        raise corrupt("has a delta without sizes")
    if max(numbers) > largest:
        raise Refused(
            f"a pack holds a delta to {max(numbers)} bytes, at most {largest} are taken",
            rule="too-large",
        )
    return numbers[1]


def _byte(data: Bytes, at: int, end: int) -> int:
    if at >= end:
        raise corrupt("ends within an object")
    return data[at]
