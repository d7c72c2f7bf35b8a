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
from margo_gitops.roles.central import Central
from margo_gitops.status.view import DeploymentView
from margo_gitops.store.clone import Clone
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import open_transport

SITES = {"north": ("n1", "n2"), "south": ("s1",)}
NAME = "hello"
PATIENCE = 30.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Stage:
    """A folder with `clone`, `remote.git` and a link for each site; `state` has the agents."""

    folder: Path
    state: Path

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

    def wasm(self, site: str, node: str) -> Path:
        """Where a node's wasm driver keeps its components."""
        return self.state / f"en-{site}-{node}" / "wasm"

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

    def workload(self, view: DeploymentView) -> Path:
        """The folder of a deployment's component."""
        site = next(s for s, nodes in SITES.items() if view.node in nodes)
        return self.wasm(site, str(view.node)) / view.id / "hello"

    def where(self, site: str, node: str) -> Path:
        """The same, by node."""
        return next(self.wasm(site, node).glob("*/hello"))

    def said(self, view: DeploymentView, text: str) -> str:
        """Wait until the workload prints this; returns it."""
        return self.until(
            f"{text!r} printed on {view.node}",
            lambda: text if text in (self.last(self.workload(view))) else "",
        )

    def last(self, workload: Path) -> str:
        """The last line that a workload printed."""
        lines = (workload / "log").read_text("utf-8", "replace").splitlines()
        return lines[-1] if lines else ""

    def living(self, state: Path, dead: int) -> bool:
        """True where a supervisor other than the dead one runs the module."""
        told = json.loads(state.read_text())
        return told.get("pid") not in {None, dead} and told.get("phase") == "running"

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
