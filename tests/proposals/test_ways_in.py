"""A proposal and its ways into main: the tool's merge, and whatever people do with git."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.proposals.desk import Desk

DEPLOY = ("deploy", "hello-wasm", "--site", "north", "--site", "south", "--name", "hello", "--pr")


def merged(office: Desk, id: str) -> None:
    office.git("alice", "merge", "-q", "--no-ff", "-m", f"Merge {id}", f"proposal/{id}")


def squashed(office: Desk, id: str) -> None:
    office.git("alice", "merge", "-q", "--squash", f"proposal/{id}")
    office.git("alice", "commit", "-qm", f"{id}, squashed")


def rebased(office: Desk, id: str) -> None:
    """After something else went into main."""
    office.git("alice", "commit", "-q", "--allow-empty", "-m", "Something else")
    office.git("alice", "rebase", "-q", "main", f"proposal/{id}")
    office.git("alice", "switch", "-q", "main")
    office.git("alice", "merge", "-q", "--ff-only", f"proposal/{id}")


def test_proposed_approved_by_two_merged_published_adopted(office: Desk) -> None:
    made = office.json("alice", *DEPLOY, "--id", "first", "--reason", "the trial")
    assert made["missing"] == "0 of 2 approvals for the rule every-change"
    assert made["next"] == "margo pr approve first"
    assert "proposal/first by alice: the trial" in office.run("bob", "pr", "show", "first")
    assert "refs/heads/proposal/first" in office.refs()
    office.run("bob", "pr", "approve", "first")
    assert "1 of 2 approvals" in office.run("alice", "pr", "merge", "first", code=4)
    office.run("carol", "pr", "show", "first", "--exit-code", code=1)
    office.run("carol", "pr", "approve", "first")
    told = office.json("alice", "pr", "merge", "first")
    assert [item["site"] for item in told["rendered"]] == ["north", "south"]
    assert "refs/heads/proposal/first" not in office.refs()
    assert not office.refs("refs/margo/approval/")
    assert "Proposal: first" in office.source()
    office.fleet.settle()
    assert office.fleet.running() == {
        "n1": {"hello": "Hello"},
        "s1": {"hello": "Hello"},
        "w1": {},
    }
    office.run("bob", "pull")
    assert "by alice, approved by bob, carol" in office.run("bob", "status", "north")
    assert "nothing to render" in office.run("bob", "render", "--check")


@pytest.mark.parametrize("way", [merged, squashed, rebased])
def test_whatever_git_does_no_approval_is_void(
    office: Desk, way: Callable[[Desk, str], None]
) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.approve("first")
    office.run("alice", "pr", "show", "first")
    way(office, "first")
    assert "hello" in office.run("alice", "render", "--push")
    office.fleet.settle()
    assert office.fleet.running()["s1"] == {"hello": "Hello"}
    known = {item["id"]: item["state"] for item in office.json("alice", "pr", "list")}
    assert known == {"first": "merged"}
    assert "it runs at 2 of 2 sites" in office.run("alice", "pr", "show", "first", "--exit-code")
    office.run("alice", "pull")
    before = office.refs("refs/")
    office.run("alice", "pr", "merge", "first")
    after = office.refs("refs/")
    assert before.items() - after.items() == {
        ("refs/heads/proposal/first", before["refs/heads/proposal/first"])
    }
    assert after.items() <= before.items()


def test_a_plain_branch_is_stated_by_whoever_made_it(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.approve("first")
    office.run("alice", "pr", "merge", "first")
    intent = office.clone("alice") / "deployments" / "hello.yaml"
    office.git("alice", "switch", "-qc", "proposal/moin")
    intent.write_text(
        intent.read_text().replace("profile:", "parameters: {greeting: Moin}\nprofile:")
    )
    office.git("alice", "commit", "-qam", "Greet in Low German")
    office.git("alice", "switch", "-q", "main")
    assert "2 records not stated yet" in office.run("alice", "pr", "show", "moin")
    assert "has no statement" in office.run("alice", "pr", "approve", "moin", code=4)
    assert "2 sites alike" in office.run("alice", "pr", "create", "moin", "--reason", "they asked")
    told = office.git("alice", "log", "-1", "--format=%B", "proposal/moin")
    assert told.startswith(
        "Propose 2 records: 2 sites alike\n\nthey asked\n\n2 x hello: hello-wasm"
    )
    shown = office.run("bob", "pr", "diff", "moin")
    assert "2 sites: hello: hello-wasm 1.0.0, changed\n  at north, south" in shown
    assert "parameter greeting: Hello -> Moin" in shown


def test_set_undeploy_and_rollback_are_proposed_like_a_deployment(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.approve("first")
    office.run("alice", "pr", "merge", "first")
    words = ("set", "hello", "--param", "greeting=Moin", "--at", "north:greeting=Ahoy", "--pr")
    assert "2 records, 1 site alike, 1 differs" in office.run("alice", *words)
    office.approve("set-hello")
    office.run("alice", "pr", "merge", "set-hello")
    told = office.json("alice", "rollback", "hello", "--pr")
    assert told["id"] == "rollback-hello"
    assert "Ahoy -> Hello" in office.run("bob", "pr", "diff", "rollback-hello", "--site", "north")
    gone = office.run("alice", "undeploy", "hello", "--pr", "--reason", "the trial is over")
    assert "hello: removed, hello-wasm 1.0.0" in gone
    assert "proposal/rollback-hello changes deployments/hello.yaml too" in gone


def test_a_dry_run_proposes_and_merges_nothing(office: Desk) -> None:
    before = office.refs("refs/")
    told = office.run("alice", *DEPLOY, "--dry-run")
    assert "would propose: Deploy hello-wasm 1.0.0 as hello" in told
    office.run("alice", *DEPLOY, "--id", "first")
    assert "0 of 2 approvals" in office.run("alice", "pr", "merge", "first", "--dry-run", code=4)
    assert office.refs("refs/heads/site/") == {
        ref: tip for ref, tip in before.items() if ref.startswith("refs/heads/site/")
    }


def test_words_of_a_proposal_need_one(office: Desk) -> None:
    told = office.run("alice", *DEPLOY[:-1], "--reason", "no", code=2)
    assert "--pr" in told


def test_who_may_not_publish_merges_and_says_who_goes_on(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.approve("first")
    told = office.run("bob", "pr", "merge", "first", code=4)
    assert "proposal/first is merged, and not published" in told
    assert "margo render --push, by somebody with the role publish" in told
    assert "hello" in office.run("alice", "render", "--push")


def test_what_is_edited_here_is_not_overwritten_by_a_merge(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.approve("first")
    intent = office.clone("alice") / "deployments" / "hello.yaml"
    intent.parent.mkdir(exist_ok=True)
    intent.write_text("my own\n")
    told = office.run("alice", "pr", "merge", "first", code=5)
    assert "and not here: main cannot move on" in told
    assert intent.read_text() == "my own\n"
    intent.unlink()
    office.run("alice", "pull")
    assert "hello" in office.run("alice", "render", "--push")


def test_while_the_remote_is_away_all_goes_on_here_and_says_so(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.approve("first")
    office.run("alice", "pr", "show", "first")
    office.git("alice", "config", "remote.origin.url", "http://127.0.0.1:9/fleet.git")
    told = office.run("alice", "pr", "merge", "first")
    assert "merged here only: margo push" in told
    assert "published here only: margo push" in told
    office.git("alice", "config", "remote.origin.url", str(office.bare))
    office.run("alice", "push")
    office.fleet.settle()
    assert office.fleet.running()["n1"] == {"hello": "Hello"}
