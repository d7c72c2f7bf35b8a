"""A clone's index, commits and working tree as views; a folder without git; what cannot be read."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from margo_gitops.documents.yaml import MAX_BYTES
from margo_gitops.errors import Stalled
from margo_gitops.store.folder import blob_id, content, folder_tree
from margo_gitops.store.index import (
    GitTree,
    commit_tree,
    git_folder,
    index_tree,
    revision,
    tags_at,
    work_tree,
)
from tests.cli.running import IDENTITY


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "sites").mkdir()
    (folder / "sites" / "north.yaml").write_bytes(b"one\r\n")
    (folder / "b.yaml").write_bytes(b"b")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words],
        cwd=folder,
        env={**os.environ, **IDENTITY},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def test_the_three_views_of_a_clean_clone_agree(clone: Path) -> None:
    views = (index_tree(clone), commit_tree(clone, "HEAD"), work_tree(clone))
    for view in views:
        assert list(view.paths()) == ["b.yaml", "sites/north.yaml"]
        assert list(view.paths("sites/")) == ["sites/north.yaml"]
        assert view.read("sites/north.yaml") == b"one\r\n"
        assert view.identity("sites/north.yaml") == blob_id(b"one\r\n")
        assert (view.read("ghost"), view.identity("ghost"), view.trouble("ghost")) == (None,) * 3
        assert list(view.odd()) == []


@pytest.mark.parametrize("version", ["2", "4"])
def test_the_index_holds_what_is_staged_and_the_tree_what_is_on_the_disk(
    clone: Path, version: str
) -> None:
    git(clone, "update-index", "--index-version", version)
    (clone / "b.yaml").write_bytes(b"staged")
    (clone / "new.yaml").write_bytes(b"new")
    git(clone, "add", "-A")
    (clone / "b.yaml").write_bytes(b"on the disk")
    (clone / "sites" / "north.yaml").unlink()
    (clone / "untracked.yaml").write_bytes(b"u")
    index, tree = index_tree(clone), work_tree(clone)
    assert list(index.paths()) == ["b.yaml", "new.yaml", "sites/north.yaml"]
    assert (index.read("b.yaml"), tree.read("b.yaml")) == (b"staged", b"on the disk")
    assert list(tree.paths()) == ["b.yaml", "new.yaml", "untracked.yaml"]
    assert tree.identity("b.yaml") == blob_id(b"on the disk")
    assert commit_tree(clone, "HEAD").read("b.yaml") == b"b"


def test_a_split_index_is_read_whole(clone: Path) -> None:
    git(clone, "update-index", "--split-index")
    (clone / "c.yaml").write_bytes(b"c")
    git(clone, "add", "-A")
    assert index_tree(clone).read("c.yaml") == b"c"
    assert index_tree(clone).read("b.yaml") == b"b"


def test_packed_blobs_are_read_too(clone: Path) -> None:
    (clone / "large.yaml").write_bytes(os.urandom(MAX_BYTES + 1))
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", "large")
    git(clone, "gc", "-q", "--prune=now")
    with closing(index_tree(clone)) as view:
        assert view.read("b.yaml") == b"b"
        fault = view.trouble("large.yaml")
        assert view.read("large.yaml") is None
    assert fault is not None
    assert fault.rule.id == "too-large"


def test_a_view_of_a_folder_names_paths_from_there(clone: Path) -> None:
    sites = clone / "sites"
    for view in (index_tree(sites), commit_tree(sites, "HEAD"), work_tree(sites)):
        assert list(view.paths()) == ["north.yaml"]
        assert view.read("north.yaml") == b"one\r\n"


def test_links_and_submodules_are_told_and_never_followed(clone: Path) -> None:
    secret = clone.parent / "secret.yaml"
    secret.write_bytes(b"secret")
    (clone / "sites" / "link.yaml").symlink_to(secret)
    (clone / "apps").symlink_to(clone.parent)
    before = work_tree(clone)
    git(clone, "add", "-A")
    head = git(clone, "rev-parse", "HEAD")
    git(clone, "update-index", "--add", "--cacheinfo", f"160000,{head},module")
    index = index_tree(clone)
    assert {path for path, _ in before.odd()} == {"sites/link.yaml", "apps"}
    assert {path for path, _ in index.odd()} == {"sites/link.yaml", "apps", "module"}
    assert before.read("sites/link.yaml") is None
    assert index.read("sites/link.yaml") is None
    assert not [path for path in before.paths() if path.startswith("apps/")]


def test_a_large_staged_file_is_refused_by_its_size(clone: Path) -> None:
    with (clone / "large.yaml").open("wb") as file:
        file.truncate(100 << 20)
    for view in (work_tree(clone), _added(clone)):
        fault = view.trouble("large.yaml")
        assert view.read("large.yaml") is None
        assert fault is not None
        assert str(100 << 20) in fault.message


def _added(clone: Path) -> GitTree:
    git(clone, "add", "-A")
    return index_tree(clone)


def test_names_of_any_bytes_are_kept(clone: Path) -> None:
    name = b"sites/\xff \n\t.yaml".decode("utf-8", "surrogateescape")
    (clone / name).write_bytes(b"x")
    assert work_tree(clone).read(name) == b"x"
    git(clone, "add", "-A")
    assert index_tree(clone).read(name) == b"x"


def test_a_merge_with_conflicts_is_not_checked(clone: Path) -> None:
    git(clone, "checkout", "-q", "-b", "other")
    (clone / "b.yaml").write_bytes(b"theirs")
    git(clone, "commit", "-q", "-am", "theirs")
    git(clone, "checkout", "-q", "main")
    (clone / "b.yaml").write_bytes(b"ours")
    git(clone, "commit", "-q", "-am", "ours")
    with pytest.raises(subprocess.CalledProcessError):
        git(clone, "merge", "other")
    with pytest.raises(Stalled, match="conflicts"):
        index_tree(clone)


def test_what_git_says_of_a_clone(clone: Path, tmp_path: Path) -> None:
    git(clone, "tag", "1.0.0")
    head = revision(clone, "HEAD")
    assert head == git(clone, "rev-parse", "HEAD")
    assert revision(clone, "--help") is None
    assert tags_at(clone, head or "") == ("1.0.0",)
    assert git_folder(clone / "sites") == (clone / ".git").resolve()
    assert git_folder(tmp_path) is None


def test_a_folder_without_git_leaves_out_what_is_hidden(tmp_path: Path) -> None:
    for path in ("sites/north.yaml", ".cache/x.yaml", ".hidden.yaml", "a/b/c.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "folder.yaml").mkdir()
    view = folder_tree(tmp_path)
    assert list(view.paths()) == ["a/b/c.txt", "folder.yaml", "loop", "sites/north.yaml"]
    assert {path: fault.rule.id for path, fault in view.odd()} == {
        "loop": "symlink",
        "folder.yaml": "unreadable",
    }


def test_a_pipe_a_folder_and_a_device_are_faults_and_block_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        fault = content(path)
        assert not isinstance(fault, bytes)
        assert fault is not None
        assert fault.rule.id == "unreadable"
    assert content(tmp_path / "ghost") is None
