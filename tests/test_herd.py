"""A thousand local orchestrators and one server of their own: waves of them, and no failure.

`MARGO_HERD` is the number of sites, 1,000 unless it is set. All are at work at once, each over its
own connections, on a server that has four processes for git.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from margo_gitops.errors import MargoError, Waiting
from margo_gitops.model import layout
from margo_gitops.model.report import Agent
from margo_gitops.reconcile import Outcome, once
from margo_gitops.roles.central import Central
from margo_gitops.roles.local import LocalOrchestrator
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import open_transport
from tests.engines import require
from tests.scale import intent, large_fleet, names
from tests.servers import GitServer, git_server, problem
from tests.store.making import fsck

pytestmark = pytest.mark.git_http

SITES = int(os.environ.get("MARGO_HERD", "1000"))
STEADY = 32
"""Passes at a time: some ten times as many as 1,000 sites with a poll of five minutes cause."""
ROUNDS = 25
"""More than a quiet machine needs by far: how many a busy one needs says nothing."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    require("git-http", problem())
    with git_server(tmp_path_factory.mktemp("herd")) as started:
        yield started


@pytest.fixture
def fleet(server: GitServer) -> Iterator[Central]:
    with GitStore.open(server.repository("fleet")) as store:
        co = large_fleet(store, SITES)
        co.render()
        yield co


@pytest.mark.timeout(900)
def test_all_sites_adopt_and_push_and_none_fails(fleet: Central, server: GitServer) -> None:
    herd = [_site(name, server.url("fleet")) for name in names(SITES)]
    assert _troubles(_wave(herd, STEADY)) == []
    _assert_each_reported(fleet)
    fleet.branch.commit({layout.intent_path("hello"): intent("Moin")}, "Moin")
    fleet.render()
    _all_in_one_moment(herd)
    _assert_each_reported(fleet)
    assert all(outcome.quiet for outcome in _wave(herd, STEADY))
    assert fleet.store.path is not None
    fsck(fleet.store.path)


def _all_in_one_moment(herd: list[LocalOrchestrator]) -> None:
    """As after a power cut. Whom the server turns away comes again, and nothing else happens."""
    for _ in range(ROUNDS):
        left = _troubles(_wave(herd, len(herd)))
        assert [trouble for trouble in left if not isinstance(trouble, Waiting)] == []
        if not left:
            return
    pytest.fail(f"{len(left)} sites were still turned away after {ROUNDS} rounds")


def _site(name: str, url: str) -> LocalOrchestrator:
    agent = Agent(version="0", formats=("margo-gitops/v1",), instance=name)
    store = GitStore.memory()
    return LocalOrchestrator(name, store, open_transport(url), agent, lambda: 1_800_000_000)


def _wave(herd: list[LocalOrchestrator], at_once: int) -> list[Outcome]:
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(once, herd))


def _troubles(outcomes: list[Outcome]) -> list[MargoError]:
    return [trouble for outcome in outcomes for trouble in outcome.troubles]


def _assert_each_reported(fleet: Central) -> None:
    views = fleet.statuses(names(SITES))
    assert [view.site for view in views if view.adopted != view.desired] == []
    assert {view.heard for view in views} == {1_800_000_000}
