"""`margo demo` proves every step and leaves nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import margo
from tests.dockerd import Engine
from tests.images import busybox
from tests.registry import RegistryServer


@pytest.mark.timeout(240)
def test_every_step_is_true_and_nothing_is_left(tmp_path: Path) -> None:
    done = margo("demo", "--json", cwd=tmp_path, env={"TMPDIR": str(tmp_path)}, timeout=230)
    steps = json.loads(done.stdout)["steps"]
    assert [step["name"] for step in steps if not step["ok"]] == [], done.stdout
    assert len(steps) == 8
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.docker
@pytest.mark.timeout(300)
def test_the_same_in_containers(docker: Engine, hub: RegistryServer, tmp_path: Path) -> None:
    hub.push(busybox("demo"), "demo/busybox", tag="1")
    env = {"TMPDIR": str(tmp_path), "DOCKER_HOST": docker.host}
    words = ("demo", "--json", "--runtime", "compose", "--image", f"{hub.host}/demo/busybox:1")
    done = margo(*words, cwd=tmp_path, env=env, timeout=290)
    steps = json.loads(done.stdout)["steps"]
    assert [step["proved"] for step in steps if not step["ok"]] == [], done.stdout
    assert len(steps) == 8
    assert list(tmp_path.iterdir()) == []
    assert docker("ps", "-aq", "--filter", "label=margo-gitops.site=south") == ""


def test_without_an_engine_it_says_so(tmp_path: Path) -> None:
    env = {"TMPDIR": str(tmp_path), "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    done = margo("demo", "--runtime", "compose", cwd=tmp_path, env=env)
    assert done.returncode == 5
    assert "the runtime compose cannot be used" in done.stderr
    assert list(tmp_path.iterdir()) == []
