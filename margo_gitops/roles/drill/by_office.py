"""Return trips at the office, and a stick that is full before anything is written on it."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from margo_gitops.errors import MargoError, Refused, Stalled
from margo_gitops.model.trip import Counted, Trip
from margo_gitops.roles.drill import damage
from margo_gitops.roles.drill.casebook import Case, Found, expect
from margo_gitops.roles.drill.forging import resealed
from margo_gitops.roles.drill.scene import Scene
from margo_gitops.roles.signing import machine_key

FLIPS = 40
_PLACES = ("TRIP.json", *damage.PARTS.values(), damage.FRAME, damage.PADDING)
_RULES = {"format", "trip", "truncated", "fleet", "site", "direction", "refs", "signature"}
_RULES |= {"digest", "bundle"}


def _return(scene: Scene) -> Path:
    """A return trip that acknowledges what the office does not know of yet."""
    scene.bring(scene.next().path)
    kept = scene.space("return") / scene.site.newest_return().name
    shutil.copy(scene.site.newest_return(), kept)
    return kept


def _damaged(scene: Scene) -> Found:
    trip, out = _return(scene), scene.space("damaged")
    regions = damage.regions(trip)
    every = [some for ranges in regions.values() for some in ranges]
    bits = damage.bits(every, FLIPS, scene.chance)
    bits += [(regions["the bundle"][0][1] - 1) * 8, _digit(trip) * 8]
    copies = [
        damage.flipped(trip, bit, name)
        for bit, name in zip(bits, damage.names(trip, out), strict=False)
    ]
    copies.append(damage.cut(trip, scene.chance.randrange(trip.stat().st_size), out / trip.name))
    before, counted, said = scene.office.tips(), Counter[str](), ""
    for copy in copies:
        error = _said(scene, copy)
        rule = _told_as(error)
        expect(rule in _RULES, f"{copy.name} was told as {rule}: {error}")
        expect(scene.office.tips() == before, f"{copy.name} moved a ref of the office")
        counted[rule], said = counted[rule] + 1, "" if error is None else error.problem
    words = ", ".join(f"{rule} {count}" for rule, count in counted.most_common())
    tried = f"{len(copies) - 1} single bits, and one cut off, seed {scene.seed}"
    return Found(tried, said, words, len(copies))


def _forged(scene: Scene) -> Found:
    """Genuine status, and a word about a trip that never came, under a stranger's seal."""
    trip, out = _return(scene), scene.space("forged")
    lost = scene.next()
    counted = Counted(number=lost.trip.number, digest=f"sha256:{'0' * 64}")

    def lie(said: Trip) -> Trip:
        return said.model_copy(update={"acknowledges": counted})

    before = scene.office.tips()
    forged = resealed(trip, out, machine_key(out / "stranger"), lie)
    error = _said(scene, forged)
    expect(scene.office.tips() == before, "a ref of the office moved")
    expect(_told_as(error) == "signature", f"told as {_told_as(error)}, not signature: {error}")
    words = "" if error is None else error.problem
    tried = f"a return trip by a stranger, which says that trip {lost.trip.number} was taken in"
    return Found(tried, words, "signature")


def _repeated(scene: Scene) -> Found:
    trip = _return(scene)
    scene.office.load(trip)
    words = _moves_nothing(scene, trip)
    expect("was loaded before" in words, f"it was looked at as a new one: {words}")
    return Found("a return trip loaded twice", words)


def _moves_nothing(scene: Scene, trip: Path) -> str:
    """What is said of a return trip whose loading moves no ref."""
    before = scene.office.tips()
    words = scene.office.load(trip).words[0]
    expect(scene.office.tips() == before, "a ref of the office moved")
    return words


def _overtaken(scene: Scene) -> Found:
    first = _return(scene)
    scene.office.load(_return(scene))
    words = _moves_nothing(scene, first)
    expect("overtaken" in words, f"it was not told apart: {words}")
    return Found("an older return trip after a newer one", words)


def _lost(scene: Scene) -> Found:
    lost = _return(scene)
    second = _return(scene)
    loaded = scene.office.load(second)
    taken = f"trip {scene.site.stands().taken} was taken in there"
    expect(taken in loaded.words, f"it does not say {taken!r}: {loaded.words}")
    return Found(f"{lost.name} never came home, {second.name} did", loaded.words[0])


def _full_stick(scene: Scene) -> Found:
    """What is free is told by a stand-in; the stick itself has room."""
    scene.greeting = scene.office.advance(goods=True)
    before, out = scene.office.tips(), scene.space("full-stick")
    with _little_room():
        error = _packing(scene, out)
    expect(isinstance(error, Stalled), f"it was packed, or told as another's to mend: {error}")
    expect(scene.office.tips() == before, "a number was taken for it")
    expect(not list(out.iterdir()), "something lies on the stick")
    problem = "" if error is None else error.problem
    words = re.sub(r" at /\S+", " on the stick", problem)
    return Found("100 bytes free, told before a number is taken", words, "stalled")


@contextmanager
def _little_room() -> Iterator[None]:
    """`shutil.disk_usage` says that 100 bytes are free."""
    asked = shutil.disk_usage
    shutil.disk_usage = lambda path: asked(path)._replace(free=100)
    try:
        yield
    finally:
        shutil.disk_usage = asked


def _packing(scene: Scene, out: Path) -> MargoError | None:
    try:
        scene.office.pack(out)
    except MargoError as error:
        return error
    return None


def _said(scene: Scene, file: Path) -> MargoError | None:
    """Why the office did not load it; None where it did."""
    try:
        scene.office.load(file)
    except MargoError as error:
        return error
    return None


def _told_as(error: MargoError | None) -> str:
    if isinstance(error, Refused):
        return error.rule
    return "nothing" if error is None else type(error).__name__.lower()


def _digit(trip: Path) -> int:
    """Where a bit of `acknowledges` lies that nothing but the seal finds."""
    data = trip.read_bytes()
    found = re.search(rb'"acknowledges":\{"digest":"sha256:([0-9a-f]+)"', data)
    digits = range(found.start(1), found.end(1)) if found else range(1)
    return next(at for at in digits if data[at] in b"0246" or not found)


CASES = (
    Case("return trip damaged", "one bit of a return trip is flipped", _damaged),
    Case("return trip forged", "a stranger says that a trip was taken in", _forged),
    Case("return trip repeated", "a return trip is loaded twice", _repeated),
    Case("return trip overtaken", "an older return trip after a newer one", _overtaken),
    Case("return trip lost", "a return trip never comes home, the next one does", _lost),
    Case("full stick", "the stick has no room for the trip", _full_stick),
)
