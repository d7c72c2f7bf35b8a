"""Where the demonstration plays: a clone, a bare repository, links, and what is seen there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from margo_gitops.errors import Unreachable
from margo_gitops.render import edits
from margo_gitops.roles.agents import drivers
from margo_gitops.roles.central import Central
from margo_gitops.roles.props import Prop
from margo_gitops.runtime.base import Driver, Owner
from margo_gitops.status.view import DeploymentView
from margo_gitops.store.clone import Clone
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import open_transport

SITES = {"north": ("n1", "n2"), "south": ("s1",)}
NAME = "hello"
PATIENCE = 60.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Stage:
    """A folder with `clone`, `remote.git` and a link for each site; `state` has the agents."""

    folder: Path
    state: Path
    fleet: str
    prop: Prop

    def configure(self, parameters: dict[str, str]) -> None:
        """Change the deployment's parameters, render, push."""
        with self.central() as co:
            main = co.main()
            co.apply(edits.change(main, NAME, edits.Settings(parameters=dict(parameters))))
            co.render()
        self.push()

    def central(self) -> _Opened:
        """The CO of the person's clone."""
        return _Opened(self.folder / "clone")

    def push(self) -> None:
        """Push the clone to the bare repository."""
        Clone(self.folder / "clone").push(open_transport(str(self.folder / "remote.git")))

    def link(self, site: str) -> Path:
        """The only way from a site to the remote; cutting it is removing it."""
        return self.folder / f"link-to-remote-of-{site}"

    def node(self, site: str, node: str) -> Path:
        """Where a node's agent keeps its state."""
        return self.state / f"en-{site}-{node}"

    def driver(self, site: str, node: str) -> Driver:
        """The node's own driver, to look at what its engine holds."""
        where = self.node(site, node)
        owner = Owner(self.fleet, site, node)
        return drivers(where, owner, (self.prop.runtime,))[self.prop.runtime]

    def views(self, site: str) -> tuple[DeploymentView, ...]:
        """What the clone knows of a site after a pull; empty until the site is in step."""
        Clone(self.folder / "clone").pull(open_transport(str(self.folder / "remote.git")))
        with self.central() as co:
            view = co.status(site)
            return view.deployments if view.adopted == view.desired else ()

    def installed(self, count: int, *sites: str) -> list[DeploymentView]:
        """The deployments that are installed, if there are so many; else none."""
        views = [view for site in sites or SITES for view in self.views(site)]
        found = [view for view in views if view.state == "installed"]
        return found if len(found) == count else []

    def states(self) -> set[str]:
        """Every state that any deployment is in."""
        return {view.state for site in SITES for view in self.views(site)}

    def places(self, views: list[DeploymentView]) -> list[str]:
        """The nodes of these deployments."""
        return [str(view.node) for view in views]

    def site_of(self, view: DeploymentView) -> str:
        """The site whose node runs it."""
        return next(site for site, nodes in SITES.items() if view.node in nodes)

    def said(self, view: DeploymentView, text: str) -> str:
        """Wait until the workload prints this; returns it."""
        site, node = self.site_of(view), str(view.node)
        return self.until(
            f"{text!r} printed on {node}",
            lambda: text if text in self.last(site, node) else "",
        )

    def last(self, site: str, node: str) -> str:
        """The last line that the one workload of a node printed."""
        driver = self.driver(site, node)
        lines = [driver.logs(found.id, "hello", 1) for found in driver.observe()]
        return lines[0].strip() if lines else ""

    def life(self, view: DeploymentView) -> str:
        """What names this one life of a workload."""
        return self.prop.life(self.node(self.site_of(view), str(view.node)), view.id)

    def kill(self, view: DeploymentView) -> str:
        """End a workload behind its agent's back; what was killed."""
        return self.prop.kill(self.node(self.site_of(view), str(view.node)), view.id)

    def left(self) -> int:
        """How many workloads all nodes' engines still hold."""
        places = [(site, node) for site, nodes in SITES.items() for node in nodes]
        return sum(len(self.driver(site, node).observe()) for site, node in places)

    def until(self, what: str, condition: Callable[[], _T]) -> _T:
        """The first truthy answer; `Unreachable` after `PATIENCE` seconds."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if found := condition():
                    return found
            except (FileNotFoundError, StopIteration, json.JSONDecodeError):
                pass
            time.sleep(0.1)
        raise Unreachable(
            f"not seen within {PATIENCE:g} s: {what}",
            then="the agents' own words are in the state folder",
            help="margo demo --keep",
        )


class _Opened:
    """The CO of a clone, for a `with` block."""

    def __init__(self, clone: Path) -> None:
        """Open it when the block is entered."""
        self._clone = clone

    def __enter__(self) -> Central:
        """Open the store."""
        self._store = GitStore.open(self._clone)
        return Central(self._store, Clone(self._clone))

    def __exit__(self, *_: object) -> None:
        """Close the store."""
        self._store.close()
