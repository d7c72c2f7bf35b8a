"""A trip: what one stick carries between the office and a site, and what each side remembers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from margo_gitops.model.base import CommitId, Digest, Flat, Frozen, OwnDocument, Uuid

Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""Trips of a site are counted from 1, each direction for itself."""

PartName = Annotated[
    str,
    StringConstraints(
        pattern=r"^(refs\.bundle|oci/oci-layout|oci/index\.json|oci/blobs/sha256/[0-9a-f]{64})$"
    ),
]
RefName = Annotated[
    str, StringConstraints(pattern=r"^refs/(heads|margo)/[a-z0-9][a-z0-9/.-]{0,199}$")
]

BLOBS = "oci/blobs/sha256/"


class TripPart(Frozen):
    """One file of a trip."""

    name: PartName = Field(description="Its path in the trip file.")
    size: Annotated[int, Field(ge=0, le=2**53 - 1)] = Field(description="Its bytes.")
    digest: Digest = Field(description="The digest of its bytes.")


class Counted(Frozen):
    """A trip by its number, and by the digest of its TRIP.json, which decides all of it."""

    number: Number = Field(description="The trip's number.")
    digest: Digest = Field(description="The digest of its TRIP.json.")


class Trip(OwnDocument):
    """`TRIP.json`: what a trip file holds, in the order in which it holds it."""

    kind: Literal["Trip"] = "Trip"
    fleet: Uuid = Field(description="The fleet's UUID.")
    site: Flat = Field(description="The site that it goes to or comes from.")
    direction: Literal["down", "up"] = Field(description="To the site, or back from it.")
    number: Number = Field(description="Counts the trips of this site and direction.")
    previous: Digest | None = Field(description="The digest of the trip before; null for none.")
    acknowledges: Counted | None = Field(
        description="The newest trip of the other direction that was taken in."
    )
    builds_on: Number | None = Field(
        description="The trip that brought the prerequisites; null where none or a network did."
    )
    generation: int | None = Field(
        description="The generation of the desired state, that it brings or that is in force."
    )
    refs: dict[RefName, CommitId] = Field(description="The refs of the bundle.")
    prerequisites: tuple[CommitId, ...] = Field(
        description="Commits that the reader must hold; empty for a full trip."
    )
    parts: tuple[TripPart, ...] = Field(description="The files after this one and its seal.")

    @property
    def full(self) -> bool:
        """Whether it needs nothing that the reader does not have."""
        return not self.prerequisites


class RefusedTrip(Frozen):
    """A trip that a site did not take in, written once for each file and reason."""

    file: str = Field(description="The name of the file.", max_length=200)
    rule: str = Field(description="The rule that it breaks.")
    message: str = Field(description="What was found and expected.")


class TripsWord(Frozen):
    """What a site says of the sticks that came, in its status: this acknowledges them."""

    taken: Counted | None = Field(description="The newest trip that was taken in.")
    refused: tuple[RefusedTrip, ...] = Field(
        default=(), description="Those that were not, since then."
    )


class SentTrip(Frozen):
    """A trip that was packed for a site."""

    number: Number = Field(description="Its number.")
    digest: Digest = Field(description="The digest of its TRIP.json.")
    commit: CommitId = Field(description="The commit of the site's branch that it brings.")
    generation: int = Field(description="The generation of that commit.")
    full: bool = Field(description="Whether it needs nothing before it.")


class TripLedger(OwnDocument):
    """`ledger.json` on `refs/margo/trip/<site>` of the fleet's repository."""

    kind: Literal["TripLedger"] = "TripLedger"
    site: Flat = Field(description="The site.")
    last: Counted | None = Field(
        default=None, description="The last number that was given, and to which trip."
    )
    sent: tuple[SentTrip, ...] = Field(
        default=(), description="The trips packed last, and the last acknowledged; oldest first."
    )
    acknowledged: Number | None = Field(
        default=None, description="The newest trip that the site is known to have taken in."
    )
    returned: Counted | None = Field(
        default=None, description="The newest return trip that was loaded."
    )

    @property
    def number(self) -> int:
        """The last number that was given; 0 before the first."""
        return 0 if self.last is None else self.last.number


class SiteTrips(OwnDocument):
    """`trips.json` on `refs/margo/trip/<site>` of a site's own mirror."""

    kind: Literal["SiteTrips"] = "SiteTrips"
    site: Flat = Field(description="The site.")
    taken: Counted | None = Field(default=None, description="The newest trip that was taken in.")
    refused: tuple[RefusedTrip, ...] = Field(
        default=(), description="Those that were not, since then."
    )
    office: CommitId | None = Field(
        default=None, description="The commit of the status that the office is known to have."
    )
    sent: Counted | None = Field(default=None, description="The newest return trip.")
    before: Digest | None = Field(
        default=None, description="The digest of the return trip before that."
    )
