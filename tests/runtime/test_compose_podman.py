"""The compose driver on podman's socket: what differs there, and one whole life."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from margo_gitops.runtime.base import Workload
from tests.contracts.driver import ONE, OTHER, STRANGER, running, workload
from tests.engines import require
from tests.images import busybox, pinned
from tests.podman import podman, problem
from tests.runtime.compose_engine import ComposeHarness
from tests.waiting import until

pytestmark = pytest.mark.docker


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[ComposeHarness]:
    require("podman", problem())
    with podman() as engine:
        harness = ComposeHarness(tmp_path, engine)
        try:
            yield harness
        finally:
            harness.close()


def test_a_life_on_podman_beside_a_stranger(harness: ComposeHarness) -> None:
    """Podman takes several label filters as alternatives: what it answers is filtered again."""
    theirs = harness.driver(STRANGER)
    theirs.apply(workload(harness, id=OTHER))
    life = harness.life(OTHER, "hello")
    ours = harness.driver()
    assert ours.available() is None
    ours.apply(workload(harness))
    assert running(ours).id == ONE
    until(lambda: "Hello" in ours.logs(ONE, "hello"))
    harness.kill(ONE, "hello")
    ours.apply(workload(harness))
    ours.remove(OTHER)
    ours.remove(ONE)
    assert list(ours.observe()) == []
    assert [seen.id for seen in theirs.observe()] == [OTHER]
    assert harness.life(OTHER, "hello") == life


def test_podman_takes_an_image_from_files_and_runs_exactly_that(
    harness: ComposeHarness, tmp_path: Path
) -> None:
    image = pinned(busybox("podman"), "registry.invalid/press:1", tmp_path)
    component = harness.made({"services": {"press": {"image": image.reference}}}, images=(image,))
    harness.driver().apply(Workload(ONE, "press", "o1", (component,)))
    (container,) = harness.containers(ONE)
    assert harness.asked(container, "{{.Image}}").removeprefix("sha256:") == image.id[7:]
    for file in image.files.values():
        file.unlink()
    harness.driver().apply(Workload(ONE, "press", "o2", (component,)))
    assert running(harness.driver()).origin == "o2"
    harness.driver().remove(ONE)
    assert harness.containers(ONE) == []
