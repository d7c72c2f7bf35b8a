from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from dulwich.objects import Blob
from hypothesis import given, settings
from hypothesis import strategies as st

from margo_gitops.errors import Refused
from margo_gitops.store import pack, scan
from margo_gitops.store.git import GitStore
from margo_gitops.store.limits import MAX_FILE, MAX_OBJECTS
from margo_gitops.store.objects import oid
from margo_gitops.store.walk import Known, reachable
from tests.store.hostile import entry, make_pack
from tests.store.making import chain, commit, fsck, git, run_git

SITE = "refs/heads/site/1"
BLOB, OFS, REF = 3, 6, 7


@pytest.fixture(scope="module")
def whole() -> Iterator[tuple[str, bytes]]:
    with GitStore.memory() as store:
        tip = chain(store, 4)[-1]
        yield tip, _pack(store, tip)


def _pack(store: GitStore, tip: str) -> bytes:
    file = io.BytesIO()
    pack.write_pack(file, reachable(store.objects, [oid(tip)], Known(store.objects, [])))
    return file.getvalue()


def _receive(store: GitStore, data: bytes, *wants: str) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        store.receive(file, wants)


def _objects(store: GitStore) -> set[bytes]:
    return set(store.objects)


def test_a_pack_is_taken_in_whole(store: GitStore, whole: tuple[str, bytes]) -> None:
    tip, data = whole
    _receive(store, data, tip)
    assert len(list(store.history(tip))) == 4
    store.check(tip)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_is_refused_and_leaves_nothing(
    whole: tuple[str, bytes], data: st.DataObject
) -> None:
    tip, good = whole
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([good[at] ^ 1 << data.draw(st.integers(0, 7))]) + good[at + 1 :]
    with GitStore.memory() as store:
        with pytest.raises(Refused):
            _receive(store, bad, tip)
        assert not _objects(store)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_pack_cut_short_is_refused(whole: tuple[str, bytes], data: st.DataObject) -> None:
    tip, good = whole
    with GitStore.memory() as store, pytest.raises(Refused):
        _receive(store, good[: data.draw(st.integers(0, len(good) - 1))], tip)


@settings(max_examples=150, deadline=None)
@given(body=st.lists(st.binary(max_size=60), max_size=5), count=st.integers(0, 6))
def test_noise_with_a_right_checksum_is_refused(body: list[bytes], count: int) -> None:
    data = make_pack([b"\x00", *body], count + 1)
    with pytest.raises(Refused) as refused:
        scan.scan(data, len(data))
    assert refused.value.rule in {"corrupt", "too-large"}


BOMBS = {
    "a size beyond the bound": make_pack([entry(BLOB, MAX_FILE + 1, b"")]),
    "zeros that outgrow their size": make_pack([entry(BLOB, 10, bytes(1 << 20))]),
    "a size that is not reached": make_pack([entry(BLOB, 1000, b"x")]),
    "a delta to gigabytes": make_pack(
        [entry(BLOB, 1, b"x"), entry(OFS, 7, b"\x01\xff\xff\xff\xff\x0f\x90", b"\x0a")]
    ),
    "a delta before the beginning": make_pack([entry(OFS, 3, b"\1\1\1", b"\x7f")]),
    "a delta upon itself": make_pack([entry(OFS, 3, b"\1\1\1", b"\x00")]),
    "a delta upon what is nowhere": make_pack([entry(REF, 3, b"\1\1\1", b"\xab" * 20)]),
    "a delta without sizes": make_pack([entry(BLOB, 1, b"x"), entry(OFS, 1, b"\xff", b"\x0a")]),
    "an unknown type": make_pack([entry(5, 1, b"x")]),
    "more objects than it holds": make_pack([entry(BLOB, 1, b"x")], 2),
    "fewer objects than it holds": make_pack([entry(BLOB, 1, b"x")] * 2, 1),
    "more objects than we take": make_pack([], MAX_OBJECTS + 1),
    "a size without end": make_pack([b"\xbf" + b"\xff" * 30]),
    "no pack": b"<!doctype html><p>404 but with status 200, as proxies do</p>",
    "nothing": b"",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_and_leaves_nothing(disk: GitStore, name: str) -> None:
    assert disk.path is not None
    before = sorted(disk.path.rglob("*"))
    with pytest.raises(Refused) as refused:
        _receive(disk, BOMBS[name], "ab" * 20)
    assert refused.value.rule in {"corrupt", "too-large", "incomplete"}
    assert sorted(disk.path.rglob("*")) == before


def test_many_deltas_of_one_base_are_counted_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    delta = b"\x0a\xe8\x07" + b"\x90\x0a" * 100
    many = make_pack([entry(BLOB, 10, b"0123456789"), *[entry(OFS, len(delta), delta, b"\x13")]])
    monkeypatch.setattr(scan, "MAX_INFLATED", 1000)
    with pytest.raises(Refused) as refused:
        scan.scan(many, len(many))
    assert refused.value.rule == "too-large"


@pytest.mark.parametrize("files", [3, 400])
def test_a_pack_that_lacks_a_blob_leaves_nothing(disk: GitStore, files: int) -> None:
    with GitStore.memory() as source:
        made = {f"f{number}": f"{number}".encode() for number in range(files)}
        tip = commit(source, made)
        walked = list(reachable(source.objects, [oid(tip)], Known(source.objects, [])))
        lacking = Blob.from_string(b"1").id
        file = io.BytesIO()
        pack.write_pack(file, [item for item in walked if item.id != lacking])
    assert disk.path is not None
    before = sorted(disk.path.rglob("*"))
    with pytest.raises(Refused, match=lacking.decode()) as refused:
        _receive(disk, file.getvalue(), tip)
    assert refused.value.rule == "incomplete"
    assert sorted(disk.path.rglob("*")) == before
    assert commit(disk, made) == tip


def test_gits_thin_packs_are_taken_in(tmp_path: Path, disk: GitStore) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "work")
    work = tmp_path / "work"
    text = "".join(f"line {number}\n" for number in range(2000))
    for number, extra in enumerate(("", "one more\n")):
        (work / "big.txt").write_text(text + extra)
        git(work, "add", "-A")
        git(work, "commit", "-qm", f"{number}")
    first, second = git(work, "rev-parse", "HEAD~1"), git(work, "rev-parse", "HEAD")
    full = run_git(work, "pack-objects", "--revs", "--stdout", input=first.encode() + b"\n")
    thin_of = f"{second}\n^{first}\n".encode()
    thin = run_git(work, "pack-objects", "--revs", "--thin", "--stdout", input=thin_of)
    assert len(thin) < len(text) // 10
    with pytest.raises(Refused) as refused:
        _receive(disk, thin, second)
    assert refused.value.rule == "incomplete"
    _receive(disk, full, first)
    disk.move(SITE, first, old=None)
    _receive(disk, thin, second)
    disk.move(SITE, second, old=first)
    assert disk.read(second, "big.txt") == (text + "one more\n").encode()
    assert disk.path is not None
    fsck(disk.path)
