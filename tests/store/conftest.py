from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from margo_gitops.store.git import GitStore
from tests import gitdaemon, sshd
from tests.engines import require
from tests.gitdaemon import GitDaemon, git_daemon
from tests.servers import GitServer, git_server, problem
from tests.sshd import SshServer, ssh_server

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


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitDaemon]:
    """git's own daemon, on loopback."""
    require("git-daemon", gitdaemon.problem())
    with git_daemon(tmp_path_factory.mktemp("git-daemon")) as started:
        yield started


@pytest.fixture(scope="session")
def ssh_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """OpenSSH's server, on loopback."""
    require("sshd", sshd.problem())
    with ssh_server(tmp_path_factory.mktemp("sshd")) as started:
        yield started


@pytest.fixture
def ssh(ssh_host: SshServer, monkeypatch: pytest.MonkeyPatch) -> SshServer:
    """The same, with our side set up to be let in."""
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh_host.client())
    return ssh_host
