"""A version that does not run: tried, given up, and the last good one comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest

from margo_gitops.documents import margo, own
from margo_gitops.errors import Failing, Missing, Refused, Unreachable
from margo_gitops.model import layout
from margo_gitops.model.fleet import RuntimePolicy
from margo_gitops.model.state import State
from margo_gitops.model.status import DeploymentStatus
from margo_gitops.plan.lifecycle import CEILING, CEILING_ALONE, LONGEST_PAUSE
from margo_gitops.render.edits import Edit
from margo_gitops.roles import applying
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.transport import Update
from tests.fleet import Link, SimulatedFleet, SimulatedNode

BAD = "Moin"
NO = Failing("the press does not answer")


@dataclass(slots=True)
class Watched(Link):
    """A link that says when something is pushed."""

    pushed: Callable[[], None] = lambda: None

    def push(self, store: GitStore, updates: Sequence[Update]) -> None:
        self.pushed()
        Link.push(self, store, updates)


@pytest.fixture
def fleet() -> SimulatedFleet:
    """One node that runs `Hello`; `Moin` is a version that does not come to run."""
    made = SimulatedFleet({"north": ("n1",)})
    made.settle()
    made.nodes["n1"].engine.fails[BAD] = NO
    return made


@pytest.fixture
def running(fleet: SimulatedFleet) -> SimulatedFleet:
    fleet.deploy()
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Hello"}}
    return fleet


def node_of(fleet: SimulatedFleet) -> SimulatedNode:
    return fleet.nodes["n1"]


def told(fleet: SimulatedFleet, name: str = "hello") -> DeploymentStatus:
    node = node_of(fleet)
    tip = node.store.resolve(layout.report_ref("n1")) or ""
    data = node.store.read(tip, layout.status_path(name, "n1")) or b""
    return margo.read_status(data, "status")


def want(fleet: SimulatedFleet, greeting: str, name: str = "hello") -> None:
    fleet.set(name, greeting=greeting)
    fleet.sites["north"].poll()


def fail(fleet: SimulatedFleet, times: int) -> None:
    for _ in range(times):
        node_of(fleet).poll()


def test_a_failed_upgrade_goes_back_to_the_last_good_version_and_says_why(
    running: SimulatedFleet,
) -> None:
    want(running, BAD)
    fail(running, CEILING)
    assert running.running() == {"n1": {}}
    outcome = node_of(running).poll()
    (action,) = outcome.actions
    assert action.startswith("install hello: back to 1.0.0, the last good version: 1.0.0 failed 5")
    assert running.running() == {"n1": {"hello": "Hello"}}
    status = told(running)
    assert status.state is State.FAILED
    assert status.error is not None
    assert "failed 5 times and is given up: the press does not answer" in status.error.message
    assert "1.0.0, the last good one, runs instead" in status.error.message
    assert outcome.exit_code == 5


def test_then_there_is_nothing_more_to_do_until_something_changes(running: SimulatedFleet) -> None:
    want(running, BAD)
    fail(running, CEILING + 1)
    node = node_of(running)
    tried, done = list(node.engine.tried), list(node.engine.actions)
    for _ in range(5):
        assert node.poll().quiet
    assert (node.engine.tried, node.engine.actions) == (tried, done)
    want(running, "Ahoy")
    node.poll()
    assert running.running() == {"n1": {"hello": "Ahoy"}}
    assert told(running).state is State.INSTALLED
    assert told(running).error is None


def test_the_bad_version_asked_for_anew_is_tried_anew(running: SimulatedFleet) -> None:
    want(running, BAD)
    fail(running, CEILING + 1)
    want(running, "Hello")
    fail(running, 1)
    del node_of(running).engine.fails[BAD]
    want(running, BAD)
    fail(running, 1)
    assert running.running() == {"n1": {"hello": BAD}}


def test_pauses_between_tries_grow(fleet: SimulatedFleet) -> None:
    fleet.deploy()
    want(fleet, BAD)
    node, times = node_of(fleet), []
    for _ in range(1040):
        before = len(node.engine.tried)
        node.poll(after=0.5)
        if len(node.engine.tried) > before:
            times.append(node.seconds)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert len(times) == CEILING_ALONE


def test_while_it_is_tried_it_is_installing_and_then_failed(fleet: SimulatedFleet) -> None:
    fleet.deploy()
    want(fleet, BAD)
    node_of(fleet).poll()
    assert told(fleet).state is State.INSTALLING
    fail(fleet, CEILING_ALONE - 1)
    assert told(fleet).state is State.FAILED
    (component,) = told(fleet).components
    assert component.state is State.FAILED


def test_the_count_outlives_the_agent_and_a_restart_tries_once_at_once(
    fleet: SimulatedFleet,
) -> None:
    fleet.deploy()
    want(fleet, BAD)
    node = node_of(fleet)
    fail(fleet, CEILING_ALONE)
    assert len(node.engine.tried) == CEILING_ALONE
    node.restart()
    node.poll(after=0)
    assert len(node.engine.tried) == CEILING_ALONE + 1
    fail(fleet, 3)
    assert len(node.engine.tried) == CEILING_ALONE + 1


def test_a_restart_does_not_bring_a_given_up_upgrade_back(running: SimulatedFleet) -> None:
    want(running, BAD)
    fail(running, CEILING + 1)
    node = node_of(running)
    tried = len(node.engine.tried)
    node.restart()
    fail(running, 3)
    assert len(node.engine.tried) == tried
    assert running.running() == {"n1": {"hello": "Hello"}}


@pytest.mark.parametrize("damage", ["lost", "spoilt", "without the good one"])
def test_a_lost_memory_costs_counts_and_no_workload(running: SimulatedFleet, damage: str) -> None:
    want(running, BAD)
    fail(running, CEILING + 1)
    node, ref = node_of(running), layout.memory_ref("n1")
    tip = node.store.resolve(ref) or ""
    if damage == "lost":
        node.store.delete(ref, old=tip)
    else:
        files = {p: d for p, d in node.store.files(tip).items() if p == "memory.json"}
        files = dict.fromkeys(files, b"{") if damage == "spoilt" else files
        ada = Authorship("Ada", "ada@example.invalid", 0)
        commit = node.store.write(files, parents=[], author=ada, message="x")
        node.store.move(ref, commit, old=tip)
    del node.engine.fails[BAD]
    node.restart()
    node.poll()
    assert running.running() == {"n1": {"hello": BAD}}


@pytest.mark.parametrize("error", [Missing("no bytes yet"), Unreachable("no engine")])
def test_what_only_waits_is_no_failed_try(
    running: SimulatedFleet, error: Missing | Unreachable
) -> None:
    node = node_of(running)
    node.engine.fails[BAD] = error
    want(running, BAD)
    fail(running, 3 * CEILING)
    assert len(node.engine.tried) == 3 * CEILING
    assert told(running).state is State.PENDING


def test_what_a_policy_refuses_is_tried_once(running: SimulatedFleet) -> None:
    node = node_of(running)
    node.engine.fails[BAD] = Refused("it wants the host's network", rule="runtime-policy")
    want(running, BAD)
    fail(running, 3)
    assert len(node.engine.tried) == 1
    assert running.running() == {"n1": {"hello": "Hello"}}
    error = told(running).error
    assert error is not None
    assert "it wants the host's network" in error.message


def test_what_a_policy_refused_is_tried_again_when_the_site_allows_it(
    running: SimulatedFleet,
) -> None:
    node = node_of(running)
    node.engine.fails[BAD] = Refused("it wants the host's network", rule="runtime-policy")
    want(running, BAD)
    fail(running, 3)
    del node.engine.fails[BAD]
    fail(running, 1)
    assert running.running() == {"n1": {"hello": "Hello"}}
    main = running.co.main()
    site = main.sites["north"].model_copy(update={"runtime": RuntimePolicy(host_network=True)})
    running.co.apply(Edit({layout.site_path("north"): own.write(site)}, "Allow the network"))
    running.co.render()
    running.settle()
    assert running.running() == {"n1": {"hello": BAD}}
    assert node.engine.policies[-1].host_network


def test_what_its_engine_starts_again_and_again_is_given_up_too(running: SimulatedFleet) -> None:
    """A crash loop right after an upgrade whose start looked well."""
    want(running, "Crash")
    node = node_of(running)
    node.poll()
    for _ in range(CEILING):
        for id, components in node.engine.held.items():
            for name in components:
                node.engine.crash(id, name)
        node.poll()
    assert node.poll().actions
    assert running.running() == {"n1": {"hello": "Hello"}}


def test_a_loop_that_always_looks_well_is_given_up_too(running: SimulatedFleet) -> None:
    """Each look meets it running, long enough after the last one: its engine's count tells."""
    want(running, "Crash")
    node = node_of(running)
    node.poll()
    for _ in range(CEILING):
        for id, components in node.engine.held.items():
            for name in components:
                node.engine.restart(id, name)
        node.poll()
    node.poll()
    assert running.running() == {"n1": {"hello": "Hello"}}
    error = told(running).error
    assert error is not None
    assert "had to start it again once" in error.message


def test_a_restart_of_what_is_proven_changes_nothing(running: SimulatedFleet) -> None:
    node = node_of(running)
    for _ in range(3 * CEILING_ALONE):
        for id, components in node.engine.held.items():
            for name in components:
                node.engine.restart(id, name)
        assert not node.poll().actions
    assert running.running() == {"n1": {"hello": "Hello"}}
    assert told(running).error is None


def test_what_once_ran_soundly_is_repaired_for_ever_with_growing_pauses(
    running: SimulatedFleet,
) -> None:
    node, repaired = node_of(running), []
    for _ in range(1300):
        for id, components in node.engine.held.items():
            for name in components:
                node.engine.kill(id, name)
        if any("drift" in action for action in node.poll(after=1.0).actions):
            repaired.append(node.seconds)
    gaps = [later - earlier for earlier, later in pairwise(repaired)]
    assert gaps[:5] == [1, 2, 4, 8, 16]
    assert gaps[-1] == LONGEST_PAUSE
    node.poll()
    assert running.running() == {"n1": {"hello": "Hello"}}


def test_a_minute_without_a_fault_begins_anew(running: SimulatedFleet) -> None:
    node = node_of(running)
    for _ in range(3 * CEILING_ALONE):
        for id, components in node.engine.held.items():
            for name in components:
                node.engine.kill(id, name)
        assert any("drift" in action for action in node.poll(after=10.0).actions)
        node.poll(after=10.0)
        node.poll(after=61.0)


def test_one_failure_leaves_the_others_alone(running: SimulatedFleet) -> None:
    want(running, BAD)
    running.deploy("second")
    running.sites["north"].poll()
    fail(running, CEILING + 1)
    node = node_of(running)
    assert node.values() == {"hello": "Hello", "second": "Hello"}
    assert node.engine.actions.count(("apply", _id(running, "second"))) == 1


def test_what_is_under_way_is_reported_in_the_middle_of_a_long_pass(
    running: SimulatedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "PATIENCE", 0.0)
    want(running, "Ahoy")
    node, states = node_of(running), []

    def pushed() -> None:
        states.append(told(running).state)
        node.engine.gate.set()

    node.agent.branch.upstream = Watched(node.link.to, pushed=pushed)
    node.engine.gate.clear()
    node.poll()
    assert states == [State.INSTALLING, State.INSTALLED]
    running.undeploy()
    running.sites["north"].poll()
    node.engine.gate.clear()
    node.poll()
    assert states[2:] == [State.REMOVING, State.REMOVED]


def _id(fleet: SimulatedFleet, name: str) -> str:
    owners = node_of(fleet).engine.owners.items()
    return next(id for id, (_, known) in owners if known == name)
