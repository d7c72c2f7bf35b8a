"""Engines that tests of several folders share; each is started once, when first asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import kube, registry
from tests.dockerd import Engine, docker_engine, problem
from tests.engines import require
from tests.registry import RegistryServer, registry_server
from tests.runtime.compose_engine import ComposeHarness
from tests.runtime.helm_engine import HelmHarness

# A node with real pods wants a network of its own, which `nox -s k8s` makes.
collect_ignore = [] if os.environ.get("MARGO_K8S") else ["k8s"]

# Two workers and an engine share a small machine: how long one example takes says nothing. CI tries
# the same examples each time, people new ones; MARGO_EXAMPLES says how many.
settings.register_profile(
    "here",
    deadline=None,
    derandomize="CI" in os.environ,
    max_examples=int(os.environ.get("MARGO_EXAMPLES", "100")),
)
settings.load_profile("here")


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A Docker engine with compose."""
    require("docker", problem())
    with docker_engine(tmp_path_factory.mktemp("docker")) as engine:
        yield engine


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """A registry that is open to all."""
    require("registry", registry.problem())
    with registry_server(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Kubernetes API server without nodes."""
    require("kube", kube.problem())
    with kube.kube(tmp_path_factory.mktemp("kube")) as config:
        yield config


@pytest.fixture(params=sorted(kube.helms()) or ["none"])
def helm(
    request: pytest.FixtureRequest,
    kubeconfig: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[HelmHarness]:
    """The real helm driver with each version of helm; nothing of it stays after the test."""
    tools = kube.helms()[request.param]
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    harness = HelmHarness(tmp_path, kube.Cluster(kubeconfig, tools))
    try:
        yield harness
    finally:
        harness.close()


@pytest.fixture
def compose(tmp_path: Path, docker: Engine) -> Iterator[ComposeHarness]:
    """The real compose driver; nothing of it stays in the engine after the test."""
    harness = ComposeHarness(tmp_path, docker)
    try:
        yield harness
    finally:
        harness.close()


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in a hook of the same name
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One engine for all that need one: two of them on a small machine starve each other."""
    for item in items:
        for engine in {"docker", "kubeconfig"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(engine))
