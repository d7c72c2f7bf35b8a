from __future__ import annotations

import shutil
import subprocess
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from margo_gitops.errors import LostRace, Refused, Stalled, Unreachable
from margo_gitops.store import repository
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.transport import Update
from tests.store.making import chain, commit, fsck, git

MAIN = "refs/heads/main"
SITE = "refs/heads/site/1"


def _remote(tmp_path: Path, length: int = 2) -> tuple[Path, list[str]]:
    with GitStore.create(tmp_path / "remote.git") as store:
        return tmp_path / "remote.git", chain(store, length, MAIN)


def _object(path: Path, id: str) -> Path:
    return path / "objects" / id[:2] / id[2:]


@pytest.mark.parametrize("damage", ["gone", "empty", "another"])
@pytest.mark.parametrize("what", ["commit", "blob"])
def test_a_damaged_remote_ends_a_fetch(
    tmp_path: Path, store: GitStore, damage: str, what: str
) -> None:
    path, ids = _remote(tmp_path)
    with GitStore.open(path) as other:
        file = _object(path, ids[0] if what == "commit" else other.paths(ids[0])["a/file"])
    file.chmod(0o644)
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(b"" if damage == "empty" else _object(path, ids[1]).read_bytes())
    with pytest.raises(Refused, match=file.name) as refused:
        StoreTransport(path).fetch(store, {MAIN: ids[1]})
    assert refused.value.rule == ("incomplete" if damage == "gone" else "corrupt")
    assert not list(store.objects)


def test_a_ref_to_a_blob_is_refused(tmp_path: Path, store: GitStore) -> None:
    path, ids = _remote(tmp_path)
    blob = git(path, "hash-object", "-w", "--stdin", input=b"no commit")
    git(path, "update-ref", "refs/margo/alive/1", blob)
    far = StoreTransport(path)
    with pytest.raises(Refused) as refused:
        far.fetch(store, far.refs(["refs/margo/alive/1"]))
    assert refused.value.rule == "kind"
    with pytest.raises(Refused):
        far.push(store, [Update("refs/margo/alive/1", blob, ids[0])])


def test_a_disk_that_is_pulled_out_is_not_an_empty_remote(tmp_path: Path) -> None:
    path, ids = _remote(tmp_path)
    far = StoreTransport(path)
    assert far.refs([MAIN]) == {MAIN: ids[-1]}
    shutil.rmtree(path)
    with pytest.raises(Unreachable):
        far.refs([MAIN])
    with pytest.raises(Stalled, match="no git repository"):
        StoreTransport(path).refs([MAIN])


def test_a_locked_remote_is_a_lost_race(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "LOCK_PATIENCE", 0.05)
    path, ids = _remote(tmp_path)
    (path / f"{MAIN}.lock").touch()
    with GitStore.memory() as store:
        far = StoreTransport(path)
        far.fetch(store, {MAIN: ids[-1]})
        new = commit(store, {"new": b""}, ids[-1])
        with pytest.raises(LostRace, match=r"main\.lock"):
            far.push(store, [Update(MAIN, ids[-1], new)])
        (path / f"{MAIN}.lock").unlink()
        far.push(store, [Update(MAIN, ids[-1], new)])
    fsck(path)


def test_only_what_is_missing_is_copied(tmp_path: Path, store: GitStore) -> None:
    path, ids = _remote(tmp_path, 4)
    far = StoreTransport(path)
    far.fetch(store, {MAIN: ids[2]})
    store.move(MAIN, ids[2], old=None)
    for id in ids[:2]:
        _object(path, id).unlink()
    held = set(store.objects)
    far.fetch(store, {MAIN: ids[3]})
    assert len(set(store.objects) - held) == 4


def test_git_packing_refs_beside_our_moves_loses_nothing(tmp_path: Path) -> None:
    path, ids = _remote(tmp_path, 60)
    over = threading.Event()

    def pack() -> None:
        while not over.is_set():
            # A ref that we hold locked at that moment makes git give up this round.
            subprocess.run(
                ["git", "pack-refs", "--all"], cwd=path, capture_output=True, check=False
            )

    packing = threading.Thread(target=pack)
    packing.start()
    try:
        with GitStore.open(path) as store:
            store.move(SITE, ids[0], old=None)
            for old, new in pairwise(ids):
                store.move(SITE, new, old=old)
                assert store.resolve(SITE) == new
            store.delete(SITE, old=ids[-1])
            assert store.resolve(SITE) is None
    finally:
        over.set()
        packing.join()
    assert StoreTransport(path).refs([SITE, MAIN]) == {MAIN: ids[-1]}


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed-and-loose"])
def test_git_packing_refs_in_the_middle_of_a_delete_brings_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    path, ids = _remote(tmp_path)
    unlink = Path.unlink

    def packing_first(file: Path, missing_ok: bool = False) -> None:
        if file == path / SITE:
            pack = ["git", "-c", "core.packedRefsTimeout=0", "pack-refs", "--all"]
            subprocess.run(pack, cwd=path, capture_output=True, check=False)
        unlink(file, missing_ok)

    with GitStore.open(path) as store:
        store.move(SITE, ids[0], old=None)
        if packed:
            git(path, "pack-refs", "--all")
            store.move(SITE, ids[1], old=ids[0])
        monkeypatch.setattr(Path, "unlink", packing_first)
        store.delete(SITE, old=ids[packed])
    assert StoreTransport(path).refs([SITE, MAIN]) == {MAIN: ids[-1]}
    assert SITE not in git(path, "show-ref")
    assert not list(path.glob("*.lock"))
    assert not list(path.glob("tmp_*"))
