"""Power that fails and disks that fill up, at every durable write of what is done with a trip."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.model import layout
from margo_gitops.roles.agents import MIRROR
from margo_gitops.roles.drill.casebook import Case, Found, expect
from margo_gitops.roles.drill.cutting import Attempt, Fault, Job
from margo_gitops.roles.drill.office import CACHE, CLONE, KEY, PIN, REMOTE, SITE
from margo_gitops.roles.drill.scene import Scene
from margo_gitops.roles.drill.whole import packed
from margo_gitops.roles.drill.works import HOME, OFFICE, STATUS, STICK, Expected

_WORDS = {
    "cut": "power cut at each of {count} durable writes ({states} states of the disk)",
    "full": "no room from each of {count} writes on (ENOSPC put in)",
    "limit": "no file could have more than each of {count} sizes (the kernel's limit)",
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
        tried: list[str] = []
        seen: list[Attempt] = []
        for fault in self.faults:
            places = scene.space(f"{fault}-{self.work}")
            job = Job(self.work, fault, str(prepared), str(places), scene.seed)
            found = scene.launch(job)
            _judge(found)
            seen += found
            count = sum(attempt.stands_for for attempt in found)
            tried.append(_WORDS[fault].format(count=count, states=len(found) - 1))
        said = next((attempt.said for attempt in seen if attempt.said), "nothing; it was cut off")
        rule = "stalled" if any(attempt.said for attempt in seen) else ""
        shutil.rmtree(prepared)
        times = sum(attempt.stands_for for attempt in seen)
        return Found("; ".join(tried), f"{said}. {_ended(seen)}", rule, times)


def _ended(seen: Sequence[Attempt]) -> str:
    """How often it ended where."""
    ended: Counter[str] = Counter()
    for attempt in seen:
        ended[attempt.ended] += attempt.stands_for
    return "It ended " + ", ".join(f"{how}: {count}" for how, count in sorted(ended.items()))


def _judge(found: Sequence[Attempt]) -> None:
    """`Astray` with the first that did not end as it should."""
    for attempt in found:
        expect(not attempt.problem, attempt.problem)
    expect(len(found) > 1, "no fault ever came")


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
    Expected(None, site.tip or "", site.ledger.number + 1).keep(prepared)


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
    packed(prepared / SITE / MIRROR)


def _copy_office(scene: Scene, prepared: Path) -> None:
    (prepared / OFFICE).mkdir()
    for name in (REMOTE, CLONE, CACHE):
        shutil.copytree(scene.office.folder / name, prepared / OFFICE / name)
    for name in (REMOTE, CLONE):
        packed(prepared / OFFICE / name)
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
        "from one write on there is no room, or files may not grow",
        _Ordeal("taking", _a_trip_to_take, _ROOM),
    ),
    Case(
        "full stick while packing",
        "from one write on there is no room, or files may not grow",
        _Ordeal("packing", _a_trip_to_pack, _ROOM),
    ),
)
