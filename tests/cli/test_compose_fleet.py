"""A compose application through the whole chain, looked at from outside with `docker ps`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import margo
from tests.dockerd import Engine
from tests.images import busybox
from tests.registry import RegistryServer
from tests.two_tier import two_tier

NAME = "compose-fleet/busybox"

pytestmark = pytest.mark.docker


def test_it_runs_changes_is_repaired_and_goes(
    docker: Engine, hub: RegistryServer, tmp_path: Path
) -> None:
    made = busybox("from the registry")
    hub.push(made, NAME, tag="1")
    image = json.loads(made.data)["config"]["digest"]
    fleet, state = tmp_path / "plant", str(tmp_path / "state")
    env = {"DOCKER_HOST": docker.host}

    def ok(*words: str) -> str:
        done = margo(*words, cwd=fleet if fleet.exists() else tmp_path, env=env, timeout=100)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def one_pass() -> str:
        words = ("lo", "run", "--site", "north", "--remote", str(fleet), "--with-node", "n1")
        return ok(*words, "--runtime", "compose", "--state", state, "--once")

    def containers(*, all: bool = False) -> list[str]:
        show = ("--filter", "label=margo-gitops.node=n1", "--format", "{{.ID}} {{.Image}}")
        return docker("ps", *(["-a"] if all else []), *show).splitlines()

    ok("init", str(fleet), "--open", "--name", "plant")
    ok("site", "add", "north")
    ok("device", "add", "north", "n1")
    ok("app", "add", str(two_tier(tmp_path / "app", f"{hub.host}/{NAME}:1")))
    one_pass()
    ok("deploy", "two-tier-compose", "--site", "north", "--name", "web")
    try:
        one_pass()
        ok("status", "--exit-code")
        first = containers()
        assert [docker("inspect", "--format", "{{.Image}}", id.split()[0]) for id in first] == [
            image,
            image,
        ]
        ok("set", "web", "--param", "greeting=Moin")
        one_pass()
        second = containers()
        assert len(second) == 2
        assert set(first) != set(second)
        docker("kill", second[0].split()[0])
        assert "install web: drift" in one_pass()
        assert len(containers()) == 2
        assert one_pass() == ""
    finally:
        ok("undeploy", "web")
        one_pass()
    assert containers(all=True) == []
    ok("status", "--exit-code")
