from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from margo_gitops.errors import Invalid, LostRace, Refused, Stalled
from margo_gitops.store import gitprogram
from margo_gitops.store.clone import Clone
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.transport import Transport, Update
from tests.store.making import commit, fsck, git

MAIN = "refs/heads/main"
SITE, OTHER = "refs/heads/site/1", "refs/heads/site/2"
STATUS = "refs/heads/status/1"
ARTIFACT = "refs/margo/artifact/" + "ab" * 32
FIRST = {"fleet.yaml": b"id: 1\n", "sites/a.yaml": b"a: 1\r\n", ".gitattributes": b"* -text\n"}


@pytest.fixture(autouse=True)
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ada@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def mine(tmp_path: Path) -> Clone:
    return Clone.init(tmp_path / "mine", FIRST, "A fleet")


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[GitStore]:
    with GitStore.create(tmp_path / "remote.git") as store:
        yield store


@pytest.fixture
def far(remote: GitStore) -> Transport:
    assert remote.path is not None
    return StoreTransport(remote.path)


def _files(clone: Clone) -> dict[str, bytes]:
    with GitStore.open(clone.path) as store:
        head = clone.head()
        assert head is not None
        return store.files(head)


def _status(clone: Clone) -> str:
    return git(clone.path, "status", "--porcelain")


def _render(clone: Clone, ref: str, files: dict[str, bytes], old: str | None = None) -> str:
    with GitStore.open(clone.path) as store:
        id = commit(store, files, *filter(None, [old]))
        store.move(ref, id, old=store.resolve(ref))
        return id


def _other(tmp_path: Path, far: Transport) -> Clone:
    return Clone.clone(far.name, tmp_path / "other", far)


def test_a_new_fleet_is_one_commit_on_main(mine: Clone) -> None:
    assert _files(mine) == FIRST
    assert _status(mine) == ""
    assert git(mine.path, "log", "--format=%s|%an") == "A fleet|Ada"
    assert mine.remote() is None
    assert Clone(mine.path / "sites").path == mine.path
    with pytest.raises(Stalled, match="is not empty"):
        Clone.init(mine.path, FIRST, "again")


def test_a_folder_without_a_clone_is_said(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(Stalled, match="no working tree"):
            Clone(path)


def test_exactly_the_named_files_are_committed(mine: Clone) -> None:
    (mine.path / "notes.txt").write_text("mine")
    (mine.path / "fleet.yaml").write_text("edited")
    git(mine.path, "add", "fleet.yaml")
    changes = {"sites/a.yaml": None, "sites/b.yaml": b"b: 1\n", "devices/x/[y]*.json": b"{}"}
    made = mine.commit(changes, "Sites\n\nReason: moved")
    assert made == mine.head()
    assert _files(mine) == {
        "fleet.yaml": b"id: 1\n",
        ".gitattributes": b"* -text\n",
        "sites/b.yaml": b"b: 1\n",
        "devices/x/[y]*.json": b"{}",
    }
    assert _status(mine).splitlines() == ["M  fleet.yaml", "?? notes.txt"]
    assert not (mine.path / "sites/a.yaml").exists()
    assert mine.commit(changes, "Again") == made
    fsck(mine.path)


@pytest.mark.parametrize("change", ["edited", "staged", "untracked", "deleted", "ignored"])
def test_a_file_that_is_being_edited_is_left_alone(mine: Clone, change: str) -> None:
    path = mine.path / "sites" / ("new.yaml" if change in {"untracked", "ignored"} else "a.yaml")
    if change == "deleted":
        path.unlink()
    else:
        path.write_text("by hand\n")
    if change == "staged":
        git(mine.path, "add", "-A")
    if change == "ignored":
        (mine.path / ".git/info/exclude").write_text("*.yaml\n")
    head = mine.head()
    with pytest.raises(Stalled, match=f"sites/{path.name} has changes") as stalled:
        mine.commit({"fleet.yaml": b"x", f"sites/{path.name}": b"ours"}, "no")
    assert "git checkout" in stalled.value.help
    assert mine.head() == head
    assert (mine.path / "fleet.yaml").read_bytes() == b"id: 1\n"
    assert not path.exists() if change == "deleted" else path.read_text() == "by hand\n"


@pytest.mark.parametrize(
    "path", ["../x", "/x", ".git/hooks/post-commit", "out/x", "fleet.yaml/x", "sites", "link"]
)
def test_nothing_outside_the_tree_is_written(mine: Clone, tmp_path: Path, path: str) -> None:
    (tmp_path / "outside").mkdir()
    (mine.path / "out").symlink_to(tmp_path / "outside")
    (mine.path / "link").symlink_to(tmp_path / "outside" / "file")
    with pytest.raises(Refused) as refused:
        mine.commit({"ok": b"", path: b"x"}, "no")
    assert refused.value.rule == "tree"
    assert not list((tmp_path / "outside").iterdir())
    assert not (mine.path / "ok").exists()


def test_a_hook_that_says_no_leaves_the_files_as_they_were(mine: Clone) -> None:
    hook = mine.path / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\necho fleet.yaml:3:1: no such app [intent] >&2\nexit 1\n")
    hook.chmod(0o755)
    head = mine.head()
    with pytest.raises(Invalid, match=r"no such app \[intent\]"):
        mine.commit({"fleet.yaml": b"x", "sites/a.yaml": None, "new/deep/file": b"y"}, "no")
    assert mine.head() == head
    assert _status(mine) == ""
    assert not (mine.path / "new").exists()
    hook.unlink()
    mine.commit({"fleet.yaml": b"x"}, "yes")


def test_a_first_commit_that_fails_leaves_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{name}_NAME")
        monkeypatch.delenv(f"GIT_{name}_EMAIL")
    (tmp_path / "gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    with pytest.raises(Stalled, match="who you are") as stalled:
        Clone.init(tmp_path / "new", FIRST, "A fleet")
    assert "git config --global user.name" in stalled.value.help
    assert not list((tmp_path / "new").iterdir())


def test_another_git_in_the_clone_is_waited_for(
    mine: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitprogram, "LOCK_PATIENCE", 0.1)
    (mine.path / ".git/index.lock").touch()
    with pytest.raises(LostRace, match=r"index\.lock"):
        mine.commit({"fleet.yaml": b"x"}, "no")
    (mine.path / ".git/index.lock").unlink()
    assert _status(mine) == ""
    mine.commit({"fleet.yaml": b"x"}, "yes")


def test_another_branch_is_not_committed_to(mine: Clone, far: Transport) -> None:
    git(mine.path, "checkout", "-q", "-b", "idea")
    with pytest.raises(Stalled, match="has idea checked out") as stalled:
        mine.commit({"fleet.yaml": b"x"}, "no")
    assert stalled.value.help == "git switch main"
    git(mine.path, "checkout", "-q", "--detach")
    with pytest.raises(Stalled, match="a detached commit"):
        mine.pull(far)


def test_a_push_brings_main_then_artifacts_then_sites(
    mine: Clone, far: Transport, remote: GitStore
) -> None:
    site = _render(mine, SITE, {"manifest.json": b"{}"})
    artifact = _render(mine, ARTIFACT, {"blob": b"wasm"})
    _render(mine, "refs/heads/idea", {"x": b""})
    pushed = mine.push(far)
    head = mine.head()
    assert head is not None
    assert pushed == (
        Update(MAIN, None, head),
        Update(ARTIFACT, None, artifact),
        Update(SITE, None, site),
    )
    assert remote.refs() == {MAIN: head, ARTIFACT: artifact, SITE: site}
    assert mine.push(far) == ()
    newer = _render(mine, SITE, {"manifest.json": b"{1}"}, site)
    assert mine.push(far) == (Update(SITE, site, newer),)
    assert remote.path is not None
    fsck(remote.path)


def test_a_clone_is_narrow_and_clean(
    mine: Clone, far: Transport, remote: GitStore, tmp_path: Path
) -> None:
    site = _render(mine, SITE, {"manifest.json": b"{}"})
    mine.push(far)
    status = commit(remote, {"site.json": b"{}"})
    remote.move(STATUS, status, old=None)
    remote.move("refs/heads/proposal/7", status, old=None)
    other = _other(tmp_path, far)
    assert _files(other) == FIRST
    assert (other.path / "sites/a.yaml").read_bytes() == b"a: 1\r\n"
    assert _status(other) == ""
    assert other.remote() == far.name
    with GitStore.open(other.path) as store:
        head = mine.head()
        assert head is not None
        assert store.refs() == {
            MAIN: head, SITE: site, STATUS: status, "refs/remotes/origin/main": head
        }  # fmt: skip
    assert "up to date" in git(other.path, "status")
    git(other.path, "fetch", "-q")
    assert "proposal" not in git(other.path, "for-each-ref")


def test_an_empty_remote_is_no_fleet(far: Transport, tmp_path: Path) -> None:
    with pytest.raises(Stalled, match="has no branch main"):
        _other(tmp_path, far)
    assert not list((tmp_path / "other").iterdir())


def test_a_pull_follows_and_leaves_what_is_ours(
    mine: Clone, far: Transport, remote: GitStore, tmp_path: Path
) -> None:
    one = _render(mine, SITE, {"manifest.json": b"1"})
    mine.push(far)
    other = _other(tmp_path, far)
    (other.path / "notes.txt").write_text("mine")
    mine.commit({"fleet.yaml": b"id: 2\n"}, "Two")
    _render(mine, OTHER, {"manifest.json": b"1"})
    mine.push(far)
    status = commit(remote, {"site.json": b"1"})
    remote.move(STATUS, status, old=None)
    ahead = _render(other, SITE, {"manifest.json": b"2"}, one)
    found = other.pull(far)
    assert found.main == mine.head() == other.head()
    assert set(found.moved) == {MAIN, OTHER, STATUS}
    assert found.ahead == (SITE,)
    assert (other.path / "fleet.yaml").read_bytes() == b"id: 2\n"
    assert _status(other) == "?? notes.txt"
    with GitStore.open(other.path) as store:
        assert store.resolve(SITE) == ahead
    assert other.pull(far).moved == ()


def test_a_site_branch_that_went_two_ways_is_the_remotes(
    mine: Clone, far: Transport, tmp_path: Path
) -> None:
    one = _render(mine, SITE, {"manifest.json": b"1"})
    mine.push(far)
    other = _other(tmp_path, far)
    theirs = _render(mine, SITE, {"manifest.json": b"2"}, one)
    mine.push(far)
    _render(other, SITE, {"manifest.json": b"3"}, one)
    fresh = _render(other, OTHER, {"manifest.json": b"1"})
    with pytest.raises(LostRace, match="site/1"):
        other.push(far)
    assert far.refs([SITE, OTHER]) == {SITE: theirs, OTHER: fresh}
    assert other.pull(far).moved == (SITE,)
    with GitStore.open(other.path) as store:
        assert store.resolve(SITE) == theirs


def test_main_that_went_two_ways_needs_its_person(
    mine: Clone, far: Transport, tmp_path: Path
) -> None:
    mine.push(far)
    other = _other(tmp_path, far)
    mine.commit({"fleet.yaml": b"id: 2\n"}, "Two")
    mine.push(far)
    ours = other.commit({"sites/b.yaml": b"b\n"}, "Also two")
    _render(other, SITE, {"manifest.json": b"1"})
    with pytest.raises(LostRace, match="main of") as lost:
        other.push(far)
    assert lost.value.help == "margo pull"
    assert far.refs([SITE]) == {}
    with pytest.raises(Stalled, match="went two ways") as stalled:
        other.pull(far)
    assert stalled.value.help == "git pull --rebase"
    assert other.head() == ours
    git(other.path, "pull", "-q", "--rebase")
    assert [update.ref for update in other.push(far)] == [MAIN, SITE]


def test_a_pull_onto_a_file_that_is_being_edited_waits(
    mine: Clone, far: Transport, tmp_path: Path
) -> None:
    mine.push(far)
    other = _other(tmp_path, far)
    mine.commit({"fleet.yaml": b"id: 2\n"}, "Two")
    mine.push(far)
    head = other.head()
    (other.path / "fleet.yaml").write_text("by hand")
    with pytest.raises(Stalled, match=r"fleet\.yaml"):
        other.pull(far)
    assert other.head() == head
    assert (other.path / "fleet.yaml").read_text() == "by hand"
    git(other.path, "checkout", "--", "fleet.yaml")
    assert other.pull(far).main == mine.head()


def test_losing_a_race_to_the_same_commit_is_success(
    mine: Clone, far: Transport, remote: GitStore
) -> None:
    mine.push(far)
    site = _render(mine, SITE, {"manifest.json": b"1"})

    class Raced(StoreTransport):
        """Another renderer pushes the same commit a moment before us."""

        def push(self, store: GitStore, updates: object) -> None:
            if remote.resolve(SITE) is None:
                StoreTransport(remote).push(store, [Update(SITE, None, site)])
                raise LostRace("too late")
            super().push(store, updates)  # type: ignore[arg-type]

    assert remote.path is not None
    assert mine.push(Raced(remote.path)) == ()
    assert remote.resolve(SITE) == site
