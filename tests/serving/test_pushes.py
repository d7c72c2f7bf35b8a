"""What a hostile node pushes."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from margo_gitops.model import layout
from margo_gitops.store.git import GitStore
from margo_gitops.store.served import environment
from tests.serving.asking import (
    NODE,
    RECEIVE,
    REPORT,
    ZERO,
    git,
    memory,
    object_id,
    pack_of,
    post,
    push_of,
    refs,
)
from tests.serving.world import Served
from tests.store.hostile import entry, make_pack, pkt
from tests.store.making import commit, run_git

pytestmark = pytest.mark.usefixtures("undisturbed")


@pytest.fixture
def clone(site: Served, tmp_path: Path) -> Path:
    """A clone of n1 by stock git, with one commit that its report could be."""
    made = git(site, tmp_path, "clone", "-q", "-b", "node/n1", site.basic("n1"), "clone")
    assert made.returncode == 0, made.stderr
    assert git(site, tmp_path / "clone", "commit", "--allow-empty", "-qm", "mine").returncode == 0
    return tmp_path / "clone"


@pytest.mark.parametrize(
    "spec",
    ["HEAD:refs/heads/node/n1", "+HEAD:refs/heads/node/n1", "HEAD:refs/heads/report/n2",
     "HEAD:refs/heads/main", "HEAD:refs/heads/report/n1/below", "HEAD:refs/tags/x",
     "HEAD:refs/margo/artifact/x", ":refs/heads/node/n1"],
)  # fmt: skip
def test_no_other_ref_is_moved(site: Served, clone: Path, spec: str) -> None:
    done = git(site, clone, "push", "origin", spec)
    assert done.returncode != 0
    assert set(refs(site)) == {NODE}


def test_a_report_is_neither_deleted_nor_set_back(site: Served, clone: Path) -> None:
    assert git(site, clone, "push", "-q", "origin", f"HEAD:{REPORT}").returncode == 0
    tip = refs(site)[REPORT]
    for spec in (f":{REPORT}", f"+HEAD~1:{REPORT}"):
        assert git(site, clone, "push", "origin", spec).returncode != 0
        assert refs(site)[REPORT] == tip
    other = git(site, clone, "commit-tree", "HEAD^{tree}", "-m", "other").stdout.strip()
    assert git(site, clone, "push", "-f", "origin", f"{other}:{REPORT}").returncode != 0
    assert refs(site)[REPORT] == tip


def test_git_itself_denies_what_gets_past_the_gate(site: Served) -> None:
    """The same by stock receive-pack under our settings alone: two walls, each whole."""
    tip = site.tip("n1", NODE)
    with GitStore.memory() as store:
        mine = commit(store)
        post(site, "n1", RECEIVE, push_of(pack_of(store, mine), mine, REPORT))
    for request in (
        push_of(b"", ZERO, NODE, tip),
        push_of(b"", ZERO, REPORT, mine),
        push_of(make_pack([]), tip, REPORT, mine),
        push_of(make_pack([]), tip, "refs/heads/x"),
        push_of(make_pack([]), tip, layout.report_ref("n2")),
    ):
        done = subprocess.run(
            ["git", "receive-pack", "--stateless-rpc", str(site.repository("n1"))],
            input=request, env=environment("n1", ""), capture_output=True, check=False,
        )  # fmt: skip
        assert b"ng refs/" in done.stdout, done
    assert refs(site) == {NODE: tip, REPORT: mine}


def test_no_hook_of_the_repository_runs(site: Served, tmp_path: Path) -> None:
    hook = site.repository("n1") / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    try:
        with GitStore.memory() as store:
            tip = commit(store)
            done = post(site, "n1", RECEIVE, push_of(pack_of(store, tip), tip, REPORT))
    finally:
        hook.unlink()
    assert b"unpack ok" in done[2]
    assert not (tmp_path / "ran").exists()


def test_what_git_finds_malformed_is_refused(site: Served) -> None:
    tree = b"100644 .git\0" + bytes(19) + b"\1"
    who = b"M <m@e> 1 +0000"
    text = b"tree %s\nauthor %s\ncommitter %s\n\nx\n" % (object_id("tree", tree).encode(), who, who)
    bad = object_id("commit", text)
    pack = make_pack([entry(2, len(tree), tree), entry(1, len(text), text)])
    assert b"unpack ok" not in post(site, "n1", RECEIVE, push_of(pack, bad, REPORT))[2]
    assert REPORT not in refs(site)


def test_a_push_of_a_hundred_thousand_refs_is_refused(site: Served) -> None:
    tip = site.tip("n1", NODE)
    first = pkt(f"{ZERO} {tip} {REPORT}/0\0 report-status".encode())
    more = b"".join(pkt(f"{ZERO} {tip} {REPORT}/{n}".encode()) for n in range(1, 72_000))
    status, _, body = post(site, "n1", RECEIVE, first + more + b"0000" + make_pack([]))
    assert (status, b"may push" in body) == (200, True)
    more += b"".join(pkt(f"{ZERO} {tip} {REPORT}/{n}".encode()) for n in range(72_000, 100_000))
    with suppress(ConnectionResetError):  # turned away while it still talks
        assert post(site, "n1", RECEIVE, first + more + b"0000" + make_pack([]))[0] == 413
    assert set(refs(site)) == {NODE}


def test_a_small_push_that_unpacks_to_much_is_refused(site: Served) -> None:
    before = memory(site)
    bomb = make_pack([entry(3, 1 << 30, bytes(1 << 25))])
    answer = post(site, "n1", RECEIVE, push_of(bomb, "ab" * 20, REPORT))[2]
    assert b"unpack a pack holds an object of 1073741824 bytes" in answer
    assert memory(site) - before < 64 << 20


def test_git_still_finds_the_repositories_whole(site: Served) -> None:
    for node in ("n1", "n2"):
        assert run_git(site.repository(node), "fsck", "--strict", "--no-dangling") == b""
