"""What a poll of one ref brings over the wire, in a remote of 20,000 refs."""

from __future__ import annotations

import uuid
from contextlib import closing
from pathlib import Path

import pytest

from margo_gitops.store.git import GitStore
from margo_gitops.store.http import HttpTransport
from margo_gitops.store.transport import open_transport
from tests.gitdaemon import GitDaemon
from tests.proxy import relay
from tests.servers import GitServer
from tests.sshd import SshServer
from tests.store.making import commit, git

SITE = "refs/heads/site/04242"
LIMIT = 2048
HANDSHAKE = 4096


@pytest.fixture
def name() -> str:
    return f"{uuid.uuid4().hex}.git"


def _fill(path: Path) -> dict[str, str]:
    """20,000 refs in a repository, packed; what a poll of one of them finds."""
    with GitStore.open(path) as store:
        id = commit(store)
    names = sorted(
        f"refs/heads/{kind}/{n:05}" for kind in ("site", "status") for n in range(10_000)
    )
    lines = [f"{id} {name}\n" for name in names]
    (path / "packed-refs").write_text(
        "# pack-refs with: peeled fully-peeled sorted \n" + "".join(lines)
    )
    assert len(git(path, "for-each-ref").splitlines()) == 20_000
    return {SITE: id}


def test_over_git(daemon: GitDaemon, name: str) -> None:
    found = _fill(daemon.repository(name))
    with relay(daemon.port) as between:
        far = open_transport(daemon.url(name, port=between.port))
        assert far.refs([SITE]) == found
        assert between.connections == 1
    assert 0 < between.received <= LIMIT


@pytest.mark.git_http
def test_over_http_the_first_poll_and_the_next(server: GitServer, name: str) -> None:
    found = _fill(server.repository(name))
    with relay(server.port) as between:
        url = server.url(name).replace(str(server.port), str(between.port))
        with closing(HttpTransport(url)) as far:
            assert far.refs([SITE]) == found
            assert 0 < (first := between.received) <= LIMIT
            assert far.refs([SITE]) == found
            assert 0 < between.received - first <= LIMIT
            assert between.connections == 1


def test_over_ssh_git_and_its_encryption(
    ssh: SshServer, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _fill(ssh.repository(name))
    program = tmp_path / "ssh"
    program.write_text(f'#!/bin/sh\n{ssh.client()} "$@" | tee {tmp_path}/received\n')
    program.chmod(0o755)
    monkeypatch.setenv("MARGO_SSH", str(program))
    with relay(ssh.port) as between:
        assert open_transport(ssh.url(name, port=between.port)).refs([SITE]) == found
    assert 0 < (tmp_path / "received").stat().st_size <= LIMIT
    assert between.received <= LIMIT + HANDSHAKE
