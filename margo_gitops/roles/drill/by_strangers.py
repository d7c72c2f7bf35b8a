"""Trips that are not this site's, or not by who may send any: forked, misdirected, forged."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from margo_gitops.documents import canonical
from margo_gitops.model.trip import Counted
from margo_gitops.roles.drill.casebook import Case, Found, expect
from margo_gitops.roles.drill.forging import resealed
from margo_gitops.roles.drill.office import OTHER, SITE, DrillOffice
from margo_gitops.roles.drill.scene import Scene
from margo_gitops.roles.identity import FOLDER, KEY
from margo_gitops.roles.signing import machine_key
from margo_gitops.roles.trips.base import Mode
from margo_gitops.roles.trips.packing import Packed


def _refused(scene: Scene, tried: str, file: Path, rule: str) -> Found:
    """The site stays where it stood, and says this rule."""
    before = scene.site.stands()
    answer = scene.bring(file)
    scene.same(before)
    expect(answer.rule == rule, f"told as {answer.rule or 'nothing'}, not {rule}: {answer.words}")
    return Found(tried, answer.words, answer.rule)


def _forked_numbers(scene: Scene) -> Found:
    """Two offices that do not hear of each other count the same trips."""
    second = _second_office(scene)
    ours = scene.next()
    scene.bring(ours.path)
    second.advance()
    theirs = second.pack(scene.space("theirs"))
    tried = f"trip {theirs.trip.number} of a second office, after trip {ours.trip.number} of ours"
    found = _refused(scene, tried, theirs.path, "trip-chain")
    after = second.pack(theirs.path.parent)
    _refused(scene, tried, after.path, "trip-chain")
    return Found(f"{tried}, and then its next", found.said, found.rule, 2)


def _forked_state(scene: Scene) -> Found:
    """The second office goes on to a full trip, which needs nothing before it."""
    second = _second_office(scene)
    scene.bring(scene.next().path)
    second.advance()
    theirs = _full_after(second, scene, scene.site.stands().taken)
    tried = f"full trip {theirs.trip.number} with another generation {theirs.trip.generation}"
    return _refused(scene, tried, theirs.path, "fork")


def _wrong_site(scene: Scene) -> Found:
    """Its number is below those of this site's own trips, and then above them."""
    scene.greeting = scene.office.advance()
    low = scene.office.pack(scene.space(OTHER), Mode.FULL, OTHER)
    _refused(scene, "", low.path, "site")
    high = _full_after(scene.office, scene, scene.site.stands().taken, OTHER)
    tried = f"full trips {low.trip.number} and {high.trip.number} of the site {OTHER}"
    return replace(_refused(scene, tried, high.path, "site"), times=2)


def _wrong_fleet(scene: Scene) -> Found:
    other = DrillOffice(scene.space("other") / "office", scene.office.goods)
    other.found()
    other.admit(scene.space("box"), SITE)
    other.publish()
    theirs = _full_after(other, scene, scene.site.stands().taken)
    return _refused(scene, f"a full trip of another fleet's {SITE}", theirs.path, "fleet")


def _wrong_way(scene: Scene) -> Found:
    back = scene.site.newest_return()
    brought = scene.space("back") / back.name.replace(".return", "")
    shutil.copy(back, brought)
    return _refused(scene, "the site's own return trip, under a trip's name", brought, "direction")


def _unsigned(scene: Scene) -> Found:
    trip = scene.next(Mode.FULL).path
    bare = resealed(trip, scene.space("bare"), None)
    return _refused(scene, "a full trip with the seal of an open fleet", bare, "signature")


def _wrong_key(scene: Scene) -> Found:
    trip = scene.next(Mode.FULL).path
    out = scene.space("keys")
    stranger = resealed(trip, out, machine_key(out / "stranger"))
    found = _refused(scene, "", stranger, "signature")
    own = machine_key(scene.site.state / FOLDER / KEY)
    _refused(scene, "", resealed(trip, scene.space("own"), own), "signature")
    tried = "a full trip sealed by a stranger's key, and one by the site's own"
    return Found(tried, found.said, found.rule, 2)


def _second_office(scene: Scene) -> DrillOffice:
    """A copy of the office and of its remote, as somebody restored it elsewhere."""
    to = scene.space("second") / "office"
    shutil.copytree(scene.office.folder, to)
    return DrillOffice(to, scene.office.goods, scene.office.word + 1000)


def _full_after(office: DrillOffice, scene: Scene, number: int, site: str = SITE) -> Packed:
    """A full trip with a number above this one; the ledger is told that all before were given."""
    last = Counted(number=number, digest=canonical.digest(b"the drill counts on"))
    with office.opened() as opened:
        opened.record(site, lambda ledger: ledger.model_copy(update={"last": last}), "on")
    return office.pack(scene.space("full"), Mode.FULL, site)


CASES = (
    Case("forked numbers", "two offices count the same trips", _forked_numbers),
    Case("forked state", "two offices made two states of one generation", _forked_state),
    Case("wrong site", "a trip of another site of the fleet", _wrong_site),
    Case("wrong fleet", "a trip of a site of the same name in another fleet", _wrong_fleet),
    Case("wrong way", "a return trip comes to the site", _wrong_way),
    Case("unsigned", "a trip that nobody sealed", _unsigned),
    Case("wrong key", "a trip sealed by a key that may not", _wrong_key),
)
