"""The demonstration: two sites, three nodes, real processes, and nothing between them but git."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from margo_gitops.artifacts.lock import resolve
from margo_gitops.artifacts.package import read_package
from margo_gitops.documents import margo
from margo_gitops.errors import MargoError, Unreachable
from margo_gitops.model import layout
from margo_gitops.model.fleet import (
    ApplicationRef,
    Device,
    Fleet,
    Intent,
    Polling,
    Site,
    Targets,
)
from margo_gitops.render import edits
from margo_gitops.roles.agents import drivers
from margo_gitops.roles.launch import Launched, remove_workloads
from margo_gitops.roles.locking import Locking
from margo_gitops.roles.props import Prop
from margo_gitops.roles.stage import NAME, SITES, Stage
from margo_gitops.runtime.base import Owner
from margo_gitops.store.clone import Clone
from margo_gitops.store.git import GitStore


def require_runtime(prop: Prop) -> None:
    """Raises `Stalled` where this machine cannot run it."""
    drivers(Path(), Owner("demo", "demo", "demo"), (prop.runtime,))


@dataclass(frozen=True, slots=True)
class Proof:
    """One step: what was observed, and how long it took in seconds."""

    name: str
    ok: bool
    proved: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The step for `--json`."""
        told = {"proved": self.proved, "seconds": round(self.seconds, 2)}
        return {"name": self.name, "ok": self.ok, **told}


@dataclass(slots=True)
class Demonstration:
    """A fleet in `folder`; leaving the block stops everything and, unless kept, removes it."""

    folder: Path
    examples: Path
    prop: Prop
    keep: bool = False
    fleet: str = field(default_factory=lambda: str(uuid.uuid4()))
    agents: Launched = field(init=False)
    stage: Stage = field(init=False)

    def __post_init__(self) -> None:
        """Nothing starts yet."""
        self.agents = Launched(self.folder / "state", self.prop.runtime)
        self.stage = Stage(self.folder, self.agents.state, self.fleet, self.prop)

    def __enter__(self) -> Self:
        """The block that owns the processes."""
        self.agents.state.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the agents, remove the workloads, delete the folder."""
        self.agents.stop()
        remove_workloads(self.agents.state, self.fleet, SITES, (self.prop.runtime,))
        if not self.keep:
            shutil.rmtree(self.folder)

    def run(self, tell: Callable[[Proof], None]) -> Iterator[Proof]:
        """Every step in order; after one that failed the rest is not tried."""
        for name, step in (
            ("a fleet is a git repository", self._found),
            ("nodes join and say what they offer", self._join),
            ("an application goes from intent to running workload", self._deploy),
            ("a parameter changes only what it must", self._change),
            ("a killed workload is repaired", self._repair),
            ("a site that is cut off goes on and catches up", self._cut),
            ("an application is removed", self._remove),
            ("nothing to do means nothing done", self._quiet),
        ):
            begun = time.monotonic()
            try:
                ok, proved = True, step()
            except MargoError as error:
                ok, proved = False, str(error)
            proof = Proof(name, ok, proved, time.monotonic() - begun)
            tell(proof)
            yield proof
            if not ok:
                return

    def _found(self) -> str:
        clone, remote = self.folder / "clone", self.folder / "remote.git"
        GitStore.create(remote).close()
        fleet = Fleet(id=self.fleet, name="demo", polling=Polling(interval="1s", status="1s"))
        edit = edits.new_fleet(fleet, {})
        Clone.init(clone, {p: d for p, d in edit.changes.items() if d is not None}, edit.message)
        with self.stage.central() as co:
            for site, nodes in SITES.items():
                co.apply(edits.add_site(co.main(), Site(id=site)))
                for node in nodes:
                    device = Device(id=node, site=site, device_id=f"{site}/{node}")
                    co.apply(edits.add_device(co.main(), device, None))
            files = self.prop.package(read_package(self.examples / self.prop.application))
            description, _ = margo.read_description(files["margo.yaml"], "margo.yaml")
            locking = Locking()
            lock = resolve(description, files["margo.yaml"], files)
            lock = locking.complete(description, files, lock)
            for item in locking.open:
                raise item.why
            co.apply(edits.add_application(co.main(), description, files, lock))
            sites = [item.site for item in co.render()]
        self.stage.push()
        return f"main and {', '.join('site/' + site for site in sites)} pushed to a bare repository"

    def _join(self) -> str:
        for site, nodes in SITES.items():
            link = self.stage.link(site)
            link.symlink_to(self.folder / "remote.git")
            self.agents.start_site(site, str(link))
            for node in nodes:
                self.agents.start_node(site, node)
        self.stage.until("every node's capabilities in its site's status", self._all_joined)
        return "3 nodes reported over status/north and status/south"

    def _all_joined(self) -> bool:
        with GitStore.open(self.folder / "remote.git") as store:
            for site, nodes in SITES.items():
                tip = store.resolve(layout.status_ref(site))
                if tip is None:
                    return False
                if any(store.read(tip, layout.capabilities_path(n)) is None for n in nodes):
                    return False
        return True

    def _deploy(self) -> str:
        with self.stage.central() as co:
            main = co.main()
            intent = Intent(
                name=NAME,
                application=ApplicationRef(id=self.prop.application, version="1.0.0"),
                profile=self.prop.profile,
                targets=Targets(sites=tuple(SITES)),
            )
            co.apply(edits.deploy(main, intent))
            co.render()
        self.stage.push()
        views = self.stage.until("hello installed at both sites", lambda: self.stage.installed(2))
        said = [self.stage.said(view, "Hello, World!") for view in views]
        return (
            f"status says installed on {', '.join(self.stage.places(views))}; it prints {said[0]!r}"
        )

    def _change(self) -> str:
        self.stage.configure({"greeting": "Moin"})
        views = self.stage.until("the new greeting installed", lambda: self.stage.installed(2))
        said = [self.stage.said(view, "Moin, World!") for view in views]
        return f"it prints {said[0]!r}; because: {views[0].why}"

    def _repair(self) -> str:
        view = self.stage.installed(2)[0]
        before = self.stage.life(view)
        killed = self.stage.kill(view)
        self.stage.until("another life", lambda: self.stage.life(view) not in {"", before})
        self.stage.until("status installed again", lambda: self.stage.installed(2))
        return f"{killed} was killed; the node started another by itself"

    def _cut(self) -> str:
        self.stage.link("south").unlink()
        self.stage.configure({"greeting": "Ahoy"})
        north = self.stage.until("north updated", lambda: self.stage.installed(1, "north"))[0]
        self.stage.said(north, "Ahoy, World!")
        before = self.stage.last("south", "s1")
        if "Moin" not in before:
            raise Unreachable(f"south printed {before!r}, expected to go on with Moin")
        self.stage.link("south").symlink_to(self.folder / "remote.git")
        views = self.stage.until("both sites updated", lambda: self.stage.installed(2))
        for view in views:
            self.stage.said(view, "Ahoy, World!")
        return "south went on with Moin while its remote was gone, and caught up in one step"

    def _remove(self) -> str:
        with self.stage.central() as co:
            co.apply(edits.undeploy(co.main(), NAME))
            co.render()
        self.stage.push()
        self.stage.until("removed at both sites", lambda: self.stage.states() == {"removed"})
        if left := self.stage.left():
            raise Unreachable(f"{left} workloads are left")
        return "status says removed, and no workload is left"

    def _quiet(self) -> str:
        with GitStore.open(self.folder / "remote.git") as store:
            before = store.refs()
        time.sleep(2.5)
        with GitStore.open(self.folder / "remote.git") as store:
            after = store.refs()
        if before != after:
            raise Unreachable("a ref moved although nothing was to do")
        return f"{len(after)} refs, none moved in two polls of every agent"
