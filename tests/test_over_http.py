"""A site whose only link is a real git server: TLS, a password, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import Update, open_transport
from tests.engines import require
from tests.fleet import SimulatedFleet
from tests.servers import GitServer, git_server, problem

pytestmark = pytest.mark.git_http


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    require("git-http", problem())
    with git_server(tmp_path_factory.mktemp("fleet-over-http")) as started:
        yield started


def test_intent_to_workload_and_status_over_https(
    server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSL_CAINFO", str(server.authority))
    server.repository("fleet")
    remote = open_transport(server.url("fleet", tls=True))
    fleet = SimulatedFleet({"north": ("n1",)})
    site, node = fleet.sites["north"], fleet.nodes["n1"]
    site.agent.upstream = site.agent.branch.upstream = remote

    def publish() -> None:
        tips = remote.refs(["refs/"])
        mine = {r: t for r, t in fleet.remote.refs().items() if "status/" not in r}
        due = [Update(ref, tips.get(ref), tip) for ref, tip in mine.items() if tips.get(ref) != tip]
        remote.push(fleet.remote, due)

    def poll() -> None:
        for _ in range(3):
            assert site.poll().troubles == ()
            assert node.poll().troubles == ()
        site.poll()

    publish()
    poll()
    fleet.deploy()
    publish()
    poll()
    assert node.values() == {"hello": "Hello"}
    with GitStore.memory() as store:
        ref = "refs/heads/status/north"
        remote.fetch(store, {ref: remote.refs([ref])[ref]})
        files = store.files(remote.refs([ref])[ref])
    assert b'"state":"installed"' in files["deployments/hello/n1.json"]
    assert site.poll().quiet
    assert node.poll().quiet
