"""A scratch store for what arrives on a stick: it sees a repository, and that sees nothing of it.

Objects land in a folder of their own beside the repository, which lends its objects by git's
alternates. Only what was checked there whole is copied over, and the folder goes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from margo_gitops.errors import Missing, Refused, Stalled
from margo_gitops.model.trip import Trip, TripPart
from margo_gitops.store.bundle import read_header, unpack
from margo_gitops.store.disk import disk_faults
from margo_gitops.store.git import GitStore
from margo_gitops.store.limits import MAX_PACK
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.objects import oid
from margo_gitops.store.repository import QUARANTINE
from margo_gitops.store.tripfile import BUNDLE, TripFile
from margo_gitops.store.walk import is_commit

ROOM = 3
"""Times the bundle's size that must be free: as it came, unpacked here, and copied over."""


@contextmanager
def quarantine(base: GitStore, refs: Iterable[str]) -> Iterator[GitStore]:
    """A store with these refs of `base`, whose objects it sees; gone when the block ends.

    What a killed process left of one is removed by `GitStore.recover`.
    """
    with _scratch(base) as scratch:
        for ref in refs:
            if (id := base.resolve(ref)) is not None:
                scratch.move(ref, id, old=None)
        yield scratch


def unpack_trip(trip: TripFile, scratch: GitStore) -> None:
    """Take a trip's bundle into a scratch store, whole: every object walked, blobs included.

    Raises `Missing` where the trip builds on commits that are not there, `Stalled` for a full
    disk, and `Refused`: `digest`, `bundle`, `too-large`, or what `GitStore.receive` finds.
    """
    said, part = trip.trip, trip.trip.parts[0]
    _require_base(said, scratch)
    _require_room(part, scratch)
    folder = scratch.path
    with disk_faults(folder or "memory"), tempfile.TemporaryFile(dir=folder) as file:
        for block in trip.read(part):
            file.write(block)
        file.seek(0)
        header = read_header(file)
        if dict(header.refs) != said.refs or header.prerequisites != said.prerequisites:
            raise Refused(
                f"{trip.name}: {BUNDLE} has other refs or prerequisites than TRIP.json says",
                rule="bundle",
                then="nothing was taken in",
            )
        unpack(scratch, file, header, list(header.refs.values()))


def _require_base(trip: Trip, scratch: GitStore) -> None:
    lacking = [id for id in trip.prerequisites if not is_commit(scratch.objects, oid(id))]
    if not lacking:
        return
    before = f"trip {trip.builds_on} or " if trip.builds_on else ""
    named = f", which trip {trip.builds_on} brought," if trip.builds_on else ""
    raise Missing(
        f"trip {trip.number} builds on {lacking[0][:12]}{named} and that is not here",
        then="nothing was taken in; what runs goes on running",
        help=f"bring {before}any full trip: margo trip pack {trip.site} --full --out DIR"
        if trip.direction == "down"
        else f"bring {before}the newest return trip of {trip.site}",
    )


def _require_room(part: TripPart, scratch: GitStore) -> None:
    if part.size > MAX_PACK:
        raise Refused(f"a bundle of {part.size} bytes, at most {MAX_PACK} are taken", rule="bundle")
    if scratch.path is None:
        return
    free = shutil.disk_usage(scratch.path).free
    if free < ROOM * part.size:
        raise Stalled(
            f"the trip needs {ROOM * part.size} bytes at {scratch.path.parent}, {free} are free",
            then="nothing was taken in; what runs goes on running",
            help=f"df -h {scratch.path.parent}",
        )


@contextmanager
def _scratch(base: GitStore) -> Iterator[GitStore]:
    if base.path is None:
        with GitStore.memory() as scratch:
            StoreTransport(base).fetch(scratch, base.refs())
            yield scratch
        return
    with disk_faults(base.path), _folder(base.path) as folder:
        GitStore.create(folder / "scratch.git").close()
        _lend(base.path, folder / "scratch.git")
        with GitStore.open(folder / "scratch.git") as scratch:
            yield scratch


def _lend(base: Path, scratch: Path) -> None:
    info = scratch / "objects" / "info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_bytes(os.fsencode(base.absolute() / "objects") + b"\n")


@contextmanager
def _folder(beside: Path) -> Iterator[Path]:
    name = tempfile.mkdtemp(prefix=QUARANTINE, dir=beside)
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)
