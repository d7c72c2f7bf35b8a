"""The whole chain in one process: intent, site branch, placement, workload, status."""

from __future__ import annotations

import json

import pytest

from margo_gitops.documents import canonical
from margo_gitops.errors import Missing, Refused, Stalled, Unreachable
from margo_gitops.model import layout
from margo_gitops.model.application import ProfileType
from margo_gitops.model.record import Change
from margo_gitops.roles.placeable import unplaceable
from margo_gitops.store.git import Authorship
from tests.fleet import SimulatedFleet, SimulatedSite

AUTHOR = Authorship("Mallory", "m@example.invalid", 1)


def make(**nodes: tuple[str, ...]) -> SimulatedFleet:
    return SimulatedFleet(nodes or {"north": ("n1", "n2"), "south": ("s1",)})


def placed(fleet: SimulatedFleet) -> list[str]:
    return sorted(node for node, running in fleet.running().items() if running)


def test_an_intent_becomes_a_workload_and_its_status_comes_back() -> None:
    fleet = make()
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    assert [running for running in fleet.running().values() if running] == [{"hello": "Hello"}] * 2
    views = [fleet.co.status(site) for site in ("north", "south")]
    assert all(view.in_step for view in views)
    assert {d.state for view in views for d in view.deployments} == {"installed"}


def test_a_second_pass_takes_no_action_and_writes_no_commit() -> None:
    fleet = make()
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    before = fleet.remote.refs()
    done = [list(node.engine.actions) for node in fleet.nodes.values()]
    assert all(outcome.quiet and not outcome.troubles for outcome in fleet.poll_all())
    assert fleet.remote.refs() == before
    assert [list(node.engine.actions) for node in fleet.nodes.values()] == done


def test_a_parameter_changes_one_deployment_and_says_so() -> None:
    fleet = make(north=("n1",))
    fleet.settle()
    fleet.deploy("one", sites=("north",))
    fleet.deploy("two", sites=("north",))
    fleet.settle()
    before = len(fleet.nodes["n1"].engine.actions)
    fleet.set("one", greeting="Moin")
    fleet.settle()
    assert fleet.running()["n1"] == {"one": "Moin", "two": "Hello"}
    assert len(fleet.nodes["n1"].engine.actions) == before + 1
    why = {d.name: d.why for d in fleet.co.status("north").deployments}
    assert "parameter greeting: Hello -> Moin" in why["one"]


def test_removal_removes_and_is_reported() -> None:
    fleet = make()
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    fleet.undeploy()
    fleet.settle()
    assert placed(fleet) == []
    assert {d.state for d in fleet.co.status("north").deployments} == {"removed"}
    assert fleet.co.status("north").in_step
    assert all(outcome.quiet for outcome in fleet.poll_all())


def test_drift_is_repaired() -> None:
    fleet = make(north=("n1",))
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    engine = fleet.nodes["n1"].engine
    engine.kill(next(iter(engine.held)), "hello")
    outcome = fleet.nodes["n1"].poll()
    assert ["drift" in action for action in outcome.actions] == [True]
    assert fleet.running()["n1"] == {"hello": "Hello"}


def test_without_its_remote_everything_goes_on_and_status_waits() -> None:
    fleet = make(north=("n1",))
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    fleet.sites["north"].link.is_cut = True
    fleet.set(greeting="Moin")
    engine = fleet.nodes["n1"].engine
    engine.kill(next(iter(engine.held)), "hello")
    for _ in range(3):
        outcomes = fleet.poll_all()
        assert any(isinstance(t, Unreachable) for o in outcomes for t in o.troubles)
    assert fleet.running()["n1"] == {"hello": "Hello"}
    fleet.sites["north"].link.is_cut = False
    fleet.settle()
    assert fleet.running()["n1"] == {"hello": "Moin"}
    assert fleet.co.status("north").in_step


def test_a_node_that_was_off_catches_up_in_one_step() -> None:
    fleet = make(north=("n1",))
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    fleet.nodes["n1"].link.is_cut = True
    for greeting in ("a", "b", "c"):
        fleet.set(greeting=greeting)
        fleet.sites["north"].poll()
    before = len(fleet.nodes["n1"].engine.actions)
    fleet.nodes["n1"].link.is_cut = False
    fleet.nodes["n1"].poll()
    assert fleet.running()["n1"] == {"hello": "c"}
    assert len(fleet.nodes["n1"].engine.actions) == before + 1


def test_each_runs_on_every_node() -> None:
    fleet = make(north=("n1", "n2", "n3"))
    fleet.settle()
    fleet.deploy(sites=("north",), each=True)
    fleet.settle()
    assert placed(fleet) == ["n1", "n2", "n3"]


def test_a_selector_reaches_sites_by_label() -> None:
    fleet = make()
    fleet.settle()
    fleet.deploy(selector={"kind": "shop", "site": "south"})
    fleet.settle()
    assert placed(fleet) == ["s1"]


def test_a_deployment_stays_where_it_is_when_a_better_node_appears() -> None:
    fleet = make(north=("n1", "n2"))
    fleet.nodes["n2"].link.is_cut = True
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    assert placed(fleet) == ["n1"]
    fleet.nodes["n2"].link.is_cut = False
    fleet.set(greeting="Moin")
    fleet.settle()
    assert placed(fleet) == ["n1"]


def test_what_no_node_can_run_is_said_with_each_nodes_reason() -> None:
    fleet = make(north=("n1", "n2"))
    fleet.nodes["n1"].offers = frozenset({ProfileType.COMPOSE})
    fleet.nodes["n2"].memory = 1 << 20
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    (view,) = fleet.co.status("north").deployments
    assert view.state == "not placed"
    assert "n1 needs custom, offers compose" in view.why
    assert "n2 needs 16777216 bytes of memory" in view.why
    assert unplaceable(fleet.remote, fleet.co.main(), "hello").keys() == {"north"}


def test_agents_that_restart_do_nothing_again() -> None:
    fleet = make()
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    for site in fleet.sites.values():
        site.restart()
    for node in fleet.nodes.values():
        node.restart()
    assert all(outcome.quiet for outcome in fleet.poll_all())


def test_a_wiped_site_goes_on_where_its_status_stands() -> None:
    fleet = make(north=("n1",))
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    old = fleet.sites["north"]
    fresh = SimulatedSite("north", fleet.remote, instance="new box")
    fresh.link.is_cut = True
    fresh.poll()
    assert fresh.mirror.refs() == {}
    fresh.link.is_cut = False
    node = fleet.nodes["n1"]
    node.mirror = fresh.mirror
    node.link.to = type(node.link.to)(fresh.mirror)
    fleet.sites["north"] = fresh
    before = list(node.engine.actions)
    fleet.settle()
    assert list(node.engine.actions) == before
    assert fleet.co.status("north").in_step
    (trouble,) = old.poll().troubles
    assert isinstance(trouble, Stalled)
    assert "another agent" in str(trouble)


def test_a_rewritten_site_branch_is_refused_once_and_the_old_state_stays() -> None:
    fleet = make(north=("n1",))
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    ref = layout.site_ref("north")
    held = fleet.remote.resolve(ref)
    assert held is not None
    fleet.set(greeting="Moin")
    tip = fleet.remote.resolve(ref) or ""
    orphan = fleet.remote.write(
        fleet.remote.files(tip), parents=[], author=AUTHOR, message="rewritten"
    )
    fleet.remote.move(ref, orphan, old=tip)
    outcome = fleet.sites["north"].poll()
    assert [t.rule for t in outcome.troubles if isinstance(t, Refused)] == ["descent"]
    assert outcome.exit_code == 3
    assert len(outcome.commits) == 1
    again = fleet.sites["north"].poll()
    assert again.commits == ()
    assert fleet.running()["n1"] == {"hello": "Hello"}
    (refusal,) = fleet.co.status("north").refusals
    assert "[descent]" in refusal


def forge(fleet: SimulatedFleet, site: str, path: str, data: bytes | None) -> None:
    ref = layout.site_ref(site)
    tip = fleet.remote.resolve(ref) or ""
    forged = fleet.remote.amend(tip, {path: data}, author=AUTHOR, message="forged")
    fleet.remote.move(ref, forged, old=tip)


def bump(data: bytes, **changes: object) -> bytes:
    change = canonical.load(data, Change, "change.json")
    return canonical.dump(change.model_copy(update=changes))


@pytest.mark.parametrize(
    ("path", "data", "rule"),
    [
        ("deployments/hello.yaml", b"id: other\n", "fork"),
        ("change.json", b"{}", "format"),
        ("change.json", b"not json", "format"),
        ("change.json", None, "format"),
        ("stranger.txt", b"x", "fork"),
    ],
)
def test_a_forged_branch_is_refused(path: str, data: bytes | None, rule: str) -> None:
    fleet = make(north=("n1",))
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    forge(fleet, "north", path, data)
    outcome = fleet.sites["north"].poll()
    assert [t.rule for t in outcome.troubles if isinstance(t, Refused)] == [rule]
    fleet.settle()
    assert fleet.running()["n1"] == {"hello": "Hello"}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"site": "south"}, "site"),
        ({"fleet": "00000000-0000-4000-8000-000000000000"}, "fleet"),
        ({"generation": 1}, "rollback"),
        ({"generation": 900_000}, "jump"),
        ({"generation": 3}, "manifest"),
        ({"generation": 3, "records": ()}, "tree"),
    ],
)
def test_a_forged_change_is_refused_by_its_clause(changes: dict[str, object], rule: str) -> None:
    fleet = make(north=("n1",))
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    tip = fleet.remote.resolve(layout.site_ref("north")) or ""
    data = fleet.remote.read(tip, layout.CHANGE) or b""
    forge(fleet, "north", layout.CHANGE, bump(data, **changes))
    outcome = fleet.sites["north"].poll()
    assert [t.rule for t in outcome.troubles if isinstance(t, Refused)] == [rule]


def test_an_artifact_that_is_not_what_its_name_says_never_reaches_a_node() -> None:
    fleet = make(north=("n1",))
    fleet.settle()
    fleet.deploy()
    (ref,) = fleet.remote.refs(layout.ARTIFACTS)
    tip = fleet.remote.refs(layout.ARTIFACTS)[ref]
    evil = fleet.remote.write({"blob": b"evil"}, parents=[], author=AUTHOR, message="evil")
    fleet.remote.move(ref, evil, old=tip)
    for _ in range(3):
        outcomes = fleet.poll_all()
    rules = {t.rule for o in outcomes for t in o.troubles if isinstance(t, Refused)}
    assert rules == {"digest"}
    assert placed(fleet) == []
    fleet.remote.move(ref, tip, old=evil)
    fleet.settle()
    assert placed(fleet) == ["n1"]


def test_a_node_that_lies_about_its_name_is_not_believed() -> None:
    fleet = make(north=("n1", "n2"))
    fleet.settle()
    mirror = fleet.sites["north"].mirror
    ref = layout.report_ref("n1")
    tip = mirror.resolve(ref) or ""
    files = mirror.files(tip)
    told = json.loads(files["node.json"])
    forged = canonical.dumps({**told, "node": "n2"})
    new = mirror.amend(tip, {"node.json": forged}, author=AUTHOR, message="lie")
    mirror.move(ref, new, old=tip)
    outcome = fleet.sites["north"].poll()
    assert [t.rule for t in outcome.troubles if isinstance(t, Refused)] == ["node"]


def test_a_site_that_the_fleet_does_not_have_waits() -> None:
    fleet = make()
    outcome = SimulatedSite("west", fleet.remote).poll()
    assert [type(trouble) for trouble in outcome.troubles] == [Missing]
    assert outcome.exit_code == 4


def test_a_silent_engine_is_not_an_empty_one() -> None:
    fleet = make(north=("n1",))
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    fleet.nodes["n1"].engine.down = True
    outcome = fleet.nodes["n1"].poll()
    assert outcome.actions == ()
    assert any(isinstance(trouble, Unreachable) for trouble in outcome.troubles)
    fleet.nodes["n1"].engine.down = False
    assert fleet.running()["n1"] == {"hello": "Hello"}
