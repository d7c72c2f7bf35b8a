from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from dulwich.objects import Blob
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from margo_gitops.errors import LostRace, Missing, Refused, Stalled, Usage
from margo_gitops.store import git as module
from margo_gitops.store import limits, repository
from margo_gitops.store.git import GitStore
from margo_gitops.store.objects import Authorship
from tests.store.making import AUTHOR, chain, commit, fsck, git

SITE = "refs/heads/site/plant-1"

NAMES = st.text("abcZ09-_. é", min_size=1, max_size=8).filter(
    lambda name: name.strip(" .") not in {"", "git"} and not name.startswith(".git")
)
FILES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=4).map("/".join), st.binary(max_size=200), max_size=12
).filter(lambda files: not _nested(files))


def _nested(paths: Iterable[str]) -> bool:
    """Whether one path is a file and a folder at once."""
    ends = [path + "/" for path in paths]
    return any(one != two and two.startswith(one) for one in ends for two in ends)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=FILES)
def test_what_is_written_is_read(store: GitStore, files: dict[str, bytes]) -> None:
    id = commit(store, files)
    assert store.files(id) == files
    assert set(store.paths(id)) == set(files)
    assert all(store.read(id, path) == data for path, data in files.items())
    store.check(id)


@settings(max_examples=30)
@given(files=FILES)
def test_the_same_content_is_the_same_commit_whatever_the_order(files: dict[str, bytes]) -> None:
    with GitStore.memory() as one, GitStore.memory() as two:
        assert commit(one, files) == commit(two, dict(reversed(files.items())))


def test_git_finds_no_fault_with_what_is_written(disk: GitStore) -> None:
    odd = Authorship("  <Zoë>\n ", "a b>@x", 86400, -9000)
    first = disk.write({"ä/b": b"", "a": b"1", "a-b/c": b"2"}, parents=[], author=odd, message="")
    second = disk.write({}, parents=[first], author=AUTHOR, message="none\0\n\n")
    disk.move(SITE, second, old=None)
    assert disk.path is not None
    fsck(disk.path)
    assert git(disk.path, "show", "-s", "--format=%an|%ae|%ai", first) == (
        "Zoë|a b@x|1970-01-01 21:30:00 -0230"
    )


def test_a_commit_says_what_it_was_given(store: GitStore) -> None:
    first = commit(store)
    second = commit(store, None, first, message="Generation: 2", time=5)
    found = store.commit(second)
    assert (found.parents, found.time, found.author) == ((first,), 5, "Ada <ada@example.org>")
    assert found.message == "Generation: 2\n"
    assert found.authorship() == Authorship("Ada", "ada@example.org", 5)
    with pytest.raises(Missing):
        store.commit("0" * 40)


def test_amending_leaves_all_else_as_it_is(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "work")
    work = tmp_path / "work"
    (work / "run.sh").write_text("#!/bin/sh\n")
    (work / "run.sh").chmod(0o755)
    (work / "gone").write_text("x")
    (work / "here").symlink_to("run.sh")
    git(work, "add", "-A")
    git(work, "commit", "-qm", "first")
    with GitStore.open(work) as store:
        base = store.resolve("refs/heads/main")
        assert base is not None
        changes = {"run.sh": b"#!/bin/sh\nexit\n", "gone": None, "x/y": b"new"}
        made = store.amend(base, changes, author=AUTHOR, message="m")
    listed = git(work, "ls-tree", "-r", "--format=%(objectmode) %(path)", made)
    assert listed.splitlines() == ["120000 here", "100755 run.sh", "100644 x/y"]


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "a//b", "../a", "a/./b", ".git/config", "a/.GIT", ".git /x", "git~1",
     ".gi\u200ct/x", "a\\b", "a\nb", "x" * 256, ".git::$INDEX_ALLOCATION/x", "/".join("a" * 40)],
)  # fmt: skip
def test_a_hostile_path_is_neither_written_nor_read(store: GitStore, path: str) -> None:
    with pytest.raises(Refused) as refused:
        commit(store, {path: b""})
    assert refused.value.rule == "tree"


def test_a_path_is_not_a_file_and_a_folder_at_once(store: GitStore) -> None:
    with pytest.raises(Refused, match="a file and a folder at once"):
        commit(store, {"a": b"", "a/b": b""})


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("120000 blob {blob}\tlink", "mode 120000"),
        ("160000 commit {commit}\tsub", "mode 160000"),
        ("100644 blob {blob}\t.git", "spelling of .git"),
        ("100644 blob {blob}\t..", "has the part '..'"),
    ],
)
def test_a_hostile_tree_is_not_read(disk: GitStore, entry: str, said: str) -> None:
    assert disk.path is not None
    blob = git(disk.path, "hash-object", "-w", "--stdin", input=b"/etc")
    line = entry.format(blob=blob, commit=commit(disk))
    tree = git(disk.path, "mktree", "--missing", input=line.encode() + b"\n")
    id = git(disk.path, "commit-tree", "-m", "x", tree)
    with pytest.raises(Refused, match=said) as refused:
        disk.files(id)
    assert refused.value.rule == "tree"


def test_reading_is_bounded(store: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    id = commit(store, {"a": b"12345", "b": b"12345"})
    monkeypatch.setattr(module, "MAX_TOTAL", 9)
    with pytest.raises(Refused) as refused:
        store.files(id)
    assert refused.value.rule == "too-large"
    monkeypatch.setattr(module, "MAX_FILE", 4)
    with pytest.raises(Refused, match="has over 4 bytes"):
        commit(store, {"a": b"12345"})


def test_no_ref_is_no_commit_and_a_ref_to_a_blob_is_refused(store: GitStore) -> None:
    assert store.resolve(SITE) is None
    id = commit(store, {"a": b"x"})
    blob = store.paths(id)["a"]
    with pytest.raises(Refused):
        store.move(SITE, blob, old=None)
    assert store._refs.swap(SITE, None, blob)
    with pytest.raises(Refused) as refused:
        store.resolve(SITE)
    assert refused.value.rule == "no-commit"


def test_a_ref_moves_only_from_where_it_is(store: GitStore) -> None:
    one, two, three = chain(store, 3)
    store.move(SITE, one, old=None)
    with pytest.raises(LostRace):
        store.move(SITE, two, old=None)
    with pytest.raises(LostRace):
        store.move(SITE, three, old=two)
    store.move(SITE, two, old=one)
    assert store.resolve(SITE) == two
    with pytest.raises(LostRace):
        store.delete(SITE, old=one)
    store.delete(SITE, old=two)
    assert store.refs() == {}
    with pytest.raises(LostRace):
        store.move(SITE, three, old=two)


@pytest.mark.parametrize("name", ["HEAD", "refs/../x", "refs/heads/a b", "refs/heads/a.lock", "x"])
def test_only_a_plain_ref_is_written(store: GitStore, name: str) -> None:
    with pytest.raises(Usage):
        store.move(name, commit(store), old=None)


def test_a_ref_that_stands_in_the_way_is_named(disk: GitStore) -> None:
    disk.move("refs/heads/site", commit(disk), old=None)
    with pytest.raises(Stalled, match="a leaf and a folder"):
        disk.move(SITE, commit(disk), old=None)


@settings(max_examples=25, deadline=None)
@given(moves=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12))
def test_moves_are_linear(moves: list[tuple[int, int]]) -> None:
    with GitStore.memory() as store:
        ids = chain(store, 4)
        store.move(SITE, ids[0], old=None)
        at = 0
        for old, new in moves:
            if old == at:
                store.move(SITE, ids[new], old=ids[old])
                at = new
            else:
                with pytest.raises(LostRace):
                    store.move(SITE, ids[new], old=ids[old])
            assert store.resolve(SITE) == ids[at]


def test_packed_refs_are_read_like_loose_ones(disk: GitStore) -> None:
    one, two = chain(disk, 2)
    assert disk.path is not None
    for number in range(12):
        disk.move(f"refs/heads/site/{number}", one, old=None)
    git(disk.path, "pack-refs", "--all")
    disk.move("refs/heads/site/1", two, old=one)
    assert disk.resolve("refs/heads/site/1") == two
    assert disk.resolve("refs/heads/site/11") == one
    assert len(disk.refs("refs/heads/site/")) == 12
    assert disk.refs("refs/heads/site/")["refs/heads/site/1"] == two
    disk.delete("refs/heads/site/11", old=one)
    assert disk.resolve("refs/heads/site/11") is None


def test_ancestry_and_history(store: GitStore) -> None:
    ids = chain(store, 5)
    side = commit(store, {"c": b""}, ids[1], time=1)
    merge = commit(store, {"c": b"", "b": b"same\n"}, ids[4], side, time=1_700_000_600)
    assert store.is_ancestor(ids[0], ids[4])
    assert store.is_ancestor(ids[2], ids[2])
    assert not store.is_ancestor(ids[4], ids[0])
    assert not store.is_ancestor(ids[2], side)
    assert [found.id for found in store.history(ids[4])] == ids[::-1]
    assert [found.id for found in store.history(merge, limit=2)] == [merge, ids[4]]
    assert {found.id for found in store.history(merge)} == {merge, side, *ids}
    assert [found.id for found in store.history(ids[4], "b")] == [ids[0]]
    assert [found.id for found in store.history(ids[4], "a/file", 2)] == [ids[4], ids[3]]


def test_a_missing_or_damaged_object_is_found(disk: GitStore) -> None:
    one, two = chain(disk, 2)
    assert disk.path is not None
    blob = disk.paths(two)["a/file"]
    file = disk.path / "objects" / blob[:2] / blob[2:]
    data = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(Refused, match=f"{two} is not whole.*{blob}") as refused:
        disk.check(two)
    assert refused.value.rule == "corrupt"
    file.unlink()
    with pytest.raises(Refused, match=blob) as refused:
        disk.check(two)
    assert refused.value.rule == "incomplete"
    disk.check(one)


def test_an_object_that_a_power_cut_emptied_is_written_again(disk: GitStore) -> None:
    id = commit(disk)
    assert disk.path is not None
    for file in (disk.path / "objects").glob("??/*"):
        file.chmod(0o644)
        file.write_bytes(b"")
    assert commit(disk) == id
    disk.check(id)
    fsck(disk.path)


def test_a_check_stops_at_what_our_refs_reach(disk: GitStore) -> None:
    ids = chain(disk, 4, SITE)
    assert disk.path is not None
    next_one = commit(disk, {"z": b"z"}, ids[-1])
    oldest = disk.path / "objects" / ids[0][:2] / ids[0][2:]
    oldest.unlink()
    disk.check(next_one)
    disk.delete(SITE, old=ids[-1])
    with pytest.raises(Refused, match=ids[0]):
        disk.check(next_one)


def test_many_files_become_one_pack(disk: GitStore) -> None:
    files = {f"sites/{number}.yaml": f"id: {number}\n".encode() for number in range(300)}
    id = commit(disk, files)
    assert disk.path is not None
    assert len(list((disk.path / "objects" / "pack").glob("*.pack"))) == 1
    assert disk.files(id) == files
    disk.move(SITE, id, old=None)
    fsck(disk.path)
    with GitStore.open(disk.path) as again:
        assert again.files(id, "sites") == files


def test_creating_twice_opens(tmp_path: Path) -> None:
    with GitStore.create(tmp_path / "s.git") as store:
        store.move(SITE, commit(store), old=None)
        at = store.refs()
    with GitStore.create(tmp_path / "s.git") as again:
        assert again.refs() == at
    assert [path.name for path in tmp_path.iterdir()] == ["s.git"]
    with pytest.raises(Stalled, match="no git repository"):
        GitStore.open(tmp_path)


def test_a_folder_in_use_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "s" / "notes").mkdir(parents=True)
    with pytest.raises(Stalled, match="is there already"):
        GitStore.create(tmp_path / "s")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_a_lock_is_waited_for_then_named(disk: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = chain(disk, 2)
    disk.move(SITE, one, old=None)
    assert disk.path is not None
    lock = disk.path / f"{SITE}.lock"
    lock.touch()
    timer = threading.Timer(0.2, lock.unlink)
    timer.start()
    disk.move(SITE, two, old=one)
    timer.join()
    monkeypatch.setattr(repository, "LOCK_PATIENCE", 0.05)
    lock.touch()
    with pytest.raises(LostRace, match=str(lock)):
        disk.move(SITE, one, old=two)
    os.utime(lock, (1, 1))
    with pytest.raises(Stalled, match=str(lock)) as stalled:
        disk.move(SITE, one, old=two)
    assert stalled.value.help == f"rm {lock}"
    assert disk.recover() == [lock]
    disk.move(SITE, one, old=two)


def test_recovery_leaves_what_is_young_and_what_is_ours(disk: GitStore) -> None:
    id = commit(disk)
    disk.move(SITE, id, old=None)
    assert disk.path is not None
    young = disk.path / "packed-refs.lock"
    young.touch()
    old = disk.path / "objects" / "tmp_pack_1"
    old.touch()
    os.utime(old, (1, 1))
    assert disk.recover() == [old]
    assert young.exists()
    disk.check(id)


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"\0" * 41])
def test_a_ref_that_a_power_cut_emptied_is_said(disk: GitStore, content: bytes) -> None:
    disk.move(SITE, commit(disk), old=None)
    assert disk.path is not None
    (disk.path / SITE).write_bytes(content)
    with pytest.raises(Stalled, match="expected 40 hex digits"):
        disk.resolve(SITE)


def test_two_threads_with_a_store_each_never_both_win(tmp_path: Path) -> None:
    with GitStore.create(tmp_path / "s.git") as store:
        base = commit(store)
        store.move(SITE, base, old=None)
    rounds, barrier = 15, threading.Barrier(2)
    won: list[list[str]] = [[], []]

    def work(me: int) -> None:
        with GitStore.open(tmp_path / "s.git") as mine:
            for number in range(rounds):
                barrier.wait(20)
                tip = mine.resolve(SITE)
                barrier.wait(20)
                assert tip is not None
                new = commit(mine, {"who": f"{me} {number}".encode()}, tip)
                try:
                    mine.move(SITE, new, old=tip)
                except LostRace:
                    continue
                won[me].append(new)

    threads = [threading.Thread(target=work, args=[me]) for me in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won[0]) + len(won[1]) == rounds
    with GitStore.open(tmp_path / "s.git") as store:
        tip = store.resolve(SITE)
        assert tip is not None
        store.check(tip)
        assert {found.id for found in store.history(tip)} == {base, *won[0], *won[1]}
    fsck(tmp_path / "s.git")


def test_a_blob_is_what_dulwich_says_it_is(store: GitStore) -> None:
    id = commit(store, {"a": b"hello"})
    assert store.paths(id) == {"a": Blob.from_string(b"hello").id.decode()}
    assert limits.MAX_FILE > 5 << 20
