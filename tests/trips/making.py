"""Trips taken apart and put together again, rightly or not."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from dulwich.objects import ShaFile

from margo_gitops.documents import canonical
from margo_gitops.documents.archive import END, header, padding
from margo_gitops.model.trip import Trip, TripPart
from margo_gitops.store.git import GitStore
from margo_gitops.store.objects import oid
from margo_gitops.store.pack import write_pack
from margo_gitops.store.tripfile import BUNDLE, SEAL, TRIP
from margo_gitops.store.walk import Known, reachable
from margo_gitops.trust.sshsig import Signer
from margo_gitops.trust.trips import seal

Entries = list[tuple[str, bytes]]


def entries(data: bytes) -> Entries:
    """What stock tar readers find in a trip, in its order."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [(item.name, _content(tar, item)) for item in tar]


def framed(content: Entries, end: bytes = END) -> bytes:
    """These entries in a trip's frame, whatever they are."""
    blocks = (header(n, len(data)) + data + padding(len(data)) for n, data in content)
    return b"".join(blocks) + end


def said(data: bytes) -> Trip:
    """The TRIP.json of a trip that is right."""
    return canonical.load(dict(entries(data))[TRIP], Trip, TRIP)


def again(
    data: bytes,
    signer: Signer | None,
    contents: Mapping[str, bytes] | None = None,
    **changes: Any,
) -> bytes:
    """The same trip with other fields, or other parts whose digests it tells; sealed again."""
    held = {n: found for n, found in entries(data) if n not in {TRIP, SEAL}} | dict(contents or {})
    names = [BUNDLE, *sorted(held.keys() - {BUNDLE})]
    parts = tuple(part_of(n, held[n]) for n in names)
    trip = said(data).model_copy(update={"parts": parts, **changes})
    told = canonical.dump(trip)
    return framed([(TRIP, told), (SEAL, seal(told, signer)), *((n, held[n]) for n in names)])


def part_of(name: str, data: bytes) -> TripPart:
    """A part as TRIP.json lists it."""
    return TripPart(name=name, size=len(data), digest=canonical.digest(data))


def resealed(data: bytes, sealed: bytes) -> bytes:
    """The same trip under another seal."""
    return framed([(n, sealed if n == SEAL else found) for n, found in entries(data)])


def flipped(data: bytes, name: str, find: bytes = b"") -> bytes:
    """One bit of an entry's content changed: the one where `find` begins, else in its middle."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        item = tar.getmember(name)
        at = item.offset_data + (_content(tar, item).index(find) if find else item.size // 2)
    return bit_flipped(data, at * 8)


def bit_flipped(data: bytes, bit: int) -> bytes:
    """One bit changed, counted from the first byte's lowest."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def bundle_of(
    store: GitStore,
    refs: Mapping[str, str],
    prerequisites: Iterable[str] = (),
    keep: Callable[[ShaFile], bool] = lambda _: True,
) -> bytes:
    """A bundle of those objects that `keep` keeps."""
    file = io.BytesIO()
    held = sorted(prerequisites)
    lines = [f"-{id} \n" for id in held] + [f"{id} {ref}\n" for ref, id in sorted(refs.items())]
    file.write("".join(["# v2 git bundle\n", *lines, "\n"]).encode())
    bases = [oid(id) for id in held]
    wants = [oid(id) for _, id in sorted(refs.items())]
    walked = reachable(store.objects, wants, Known(store.objects, bases, bases))
    write_pack(file, filter(keep, walked))
    return file.getvalue()


def written(path: Path, data: bytes) -> Path:
    """A file of these bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _content(tar: tarfile.TarFile, item: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(item)
    return b"" if file is None else file.read()
