"""The site of the drill: an LO with its state folder and one node, and people who bring sticks."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from margo_gitops.errors import MargoError, Unreachable
from margo_gitops.model.trip import SiteTrips
from margo_gitops.reconcile import Outcome
from margo_gitops.roles.adopting import Adopting
from margo_gitops.roles.agents import MIRROR, drivers
from margo_gitops.roles.drill.office import NODE, SITE
from margo_gitops.roles.resident import Resident, run_local
from margo_gitops.roles.trips.book import SiteBook
from margo_gitops.roles.trips.sticks import Sticks
from margo_gitops.runtime.base import Driver, Owner
from margo_gitops.store.git import GitStore

PATIENCE = 30.0
RUNTIMES = ("wasm",)
COMPONENT = "hello"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Stands:
    """Where a site stands: its commit and generation, and the newest trip that it took in."""

    commit: str | None
    generation: int
    taken: int
    refs: dict[str, str]


@dataclass(frozen=True, slots=True)
class DrillSite:
    """The site whose state is in `state`; `home` is the folder from which return trips leave."""

    state: Path
    home: Path

    def take(self, inbox: Path | None, *, node: bool = False, remote: str | None = None) -> Answer:
        """One pass as `margo lo run --once --inbox` makes it, with `node` that of its host, too."""
        self.home.mkdir(parents=True, exist_ok=True)
        troubles: list[MargoError] = []

        def tell(_: str, outcome: Outcome) -> None:
            troubles.extend(outcome.troubles)

        options = Resident(True, None, RUNTIMES, self.state / "secrets", tell)
        nodes = [NODE] if node else []
        sticks = Sticks(inbox, self.home)
        code = run_local(SITE, remote, self.state, nodes, options, sticks=sticks)
        return Answer(code, tuple(troubles), results(inbox))

    def stands(self) -> Stands:
        """Where it stands, read from its mirror as it would after a restart."""
        with GitStore.open(self.state / MIRROR) as store:
            held = Adopting(SITE, store).read()
            book = SiteBook(SITE, store, lambda: 0).read()
            refs = store.refs()
        if held is None:
            return Stands(None, 0, _number(book), refs)
        return Stands(held.commit, held.change.generation, _number(book), refs)

    def newest_return(self) -> Path:
        """The return trip that lies ready."""
        found = sorted(self.home.glob(f"{SITE}-*.return.margo.tar"))
        return found[-1]

    def driver(self, fleet: str) -> Driver:
        """The node's own driver, to look at what its engine holds."""
        where = self.state / f"en-{NODE}"
        return drivers(where, Owner(fleet, SITE, NODE), RUNTIMES)["wasm"]

    def greets(self, fleet: str) -> str:
        """The last line that the workload printed; empty where there is none."""
        driver = self.driver(fleet)
        lines = [driver.logs(found.id, COMPONENT, 1) for found in driver.observe()]
        return lines[0].strip() if lines else ""

    def stop(self, fleet: str) -> None:
        """Remove the workload."""
        driver = self.driver(fleet)
        for found in driver.observe():
            driver.remove(found.id)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a pass ended with: its exit code, what stood in the way, and the RESULT.txt by file."""

    code: int
    troubles: tuple[MargoError, ...]
    results: dict[str, str]

    @property
    def rule(self) -> str:
        """The rule of the first refusal; else the name of the first error's class, or empty."""
        first = next(iter(self.troubles), None)
        return "" if first is None else str(getattr(first, "rule", type(first).__name__.lower()))

    @property
    def words(self) -> str:
        """What was said first: the error, else the first RESULT.txt."""
        if self.troubles:
            return self.troubles[0].problem
        return next((said_in(text) for text in self.results.values()), "")


def results(inbox: Path | None) -> dict[str, str]:
    """Each RESULT.txt of a stick by its file's stem."""
    if inbox is None:
        return {}
    papers = sorted(inbox.glob("*.RESULT.txt"))
    return {path.name.removesuffix(".RESULT.txt"): path.read_text("utf-8") for path in papers}


def said_in(result: str) -> str:
    """The line of a RESULT.txt that says what became of the trip, its verdict in small letters."""
    verdict, colon, rest = result.splitlines()[2].partition(":")
    return f"{verdict.lower()}{colon}{rest}"


def stick(folder: Path, files: Iterable[Path]) -> Path:
    """A stick with copies of these trips, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in files:
        shutil.copy(file, folder / file.name)
    return folder


def until(what: str, condition: Callable[[], _T]) -> _T:
    """The first truthy answer; `Unreachable` after `PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except (FileNotFoundError, StopIteration):
            pass
        time.sleep(0.02)
    raise Unreachable(f"not seen within {PATIENCE:g} s: {what}", help="margo drill --keep DIR")


def _number(book: SiteTrips) -> int:
    return 0 if book.taken is None else book.taken.number
