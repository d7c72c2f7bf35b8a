"""The golden cases: a trip, the reader that it comes to, and what that must say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.model.report import SiteStatus
from margo_gitops.roles.proofs import signed
from margo_gitops.store.tripfile import BUNDLE, SEAL, TRIP
from margo_gitops.trust.sshsig import Namespace
from margo_gitops.trust.trips import seal
from tests.trips.boxes import counting
from tests.trips.making import (
    again,
    bundle_of,
    entries,
    flipped,
    resealed,
    said,
)
from tests.trips.story import Story
from tests.trust.keys import key

ALICE, SITE_KEY, STRANGER = key("alice"), key("north/"), key("mallory")
OTHER_FLEET = "00000000-0000-4000-8000-000000000000"
FIRST, THIRD, DESK = "site-after-1", "site-after-3", "office-after-2"


@dataclass(frozen=True, slots=True)
class Case:
    """`after` names the reader whose state is in force then; None where nothing changes.

    `number` is the newest trip that counts as taken in, or loaded, then.
    """

    name: str
    data: bytes
    reader: str
    verdict: str
    why: str
    rule: str | None = None
    waits_for: int | None = None
    after: str | None = None
    number: int | None = None


def refused(name: str, data: bytes, reader: str, rule: str, why: str) -> Case:
    """A case that is refused by this rule."""
    return Case(name, data, reader, "refused", why, rule)


def good(told: Story) -> Iterator[Case]:
    """What is taken in, changes nothing, or waits."""
    trips = told.trips
    yield Case(
        "full", trips["1"], "fresh", "taken", "needs nothing", after="site-after-1", number=1
    )
    yield Case(
        "incremental", trips["2"], FIRST, "taken", "on trip 1", after="site-after-2", number=2
    )
    bundle = dict(entries(trips["2"]))[BUNDLE]
    third = bundle.replace(b"# v2 git bundle\n", b"# v3 git bundle\n@object-format=sha1\n", 1)
    newer = again(trips["2"], ALICE, {BUNDLE: third})
    yield Case(
        "bundle-v3", newer, FIRST, "taken", "bundle format 3", after="site-after-2", number=2
    )
    yield Case("nothing-new", trips["4"], THIRD, "nothing-new", "no change", number=4)
    replayed = again(trips["2"], ALICE, number=9)
    why = "an older state under a new number: what is in force stays"
    yield Case("replayed-renumbered", replayed, THIRD, "nothing-new", why, number=9)
    yield Case("replayed", trips["3"], THIRD, "nothing-new", "it was taken in before", number=3)
    yield Case("stale", trips["2"], THIRD, "overtaken", "trip 3 was taken in", number=3)
    why = "it builds on trip 2, which never came"
    yield Case("missing-base", trips["3"], FIRST, "waits", why, waits_for=2, number=1)


def forged(told: Story) -> Iterator[Case]:
    """Whose trip it is, and which."""
    four, three = told.trips["4"], THIRD
    data = dict(entries(four))[TRIP]
    why = "by the line of an open fleet"
    yield refused("unsigned", resealed(four, seal(data, None)), three, "signature", why)
    for name, signer, why in (
        ("wrong-key", STRANGER, "sealed by nobody's key"),
        ("wrong-role", key("bob"), "sealed by a person who may not publish"),
        ("site-key", SITE_KEY, "sealed by the site, which seals return trips only"),
    ):
        yield refused(name, resealed(four, seal(data, signer)), three, "signature", why)
    other = ALICE.sign(data, Namespace.PUBLISH)
    yield refused("wrong-purpose", resealed(four, other), three, "signature", "another namespace")
    of_two = dict(entries(told.trips["2"]))[SEAL]
    yield refused("other-seal", resealed(four, of_two), three, "signature", "trip 2's seal")
    yield refused("wrong-site", told.trips["south"], three, "site", "it is for south")
    moved = again(four, ALICE, fleet=OTHER_FLEET)
    yield refused("wrong-fleet", moved, three, "fleet", "of another fleet")
    yield refused("wrong-way", told.trips["return-3"], three, "direction", "a return trip")
    refs = said(four).refs
    strange = again(four, ALICE, refs={**refs, "refs/heads/main": min(refs.values())})
    yield refused("strange-ref", strange, three, "refs", "it brings main")
    none = {ref: id for ref, id in refs.items() if "/site/" not in ref}
    yield refused("no-branch", again(four, ALICE, refs=none), three, "refs", "no site/north")
    why = "another office's trip 3, after ours was taken in"
    yield refused("forked-number", told.trips["rival-3"], three, "trip-chain", why)
    why = "it follows another trip 3"
    yield refused("forked-chain", told.trips["rival-4"], three, "trip-chain", why)
    why = "the same generation with other bytes, by the same key"
    yield refused("forked-state", told.trips["rival-5"], three, "fork", why)


def home(told: Story) -> Iterator[Case]:
    """Return trips, at the office."""
    trips, three = told.trips, told.trips["return-3"]
    data = dict(entries(three))[TRIP]
    why = "status since trip 2"
    yield Case("return", three, DESK, "taken", why, after="office-after-3", number=3)
    yield Case("return-replayed", trips["return-2"], DESK, "nothing-new", "loaded", number=2)
    yield Case("return-stale", trips["return-1"], DESK, "overtaken", "2 was loaded", number=2)
    why = "it builds on the status of return trip 3"
    yield Case("return-missing-base", trips["return-4"], DESK, "waits", why, number=2)
    forgery = resealed(three, seal(data, STRANGER))
    yield refused("return-forged", forgery, DESK, "signature", "by nobody's key")
    publisher = resealed(three, seal(data, ALICE))
    yield refused("return-by-publisher", publisher, DESK, "signature", "the site alone seals it")
    open_line = resealed(three, seal(data, None))
    yield refused("return-unsigned", open_line, DESK, "signature", "an open fleet's line")
    yield refused("return-flipped", flipped(three, BUNDLE), DESK, "digest", "a bit in refs.bundle")
    yield refused("return-cut", three[:-700], DESK, "truncated", "the last 700 bytes are gone")
    moved = again(three, SITE_KEY, fleet=OTHER_FLEET)
    yield refused("return-wrong-fleet", moved, DESK, "fleet", "of another fleet")
    refs = said(three).refs
    strange = again(three, SITE_KEY, refs={**refs, "refs/heads/main": min(refs.values())})
    yield refused("return-strange-ref", strange, DESK, "refs", "it brings main")
    clone = again(trips["clone-return"], SITE_KEY, number=3)
    yield refused("return-forked", clone, DESK, "fork", "two boxes report for one site")
    yield refused("return-false-status", _false(told), DESK, "signature", "another's status inside")
    yield Case("return-wrong-way", trips["4"], DESK, "invalid", "a trip to the site", number=2)


def _false(told: Story) -> bytes:
    """A return trip sealed by the site, whose status another key signed."""
    three, mirror = told.trips["return-3"], told.box.mirror
    trip = said(three)
    ((ref, tip),) = trip.refs.items()
    files = mirror.files(tip)
    status = canonical.load(files["site.json"], SiteStatus, "site.json")
    lie = status.model_copy(update={"missing": (canonical.digest(b"a lie"),)})
    files = signed({**files, "site.json": canonical.dump(lie)}, "site.json", STRANGER)
    made = mirror.write(files, parents=[tip], author=counting(), message="A lie\n")
    bundle = bundle_of(mirror, {ref: made}, trip.prerequisites)
    return again(three, SITE_KEY, {BUNDLE: bundle}, refs={ref: made})
