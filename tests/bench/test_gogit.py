"""go-git as a peer: why it is not there, and that what is measured really polls and writes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from margo_gitops.store.git import Authorship, GitStore
from tests.bench import gogit
from tests.bench.gogit.poller import GoGit
from tests.bench.page import page
from tests.bench.peers import CACHE
from tests.bench.result import Section
from tests.engines import require

REF = "refs/heads/site/north"


def publish(store: GitStore, text: str) -> None:
    head = store.resolve(REF)
    commit = store.write(
        {"deployments/a/d.yaml": text.encode(), "other.txt": b"other\n"},
        parents=[] if head is None else [head],
        author=Authorship("ada", "ada@example.invalid", 1_700_000_000),
        message=text,
    )
    store.move(REF, commit, old=head)


@pytest.mark.timeout(900)  # where it is built first
def test_the_poller_writes_what_moved_and_stays_for_what_did_not(tmp_path: Path) -> None:
    found = gogit.built(CACHE)
    require("go-git", None if found.program else found.said)
    assert found.program
    with GitStore.create(tmp_path / "fleet") as store:
        publish(store, "one")
        poller = GoGit(str(tmp_path / "fleet"), REF, tmp_path / "gogit", found.program)
        written = tmp_path / "gogit" / "files" / "a" / "d.yaml"
        poller.change()
        assert not written.exists()
        publish(store, "two")
        poller.change()
        assert written.read_text() == "two"
        with poller.resident() as polls:
            sample = polls(3)
    assert sample.cpu > 0
    assert sample.rss


def test_the_page_says_why_go_git_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = shutil.which("git")
    assert git
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = gogit.built(tmp_path / "cache")
    assert found.program is None
    said = "- go-git is not compared: there is no `go` command.\n"
    sections = [Section(title, "about", heads=[found.said]) for title in ("one", "two")]
    assert page(sections).count(said) == 1


def test_what_does_not_build_is_said(tmp_path: Path) -> None:
    usual = gogit.built(CACHE)
    require("go-git", None if usual.program else usual.said)
    found = gogit.built(tmp_path / "cache", tmp_path / "no-sources")
    assert found.program is None
    assert "was not built, main.go" in found.said
    assert "cannot find package" in found.said
