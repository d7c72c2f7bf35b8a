"""A repository for each node: what its LO puts there, and what it believes of what it finds."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from margo_gitops.errors import Missing, Refused
from margo_gitops.model import layout
from margo_gitops.roles.serving.repositories import MAX_FILES, NodeRepositories, repository
from margo_gitops.roles.serving.tokens import bearer, make_token, read_token
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from tests.fleet import SimulatedFleet
from tests.store.making import commit, fsck, git

NODE, REPORT = layout.node_ref("n1"), layout.report_ref("n1")


@dataclass
class Site:
    """A site of two nodes whose mirror hands out repositories below `state`."""

    fleet: SimulatedFleet
    state: Path

    def poll(self) -> None:
        """Nodes and site, until all is said."""
        for _ in range(4):
            for node in self.fleet.nodes.values():
                node.poll()
            self.fleet.sites["north"].poll()

    @property
    def mirror(self) -> GitStore:
        return self.fleet.sites["north"].mirror


@pytest.fixture
def site(tmp_path: Path) -> Site:
    fleet = SimulatedFleet({"north": ("n1", "n2")})
    agent = fleet.sites["north"].agent
    agent.served = NodeRepositories(tmp_path, lambda: 0.0, everyone=True)
    agent.served.prepare()
    agent.__post_init__()
    for name, node in fleet.nodes.items():
        GitStore.create(repository(tmp_path, name)).close()
        far = StoreTransport(repository(tmp_path, name))
        node.agent.upstream = node.agent.branch.upstream = far
    made = Site(fleet, tmp_path)
    made.poll()
    return made


def test_it_holds_the_nodes_two_refs_and_nothing_of_another(site: Site) -> None:
    for name in ("n1", "n2"):
        path = repository(site.state, name)
        with GitStore.open(path) as store:
            assert set(store.refs()) == {layout.node_ref(name), layout.report_ref(name)}
        held = git(path, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
        other = {"n1": "n2", "n2": "n1"}[name]
        share = site.mirror.paths(site.mirror.resolve(layout.node_ref(other)) or "")
        assert share[layout.PLACEMENT] not in held.splitlines()
        fsck(path)


def test_nothing_that_a_node_wrote_enters_the_mirror(site: Site) -> None:
    assert site.mirror.refs(layout.REPORTS) == {}
    with GitStore.open(repository(site.state, "n1")) as store:
        tip = store.resolve(REPORT) or ""
    with pytest.raises(Missing):
        site.mirror.commit(tip)
    assert site.fleet.co.status("north").in_step


def test_the_mirror_decides_also_after_it_was_set_back(site: Site) -> None:
    before = site.mirror.resolve(NODE) or ""
    with GitStore.open(repository(site.state, "n1")) as store:
        later = commit(store, {"placement.json": b"{}"}, before)
        store.move(NODE, later, old=before)
    site.fleet.sites["north"].poll()
    with GitStore.open(repository(site.state, "n1")) as store:
        assert store.resolve(NODE) == before


def _report(site: Site, files: dict[str, bytes]) -> None:
    with GitStore.open(repository(site.state, "n1")) as store:
        tip = store.resolve(REPORT)
        store.move(REPORT, commit(store, files, *([tip] if tip else [])), old=tip)


BAD: dict[str, Callable[[], dict[str, bytes]]] = {
    "no report at all": lambda: {"a": b"b"},
    "no JSON": lambda: {"node.json": b"\xff", "devices/n1/capabilities.json": b"{}"},
    "many files": lambda: {f"deployments/d{n}/n1.json": b"{}" for n in range(MAX_FILES + 1)},
    "large files": lambda: {f"f{n}": bytes([n]) * (1 << 20) for n in range(5)},
}


@pytest.mark.parametrize("name", BAD)
def test_what_one_node_reports_never_blocks_another(site: Site, name: str) -> None:
    _report(site, BAD[name]())
    site.fleet.deploy()
    for _ in range(3):
        site.fleet.sites["north"].poll()
        site.fleet.nodes["n2"].poll()
    outcome = site.fleet.sites["north"].poll()
    assert any(isinstance(trouble, Refused) for trouble in outcome.troubles)
    with GitStore.open(repository(site.state, "n2")) as store:
        tip = store.resolve(layout.node_ref("n2")) or ""
        assert store.read(tip, layout.PLACEMENT) is not None


def test_a_repository_that_is_broken_never_blocks_another(site: Site) -> None:
    path = repository(site.state, "n1")
    (path / "refs/heads/node/n1").write_text("ab" * 20 + "\n")
    site.fleet.deploy()
    outcome = site.fleet.sites["north"].poll()
    assert outcome.commits
    with GitStore.open(repository(site.state, "n2")) as store:
        assert store.resolve(layout.node_ref("n2")) == site.mirror.resolve(layout.node_ref("n2"))


def test_a_repository_that_was_deleted_is_made_again(site: Site) -> None:
    path = repository(site.state, "n1")
    path.rename(site.state / "away")
    site.fleet.sites["north"].poll()
    with GitStore.open(path) as store:
        assert store.resolve(NODE) == site.mirror.resolve(NODE)


def test_locks_that_a_killed_git_left_are_removed_at_the_start(site: Site) -> None:
    lock = repository(site.state, "n1") / "refs/heads/report/n1.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    os.utime(lock, (1, 1))
    NodeRepositories(site.state, lambda: 0.0).prepare()
    assert not lock.exists()


def test_each_repository_is_tidied_in_its_turn(site: Site) -> None:
    clock = [0.0]
    served = NodeRepositories(site.state, lambda: clock[0])
    for name in ("n1", "n2"):
        for number in range(25):
            _pack(repository(site.state, name), number)
    for _ in range(4):
        served.keep()
    for name in ("n1", "n2"):
        assert len(list(repository(site.state, name).glob("objects/pack/*.pack"))) < 20


def _pack(path: Path, number: int) -> None:
    id = git(path, "hash-object", "-w", "--stdin", input=f"{number}".encode())
    git(path, "pack-objects", "-q", "objects/pack/pack", input=id.encode() + b"\n")


def test_a_token_says_whose_it_is_and_only_the_right_one_does(tmp_path: Path) -> None:
    for node in ("n1", "n2"):
        make_token(tmp_path, node)
    token = read_token(tmp_path, "n1")
    make_token(tmp_path, "n1")
    assert read_token(tmp_path, "n1") == token
    assert (tmp_path / "tokens" / "n1").stat().st_mode & 0o777 == 0o600
    assert bearer(tmp_path, f"Bearer {token}") == "n1"
    wrong = ["", token, "Bearer", "Bearer n1.", "Bearer n1", f"Bearer {token[:-1]}", "Basic ///"]
    other = f"Bearer n2{token[2:]}"
    hostile = ["Bearer ../tokens/n1.x", "Bearer .x", "Basic " + "A" * 100_000, "Bearer \xff.\xff"]
    for header in (*wrong, other, *hostile):
        assert bearer(tmp_path, header) is None
    with pytest.raises(Missing, match="--serve"):
        read_token(tmp_path, "n3")
