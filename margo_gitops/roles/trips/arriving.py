"""Trips that arrive at a site: each unpacked and rehearsed in quarantine, and only then taken in.

The rehearsal is the adoption itself, in a scratch store with a copy of what the site holds. What
comes after it repeats that in the site's own mirror, whose one ref move is the commit point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from margo_gitops.artifacts.follow import Contents
from margo_gitops.errors import MargoError, Refused
from margo_gitops.model import layout
from margo_gitops.model.trip import BLOBS, Counted, RefusedTrip
from margo_gitops.model.trust import Mark
from margo_gitops.roles.adopting import Adopting
from margo_gitops.roles.beliefs import Beliefs, Identity, Marks
from margo_gitops.roles.trips.book import SiteBook
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.names import asked
from margo_gitops.store.quarantine import quarantine, unpack_trip
from margo_gitops.store.transport import Transport
from margo_gitops.store.tripfile import TripFile
from margo_gitops.trust.offer import Desired
from margo_gitops.trust.trips import Arrival, Order, order, require_for_site, unsealed_down

REMEMBERED = 5
"""Refused trips that the status names."""

Adopt = Callable[[Transport], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one trip file: `taken` where it was taken in, else the error that says why."""

    file: str
    number: int | None
    words: str
    taken: Counted | None = None
    error: MargoError | None = None
    known: bool = False
    """Whether it was looked at for its number alone, for it or a later one was taken in before."""


@dataclass(slots=True)
class Arrivals:
    """The gate of one site; `identity` is None in an open fleet."""

    site: str
    store: GitStore
    book: SiteBook
    identity: Identity | None = None
    contents: Contents | None = None

    def take(self, file: TripFile, adopt: Adopt) -> Result:
        """Take a trip in, or say why not.

        `adopt` is the LO's own step, given the trip as the remote that it asks. Raises `MargoError`
        for what is refused, lacks something, or fails at a full disk: nothing was then taken in.
        """
        held, book, trip = self._held(), self.book.read(), file.trip
        counted = Counted(number=trip.number, digest=file.digest)
        fleet = None if held is None else held.change.fleet
        require_for_site(Arrival(trip, file.digest, self.site, fleet, book.taken))
        come = order(trip, file.digest, book.taken)
        if come is not Order.NEW and book.taken is not None:
            words = _known(come, trip.number, book.taken)
            return Result(file.name, trip.number, words, book.taken, known=True)
        with quarantine(self.store, self._lent()) as scratch:
            unpack_trip(file, scratch)
            beliefs = self._unmarked(scratch)
            self._require_seal(file, scratch, beliefs)
            offered = self._rehearsed(file, scratch, held, beliefs)
            self._bring_blobs(file)
            refs = {**trip.refs, layout.site_ref(self.site): offered}
            trouble = self._adopted(adopt, Carried(scratch, f"trip {trip.number}", refs), offered)
        self._remember(file, counted)
        return Result(file.name, trip.number, self._news(held), counted, trouble)

    def refused(self, name: str, error: Refused) -> None:
        """Remember for the status what was not taken in, once for each file and reason."""
        book = self.book.read()
        refusal = RefusedTrip(file=name[:200], rule=error.rule, message=error.problem[:600])
        if refusal not in book.refused:
            kept = (*book.refused, refusal)[-REMEMBERED:]
            self.book.write(book.model_copy(update={"refused": kept}), f"refused {name[:80]}")

    def _held(self) -> Desired | None:
        return Adopting(self.site, self.store).read()

    def _lent(self) -> Sequence[str]:
        own = (layout.site_ref(self.site), layout.status_ref(self.site))
        return (*own, layout.TRUST + self.site)

    def _require_seal(self, file: TripFile, scratch: GitStore, beliefs: Beliefs | None) -> None:
        """By the chain of trust as the trip itself brings it forward."""
        trust = None
        if beliefs is not None:
            tip = file.trip.refs[layout.site_ref(self.site)]
            trust = beliefs.learn(scratch.files(tip, layout.CHAIN))
        if problem := unsealed_down(file.data, file.seal, trust):
            raise Refused(
                f"trip {file.trip.number}: {problem}",
                rule="signature",
                then="nothing was taken in; what runs goes on running",
                help="margo trip verify FILE, at the office",
            )

    def _rehearsed(
        self, file: TripFile, scratch: GitStore, held: Desired | None, beliefs: Beliefs | None
    ) -> str:
        """The commit that the site is to adopt: the trip's, or its own where that is later."""
        tip = file.trip.refs[layout.site_ref(self.site)]
        if held is not None and scratch.is_ancestor(tip, held.commit):
            return held.commit
        rehearsal = Adopting(self.site, scratch, beliefs)
        said = scratch.resolve(layout.status_ref(self.site))
        rehearsal.take(tip, said, StoreTransport(scratch))
        return tip

    def _adopted(self, adopt: Adopt, trip: Transport, offered: str) -> MargoError | None:
        """Adopt it; an error where something else of it failed, as an artifact that it lacks."""
        try:
            adopt(trip)
        except MargoError as error:
            if self.store.resolve(layout.site_ref(self.site)) != offered:
                raise
            return error
        return None

    def _unmarked(self, scratch: GitStore) -> Beliefs | None:
        """What the site believes, for a rehearsal, which leaves no mark."""
        if self.identity is None:
            return None
        identity = replace(self.identity, marks=_Unwritten(self.identity.marks))
        return Beliefs(self.site, scratch, identity)

    def _bring_blobs(self, file: TripFile) -> None:
        for part in file.trip.parts[1:]:
            if not part.name.startswith(BLOBS) or self.contents is None:
                for _ in file.read(part):  # nobody here uses it, and yet it must be what was sent
                    pass
                continue
            if part.name.removeprefix(BLOBS) != part.digest.removeprefix("sha256:"):
                raise Refused(f"{part.name} is listed with another digest", rule="digest")
            self.contents.receive(part.digest, part.size, partial(file.raw, part))

    def _remember(self, file: TripFile, counted: Counted) -> None:
        """The stick's number, what the office has of our status, and of our return trips."""
        book, trip = self.book.read(), file.trip
        sent, before = book.sent, book.before
        if trip.acknowledges and (sent is None or sent.number < trip.acknowledges.number):
            sent, before = trip.acknowledges, None
        changes = {
            "taken": counted,
            "refused": (),
            "office": trip.refs.get(layout.status_ref(self.site)),
            "sent": sent,
            "before": before,
        }
        self.book.write(book.model_copy(update=changes), f"took in trip {counted.number}")

    def _news(self, before: Desired | None) -> str:
        now = self._held()
        if now is None or (before is not None and now.commit == before.commit):
            generation = "nothing" if now is None else f"generation {now.change.generation}"
            return f"nothing new: {generation} is in force already"
        return f"taken in: generation {now.change.generation} is in force"


class Carried(StoreTransport):
    """A trip's quarantine as the remote that an LO asks, with the refs that the trip names."""

    def __init__(self, scratch: GitStore, name: str, refs: Mapping[str, str]) -> None:
        super().__init__(scratch)
        self.name = name
        self._refs = refs

    def refs(self, wanted: Sequence[str]) -> dict[str, str]:
        """See `Transport`."""
        return asked(self._refs.items(), wanted)


@dataclass(frozen=True, slots=True)
class _Unwritten:
    """Marks that are read and not written."""

    marks: Marks
    written: list[Mark] = field(default_factory=list)

    def read(self) -> Mark | None:
        return self.written[-1] if self.written else self.marks.read()

    def write(self, mark: Mark) -> None:
        self.written.append(mark)


def _known(come: Order, number: int, taken: Counted) -> str:
    if come is Order.AGAIN:
        return f"nothing new: trip {number} was taken in before"
    return (
        f"overtaken: trip {taken.number} was taken in before, and holds all that trip {number} had."
        " If the office began to count anew, load this site's return trip there: margo trip load"
    )
