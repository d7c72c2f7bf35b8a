"""A host that lost its power, and comes back without its remote: what ran runs again."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from margo_gitops.model import layout
from margo_gitops.runtime.wasm_spec import read_record
from tests import gitdaemon
from tests.engines import require
from tests.faults import host as hosts
from tests.faults.host import BOOT_ID, Host
from tests.faults.plant import Plant, plant
from tests.faults.tracing import SEED
from tests.proxy import relay
from tests.waiting import until

STATUS, NODE = layout.status_ref("north"), layout.node_ref("n1")
CUTS = 6
LONG = 100.0
"""Seconds: a remote that is silent is left after thirty, and what waits is done then."""


@pytest.fixture(scope="module", autouse=True)
def namespaces() -> None:
    require("namespaces", hosts.problem())
    require("git-daemon", gitdaemon.problem())


@dataclass
class Line:
    """What lies between a site and its remote; it can hang up at once, or say nothing at all."""

    state: str = "on"
    _back: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _: bytes) -> None:
        if self.state == "hangs up":
            raise ConnectionResetError
        if self.state == "is silent":
            self._back.wait()

    def cut(self, state: str) -> None:
        self._back.clear()
        self.state = state

    def mend(self) -> None:
        self.state = "on"
        self._back.set()


@dataclass(frozen=True)
class Site:
    """A host with the site's LO and EN on it, which reach the remote over a line."""

    plant: Plant
    host: Host
    line: Line
    address: str

    def boot(self) -> None:
        self.host.boot()
        assert self.host.says("ls", "-A", str(self.host.runtime)) == ""

    def start(self) -> None:
        self.host.start("lo", self.plant.lo_run("--remote", self.address, "--poll", "1s"))
        self.host.start("en", self.plant.en_run("--poll", "1s"))

    def pid(self) -> int:
        """The process that the one workload's supervisor says that it is, on its host."""
        (folder,) = self.plant.en.glob("wasm/*/hello")
        record = read_record(folder)
        assert record is not None
        return record.pid

    def placed_anew(self, share: str | None) -> bool:
        """The node has been handed another share than this."""
        return self.tips(NODE)[0] != share

    def tips(self, ref: str) -> tuple[str | None, str | None]:
        """Where a branch is at the site, and at the remote."""
        return self.plant.tip(self.plant.mirror, ref), self.plant.tip(self.plant.remote, ref)


@contextmanager
def made(tmp_path: Path) -> Iterator[Site]:
    """A site at work for the first time."""
    line = Line()
    with (
        gitdaemon.git_daemon(tmp_path) as daemon,
        plant(daemon.repos / "plant", settled=False) as fleet,
        relay(daemon.port, line) as between,
        hosts.host(tmp_path / "host") as host,
    ):
        (fleet.remote / "git-daemon-export-ok").touch()
        site = Site(fleet, host, line, daemon.url("plant/remote.git", port=between.port))
        try:
            site.boot()
            site.start()
            until(lambda: fleet.mirror.exists() and fleet.in_step("Hello"), 40)
            yield site
        finally:
            line.mend()


@pytest.mark.parametrize("remote", ["hangs up", "is silent"])
def test_what_ran_runs_again_without_the_remote(tmp_path: Path, remote: str) -> None:
    with made(tmp_path) as site:
        fleet, before, boot = site.plant, site.pid(), site.host.says("cat", BOOT_ID)
        said = site.tips(STATUS)[1]
        site.host.power_cut()
        assert fleet.supervisors() == []
        assert fleet.workloads() == []
        site.line.cut(remote)
        site.boot()
        assert site.host.says("cat", BOOT_ID) not in {boot, ""}
        site.host.occupy(before)
        site.start()
        until(partial(fleet.says, "Hello"), 40)
        assert site.pid() != before
        assert site.host.says("cat", f"/proc/{before}/comm") == "sleep"
        until(lambda: site.tips(STATUS)[0] != said, LONG)
        assert site.tips(STATUS)[1] == said
        site.line.mend()
        until(lambda: site.tips(STATUS)[0] == site.tips(STATUS)[1], LONG)
        assert fleet.in_step("Hello")
        assert len(fleet.supervisors()) == 1
        assert "remove" not in site.host.log("en").read_text()
        site.host.power_cut()  # fsck takes what is written while it looks for missing
        fleet.check()


def test_a_power_cut_while_a_workload_is_applied(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    chance, pause = random.Random(SEED), threading.Event()
    with made(tmp_path) as site:
        fleet = site.plant
        for number in range(CUTS):
            greeting, share = f"cut {number}", site.tips(NODE)[0]
            fleet.commit(greeting)
            until(partial(site.placed_anew, share), 40)
            pause.wait(chance.uniform(0.0, 0.8))  # the moment is the fault: nothing waits
            site.host.power_cut()
            assert fleet.supervisors() == []
            site.line.cut("hangs up")
            site.boot()
            site.start()
            until(partial(fleet.says, greeting), 40)
            assert len(fleet.supervisors()) == 1
            site.line.mend()
            until(partial(fleet.in_step, greeting), 40)
        assert "remove" not in site.host.log("en").read_text()
        site.host.power_cut()  # fsck takes what is written while it looks for missing
        fleet.check()
    record_property("tried", CUTS)
