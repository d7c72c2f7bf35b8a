"""A signed fleet at work: what people approved runs, and nothing else does."""

from __future__ import annotations

from pathlib import Path

from margo_gitops.model import layout
from margo_gitops.model.approval import Policy
from margo_gitops.render import edits
from margo_gitops.render.edits import Edit
from margo_gitops.roles.central import BareMain
from margo_gitops.roles.origin import Origin
from margo_gitops.roles.proposals.merging import merge
from margo_gitops.store.git import Authorship, GitStore
from tests.store.making import fsck
from tests.trust.world import SignedFleet


def test_a_fleet_whose_policy_asks_for_nothing_runs_what_its_publisher_signs() -> None:
    fleet = SignedFleet({"north": ("n1",)})
    fleet.co.apply(fleet.intent())
    fleet.co.render()
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Hello"}}
    assert fleet.co.status("north").in_step


def test_what_one_other_person_approved_runs() -> None:
    fleet = SignedFleet({"north": ("n1",), "south": ("s1",)}, policy=Policy(approvals=1))
    fleet.settle()
    id = fleet.propose(fleet.intent())
    assert fleet.merge(id) == []
    fleet.approve(id, "bob")
    assert [item.site for item in fleet.co.render()] == ["north", "south"]
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Hello"}, "s1": {"hello": "Hello"}}


def test_a_second_pass_of_a_signed_fleet_writes_nothing() -> None:
    fleet = SignedFleet({"north": ("n1", "n2")}, policy=Policy(approvals=1))
    fleet.approved(fleet.intent())
    fleet.settle()
    assert fleet.co.render() == []
    assert all(outcome.quiet and not outcome.troubles for outcome in fleet.poll_all())


def test_an_approval_survives_an_unrelated_merge() -> None:
    fleet = SignedFleet({"north": ("n1",), "south": ("s1",)}, policy=Policy(approvals=1))
    mine = fleet.propose(fleet.intent("mine", sites=("north",)))
    theirs = fleet.propose(fleet.intent("theirs", sites=("north", "south")))
    fleet.approve(mine, "bob")
    fleet.approve(theirs, "carol")
    fleet.merge(theirs)
    fleet.merge(mine)
    fleet.settle()
    assert fleet.running()["n1"] == {"mine": "Hello", "theirs": "Hello"}
    assert fleet.running()["s1"] == {"theirs": "Hello"}


def test_what_waits_leaves_what_runs_alone_and_is_told() -> None:
    fleet = SignedFleet({"north": ("n1",)}, policy=Policy(approvals=2))
    fleet.approved(fleet.intent(), "bob", "carol")
    fleet.settle()
    id = fleet.propose(edits_of(fleet))
    fleet.approve(id, "bob")
    assert fleet.merge(id) == []
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Hello"}}
    (late,) = fleet.co.waiting(fleet.co.main())["north"]
    assert "1 of 2 approvals for the rule every-change" in late.why


def edits_of(fleet: SignedFleet) -> Edit:
    change = edits.Settings(parameters={"greeting": "Other"})
    return edits.change(fleet.co.main(), "hello", change)


def test_a_forged_report_is_told_once_and_then_nothing_is_written() -> None:
    fleet = SignedFleet({"north": ("n1",)}, policy=Policy(approvals=1))
    fleet.approved(fleet.intent())
    fleet.settle()
    mirror, ref = fleet.sites["north"].mirror, layout.report_ref("n1")
    tip = mirror.resolve(ref)
    assert tip is not None
    files = {**mirror.files(tip), "node.json.sig": b"forged"}
    author = Authorship("Mallory", "m@example.invalid", 1)
    made = mirror.write(files, parents=[tip], author=author, message="forged\n")
    mirror.move(ref, made, old=tip)
    site = fleet.sites["north"]
    assert site.poll().commits
    assert any("report/n1: node.json" in words for words in fleet.co.status("north").refusals)
    assert site.poll().quiet
    site.restart()
    assert site.poll().quiet
    fleet.nodes["n1"].poll()


def test_a_proposal_is_merged_in_a_repository_without_a_work_tree(tmp_path: Path) -> None:
    store = GitStore.create(tmp_path / "fleet.git")
    fleet = SignedFleet({"north": ("n1",)}, remote=store, policy=Policy(approvals=1))
    id = fleet.propose(fleet.intent())
    fleet.approve(id, "bob")
    assert isinstance(fleet.co.branch, BareMain)
    merged = merge(fleet.proposing(id, "alice"), Origin(store))
    assert len(store.commit(merged.commit).parents) == 2
    assert [item.deployments for item in fleet.co.render()] == [("hello",)]
    fsck(tmp_path / "fleet.git")
    store.close()
