"""Ten proposals merged by four processes at once: nothing dies, and nothing is published twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.record import Change
from margo_gitops.render.edits import Edit
from tests.cli.running import IDENTITY
from tests.proposals.desk import Desk, desk

NAMES = [f"app-{number}" for number in range(10)]

MERGING = """
import sys
from margo_gitops.cli import app
for id in sys.argv[1:]:
    sys.argv = ["margo", "pr", "merge", id]
    try:
        app.main()
    except SystemExit as ended:
        if ended.code:
            raise
"""


def proposed(office: Desk) -> None:
    """Each adds a deployment of its own at every site, and has its approvals."""
    for name in NAMES:
        id = office.fleet.propose(office.fleet.intent(name))
        office.fleet.approve(id, "bob", "carol")


def together(folders: list[Path], ids: list[list[str]]) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", MERGING, *some],
            cwd=folder,
            env={**os.environ, **IDENTITY},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for folder, some in zip(folders, ids, strict=True)
    ]
    said = [process.communicate(timeout=100)[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(running), "\n".join(said)


def every_record_once(office: Desk, site: str) -> None:
    """Each generation follows the one before, and no deployment was given a second revision."""
    store = office.fleet.remote
    tip = store.resolve(layout.site_ref(site))
    assert tip is not None
    history = list(store.history(tip))
    data = [store.read(commit.id, layout.CHANGE) or b"" for commit in history]
    changes = [canonical.load(item, Change, "change") for item in data]
    generations = [change.generation for change in changes]
    assert generations == list(range(generations[0], 0, -1))
    assert all(len(commit.parents) == 1 for commit in history[:-1])
    newest = {entry.record.name: entry.record.revision for entry in changes[0].records}
    assert {name: newest[name] for name in NAMES} == dict.fromkeys(NAMES, 1)


@pytest.mark.parametrize("where", ["clones", "bare"])
def test_ten_proposals_merged_by_four_processes(tmp_path: Path, where: str) -> None:
    with desk(tmp_path) as office:
        proposed(office)
        ids = [f"change-{number + 1}" for number in range(10)]
        shares = [ids[start::4] for start in range(4)]
        folders = [office.clone(who) for who in ("alice", "alice2", "alice3", "alice4")]
        for folder in folders:
            key = ["git", "config", "margo.key", str(office.folder / "key-alice")]
            subprocess.run(key, cwd=folder, check=True)
        if where == "bare":
            for name, value in (
                ("root", office.fleet.pinned),
                ("key", f"{office.folder}/key-alice"),
            ):
                subprocess.run(
                    ["git", "config", f"margo.{name}", value], cwd=office.bare, check=True
                )
            folders = [office.bare] * 4
        together(folders, shares)
        for site in office.fleet.nodes_of:
            every_record_once(office, site)
        assert not office.fleet.co.preview(office.fleet.co.main())
        office.fleet.settle()
        wanted = dict.fromkeys(NAMES, "Hello")
        assert office.fleet.running() == {"n1": wanted, "s1": wanted, "w1": wanted}
        assert not [ref for ref in office.refs() if "/proposal/" in ref]


def test_a_renderer_that_was_quicker_wins_and_the_other_is_content(tmp_path: Path) -> None:
    with desk(tmp_path) as office:
        id = office.fleet.propose(office.fleet.intent())
        office.fleet.approve(id, "bob", "carol")
        office.clone("alice")
        office.git("alice", "fetch", "-q", "origin", f"proposal/{id}")
        office.fleet.merge(id)
        before = office.refs("refs/heads/site/")
        assert "nothing to render" in office.run("alice", "render", "--push")
        assert office.refs("refs/heads/site/") == before
        office.fleet.co.apply(Edit({"NOTES": b"nothing that sites see\n"}, "A note"))
        assert "nothing to render" in office.run("alice", "render", "--push")
