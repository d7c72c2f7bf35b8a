"""A whole fleet on one machine: its agents as processes of their own, for `up` and `demo`."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from margo_gitops import process
from margo_gitops.errors import MargoError
from margo_gitops.model import layout
from margo_gitops.roles.agents import MIRROR, drivers
from margo_gitops.roles.reading import read_main
from margo_gitops.runtime.base import Owner
from margo_gitops.store.git import GitStore

STOP_WITHIN = 10.0


@dataclass(slots=True)
class Launched:
    """The agents of a fleet as child processes; `state` holds a folder for each."""

    state: Path
    runtimes: str
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_site(self, site: str, remote: str) -> None:
        """Start a site's LO; its mirror exists when this returns, so that nodes can watch it."""
        where = self.folder("lo", site)
        GitStore.create(where / MIRROR).close()
        self._start(f"lo-{site}", ["lo", "run", "--site", site, "--remote", remote], where)

    def start_node(self, site: str, node: str) -> None:
        """Start a node's EN at its site's mirror."""
        mirror = self.folder("lo", site) / MIRROR
        where = self.folder("en", f"{site}-{node}")
        words = ["en", "run", "--node", node, "--remote", str(mirror), "--runtime", self.runtimes]
        self._start(f"en-{site}-{node}", words, where)

    def folder(self, kind: str, id: str) -> Path:
        """Where an agent keeps its state."""
        made = self.state / f"{kind}-{id}"
        made.mkdir(parents=True, exist_ok=True)
        return made

    def log(self, name: str) -> str:
        """What an agent printed."""
        path = self.state / f"{name}.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def stop(self) -> None:
        """End every agent; its workloads go on."""
        for child in self.children.values():
            with suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)
        for child in self.children.values():
            try:
                child.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.children.clear()

    def _start(self, name: str, words: Sequence[str], where: Path) -> None:
        argv = [sys.executable, "-m", "margo_gitops", *words, "--state", str(where)]
        self.children[name] = process.start(argv, log=self.state / f"{name}.log")


def remove_workloads(
    state: Path, fleet: str, nodes: Mapping[str, Sequence[str]], runtimes: tuple[str, ...]
) -> None:
    """Remove every workload of these nodes (site to nodes), read from the engines themselves."""
    for site, names in nodes.items():
        for node in names:
            where = state / f"en-{site}-{node}"
            for driver in drivers(where, Owner(fleet, site, node), runtimes).values():
                for found in driver.observe():
                    driver.remove(found.id)


Prepare = Callable[["Launched", Mapping[str, Sequence[str]]], int]


def up(clone: Path, runtimes: str, say: Callable[[str], None], prepare: Prepare) -> None:
    """Run a clone's whole fleet until SIGINT or SIGTERM, then end its workloads too.

    `prepare` enrols its boxes before they start, and says how many were new.
    """
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with GitStore.open(clone) as store:
        main = read_main(store, store.resolve(layout.MAIN) or "")
        git = store.path or clone
    launched = Launched(git / "margo-up", runtimes)
    nodes = {site: [device.id for device in main.devices.get(site, ())] for site in main.sites}
    if new := prepare(launched, nodes):
        say(f"{new} boxes are enrolled with keys of this machine")
    try:
        for site, names in nodes.items():
            launched.start_site(site, str(clone))
            for node in names:
                launched.start_node(site, node)
            say(f"{site}: LO and {len(names)} nodes are at work")
        say("Ctrl-C ends the agents and their workloads. In another shell: margo status --watch")
        stopped.wait()
    finally:
        launched.stop()
        try:
            remove_workloads(launched.state, main.fleet.id, nodes, tuple(runtimes.split(",")))
            say("all workloads are removed")
        except MargoError as error:
            say(f"not all workloads could be removed: {error}")
