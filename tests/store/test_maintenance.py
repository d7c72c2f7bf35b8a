"""Tidying with git's own tools: smaller, whole, and never in the way of who reads or writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from margo_gitops.errors import Stalled
from margo_gitops.store.git import GitStore
from margo_gitops.store.maintenance import Caps, Keeper, measure, pack_refs, tidy
from tests.store.making import chain, commit, fsck

HEAD = "refs/heads/status/north"


def path_of(store: GitStore) -> Path:
    assert store.path is not None
    return store.path


def test_tidying_leaves_one_pack_and_packed_refs_and_every_commit(disk: GitStore) -> None:
    ids = chain(disk, 120, HEAD)
    before = measure(path_of(disk))
    assert before.loose > 240
    tidy(path_of(disk))
    after = measure(path_of(disk))
    assert (after.loose, after.packs, after.refs) == (0, 1, 0)
    assert after.bytes < before.bytes
    fsck(path_of(disk))
    disk.check(ids[-1])
    assert [item.id for item in disk.history(ids[-1])] == ids[::-1]


def test_a_store_that_is_open_meanwhile_reads_and_writes_on(disk: GitStore) -> None:
    ids = chain(disk, 120, HEAD)
    tidy(path_of(disk))
    assert disk.files(ids[0])
    new = commit(disk, {"a/file": b"new"}, ids[-1])
    disk.move(HEAD, new, old=ids[-1])
    tidy(path_of(disk))
    assert disk.resolve(HEAD) == new
    assert disk.files(ids[5])
    disk.check(new)


def test_what_nothing_reaches_stays_while_it_is_young_and_goes_when_it_is_old(
    disk: GitStore,
) -> None:
    chain(disk, 3, HEAD)
    lost = commit(disk, {"a/file": b"being written"})
    tidy(path_of(disk))
    disk.check(lost)
    tidy(path_of(disk), young="now")
    with GitStore.open(path_of(disk)) as again, pytest.raises(Exception, match=lost[:12]):
        again.check(lost)


def test_no_bitmap_is_written(disk: GitStore) -> None:
    chain(disk, 120, HEAD)
    tidy(path_of(disk))
    assert not list(path_of(disk).glob("objects/pack/*.bitmap"))


def test_a_keeper_waits_for_its_time_and_for_a_reason(disk: GitStore) -> None:
    now = [0.0]
    keeper = Keeper(path_of(disk), lambda: now[0], caps=Caps(loose=50))
    chain(disk, 10, HEAD)
    assert not keeper.keep()  # below its caps
    ids = chain(disk, 60)
    assert not keeper.keep()  # looked a moment ago
    now[0] += 3600
    assert keeper.keep()
    assert measure(path_of(disk)).refs == 0
    assert ids
    now[0] += 3600
    assert keeper.trouble is None


def test_a_keeper_that_cannot_tidy_keeps_the_fault_and_goes_on(
    disk: GitStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ids = chain(disk, 60, HEAD)
    keeper = Keeper(path_of(disk), lambda: 0.0, caps=Caps(loose=10))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not keeper.keep()
    assert isinstance(keeper.trouble, Stalled)
    assert disk.resolve(HEAD) == ids[-1]


def test_packing_refs_says_what_git_says(tmp_path: Path) -> None:
    with pytest.raises(Stalled, match="pack-refs"):
        pack_refs(tmp_path)
