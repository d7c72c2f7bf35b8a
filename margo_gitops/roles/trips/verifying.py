"""Is this trip what it says, and should it be believed? Asked of the file, nothing is taken in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.roles.fleettrust import FleetTrust
from margo_gitops.roles.trips.office import Office, Site
from margo_gitops.store.quarantine import quarantine, unpack_trip
from margo_gitops.store.tripfile import TripFile
from margo_gitops.trust.signers import NOT_REVOKED, Persons
from margo_gitops.trust.sshsig import Namespace
from margo_gitops.trust.trips import unsealed_up

Advance = Callable[[int], None]


def require_parts(file: TripFile, progress: Advance) -> None:
    """Read every part and hash it. Raises `Refused` (rule `digest`) for the first that differs."""
    for part in file.trip.parts:
        for _ in file.read(part, progress):
            pass


def verify(office: Office, file: TripFile, progress: Advance) -> list[str]:
    """Everything that the reader will ask and that can be asked here; what was found, in words.

    Raises as reading it would: `Refused`, or `Missing` for commits that this clone lacks.
    """
    site = office.site(file.trip.site)
    office.require_fleet(file.name, file.trip.fleet)
    require_parts(file, progress)
    words = [f"{len(file.trip.parts)} parts, each with the size and digest of TRIP.json"]
    with quarantine(office.store, [*site.tips]) as scratch:
        unpack_trip(file, scratch)
        words += ["refs.bundle unpacked: every object is there and has its hash"]
        words += _believed(office.co.trust(), site, file, scratch.files)
    return words


def _believed(
    trust: FleetTrust | None, site: Site, file: TripFile, files: Callable[[str], dict[str, bytes]]
) -> Iterator[str]:
    if trust is None:
        if problem := unsealed_up(file.data, file.seal, None):
            raise Refused(f"{file.name}: {problem}", rule="signature")
        yield "the fleet is open: nobody signed it"
        return
    if file.trip.direction == "up":
        if problem := unsealed_up(file.data, file.seal, trust.site_key(site.name)):
            raise Refused(f"{file.name}: {problem}", rule="signature")
        yield f"sealed by the key that {site.name} is enrolled with"
        return
    persons = Persons(trust.roots.root, NOT_REVOKED)
    found = persons.signed(file.data, Namespace.TRIP, [file.seal], "publish")
    if not found.persons:
        raise Refused(f"{file.name}: TRIP.json: {found.problems[0]}", rule="signature")
    yield f"sealed by {', '.join(sorted(found.persons))}, who may publish"
    tip = file.trip.refs.get(layout.site_ref(site.name))
    if tip is None or not trust.published(files(tip)):
        raise Refused(
            f"{file.name}: its desired state was signed by no publisher", rule="signature"
        )
    yield f"generation {file.trip.generation}, signed by a publisher and whole"
