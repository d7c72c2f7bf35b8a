"""The rules of trips: whose one is, what it may carry, and in which order they count.

A number is no right to anything: what a trip brings is adopted by the rule of its site. It tells
people which stick is which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.trip import Counted, Trip
from margo_gitops.trust.chain import Trust
from margo_gitops.trust.signers import NOT_REVOKED, Persons, by_key
from margo_gitops.trust.sshsig import Namespace, Signer, parse

CODE = 10
"""Digits of a spoken acknowledgement: 40 bits, against mistakes and not against liars."""

_UNSIGNED = b"unsigned "


class Order(Enum):
    """What a trip is to a place that took in others before."""

    NEW = "new"
    AGAIN = "again"
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A trip at a place: `taken` is the newest that was taken in there.

    `fleet` is None where the place knows none yet.
    """

    trip: Trip
    digest: str
    site: str
    fleet: str | None
    taken: Counted | None


def order(trip: Trip, digest: str, taken: Counted | None) -> Order:
    """Whether it is newer than what was taken in."""
    if taken is None or trip.number > taken.number:
        return Order.NEW
    if trip.number == taken.number and digest == taken.digest:
        return Order.AGAIN
    return Order.NEW if trip.number == taken.number else Order.OVERTAKEN


def require_for_site(arrival: Arrival) -> None:
    """`Refused`, by the name of the first clause that it breaks, for what is not for this site."""
    for rule, clause in SITE_CLAUSES:
        if problem := clause(arrival):
            raise Refused(
                f"trip {arrival.trip.number}: {problem}",
                rule=rule,
                then="nothing was taken in; what runs goes on running",
                help=_HELP.get(rule, ""),
            )


def seal(data: bytes, signer: Signer | None) -> bytes:
    """What vouches for a TRIP.json: a signature; in an open fleet its digest, against accidents."""
    if signer is None:
        return _UNSIGNED + canonical.digest(data).encode() + b"\n"
    return signer.sign(data, Namespace.TRIP)


def unsealed_down(data: bytes, sealed: bytes, trust: Trust | None) -> str | None:
    """Why the site cannot believe that a publisher made this trip; None where it can.

    `trust` is None where the site was enrolled nowhere.
    """
    if trust is None:
        return _unlike(data, sealed)
    if sealed.startswith(_UNSIGNED):
        return "TRIP.json is unsigned, and the fleet is signed"
    persons = Persons(trust.root, NOT_REVOKED)
    found = persons.signed(data, Namespace.TRIP, [sealed], "publish")
    return None if found.persons else f"TRIP.json: {found.problems[0]}"


def unsealed_up(data: bytes, sealed: bytes, key: str | None) -> str | None:
    """Why the office cannot believe that the site made this trip; `key` None: an open fleet's."""
    if key is None:
        return _unlike(data, sealed)
    if sealed.startswith(_UNSIGNED):
        return "TRIP.json is unsigned, and the fleet is signed"
    problem = by_key(key, data, Namespace.TRIP, sealed)
    return None if problem is None else f"TRIP.json: {problem}"


def self_sealed(data: bytes, sealed: bytes) -> str | None:
    """The key that sealed it, whoever has it; None where it is not sealed by any."""
    try:
        return str(parse(sealed).verify(data, Namespace.TRIP))
    except Refused:
        return None


def code(site: str, trip: Counted) -> str:
    """What the site's people say to the office once a trip was taken in; two groups and a rest."""
    words = f"margo-trip-taken-v1 {site} {trip.number} {trip.digest}".encode()
    digits = canonical.digest(words).removeprefix("sha256:")[:CODE]
    return " ".join(digits[at : at + 4] for at in range(0, CODE, 4))


def _unlike(data: bytes, sealed: bytes) -> str | None:
    """An open fleet's seal; one that is signed is left to the adoption rule, which says why."""
    if sealed == seal(data, None) or self_sealed(data, sealed):
        return None
    return "TRIP.json is not what its seal says: it was changed on the way"


def _direction(arrival: Arrival) -> str | None:
    if arrival.trip.direction == "down":
        return None
    return "it is a return trip, for the office: margo trip load"


def _site(arrival: Arrival) -> str | None:
    found = arrival.trip.site
    return None if found == arrival.site else f"it is for the site {found}, this is {arrival.site}"


def _fleet(arrival: Arrival) -> str | None:
    found = arrival.trip.fleet
    if arrival.fleet is None or found == arrival.fleet:
        return None
    return f"it is of the fleet {found}, this site is of {arrival.fleet}"


def _refs(arrival: Arrival) -> str | None:
    """Its own branch, what the office knows of its status, and small artifacts."""
    own = {layout.site_ref(arrival.site), layout.status_ref(arrival.site)}
    strange = [
        ref for ref in arrival.trip.refs if ref not in own and not ref.startswith(layout.ARTIFACTS)
    ]
    if strange:
        return f"it carries {strange[0]}, which is none of this site's"
    if layout.site_ref(arrival.site) not in arrival.trip.refs:
        return f"it carries no branch site/{arrival.site}"
    return None


def _chain(arrival: Arrival) -> str | None:
    """The next trip follows the one that was taken in; a full one may begin anew."""
    trip, taken = arrival.trip, arrival.taken
    if taken is None:
        return None
    if trip.number == taken.number and arrival.digest != taken.digest:
        return "another trip of this number was taken in before: two offices count trips"
    if trip.number == taken.number + 1 and trip.previous != taken.digest and not trip.full:
        return f"it follows another trip {taken.number} than the one that was taken in"
    return None


_HELP = {
    "direction": "margo trip load FILE, at the office",
    "trip-chain": "margo trip pack SITE --full --out DIR, at the office",
}

Clause = Callable[[Arrival], str | None]

SITE_CLAUSES: tuple[tuple[str, Clause], ...] = (
    ("direction", _direction),
    ("site", _site),
    ("fleet", _fleet),
    ("refs", _refs),
    ("trip-chain", _chain),
)
"""What is asked of a trip before anything in it is unpacked, in this order."""
