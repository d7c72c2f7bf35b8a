"""Packing a trip for a site: looked up first, as a plan that can be shown; numbered; written."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from margo_gitops.documents import canonical
from margo_gitops.errors import Invalid, Missing, Stalled
from margo_gitops.model import layout
from margo_gitops.model.record import Artifact, Change
from margo_gitops.model.report import SiteStatus
from margo_gitops.model.trip import Counted, SentTrip, Trip, TripLedger, TripPart
from margo_gitops.roles.trips import papers
from margo_gitops.roles.trips.base import Base, Mode, base
from margo_gitops.roles.trips.blobs import (
    Blobs,
    architectures_of,
    blob_part,
    layout_parts,
    needs_of,
)
from margo_gitops.roles.trips.office import Office, Site
from margo_gitops.store.bundle import pack
from margo_gitops.store.disk import disk_faults
from margo_gitops.store.objects import oid
from margo_gitops.store.tripfile import BUNDLE, Source, size_of, write_trip
from margo_gitops.store.volumes import cut
from margo_gitops.store.walk import is_commit
from margo_gitops.trust.adoption import reread
from margo_gitops.trust.trips import seal

_IN_MEMORY = 8 << 20
_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class Load:
    """What a trip would carry: a plan, shown by `--dry-run`, or packed."""

    site: Site
    tip: str
    change: Change
    refs: Mapping[str, str]
    base: Base | None
    prerequisites: tuple[str, ...]
    blobs: tuple[Artifact, ...]
    notes: tuple[str, ...] = ()

    @property
    def nothing_new(self) -> bool:
        """Whether the site is known to have all of it."""
        return self.base is not None and self.base.commit == self.tip and not self.blobs


@dataclass(frozen=True, slots=True)
class Packed:
    """A trip that was written: its file, or the first of its pieces, and all bytes of it."""

    trip: Trip
    path: Path
    size: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Packing:
    """Packs trips at one office; `architectures` are told where no node told its own."""

    office: Office
    blobs: Blobs
    architectures: tuple[str, ...] = ()
    progress: Callable[[int], None] = field(default=lambda _: None)

    def plan(self, name: str, mode: Mode = Mode.ACKNOWLEDGED) -> Load:
        """What a trip for this site would carry now; no number is taken.

        Only what the remote confirmed counts. Raises `Invalid` for a site without a branch.
        """
        site = self.office.site(name)
        tip = site.tip
        if tip is None:
            raise Invalid(
                f"{self.office.name} has no branch site/{name}: nothing was published for it",
                help=f"margo push; in a signed fleet margo site invite {name} before",
            )
        desired = reread(name, tip, self.office.store.files(tip))
        said = self.office.said(site)
        found = base(mode, site.ledger, None if said is None else said[1])
        if found is not None and not self._holds(found.commit):
            found = None
        needs = needs_of(desired)
        known = self._architectures(said)
        held, small = self._held(name, found, known)
        refs = {layout.site_ref(name): tip, **self._small(needs.small - small)}
        prerequisites = [] if found is None else [found.commit]
        word = site.status if said is None else said[0]
        if word is not None and (found is None or mode is not Mode.BLIND):
            refs[layout.status_ref(name)] = word
            prerequisites += [] if found is None else [word]
        return Load(
            site,
            tip,
            desired.change,
            refs,
            found,
            tuple(sorted(set(prerequisites))),
            tuple(self.blobs.lacking(needs, held, known)),
            tuple(self._notes(site)),
        )

    def pack(self, load: Load, out: Path, most: int | None = None) -> Packed:
        """Take the trip's number and write it, in pieces of at most `most` bytes.

        Raises `Stalled` where there is no room; a number that was taken then stays unused.
        """
        signer = self.office.co.publisher("no trip was packed")
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as bundle:
            pack(self.office.store, bundle, load.refs, load.prerequisites)  # type: ignore[arg-type]
            papers_of = layout_parts(load.blobs) if load.blobs else {}
            parts = [_bundle_part(bundle)]
            parts += sorted([*papers_of, *map(blob_part, load.blobs)], key=lambda part: part.name)
            self._require_room(out, sum(part.size for part in parts))
            trip = self._numbered(load, tuple(parts))
            data = canonical.dump(trip)
            sealed = seal(data, signer)
            sources: dict[str, Source] = {BUNDLE: partial(_blocks, bundle)}
            sources |= {part.name: partial(_once, data) for part, data in papers_of.items()}
            for artifact in load.blobs:
                sources[blob_part(artifact).name] = partial(self.blobs.read, artifact.digest)
            path = out / papers.file_name(trip)
            whole = write_trip(path, trip, sealed, sources, most=most, progress=self.progress)
        size = size_of(trip, data, sealed)
        files = cut(path, size, most)
        papers.leave(papers.slip_path(path), papers.slip(trip, path.name, whole, len(files)))
        return Packed(trip, files[0], size, load.notes)

    def _numbered(self, load: Load, parts: tuple[TripPart, ...]) -> Trip:
        """The trip under the ledger's next number, written there."""
        made: list[Trip] = []

        def add(ledger: TripLedger) -> TripLedger:
            trip = _trip(load, parts, ledger)
            made.append(trip)
            entry = SentTrip(
                number=trip.number,
                digest=canonical.digest(canonical.dump(trip)),
                commit=load.tip,
                generation=load.change.generation,
                full=trip.full,
            )
            last = Counted(number=entry.number, digest=entry.digest)
            return ledger.model_copy(update={"last": last, "sent": (*ledger.sent, entry)})

        self.office.record(load.site.name, add, f"a trip with {load.tip[:12]}")
        return made[-1]

    def _holds(self, commit: str) -> bool:
        return is_commit(self.office.store.objects, oid(commit))

    def _held(
        self, name: str, found: Base | None, architectures: Iterable[str]
    ) -> tuple[set[str], set[str]]:
        """Digests of large and small artifacts that the site holds."""
        if found is None:
            return set(), set()
        if found.blobs is not None:
            return set(found.blobs), set(found.blobs)
        before = needs_of(reread(name, found.commit, self.office.store.files(found.commit)))
        return self.blobs.known(before, frozenset(architectures)), set(before.small)

    def _small(self, digests: Iterable[str]) -> dict[str, str]:
        refs = sorted(map(layout.artifact_ref, digests))
        tips = self.office.confirmed(refs) if refs else {}
        if absent := [ref for ref in refs if ref not in tips]:
            raise Missing(
                f"the remote lacks {len(absent)} artifacts that the site needs, first"
                f" {absent[0].rpartition('/')[2][:12]}…",
                then="nothing was packed",
                help="margo push",
            )
        return tips

    def _architectures(self, said: tuple[str, SiteStatus] | None) -> frozenset[str]:
        """As the nodes told them in the site's status, and those that were named."""
        files = {} if said is None else self.office.store.files(said[0], "devices")
        return architectures_of(files.items()) | frozenset(self.architectures)

    def _notes(self, site: Site) -> Iterator[str]:
        ours = self.office.store.resolve(layout.site_ref(site.name))
        if self.office.remote is not None and ours != site.tip:
            yield (
                f"site/{site.name} here is not what the remote confirmed, and that was packed:"
                " margo push, or margo pull"
            )

    def _require_room(self, out: Path, size: int) -> None:
        if not out.is_dir():
            raise Stalled(
                f"{out} is no folder: no stick is mounted there",
                then="nothing was packed, and no number was taken",
                help=f"mkdir -p {out}",
            )
        with disk_faults(out):
            free = shutil.disk_usage(out).free
        if free < size:
            raise Stalled(
                f"the trip has {size} bytes, and {free} are free at {out}",
                then="nothing was packed, and no number was taken",
                help=f"df -h {out}; or --split SIZE over several sticks",
            )


def _trip(load: Load, parts: tuple[TripPart, ...], ledger: TripLedger) -> Trip:
    return Trip(
        fleet=load.change.fleet,
        site=load.site.name,
        direction="down",
        number=ledger.number + 1,
        previous=None if ledger.last is None else ledger.last.digest,
        acknowledges=ledger.returned,
        builds_on=None if load.base is None else load.base.trip,
        generation=load.change.generation,
        refs=dict(load.refs),
        prerequisites=load.prerequisites,
        parts=parts,
    )


def _bundle_part(file: IO[bytes]) -> TripPart:
    hashed, size = hashlib.sha256(), 0
    for block in _blocks(file):
        hashed.update(block)
        size += len(block)
    return TripPart(name=BUNDLE, size=size, digest=f"sha256:{hashed.hexdigest()}")


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(_READ):
        yield block


def _once(data: bytes) -> list[bytes]:
    return [data]
