"""Power that fails and disks that fill up, at every durable write of what is done with a trip."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.model import layout
from margo_gitops.roles.drill.casebook import Case, Found, expect
from margo_gitops.roles.drill.cutting import Attempt, Fault, Job
from margo_gitops.roles.drill.office import CACHE, CLONE, KEY, PIN, REMOTE, SITE
from margo_gitops.roles.drill.scene import Scene
from margo_gitops.roles.drill.works import HOME, OFFICE, STATUS, STICK, Expected

_WORDS = {
    "cut": "the power failed at each of {count} durable writes in turn",
    "full": "the disk was full from each of {count} writes on in turn",
    "limit": "files could not grow beyond each of {count} sizes in turn",
}
_Prepare = Callable[[Scene, Path], None]


@dataclass(frozen=True, slots=True)
class _Ordeal:
    """A case: what is prepared, what is done with it, what befalls that."""

    work: str
    prepare: _Prepare
    faults: Sequence[Fault]

    def __call__(self, scene: Scene) -> Found:
        prepared = scene.space(f"prepared-{self.work}")
        self.prepare(scene, prepared)
        tried, seen = [], []
        for fault in self.faults:
            places = scene.space(f"{fault}-{self.work}")
            found = scene.launch(Job(self.work, fault, str(prepared), str(places)))
            seen += _judged(found)
            count = sum(attempt.reached for attempt in found)
            tried.append(_WORDS[fault].format(count=count))
        ended = Counter(attempt.ended for attempt in seen)
        words = ", ".join(f"{count} {how}" for how, count in sorted(ended.items()))
        said = next((attempt.said for attempt in seen if attempt.said), "nothing; it was cut off")
        rule = "" if self.faults == ("cut",) else "stalled"
        shutil.rmtree(prepared)
        return Found("; ".join(tried), f"{said}: ended {words}", rule, len(seen))


def _judged(found: Sequence[Attempt]) -> list[Attempt]:
    """Those that a fault befell; `Astray` with the first that did not end as it should."""
    befallen = [attempt for attempt in found if attempt.reached]
    for attempt in found:
        expect(not attempt.problem, attempt.problem)
    expect(befallen, "no fault ever came")
    expect(found[-1].ended == "new", "what nothing befell did not come to its end")
    return befallen


def _a_trip_to_take(scene: Scene, prepared: Path) -> None:
    old = scene.site.stands().commit
    packed = scene.next(goods=True)
    _copy_site(scene, prepared)
    shutil.copytree(scene.stick(packed.path), prepared / STICK)
    Expected(old, packed.trip.refs[layout.site_ref(SITE)], packed.trip.number).keep(prepared)


def _a_trip_to_pack(scene: Scene, prepared: Path) -> None:
    scene.greeting = scene.office.advance(goods=True)
    _copy_office(scene, prepared)
    (prepared / STICK).mkdir()
    with scene.office.opened() as office:
        site = office.site(SITE)
    Expected(None, site.tip, site.ledger.number + 1).keep(prepared)


def _a_trip_to_load(scene: Scene, prepared: Path) -> None:
    old = scene.office.tips()[STATUS]
    scene.bring(scene.next().path)
    _copy_office(scene, prepared)
    back = scene.site.newest_return()
    shutil.copytree(scene.stick(back), prepared / STICK)
    number = int(back.name.removeprefix(f"{SITE}-").partition(".")[0])
    Expected(old, scene.site.stands().refs[STATUS], number).keep(prepared)


def _copy_site(scene: Scene, prepared: Path) -> None:
    """All but the node, whose workload goes on where it is."""
    ignored = shutil.ignore_patterns("en-*")
    shutil.copytree(scene.site.state, prepared / SITE, ignore=ignored)
    shutil.copytree(scene.site.home, prepared / HOME)


def _copy_office(scene: Scene, prepared: Path) -> None:
    (prepared / OFFICE).mkdir()
    for name in (REMOTE, CLONE, CACHE):
        shutil.copytree(scene.office.folder / name, prepared / OFFICE / name)
    for name in (KEY, PIN):
        shutil.copy(scene.office.folder / name, prepared / OFFICE / name)


_ROOM: tuple[Fault, ...] = ("full", "limit")

CASES = (
    Case(
        "power cut while taking in",
        "the power fails at each durable write of the site",
        _Ordeal("taking", _a_trip_to_take, ("cut",)),
    ),
    Case(
        "power cut while packing",
        "the power fails at each durable write of the office",
        _Ordeal("packing", _a_trip_to_pack, ("cut",)),
    ),
    Case(
        "power cut while loading",
        "the power fails at each durable write of the office",
        _Ordeal("loading", _a_trip_to_load, ("cut",)),
    ),
    Case(
        "full disk at the site",
        "a write fails for want of room, at each one in turn",
        _Ordeal("taking", _a_trip_to_take, _ROOM),
    ),
    Case(
        "full stick while packing",
        "a write fails for want of room, at each one in turn",
        _Ordeal("packing", _a_trip_to_pack, _ROOM),
    ),
)
