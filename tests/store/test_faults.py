from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from margo_gitops.errors import Stalled
from margo_gitops.store.bundle import BundleTransport
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.transport import Transport, Update
from tests.store.faults import killed_before_write, no_room
from tests.store.making import commit, fsck

SITE = "refs/heads/site/1"


def _kill_everywhere(action: Callable[[], None], holds: Callable[[], None]) -> int:
    """Kill at every write in turn, check after each; returns how many writes there were."""
    for number in count():
        killed = killed_before_write(number, action)
        holds()
        if not killed:
            return number
    raise AssertionError


def test_killed_anywhere_a_move_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "s.git"
    with GitStore.create(path) as store:
        old = commit(store)
        store.move(SITE, old, old=None)
        new = commit(GitStore.memory(), {"a": b"1", "b/c": b"2"}, old)
    seen: set[str] = set()

    def action() -> None:
        with GitStore.open(path) as store:
            store.recover(older=0)
            made = commit(store, {"a": b"1", "b/c": b"2"}, old)
            if store.resolve(SITE) == old:
                store.move(SITE, made, old=old)

    def holds() -> None:
        with GitStore.open(path) as store:
            tip = store.resolve(SITE)
            assert tip in {old, new}
            assert tip is not None
            assert store.files(tip)
            seen.add(tip)
        fsck(path)

    assert _kill_everywhere(action, holds) >= 8
    assert seen == {old, new}


def test_killed_anywhere_a_repository_is_made_or_not(tmp_path: Path) -> None:
    path = tmp_path / "s.git"

    def holds() -> None:
        if path.exists():
            GitStore.open(path).close()

    assert _kill_everywhere(lambda: GitStore.create(path).close(), holds) > 5
    fsck(path)


@pytest.mark.parametrize("kind", ["path", "bundle"])
@pytest.mark.parametrize("files", [2, 150])
def test_killed_anywhere_a_push_leaves_the_old_or_the_new(
    tmp_path: Path, kind: str, files: int
) -> None:
    far: Transport = BundleTransport(tmp_path / "r.bundle")
    if kind == "path":
        GitStore.create(tmp_path / "r.git").close()
        far = StoreTransport(tmp_path / "r.git")
    with GitStore.memory() as store:
        old = commit(store)
        new = commit(store, {f"f{number}": b"%d" % number for number in range(files)}, old)
        far.push(store, [Update(SITE, None, old)])

        def action() -> None:
            if kind == "path":
                with GitStore.open(tmp_path / "r.git") as other:
                    other.recover(older=0)
            far.push(store, [Update(SITE, old, new)])

        def holds() -> None:
            tips = far.refs([SITE])
            assert tips[SITE] in {old, new}
            with GitStore.memory() as other:
                far.fetch(other, tips)
                assert other.files(tips[SITE]) == store.files(tips[SITE])

        writes = 0
        while killed_before_write(writes, action):
            holds()
            writes += 1 if writes < 12 else 7
        assert far.refs([SITE]) == {SITE: new}


@pytest.mark.parametrize("room", [0, 30, 60])
def test_a_full_disk_keeps_the_old_state_whole(tmp_path: Path, room: int) -> None:
    path = tmp_path / "s.git"
    with GitStore.create(path) as store:
        old = commit(store)
        store.move(SITE, old, old=None)
        ready = commit(store, {"ready": b"to be named"}, old)
        with no_room(room), pytest.raises(Stalled, match="larger than this process may write"):
            commit(store, {"a": b"so long that it needs room" * 9}, old)
        with no_room(min(room, 40)), pytest.raises(Stalled, match="larger than"):
            store.move(SITE, ready, old=old)
        assert store.resolve(SITE) == old
        assert store.recover(older=0) == []
        store.move(SITE, ready, old=old)
    fsck(path)


def test_a_full_stick_keeps_the_old_bundle(tmp_path: Path) -> None:
    far = BundleTransport(tmp_path / "r.bundle")
    with GitStore.memory() as store:
        old = commit(store)
        far.push(store, [Update(SITE, None, old)])
        new = commit(store, {"a": b"1"}, old)
        with no_room(100), pytest.raises(Stalled):
            far.push(store, [Update(SITE, old, new)])
        assert far.refs([SITE]) == {SITE: old}
        assert [item.name for item in tmp_path.iterdir()] == ["r.bundle"]
        far.push(store, [Update(SITE, old, new)])
