"""What goes wrong between people: each is said, with the next step, and nothing is half done."""

from __future__ import annotations

import pytest

from margo_gitops.model.approval import Policy
from tests.proposals.desk import Desk

DEPLOY = ("deploy", "hello-wasm", "--site", "north", "--site", "south", "--name", "hello", "--pr")


def deployed(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.approve("first")
    office.run("alice", "pr", "merge", "first")


def test_a_stale_main_is_merged_with_and_an_unrelated_change_voids_nothing(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.approve("first")
    office.run("bob", "deploy", "hello-wasm", "--site", "west", "--name", "other", "--pr")
    office.approve("deploy-other", ("carol", "alice"))
    office.fleet.publisher = "alice"
    office.run("alice", "pr", "merge", "deploy-other")
    assert office.json("alice", "pr", "show", "first")["missing"] is None
    office.run("alice", "pr", "merge", "first")
    office.fleet.settle()
    assert office.fleet.running() == {
        "n1": {"hello": "Hello"},
        "s1": {"hello": "Hello"},
        "w1": {"other": "Hello"},
    }


def test_two_proposals_for_one_deployment_the_second_is_stated_again(office: Desk) -> None:
    own = ("--param", "addressee=All", "--param", "greeting=Hi")
    office.run("alice", *DEPLOY, *own, "--id", "first")
    office.approve("first")
    office.run("alice", "pr", "merge", "first")
    office.run("alice", "set", "hello", "--param", "addressee=Me", "--pr", "--id", "moin")
    told = office.run("alice", "set", "hello", "--at", "north:greeting=Ho", "--pr", "--id", "you")
    assert "proposal/moin changes deployments/hello.yaml too" in told
    office.approve("moin")
    office.approve("you")
    office.run("alice", "pr", "merge", "moin")
    told = office.run("bob", "pr", "approve", "you", code=3)
    assert "north: hello was revision 2 and is 3: another came first" in told
    assert "margo pr create you, again" in told
    before = office.refs()
    office.run("alice", "pr", "merge", "you", code=3)
    assert office.refs() == before
    assert "0 of 2 approvals" in office.run("alice", "pr", "create", "you", "--reason", "again")
    office.approve("you")
    office.run("alice", "pr", "merge", "you")
    office.fleet.settle()
    assert office.fleet.running()["n1"] == {"hello": "Ho"}


def test_files_that_contradict_each_other_are_named(office: Desk) -> None:
    deployed(office)
    office.run("alice", "set", "hello", "--param", "greeting=Moin", "--pr", "--id", "moin")
    office.run("alice", "set", "hello", "--param", "greeting=Hi", "--pr", "--id", "hi")
    office.approve("moin")
    office.run("alice", "pr", "merge", "moin")
    told = office.run("alice", "pr", "show", "hi", code=5)
    assert "deployments/hello.yaml" in told
    assert "git merge main, on that branch" in told


def test_what_was_pushed_after_the_statement_is_not_merged_with_it(office: Desk) -> None:
    deployed(office)
    office.run("alice", "set", "hello", "--at", "north:greeting=Moin", "--pr", "--id", "moin")
    office.approve("moin")
    office.git("alice", "switch", "-q", "proposal/moin")
    intent = office.clone("alice") / "deployments" / "hello.yaml"
    intent.write_text(intent.read_text() + "  south:\n    parameters:\n      greeting: Pwned\n")
    office.git("alice", "commit", "-qam", "More")
    office.git("alice", "switch", "-q", "main")
    told = office.run("alice", "pr", "merge", "moin", code=4)
    assert "1 record changed after it was stated" in told
    assert "margo pr create moin" in told


def test_a_closed_proposal_takes_no_approval_and_does_not_come_back(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.run("bob", "pr", "show", "first")
    assert "closed proposal/first" in office.run("alice", "pr", "close", "first")
    told = office.run("bob", "pr", "approve", "first", code=4)
    assert "proposal/first was closed or merged there" in told
    assert "nothing was signed" in told.lower()
    office.run("bob", "push")
    assert "refs/heads/proposal/first" not in office.refs()
    assert "it was closed or merged" in office.run("alice", "pr", "close", "first", code=4)


def test_what_is_merged_loses_its_branch_alone(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.approve("first")
    office.run("alice", "pr", "show", "first")
    office.git("alice", "merge", "-q", "--squash", "proposal/first")
    office.git("alice", "commit", "-qm", "first")
    told = office.run("alice", "pr", "close", "first", "--void", code=1)
    assert "proposal/first is merged" in told
    office.run("alice", "pr", "close", "first")
    assert "hello" in office.run("alice", "render", "--push")
    assert len(office.refs("refs/margo/approval/")) == 3


def test_a_policy_that_nobody_can_meet_is_said_before_anybody_signs(office: Desk) -> None:
    fleet = office.fleet
    root = fleet.trust.roots.root
    fleet.change_root(root.model_copy(update={"policy": Policy(approvals=3)}), "bob", "carol")
    before = office.refs()
    told = office.run("alice", *DEPLOY, code=5)
    assert "the rule every-change asks for 3 approvals, and 2 persons besides alice" in told
    assert "margo trust add" in told
    assert office.refs() == before
    assert not office.git("alice", "branch", "--list", "proposal/*")


def test_a_site_that_is_gone_is_named(office: Desk) -> None:
    office.run(
        "alice", "deploy", "hello-wasm", "--selector", "kind=shop", "--name", "hello", "--pr"
    )
    office.approve("deploy-hello")
    office.git("alice", "rm", "-q", "-r", "sites/south.yaml", "devices/south")
    office.git("alice", "commit", "-qm", "The site south is closed")
    told = office.run("alice", "pr", "merge", "deploy-hello", code=3)
    assert "south: hello has no site any more" in told


def test_a_site_that_is_named_and_gone_is_named(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.approve("first")
    office.git("alice", "rm", "-q", "-r", "sites/south.yaml", "devices/south")
    office.git("alice", "commit", "-qm", "The site south is closed")
    told = office.run("alice", "pr", "merge", "first", code=1)
    assert "names the site south, which is not in sites/" in told


@pytest.mark.parametrize("id", ["No", "../x", "a" * 64, ""])
def test_an_id_that_no_branch_can_have_is_refused(office: Desk, id: str) -> None:
    office.run("alice", *DEPLOY, "--id", id, code=2 if id else 0)


def test_an_id_in_use_is_said(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    told = office.run("alice", *DEPLOY[:-3], "--name", "more", "--pr", "--id", "first", code=1)
    assert "proposal/first exists" in told


def test_without_its_remote_a_proposal_stays_here_and_is_sent_later(office: Desk) -> None:
    office.clone("alice")
    office.bare.rename(office.folder / "away.git")
    told = office.run("alice", *DEPLOY, "--id", "first", code=5)
    assert "no git repository" in told
    assert not office.git("alice", "branch", "--list", "proposal/*")


def test_a_branch_that_its_author_rebased_is_sent_and_followed(office: Desk) -> None:
    deployed(office)
    office.run("alice", "set", "hello", "--param", "greeting=Moin", "--pr", "--id", "moin")
    office.run("bob", "pr", "show", "moin")
    office.git("alice", "commit", "-q", "--allow-empty", "-m", "Something else")
    office.git("alice", "rebase", "-q", "main", "proposal/moin")
    office.git("alice", "switch", "-q", "main")
    office.run("alice", "push")
    tip = office.git("alice", "rev-parse", "proposal/moin").strip()
    assert office.refs()["refs/heads/proposal/moin"] == tip
    office.run("bob", "pr", "approve", "moin")
    assert office.git("bob", "rev-parse", "proposal/moin").strip() == tip


def test_a_branch_that_two_wrote_anew_is_pushed_over_by_nobody(office: Desk) -> None:
    deployed(office)
    office.run("alice", "set", "hello", "--param", "greeting=Moin", "--pr", "--id", "moin")
    office.run("bob", "pr", "show", "moin")
    for who in ("bob", "alice"):
        office.git(who, "switch", "-q", "proposal/moin")
        office.git(who, "commit", "-q", "--allow-empty", "--amend", "-m", f"By {who}")
        office.git(who, "switch", "-q", "main")
    office.run("bob", "push")
    theirs = office.refs()["refs/heads/proposal/moin"]
    for _ in range(2):
        office.run("alice", "pr", "show", "moin")
        office.run("alice", "push")
    assert office.refs()["refs/heads/proposal/moin"] == theirs


def test_an_old_main_is_said_before_anything_is_proposed(office: Desk) -> None:
    office.clone("bob")
    deployed(office)
    told = office.run("bob", "set", "hello", "--param", "greeting=Moin", "--pr", code=5)
    assert "at the remote" in told
    assert "margo pull" in told


def test_a_broken_glass_is_mended_by_approvals_in_order(office: Desk) -> None:
    fleet = office.fleet
    root = fleet.trust.roots.root
    fleet.change_root(root.model_copy(update={"policy": Policy(approvals=2, break_glass=1)}))
    office.run("alice", *DEPLOY, "--id", "first")
    office.run("alice", "pr", "create", "first", "--break-glass", "--reason", "it burns")
    office.run("bob", "pr", "approve", "first")
    office.run("alice", "pr", "merge", "first")
    assert "BREAK-GLASS" in office.run("alice", "status")
    office.run("alice", "pr", "create", "calm", "--again", "--reason", "it was right")
    assert "0 of 2" in office.run(
        "alice", "pr", "create", "calm", "--again", "--reason", "so it was"
    )
    office.approve("calm")
    office.run("alice", "pr", "merge", "calm")
    fleet.settle()
    office.run("alice", "pull")
    told = office.run("alice", "status")
    assert "BREAK-GLASS" not in told
    assert "approved by bob, carol" in told


def test_what_others_wrote_does_nothing_to_a_terminal(office: Desk) -> None:
    hostile = "fine\x1b[2K\x1b[1A\x9b31m\u202eevil"
    office.run("alice", *DEPLOY, "--id", "first", "--reason", hostile)
    for words in (("pr", "list"), ("pr", "show", "first"), ("pr", "list", "--json")):
        said = office.run("bob", *words)
        assert "evil" in said
        assert not set("\x1b\x9b\u202e") & set(said)
    assert office.json("bob", "pr", "list")[0]["reason"] == hostile


def test_an_id_that_was_used_before_is_another_proposal(office: Desk) -> None:
    deployed(office)
    office.git("alice", "switch", "-qc", "proposal/first")
    intent = office.clone("alice") / "deployments" / "hello.yaml"
    intent.write_text(
        intent.read_text().replace("profile:", "parameters: {greeting: Moin}\nprofile:")
    )
    office.git("alice", "commit", "-qam", "The id again")
    office.git("alice", "switch", "-q", "main")
    assert "2 records not stated yet" in office.run("alice", "pr", "show", "first")
    assert office.json("alice", "pr", "list")[0]["state"] == "open"
    office.run("alice", "pr", "create", "first", "--reason", "again")
    office.approve("first")
    office.run("alice", "pr", "merge", "first")
    office.fleet.settle()
    assert office.fleet.running()["n1"] == {"hello": "Moin"}
