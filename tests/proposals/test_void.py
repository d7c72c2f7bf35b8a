"""What was approved and is not wanted any more: closed, and outnumbered."""

from __future__ import annotations

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.record import Change, Record
from tests.proposals.desk import Desk

DEPLOY = ("deploy", "hello-wasm", "--site", "north", "--site", "south", "--name", "hello", "--pr")


def record(office: Desk, site: str = "north") -> Record | None:
    """The record of the deployment that the site was sent last."""
    tip = office.fleet.remote.resolve(layout.site_ref(site))
    assert tip is not None
    data = office.fleet.remote.read(tip, layout.CHANGE) or b""
    change = canonical.load(data, Change, "change")
    return next((e.record for e in change.records if e.record.name == "hello"), None)


def test_what_runs_stays_and_the_voided_revision_is_passed(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.approve("first")
    office.run("alice", "pr", "merge", "first")
    office.fleet.settle()
    office.run("alice", "set", "hello", "--param", "greeting=Moin", "--pr", "--id", "moin")
    office.approve("moin")
    told = office.run("alice", "pr", "close", "moin", "--void", "--reason", "it drops parts")
    assert "proposal/void-moin: 0 of 2 approvals" in told
    assert "the same documents and digests as now" in office.run("bob", "pr", "diff", "void-moin")
    office.approve("void-moin")
    office.run("alice", "pr", "merge", "void-moin")
    before = record(office)
    assert before is not None
    assert before.revision == 3
    office.fleet.settle()
    assert office.fleet.running()["n1"] == {"hello": "Hello"}
    assert "nothing to render" in office.run("alice", "render")
    office.run("alice", "set", "hello", "--param", "greeting=Moin", "--pr", "--id", "again")
    office.approve("again")
    office.run("alice", "pr", "merge", "again")
    after = record(office)
    assert after is not None
    assert (after.revision, after.replaces) == (4, canonical.digest(canonical.dump(before)))


def test_a_first_deployment_that_is_voided_leaves_a_tombstone(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.approve("first")
    office.run("alice", "pr", "close", "first", "--void")
    assert "hello: removed" in office.run("bob", "pr", "diff", "void-first")
    office.approve("void-first")
    office.run("alice", "pr", "merge", "void-first")
    gone = record(office)
    assert gone is not None
    assert (gone.action, gone.revision) == ("remove", 2)
    office.fleet.settle()
    assert office.fleet.running()["n1"] == {}
    office.run("alice", *DEPLOY, "--id", "second")
    office.approve("second")
    office.run("alice", "pr", "merge", "second")
    office.fleet.settle()
    assert office.fleet.running()["n1"] == {"hello": "Hello"}


def test_closing_says_what_signatures_are_still_good_for(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.run("bob", "pr", "approve", "first")
    told = office.run("alice", "pr", "close", "first")
    assert "what bob signed stays signed" in told
    assert not office.refs("refs/margo/approval/")
    assert office.json("bob", "pr", "list") == []


def test_what_was_never_stated_has_nothing_to_void(office: Desk) -> None:
    office.git("alice", "switch", "-qc", "proposal/plain")
    office.git("alice", "commit", "-q", "--allow-empty", "-m", "Nothing yet")
    (office.clone("alice") / "NOTES").write_text("to be done")
    office.git("alice", "add", "NOTES")
    office.git("alice", "commit", "-qm", "A note")
    office.git("alice", "switch", "-q", "main")
    told = office.run("alice", "pr", "close", "plain", "--void", code=4)
    assert "nothing can be voided" in told
    assert office.git("alice", "branch", "--list", "proposal/plain")
