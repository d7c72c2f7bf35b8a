"""A site as it is: a gateway and three hosts on one switch, one of them hostile, real processes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from margo_gitops.model import layout
from margo_gitops.render import edits
from margo_gitops.roles.central import BareMain, Central
from margo_gitops.roles.serving.repositories import repository
from margo_gitops.roles.serving.tokens import read_token
from margo_gitops.store.git import Authorship, GitStore
from tests.engines import require
from tests.faults.plant import ENVIRONMENT, Plant
from tests.fleet import SimulatedFleet
from tests.netns import LAN, UPLINK, Host, problem, site_network
from tests.servers import make_certificate
from tests.serving.world import margo
from tests.store.making import fsck
from tests.waiting import until

HONEST = ("n1", "n2")
PORT = 8418
ATTACKS = {"others_doors", "foreign_objects", "other_refs", "bombs", "large_pushes", "slow_bodies",
           "idle_connections", "the_fleets_remote"}  # fmt: skip


@dataclass(frozen=True)
class Site:
    root: Path
    hosts: dict[str, Host]

    @property
    def state(self) -> Path:
        return self.root / "lo"

    @property
    def remote(self) -> Path:
        return self.root / "hq" / "remote.git"

    def start_hq(self) -> None:
        (self.remote / "git-daemon-export-ok").touch()
        words = ["git", "daemon", "--reuseaddr", f"--listen={UPLINK}.1", "--enable=receive-pack",
                 f"--base-path={self.root}/hq", f"{self.root}/hq"]  # fmt: skip
        self.hosts["hq"].start(words, self.root / "hq.log", ENVIRONMENT)
        dial = ["git", "ls-remote", f"git://{UPLINK}.1/remote.git"]
        until(lambda: self.hosts["lo"].run(*dial).returncode == 0)

    def start_lo(self) -> None:
        words = margo("lo", "run", "--site", "north", "--remote", f"git://{UPLINK}.1/remote.git",
                      "--state", str(self.state), "--poll", "1s", "--serve", f"{LAN}.1:{PORT}",
                      "--serve-cert", f"{self.root}/lan.pem",
                      "--serve-key", f"{self.root}/lan.key")  # fmt: skip
        self.hosts["lo"].start(words, self.root / "lo.log", ENVIRONMENT)
        for node in (*HONEST, "bad"):
            until(lambda node=node: self.tip(node, layout.node_ref(node)))  # type: ignore[misc]

    def start_node(self, node: str) -> None:
        url = f"https://{LAN}.1:{PORT}/{node}.git"
        (self.root / node).mkdir()
        words = margo("en", "run", "--node", node, "--remote", url, "--poll", "500ms",
                      "--runtime", "wasm", "--state", f"{self.root}/{node}/en")  # fmt: skip
        mine = {"MARGO_GIT_TOKEN": read_token(self.state, node),
                "GIT_SSL_CAINFO": f"{self.root}/lan.pem"}  # fmt: skip
        self.hosts[node].start(words, self.root / f"{node}.log", ENVIRONMENT | mine)

    def start_hostile(self) -> None:
        ids = [self.tip(node, layout.node_ref(node)) for node in HONEST]
        told = {"host": f"{LAN}.1", "port": str(PORT), "authority": f"{self.root}/lan.pem",
                "token": read_token(self.state, "bad"), "ids": " ".join(ids), "hq": f"{UPLINK}.1",
                "mine": self.tip("bad", layout.node_ref("bad"))}  # fmt: skip
        (self.root / "told.json").write_text(json.dumps(told))
        words = ["-m", "tests.serving.hostile_node", f"{self.root}/told.json", f"{self.root}/noted"]
        self.hosts["bad"].start([margo()[0], *words], self.root / "bad.log", ENVIRONMENT)

    def rounds(self) -> dict[str, int]:
        """How often the hostile node tried each attack."""
        return dict(self._noted()["rounds"])

    def won(self) -> list[str]:
        """Where it succeeded."""
        return list(self._noted()["won"])

    def _noted(self) -> dict[str, Any]:
        path = self.root / "noted"
        found: dict[str, Any] = {"rounds": {}, "won": []}
        return {**found, **json.loads(path.read_text())} if path.exists() else found

    def tip(self, node: str, ref: str) -> str:
        path = repository(self.state, node)
        if not path.exists():
            return ""
        with GitStore.open(path) as store:
            return store.resolve(ref) or ""

    def greetings(self) -> dict[str, list[str]]:
        """What the honest nodes' living workloads say."""
        return {node: Plant(self.root / node).said() for node in HONEST}

    def change(self, greeting: str) -> None:
        with GitStore.open(self.remote) as store:
            head = store.commit(store.resolve(layout.MAIN) or "")
            author = Authorship("Ada", "ada@example.invalid", head.time + 1)
            co = Central(store, BareMain(store, lambda: author))
            for node in HONEST:
                wanted = edits.Settings(parameters={"greeting": greeting})
                co.apply(edits.change(co.main(), f"hello-{node}", wanted))
            co.render()

    def seconds_until_all_say(self, greeting: str) -> float:
        self.change(greeting)
        began = time.monotonic()
        wanted = {node: [greeting] for node in HONEST}
        until(lambda: self.greetings() == wanted, 120)
        return time.monotonic() - began

    def logs(self) -> str:
        return "\n".join(f"{path}:\n{path.read_text()}" for path in self.root.glob("*.log"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    require("netns", problem())
    make_certificate(tmp_path / "lan", f"IP:{LAN}.1")
    with GitStore.create(tmp_path / "hq" / "remote.git") as store:
        fleet = SimulatedFleet({"north": (*HONEST, "bad")}, remote=store)
        for node in HONEST:
            fleet.deploy(f"hello-{node}", sites=("north",), node=node)
    with site_network((*HONEST, "bad")) as hosts:
        made = Site(tmp_path, hosts)
        try:
            yield made
        finally:
            (tmp_path / "all.txt").write_text(made.logs())


@pytest.mark.timeout(240)
def test_honest_nodes_converge_beside_a_hostile_one(site: Site) -> None:
    site.start_hq()
    site.start_lo()
    site.start_hostile()
    for node in HONEST:
        site.start_node(node)
    until(lambda: site.greetings() == {node: ["Hello"] for node in HONEST}, 90)
    until(lambda: set(site.rounds()) == ATTACKS, 120)
    for greeting in ("Moin", "Servus"):
        assert site.seconds_until_all_say(greeting) < 20
    until(lambda: _reported(site), 120)

    assert site.won() == []
    for node in (*HONEST, "bad"):
        allowed = {layout.node_ref(node), layout.report_ref(node)}
        with GitStore.open(repository(site.state, node)) as store:
            assert set(store.refs()) <= allowed
        fsck(repository(site.state, node))
    with GitStore.open(site.state / "mirror.git") as mirror:
        assert mirror.refs(layout.REPORTS) == {}
    size = sum(path.stat().st_size for path in repository(site.state, "bad").rglob("*"))
    assert size < 80 << 20
    assert _memory(site) < 300 << 20
    dial = ["git", "ls-remote", f"git://{UPLINK}.1/remote.git"]
    assert site.hosts["lo"].run(*dial).returncode == 0
    assert site.hosts["n1"].run("timeout", "3", *dial).returncode != 0


def _reported(site: Site) -> bool:
    """The fleet's remote knows both workloads as they are, and names the node that is silent."""
    with GitStore.open(site.remote) as store:
        view = Central(store, BareMain(store, lambda: Authorship("a", "b", 1))).status("north")
    states = {deployment.name: deployment.state for deployment in view.deployments}
    return states == {f"hello-{node}": "installed" for node in HONEST}


def _memory(site: Site) -> int:
    pid = int((site.state / "lock").read_text())
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) * 1024


def test_nothing_is_left_of_a_network_whose_test_failed(tmp_path: Path) -> None:
    require("netns", problem())
    with pytest.raises(ZeroDivisionError), site_network(("n1",)) as hosts:  # noqa: PT012
        started = hosts["n1"].start(["sleep", "1000"], tmp_path / "log", ENVIRONMENT)
        until(lambda: started.pid in hosts["n1"].pids())
        raise ZeroDivisionError
    assert started.wait(10) != 0
    assert not [path for path in Path("/run/netns").iterdir() if path.name == hosts["n1"].name]
