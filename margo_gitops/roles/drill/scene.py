"""Where a case plays: an office, a site that runs something, and the way between them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from margo_gitops.roles.agents import MIRROR
from margo_gitops.roles.drill.casebook import expect
from margo_gitops.roles.drill.cutting import Attempt, Job
from margo_gitops.roles.drill.office import NODE, OTHER, SITE, DrillOffice
from margo_gitops.roles.drill.site import Answer, DrillSite, Stands, stick, until
from margo_gitops.roles.drill.whole import fsck
from margo_gitops.roles.trips.base import Mode
from margo_gitops.roles.trips.packing import Packed

Launch = Callable[[Job], Sequence[Attempt]]


@dataclass(slots=True)
class Scene:
    """Both ends below `folder`; before and after each case the office knows what the site has.

    `launch` makes the attempts of a job in a process of its own.
    """

    folder: Path
    office: DrillOffice
    seed: int
    launch: Launch
    greeting: str = ""
    fleet: str = ""
    chance: random.Random = field(default_factory=random.Random)
    _sticks: int = 0

    @property
    def site(self) -> DrillSite:
        """The site that sticks come to."""
        return DrillSite(self.folder / SITE, self.folder / "home")

    @property
    def out(self) -> Path:
        """Where the office packs."""
        return self.folder / "packed"

    def found(self) -> None:
        """Make both ends; the site holds nothing yet."""
        self.office.found()
        self.office.admit(self.site.state, SITE)
        self.office.admit(self.site.state / f"en-{NODE}", SITE, NODE)
        self.office.admit(self.folder / OTHER, OTHER)
        self.office.publish()

    def begin(self, *, node: bool = True) -> None:
        """The first trip: from here on something runs at the site, where it has its node."""
        with self.office.central() as co:
            self.fleet = co.main().fleet.id
        if node:
            self.finish(self.next())
        else:
            self.taken(self.next())

    def end(self) -> None:
        """Stop what runs."""
        if self.fleet:
            self.site.stop(self.fleet)

    def next(self, mode: Mode = Mode.ACKNOWLEDGED, *, goods: bool = False) -> Packed:
        """A trip with a generation that the site does not have."""
        self.greeting = self.office.advance(goods=goods)
        return self.office.pack(self.out, mode)

    def bring(self, *files: Path, node: bool = False) -> Answer:
        """A stick with these files comes to the site, and nothing else is on it."""
        return self.site.take(self.stick(*files), node=node)

    def stick(self, *files: Path) -> Path:
        """A stick with copies of these files."""
        self._sticks += 1
        return stick(self.folder / "sticks" / str(self._sticks), files)

    def space(self, name: str) -> Path:
        """A new empty folder."""
        self._sticks += 1
        made = self.folder / f"{name}-{self._sticks}"
        made.mkdir(parents=True)
        return made

    def taken(self, packed: Packed) -> None:
        """A trip is taken in by the site, and the office hears of it."""
        answer = self.bring(packed.path)
        expect(answer.code == 0, f"trip {packed.trip.number} was not taken in: {answer.words}")
        self.office.load(self.site.newest_return())

    def finish(self, packed: Packed) -> str:
        """A good trip is taken in by the site and its node, and the office hears of it.

        `Astray` unless the newest state is in force, its workload runs, and all of it is sound.
        """
        answer = self.bring(packed.path, node=True)
        now = self.site.stands()
        tip = packed.trip.refs[f"refs/heads/site/{SITE}"]
        expect(
            (now.commit, now.taken) == (tip, packed.trip.number),
            f"a good trip {packed.trip.number} afterwards was not taken in: {answer.words}",
        )
        expect(not answer.troubles, f"a good trip afterwards, and still: {answer.words}")
        until(f"{self.greeting!r} at the node", lambda: self.greeting in self.greets())
        self.sound()
        self.office.load(self.site.newest_return())
        return f"generation {now.generation} runs"

    def greets(self) -> str:
        """What the workload printed last."""
        return self.site.greets(self.fleet)

    def sound(self) -> None:
        """`Astray` unless git itself finds the site's repository whole."""
        fsck(self.site.state / MIRROR)

    def same(self, before: Stands) -> None:
        """`Astray` unless the site stands where it stood, and runs what it ran."""
        now = self.site.stands()
        expect(
            (now.commit, now.taken) == (before.commit, before.taken),
            f"the site moved from generation {before.generation} (trip {before.taken})"
            f" to {now.generation} (trip {now.taken})",
        )
