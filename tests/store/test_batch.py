"""A batch of commits: the very commits that single writes make, all durable before a ref moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from margo_gitops.errors import LostRace, Stalled
from margo_gitops.store.batch import Batch
from margo_gitops.store.git import GitStore
from tests.store.making import AUTHOR, fsck, git

SITES = [f"refs/heads/site/s{number:03d}" for number in range(60)]


def files(ref: str, text: str = "one") -> dict[str, bytes]:
    return {"a.json": f"{ref} {text}".encode(), "deployments/b.yaml": text.encode()}


def filled(store: GitStore, text: str = "one", refs: list[str] = SITES) -> Batch:
    batch = Batch(store)
    for ref in refs:
        old = store.resolve(ref)
        batch.commit(ref, files(ref, text), old=old, author=AUTHOR, message=text)
    return batch


def packs(store: GitStore) -> list[str]:
    assert store.path is not None
    return sorted(path.name for path in (store.path / "objects" / "pack").iterdir())


def test_a_batch_makes_the_commits_that_single_writes_make(store: GitStore) -> None:
    filled(store).publish()
    filled(store, "two").publish()
    single = GitStore.memory()
    for ref in SITES:
        one = single.write(files(ref), parents=[], author=AUTHOR, message="one")
        two = single.write(files(ref, "two"), parents=[one], author=AUTHOR, message="two")
        single.move(ref, two, old=None)
    assert store.refs() == single.refs()
    for tip in store.refs().values():
        store.check(tip)


def test_git_finds_a_batch_without_fault_and_in_one_pack(disk: GitStore) -> None:
    filled(disk).publish()
    assert disk.path is not None
    fsck(disk.path)
    assert len(packs(disk)) == 2
    assert git(disk.path, "show", f"{SITES[3]}:a.json") == f"{SITES[3]} one"


def test_few_objects_become_no_pack(disk: GitStore) -> None:
    filled(disk, refs=SITES[:3]).publish()
    assert packs(disk) == []
    assert sorted(disk.refs()) == SITES[:3]


def test_a_batch_that_was_published_already_is_success(disk: GitStore) -> None:
    first, second = filled(disk), filled(disk)
    first.publish()
    tips = disk.refs()
    second.publish()
    assert disk.refs() == tips


def test_one_lost_race_is_an_error_and_overwrites_nothing(disk: GitStore) -> None:
    batch = filled(disk)
    other = disk.write({"x": b"1"}, parents=[], author=AUTHOR, message="other")
    disk.move(SITES[40], other, old=None)
    with pytest.raises(LostRace, match="s040"):
        batch.publish()
    assert disk.resolve(SITES[40]) == other
    assert disk.resolve(SITES[0]) == batch.moves[0].new


def test_what_a_kill_before_the_refs_leaves_is_used_by_the_next_run(disk: GitStore) -> None:
    filled(disk).publish()
    held = packs(disk)
    for ref, tip in disk.refs().items():
        disk.delete(ref, old=tip)
    filled(disk).publish()
    assert packs(disk) == held
    assert sorted(disk.refs()) == SITES


def test_without_the_git_program_the_refs_move_one_by_one(
    disk: GitStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    filled(disk).publish()
    assert sorted(disk.refs()) == SITES


def test_no_ref_moves_where_the_pack_cannot_be_written(
    disk: GitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert disk.path is not None
    folder = disk.path / "objects" / "pack"
    folder.rmdir()
    folder.symlink_to("/proc/sys")  # a folder that takes no file, from root neither
    with pytest.raises((Stalled, OSError)):
        filled(disk).publish()
    assert disk.refs() == {}
