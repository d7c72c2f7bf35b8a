"""A fleet on a real server: one site that is really rendered, thousands that are only there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from margo_gitops.model import layout
from margo_gitops.roles.agents import drivers
from margo_gitops.runtime.base import Owner
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.transport import Update
from tests.bench.measure import Sample
from tests.fleet import FLEET_ID, SimulatedFleet
from tests.proxy import Between, relay
from tests.servers import GitServer, git_server

SITE, NODE = "north", "n1"
PULL = "refs/heads/pull/north"
"""The same files with a playbook beside them, for `ansible-pull`."""

_PLAYBOOK = b"""\
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - copy:
        src: deployments/
        dest: "{{ lookup('env', 'BENCH_TARGET') }}/"
"""
_FILLER = "apiVersion: application.margo.org/v1alpha1\n" + "# a deployment of another site\n" * 66


@dataclass(slots=True)
class World:
    """One fleet repository behind a counting proxy; `change` publishes one changed parameter."""

    sites: int
    repository: Path
    url: str
    proxy: Between
    fleet: SimulatedFleet = field(default_factory=lambda: SimulatedFleet({SITE: (NODE,)}))
    _changes: int = 0

    def change(self) -> str:
        """Publish another greeting for the site's one deployment; returns it."""
        self._changes += 1
        greeting = f"change-{self._changes}"
        self.fleet.set(greeting=greeting)
        self.publish()
        return greeting

    def publish(self) -> None:
        """Bring the repository up to the fleet."""
        with GitStore.open(self.repository) as store:
            tip = self.fleet.remote.resolve(layout.site_ref(SITE))
            files = self.fleet.remote.files(tip or "")
            head = store.resolve(PULL)
            commit = store.write(
                {**files, "local.yml": _PLAYBOOK},
                parents=[] if head is None else [head],
                author=self.fleet.remote.commit(tip or "").authorship(),
                message="The same for ansible-pull",
            )
            store.move(PULL, commit, old=head)
        remote = StoreTransport(self.repository)
        mine = {r: t for r, t in self.fleet.remote.refs().items() if "/status/" not in r}
        tips = remote.refs(list(mine))
        due = [Update(ref, tips.get(ref), tip) for ref, tip in mine.items() if tips.get(ref) != tip]
        remote.push(self.fleet.remote, due)

    def counted(self, work: Callable[[], Sample], times: int = 1) -> Sample:
        """The sample of `work`, with the bytes that came through the proxy meanwhile, per call."""
        before = self.proxy.received
        sample = work()
        return replace(sample, received=(self.proxy.received - before) // times)


@contextmanager
def worlds(folder: Path, sizes: tuple[int, ...]) -> Iterator[tuple[World, ...]]:
    """A world of each size on one server."""
    folder.mkdir()
    with git_server(folder) as server, relay(server.port) as proxy:
        yield tuple(_world(server, proxy, size) for size in sizes)


def remove_workloads(state: Path) -> None:
    """End what the node's agent started: workloads outlive their agents."""
    for driver in drivers(state, Owner(FLEET_ID, SITE, NODE), ("wasm",)).values():
        for found in driver.observe():
            driver.remove(found.id)


def _world(server: GitServer, proxy: Between, sites: int) -> World:
    name = f"fleet-{sites}"
    repository = server.repository(name)
    url = server.url(name).replace(str(server.port), str(proxy.port))
    subprocess.run(
        ["git", "fast-import", "--quiet"],
        cwd=repository,
        input="".join(_filling(sites)).encode(),
        check=True,
    )
    subprocess.run(["git", "pack-refs", "--all"], cwd=repository, check=True)
    world = World(sites, repository, url, proxy)
    world.fleet.deploy("hello")
    world.publish()
    return world


def _filling(sites: int) -> Iterator[str]:
    """Two branches for each site that is only there, as `git fast-import` reads them."""
    for number in range(sites - 1):
        for kind, count in (("site", 5), ("status", 2)):
            yield f"commit refs/heads/{kind}/s{number:05}\n"
            yield "committer margo <margo@example.invalid> 1700000000 +0000\ndata 6\nfiller\n"
            for file in range(count):
                data = f"# {number} {file}\n{_FILLER}"
                yield f"M 100644 inline deployments/d{file}.yaml\ndata {len(data)}\n{data}\n"
