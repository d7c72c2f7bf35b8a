"""What people do to containers by hand, what a second pass asks of the engine, a full engine."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from margo_gitops.errors import Failing, Invalid, MargoError
from margo_gitops.model.state import State
from margo_gitops.runtime.base import Workload
from tests.contracts.driver import ONE, OTHER, running, workload
from tests.dockerd import IMAGE, docker_engine
from tests.images import busybox, pinned
from tests.runtime.compose_engine import ComposeHarness

pytestmark = pytest.mark.docker


def test_a_second_apply_and_a_look_ask_for_no_change(compose: ComposeHarness) -> None:
    """The engine's own journal has nothing of it."""
    compose.driver().apply(workload(compose, components=("first", "second")))
    running(compose.driver())
    since = f"{time.time():.9f}"
    compose.driver().apply(workload(compose, components=("first", "second")))
    running(compose.driver())
    until = f"{time.time():.9f}"
    said = compose.engine("events", "--since", since, "--until", until, "--format", "{{.Action}}")
    assert [line for line in said.splitlines() if not line.startswith("exec_")] == []
    (container,) = compose.containers(ONE, "first")
    compose.engine("restart", "-t", "1", container)
    more = compose.engine("events", "--since", since, "--until", f"{time.time():.9f}")
    assert "start" in more, "the journal says nothing at all"


def test_a_stopped_container_is_started_again(compose: ComposeHarness) -> None:
    compose.driver().apply(workload(compose))
    (container,) = compose.containers(ONE)
    compose.engine("stop", "-t", "2", container)
    (seen,) = compose.driver().observe()
    assert seen.components[0].state in {State.FAILED, State.INSTALLED}
    compose.engine("kill", container, check=False)
    compose.driver().apply(workload(compose))
    running(compose.driver())
    assert len(compose.containers(ONE)) == 1


def test_a_renamed_container_is_still_ours_and_is_not_doubled(compose: ComposeHarness) -> None:
    compose.driver().apply(workload(compose))
    (container,) = compose.containers(ONE)
    compose.engine("rename", container, "somebody-s-name")
    running(compose.driver())
    compose.driver().apply(workload(compose))
    assert compose.containers(ONE) == [container]
    compose.driver().apply(workload(compose, origin="o2", greeting="Servus"))
    assert running(compose.driver()).origin == "o2"
    assert len(compose.containers(ONE)) == 1
    compose.driver().remove(ONE)
    assert compose.leftovers(ONE) == []


def test_what_was_deleted_with_its_network_comes_back(compose: ComposeHarness) -> None:
    compose.driver().apply(workload(compose))
    compose.engine("rm", "--force", *compose.containers(ONE))
    projects = ("--filter", "label=com.docker.compose.project")
    compose.engine("network", "rm", *compose.engine("network", "ls", "-q", *projects).split())
    compose.driver().apply(workload(compose))
    running(compose.driver())


def test_two_deployments_for_one_port(compose: ComposeHarness) -> None:
    text = {
        "services": {
            "web": {
                "image": IMAGE,
                "command": ["sh", "-c", "while :; do sleep 60; done"],
                "ports": ["127.0.0.1:18077:80"],
                "stop_grace_period": "1s",
            }
        }
    }
    first, second = (Workload(id, "web", "o1", (compose.made(text),)) for id in (ONE, OTHER))
    compose.driver().apply(first)
    life = compose.life(ONE, "hello")
    with pytest.raises(Invalid, match="port"):
        compose.driver().apply(second)
    assert compose.life(ONE, "hello") == life
    compose.driver().remove(ONE)
    compose.driver().apply(second)
    (seen,) = compose.driver().observe()
    assert (seen.id, seen.components[0].state) == (OTHER, State.INSTALLED)


@pytest.fixture
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeHarness]:
    """An engine of its own on a disk of 64 MB."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "data").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder / "data")]
    subprocess.run(mount, check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DOCKER_HOST", raising=False)
        with docker_engine(folder) as engine:  # which unmounts all below its folder
            yield ComposeHarness(folder, engine)


def test_a_full_engine_says_so_and_what_runs_runs_on(small: ComposeHarness, tmp_path: Path) -> None:
    small.driver().apply(workload(small))
    life = small.life(ONE, "hello")
    image = pinned(busybox("large", ballast=96 << 20), "registry.invalid/large:1", tmp_path)
    text = {"services": {"large": {"image": image.reference}}}
    large = replace(workload(small), id=OTHER, components=(small.made(text, images=(image,)),))
    with pytest.raises(MargoError, match="no space left") as caught:
        small.driver().apply(large)
    assert isinstance(caught.value, Failing)
    assert small.life(ONE, "hello") == life
    running(small.driver())
    small.driver().remove(ONE)
