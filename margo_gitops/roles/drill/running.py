"""The drill: a scene, its cases one after the other, and a verdict on each."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from margo_gitops.errors import MargoError, Usage
from margo_gitops.roles.drill import by_damage, by_office, by_order, by_power, by_strangers
from margo_gitops.roles.drill.casebook import Astray, Case, Found, Verdict
from margo_gitops.roles.drill.cutting import launched
from margo_gitops.roles.drill.goods import Goods
from margo_gitops.roles.drill.office import DrillOffice
from margo_gitops.roles.drill.scene import Launch, Scene
from margo_gitops.roles.trips.base import Mode

CASES: tuple[Case, ...] = (
    *by_order.CASES,
    *by_damage.CASES,
    *by_strangers.CASES,
    *by_office.CASES,
    *by_power.CASES,
)


def chosen(names: Sequence[str]) -> list[Case]:
    """The cases of these names, all where there are none; `Usage` for one that is not there."""
    known = {case.name: case for case in CASES}
    for name in names:
        if name not in known:
            raise Usage(f"there is no case {name!r}: expected {', '.join(known)}")
    return [case for case in CASES if not names or case.name in names]


def playground(keep: Path | None) -> Path:
    """A temporary folder, or the one to keep, made; `Usage` where something is in that already."""
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="margo-drill-"))
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise Usage(f"{keep} is not empty: expected a new folder to keep the drill in")
    keep.mkdir(parents=True, exist_ok=True)
    return keep.resolve()


@contextmanager
def scene(
    folder: Path, examples: Path, *, seed: int, keep: bool, launch: Launch = launched
) -> Iterator[Scene]:
    """A fleet in `folder`, whose site runs something; all of it gone at the end unless kept."""
    made = Scene(folder, DrillOffice(folder / "office", Goods(examples)), seed, launch)
    try:
        made.found()
        made.begin()
        yield made
    finally:
        made.end()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def drilled(scene: Scene, cases: Sequence[Case], tell: Callable[[str], None]) -> list[Verdict]:
    """Run these cases; each is finished by a good trip, and the next begins from there.

    After one that failed a full trip is brought, so that what it broke is not told of the next.
    """
    verdicts = []
    for case in cases:
        verdict = judged(scene, case)
        if not verdict.ok:
            _heal(scene)
        verdicts.append(verdict)
        tell(case.name)
    return verdicts


def judged(scene: Scene, case: Case) -> Verdict:
    """Run one case, then bring a good trip; its random choices depend on its name and the seed."""
    begun = time.monotonic()
    scene.chance = random.Random(f"{scene.seed} {case.name}")  # noqa: S311  # no secret
    found, astray = Found(case.tries, ""), ""
    try:
        found = case.run(scene)
        found = replace(found, ended=scene.finish(scene.next()))
    except (Astray, MargoError) as error:
        astray = str(error)
    except Exception as error:  # noqa: BLE001  # a bug in one row is no reason to hide the others
        astray = f"a bug, {type(error).__name__}: {error}"
    if astray:
        found = replace(found, ended=f"not as it should: {astray}")
    here = str(scene.folder)
    plain = {name: getattr(found, name).replace(here, "…") for name in ("said", "ended")}
    return Verdict(case.name, not astray, replace(found, **plain), time.monotonic() - begun)


def _heal(scene: Scene) -> None:
    try:
        scene.finish(scene.next(Mode.FULL))
    except (Astray, MargoError, OSError):
        return
