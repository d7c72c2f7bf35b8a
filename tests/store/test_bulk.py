"""Objects read many at once: the sound ones come, all others are left to whoever reads one."""

from __future__ import annotations

import os
import signal
import zlib
from pathlib import Path

import pytest

from margo_gitops.store.bulk import MAX_OBJECT, bulk
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.snapshots import MAX_FILES, snapshots
from tests.store.making import git, run_git
from tests.waiting import until

ADA = Authorship("Ada", "ada@example.invalid", 1_700_000_000)
FILES = {"site.json": b"{}", "README.md": b"# hello", "deployments/a/n.json": b'{"a":1}'}


def blob(folder: Path, content: bytes) -> str:
    return git(folder, "hash-object", "-w", "--stdin", input=content)


def commit(folder: Path, *entries: str) -> str:
    """A commit of a tree that no store of ours would write."""
    tree = git(folder, "mktree", "--missing", input="".join(f"{e}\n" for e in entries).encode())
    return git(folder, "-c", "user.name=a", "-c", "user.email=b", "commit-tree", "-m", "x", tree)


@pytest.fixture
def folder(disk: GitStore) -> Path:
    assert disk.path is not None
    return disk.path


def test_thousands_are_read_in_any_order_packed_or_loose(disk: GitStore, folder: Path) -> None:
    ids = [blob(folder, b"%d" % number) for number in range(20)]
    many = [
        disk.write({"n": b"%d" % n * 100}, parents=[], author=ADA, message=str(n))
        for n in range(1500)
    ]
    disk.move("refs/heads/main", many[0], old=None)
    git(folder, "repack", "-a", "-d", "-q")
    with bulk(folder) as reader:
        found = reader.read([*reversed(many), *ids, *many])
        assert [found[id] for id in ids] == [(b"blob", b"%d" % n) for n in range(20)]
        assert all(
            found[id] == (b"commit", run_git(folder, "cat-file", "-p", id)) for id in many[:5]
        )
        assert len(found) == 1520
        assert reader.read(many[7:9]).keys() == set(many[7:9])


def test_what_is_missing_or_too_large_or_replaced_is_left_out(folder: Path) -> None:
    small, large, other = (blob(folder, data) for data in (b"s", b"l" * (MAX_OBJECT + 1), b"o"))
    git(folder, "replace", small, other)
    with bulk(folder) as reader:
        found = reader.read(["0" * 40, small, large, other])
    assert found == {small: (b"blob", b"s"), other: (b"blob", b"o")}


@pytest.mark.parametrize("damage", [b"", b"x" * 30, zlib.compress(b"blob 3\0abc")])
def test_damaged_objects_are_left_out_and_end_no_conversation_badly(
    folder: Path, damage: bytes
) -> None:
    good, bad, last = (blob(folder, data) for data in (b"good", b"bad", b"last"))
    loose = folder / "objects" / bad[:2] / bad[2:]
    loose.chmod(0o644)
    loose.write_bytes(damage)
    with bulk(folder) as reader:
        found = reader.read([good, bad, last])
        again = reader.read([good])
    assert bad not in found
    assert found[good] == (b"blob", b"good")
    assert {*found, *again} <= {good, last}


def test_a_git_that_is_killed_is_an_end_and_no_error(folder: Path) -> None:
    id = blob(folder, b"x")
    with bulk(folder) as reader:
        assert reader.read([id])
        children = Path("/proc/self/task").glob("*/children")
        mine = [int(pid) for file in children for pid in file.read_text().split()]
        (pid,) = [p for p in mine if b"cat-file" in Path(f"/proc/{p}/cmdline").read_bytes()]
        os.kill(pid, signal.SIGKILL)
        until(lambda: reader.read([id]) == {})


def test_a_snapshot_is_what_the_store_reads(disk: GitStore, folder: Path) -> None:
    id = disk.write(FILES, parents=[], author=ADA, message="x")
    with bulk(folder) as reader:
        found = snapshots(reader, [id, id], ("site.json", "deployments"))
        assert snapshots(reader, [id])[id].files == {}
    assert found[id].time == disk.commit(id).time
    assert found[id].files == {"site.json": b"{}", **disk.files(id, "deployments")}


def test_only_what_is_plain_has_a_snapshot(disk: GitStore, folder: Path) -> None:
    x = blob(folder, b"x")
    below = git(folder, "mktree", input=f"120000 blob {x}\tlink\n".encode())
    odd = [
        commit(folder, f"120000 blob {x}\ta"),
        commit(folder, f"040000 tree {below}\ta"),
        commit(folder, f"100644 blob {'1' * 40}\ta"),
        commit(folder, f"100644 blob {blob(folder, b'l' * (MAX_OBJECT + 1))}\ta"),
        disk.write(
            {f"a/{n}": b"" for n in range(MAX_FILES + 1)}, parents=[], author=ADA, message=""
        ),
        disk.write({"a/b/c/d/e/f/g/h": b"x"}, parents=[], author=ADA, message=""),
        x,
        "1" * 40,
    ]
    fine = commit(folder, f"100644 blob {x}\ta", f"120000 blob {x}\tb")
    with bulk(folder) as reader:
        assert snapshots(reader, [*odd, fine], ("a",)).keys() == {fine}
