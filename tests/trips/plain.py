"""Another reader of trips, by docs/trip-format.md: the standard library and a schema.

It imports nothing of the package, so that what the page leaves out is missed here.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "own" / "Trip.json").read_bytes())
BLOCK = 512
LONGEST_JSON, LONGEST_SEAL = 4_194_304, 4_096
EIGHT_GIB = 8**11


class Damaged(Exception):
    """What was found, by the name of the rule."""


def frame(data: bytes) -> tuple[dict[str, Any], bytes, dict[str, bytes]]:
    """Checks 2 to 7: TRIP.json, its seal, and the bytes of each part. Raises `Damaged`."""
    told, at = _first(data, 0, "TRIP.json", LONGEST_JSON)
    seal, at = _first(data, at, "TRIP.sig", LONGEST_SEAL)
    trip = _document(told)
    names = [part["name"] for part in trip["parts"]]
    blobs = sorted({*names} - {"refs.bundle"}, key=str.encode)
    if names != ["refs.bundle", *blobs]:
        raise Damaged("trip")
    sizes = [part["size"] for part in trip["parts"]]
    whole = at + sum(BLOCK + size + -size % BLOCK for size in sizes) + 2 * BLOCK
    if len(data) != whole:
        raise Damaged("truncated" if len(data) < whole else "trip")
    entries = [("TRIP.json", len(told)), ("TRIP.sig", len(seal)), *zip(names, sizes, strict=True)]
    parts, at = {}, 0
    for name, size in entries:
        begin, end = at + BLOCK, at + BLOCK + size
        at = end + -size % BLOCK
        if data[begin - BLOCK : begin] != header(name, size) or any(data[end:at]):
            raise Damaged("trip")
        parts[name] = data[begin:end]
    if any(data[at:]):
        raise Damaged("trip")
    return trip, seal, {name: parts[name] for name in names}


def header(name: str, size: int) -> bytes:
    """The 512 bytes before an entry, by the table of the page."""
    block = bytearray(BLOCK)

    def put(at: int, value: bytes) -> None:
        block[at : at + len(value)] = value

    put(0, name.encode())
    put(100, b"0000644\0")
    for at in (108, 116, 329, 337):
        put(at, b"0000000\0")
    put(124, b"%011o\0" % size if size < EIGHT_GIB else b"\x80" + size.to_bytes(11, "big"))
    put(136, b"00000000000\0")
    put(148, b" " * 8)
    put(156, b"0")
    put(257, b"ustar\x0000")
    put(148, b"%06o\0 " % sum(block))
    return bytes(block)


def strangers(trip: dict[str, Any], parts: dict[str, bytes]) -> list[str]:
    """The parts that have other bytes than TRIP.json says."""
    found = {name: f"sha256:{hashlib.sha256(data).hexdigest()}" for name, data in parts.items()}
    return [part["name"] for part in trip["parts"] if part["digest"] != found[part["name"]]]


def bundle(data: bytes) -> tuple[dict[str, str], list[str], bytes]:
    """Refs, prerequisites and pack of a bundle as it is written."""
    head, _, pack = data.partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    if first != "# v2 git bundle":
        raise Damaged("bundle")
    base = [line[1:41] for line in lines if line.startswith("-")]
    refs = [line.split(" ", 1) for line in lines if not line.startswith("-")]
    if [*(f"-{id} " for id in base), *(f"{id} {ref}" for id, ref in refs)] != lines:
        raise Damaged("bundle")
    return {ref: id for id, ref in refs}, base, pack


def code(site: str, number: int, digest: str) -> str:
    """What people say once a trip was taken in."""
    said = hashlib.sha256(f"margo-trip-taken-v1 {site} {number} {digest}".encode()).hexdigest()
    return f"{said[:4]} {said[4:8]} {said[8:10]}"


def _first(data: bytes, at: int, name: str, longest: int) -> tuple[bytes, int]:
    head = data[at : at + BLOCK]
    if len(head) < BLOCK:
        raise Damaged("truncated")
    digits = head[124:135]
    size = int(digits, 8) if all(digit in b"01234567" for digit in digits) else longest + 1
    if size > longest or head != header(name, size):
        raise Damaged("trip")
    content = data[at + BLOCK : at + BLOCK + size]
    if len(content) < size:
        raise Damaged("truncated")
    return content, at + BLOCK + size + -size % BLOCK


def _document(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data.decode())
        canonical = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except ValueError:
        raise Damaged("format") from None
    if canonical.encode() != data or any(Draft202012Validator(SCHEMA).iter_errors(found)):
        raise Damaged("format")
    if isinstance(found["generation"], int) and abs(found["generation"]) >= 2**53:
        raise Damaged("format")
    trip: dict[str, Any] = found
    return trip
