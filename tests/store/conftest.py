from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from margo_gitops.store.git import GitStore
from tests.engines import require
from tests.servers import GitServer, git_server, problem

pytest.register_assert_rewrite("tests.contracts.transport")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[GitStore]:
    with GitStore.create(tmp_path / "store.git") as store:
        yield store


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GitStore]:
    made = (
        GitStore.memory() if request.param == "memory" else GitStore.create(tmp_path / "either.git")
    )
    with made:
        yield made


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """nginx with git http-backend, on loopback."""
    require("git-http", problem())
    with git_server(tmp_path_factory.mktemp("git-http")) as started:
        yield started
