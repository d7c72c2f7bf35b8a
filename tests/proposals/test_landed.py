"""What came of a merged proposal: by whatever merge, at how many sites it runs."""

from __future__ import annotations

from margo_gitops.model import layout
from margo_gitops.model.proposal import Progress
from margo_gitops.roles.proposals.landed import landed, word_of_landed
from tests.proposals.desk import Desk

DEPLOY = ("deploy", "hello-wasm", "--site", "north", "--site", "south", "--name", "hello", "--pr")


def progress(office: Desk) -> list[tuple[str, Progress | None]]:
    co, store = office.fleet.co, office.fleet.remote
    found = landed(store, store.resolve(layout.MAIN) or "")
    return [(item.id, word_of_landed(co, item).progress) for item in found]


def test_progress_goes_from_no_site_to_all_of_them(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.approve("first")
    assert progress(office) == []
    office.run("alice", "pr", "merge", "first")
    assert progress(office) == [("first", Progress(0, 2, 0))]
    office.fleet.poll_all()
    office.fleet.settle()
    assert progress(office) == [("first", Progress(2, 2, 0))]


def test_a_squash_that_is_not_rendered_yet_runs_nowhere(office: Desk) -> None:
    office.run("alice", *DEPLOY, "--id", "first")
    office.approve("first")
    office.run("alice", "pr", "merge", "first")
    office.fleet.settle()
    office.run("alice", "set", "hello", "--param", "greeting=Moin", "--pr", "--id", "moin")
    office.approve("moin")
    office.git("alice", "merge", "-q", "--squash", "proposal/moin")
    office.git("alice", "commit", "-qm", "A forge's own words (#17)")
    office.git("alice", "push", "-q", "origin", "main")
    assert progress(office) == [("moin", Progress(0, 2, 0)), ("first", Progress(2, 2, 0))]
    commit = landed(office.fleet.remote, office.refs()["refs/heads/main"])[0].commit
    assert commit == office.refs()["refs/heads/main"]
    office.run("alice", "pull")
    office.run("alice", "render", "--push")
    office.fleet.settle()
    assert progress(office)[0] == ("moin", Progress(2, 2, 0))
