"""A container engine whose host lost its power, and comes back without its remote."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import dockerd
from tests.cli.running import margo
from tests.dockerd import Engine
from tests.engines import require
from tests.faults import host as hosts
from tests.faults.host import Host
from tests.two_tier import compose_file, two_tier
from tests.waiting import until

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]


class Site:
    """A host with an engine and the site's one agent; its remote is a folder that can be gone."""

    def __init__(self, folder: Path, host: Host) -> None:
        self.fleet, self._away = folder / "fleet", folder / "fleet-that-is-gone"
        self._folder, self.host = folder, host
        self.engine = Engine(dockerd.address(folder))

    def boot(self) -> None:
        """Power on: the engine, then the agent, as their units would."""
        self.host.boot()
        self.host.start("dockerd", dockerd.command(self._folder, self.host.runtime))
        until(lambda: dockerd.answers(self.engine.host), 40)

    def start(self) -> None:
        words = ["lo", "run", "--site", "north", "--remote", str(self.fleet), "--with-node", "n1"]
        words += ["--runtime", "compose", "--state", str(self._folder / "state"), "--poll", "1s"]
        env = {"DOCKER_HOST": self.engine.host, "DOCKER_CONFIG": os.environ["DOCKER_CONFIG"]}
        self.host.start("agent", [sys.executable, "-m", "margo_gitops", *words], env)

    def lose_remote(self) -> None:
        self.fleet.rename(self._away)

    def regain_remote(self) -> None:
        self._away.rename(self.fleet)

    def margo(self, *words: str) -> int:
        cwd = self.fleet if self.fleet.exists() else self._folder
        return margo(*words, cwd=cwd).returncode

    def running(self) -> list[str]:
        show = ("--filter", "label=margo-gitops.node=n1", "--format", "{{.ID}}")
        return sorted(self.engine("ps", *show).splitlines())


@pytest.fixture
def site(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    require("namespaces", hosts.problem())
    require("docker", dockerd.problem())
    folder = tmp_path_factory.mktemp("site")  # short: sockets have short names
    monkeypatch.setenv("DOCKER_CONFIG", str(dockerd.configured(folder)))
    with hosts.host(folder / "host") as host:
        yield Site(folder, host)
    dockerd.unmount(folder)


@pytest.mark.parametrize("policy", ["restart: unless-stopped", 'restart: "no"'])
def test_containers_run_again_without_the_remote(site: Site, tmp_path: Path, policy: str) -> None:
    """By the engine's own policy, and where the author asked for none, by the agent's repair."""
    site.boot()
    dockerd.with_image(site.engine)
    app = two_tier(tmp_path / "app", site.engine.image)
    file = compose_file(app)
    file.write_text(file.read_text().replace("restart: unless-stopped", policy))
    assert site.margo("init", str(site.fleet), "--open", "--name", "plant") == 0
    for words in (
        ("site", "add", "north"),
        ("device", "add", "north", "n1"),
        ("app", "add", str(app)),
        ("deploy", "two-tier-compose", "--site", "north", "--yes"),
    ):
        assert site.margo(*words) == 0, words
    site.start()
    until(lambda: site.margo("status", "--exit-code") == 0, 60)
    assert len(site.running()) == 2
    site.host.power_cut()
    site.lose_remote()
    site.boot()
    site.start()
    until(lambda: len(site.running()) == 2, 60)
    assert "remove" not in site.host.log("agent").read_text()
    site.regain_remote()
    until(lambda: site.margo("status", "--exit-code") == 0, 60)
    assert len(site.running()) == 2
