"""A proposal that touches a thousand sites: how long it takes, and how long a second look takes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.approval import Policy
from margo_gitops.roles.central import BareMain, Central
from margo_gitops.roles.ceremony import Ceremony, first_root, with_person
from margo_gitops.store.git import GitStore
from margo_gitops.trust.enrolment import site_enrolment
from tests.cli.running import margo
from tests.fleet import FLEET_ID
from tests.scale import ADA, large_fleet, names
from tests.trust.keys import key, line, written

SITES = 1000


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A published fleet whose changes ask for two approvals from now on, and its root's digest."""
    folder = tmp_path_factory.mktemp("large")
    store = GitStore.create(folder / "fleet.git")
    large_fleet(store, SITES)
    files = first_root(FLEET_ID, "alice", key("alice"))
    pinned = canonical.digest(files[layout.root_path(1)])
    co = Central(store, BareMain(store, lambda: ADA), pinned, lambda: key("alice"))
    co.branch.commit(files, "The first root\n")
    ceremony = _ceremony(co)
    enrolled: dict[str, bytes | None] = {}
    for site, place in co.main().sites.items():
        trust = co.trust()
        assert trust is not None
        made = site_enrolment(trust.trust(site), place, line(f"{site}/"))
        enrolled |= ceremony.enrol(made, f"Enrol {site}").changes
    co.branch.commit(enrolled, "Every site\n")
    trust = co.trust()
    assert trust is not None
    root = trust.roots.root.model_copy(update={"policy": Policy(approvals=2)})
    for name in ("bob", "carol"):
        root = with_person(root, name, line(name), ("approve",))
    assert len(co.render()) == SITES
    co.apply(_ceremony(co).next_root(root, "Persons, and two approvals"))
    written("alice", folder / "key-alice")
    yield folder, pinned
    store.close()


def _ceremony(co: Central) -> Ceremony:
    trust = co.trust()
    assert trust is not None
    return Ceremony(co.store, trust.commit, trust.roots, key("alice"))


def _spent() -> float:
    """CPU seconds of the processes that were waited for."""
    used = os.times()
    return used.children_user + used.children_system


def test_a_proposal_over_a_thousand_sites(
    fleet: tuple[Path, str], record_property: Callable[[str, object], None]
) -> None:
    folder, pinned = fleet
    assert margo("clone", str(folder / "fleet.git"), "clone", cwd=folder).returncode == 0
    env = {"MARGO_KEY": str(folder / "key-alice"), "MARGO_FLEET": str(folder / "clone")}
    assert margo("trust", "pin", pinned, cwd=folder, env=env).returncode == 0
    begun, spent = time.perf_counter(), _spent()
    words = ("set", "hello", "--param", "greeting=Moin", "--yes", "--pr")
    own = [word for site in names(3) for word in ("--at", f"{site}:greeting=Ho")]
    done = margo(*words, *own, cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    assert "1000 records, 997 sites alike, 3 differ" in done.stdout
    record_property("proposed_seconds", round(time.perf_counter() - begun, 1))
    record_property("proposed_cpu", round(_spent() - spent, 1))
    assert _spent() - spent < 20
    begun, spent = time.perf_counter(), _spent()
    done = margo("pr", "diff", "set-hello", cwd=folder, env=env)
    assert "997 sites: hello: hello-wasm 1.0.0, changed" in done.stdout
    record_property("again_seconds", round(time.perf_counter() - begun, 2))
    assert _spent() - spent < 2
