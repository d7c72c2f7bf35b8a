"""The content store: only verified bytes go in, and only verified bytes come out."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from margo_gitops.artifacts import content
from margo_gitops.artifacts.content import ContentStore
from margo_gitops.artifacts.manifest import MANIFEST
from margo_gitops.documents.canonical import digest
from margo_gitops.errors import Refused, Stalled, Unreachable
from margo_gitops.model.record import Artifact

DATA = b"a module"
DIGEST = digest(DATA)


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    return ContentStore(tmp_path / "content")


def held(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("blobs/sha256/*") if path.is_file())


def test_what_is_put_is_found_in_the_oci_layout(store: ContentStore, tmp_path: Path) -> None:
    path = store.put(DIGEST, len(DATA), DATA)
    assert path == tmp_path / "content" / "blobs" / "sha256" / DIGEST[7:]
    assert path.read_bytes() == DATA
    assert store.path(DIGEST) == ContentStore(tmp_path / "content").path(DIGEST) == path
    assert store.digests() == {DIGEST}


def test_putting_twice_equals_putting_once(store: ContentStore) -> None:
    path = store.put(DIGEST, len(DATA), DATA)
    before = path.stat().st_mtime_ns, path.stat().st_ino
    assert store.put(DIGEST, len(DATA), DATA) == path
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_an_empty_store_holds_nothing(store: ContentStore) -> None:
    assert store.path(DIGEST) is None
    assert store.digests() == frozenset()
    store.collect(())


@pytest.mark.parametrize(
    ("name", "size", "data"),
    [
        (DIGEST, len(DATA) + 1, DATA),
        (DIGEST, len(DATA), DATA[:-1] + b"?"),
        (DIGEST, len(DATA), b""),
        (DIGEST.upper(), len(DATA), DATA),
        ("sha256:../../escape", len(DATA), DATA),
        ("sha512:" + "0" * 128, len(DATA), DATA),
    ],
)
def test_bytes_that_are_not_what_was_announced_are_refused(
    store: ContentStore, tmp_path: Path, name: str, size: int, data: bytes
) -> None:
    with pytest.raises(Refused) as caught:
        store.put(name, size, data)
    assert caught.value.rule == "digest"
    assert held(tmp_path) == []


def test_a_corrupt_file_is_removed_and_can_be_put_again(
    store: ContentStore, tmp_path: Path
) -> None:
    path = store.put(DIGEST, len(DATA), DATA)
    path.write_bytes(b"b module")
    os.utime(path, ns=(1, 1))
    assert store.path(DIGEST) is None
    assert held(tmp_path) == []
    assert store.put(DIGEST, len(DATA), DATA).read_bytes() == DATA


def test_a_file_corrupted_between_two_processes_is_not_handed_out(
    store: ContentStore, tmp_path: Path
) -> None:
    store.put(DIGEST, len(DATA), DATA).write_bytes(b"")
    assert ContentStore(tmp_path / "content").path(DIGEST) is None


def test_a_name_that_is_no_digest_is_no_path(store: ContentStore) -> None:
    store.put(DIGEST, len(DATA), DATA)
    for name in ("", "sha256:", DIGEST[7:], DIGEST + "\n", f"sha256:../sha256/{DIGEST[7:]}"):
        assert store.path(name) is None


def test_collecting_keeps_what_is_named_and_clears_interrupted_writes(
    store: ContentStore, tmp_path: Path
) -> None:
    path = store.put(DIGEST, len(DATA), DATA)
    store.put(digest(b"old"), 3, b"old")
    path.with_name(f".{'0' * 64}.new").write_bytes(b"half")
    store.collect({DIGEST, digest(b"never came")})
    assert held(tmp_path) == [DIGEST[7:]]


def test_what_is_held_is_an_image_layout_for_others(store: ContentStore, tmp_path: Path) -> None:
    store.put(DIGEST, len(DATA), DATA)
    held_, gone = (
        Artifact(digest=name, size=len(DATA), media_type=MANIFEST)
        for name in (DIGEST, digest(b"never came"))
    )
    store.collect({DIGEST}, [held_, gone])
    (index,) = tmp_path.rglob("index.json")
    assert [entry["digest"] for entry in json.loads(index.read_text())["manifests"]] == [DIGEST]
    layout = index.with_name("oci-layout")
    assert json.loads(layout.read_text()) == {"imageLayoutVersion": "1.0.0"}
    before = index.stat().st_ino
    store.collect({DIGEST}, [held_])
    assert index.stat().st_ino == before
    store.collect([], [held_])
    assert json.loads(index.read_text())["manifests"] == []


def test_a_full_disk_leaves_the_old_blobs_and_no_half_one(
    store: ContentStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store.put(digest(b"old"), 3, b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Stalled, match="the disk is full"):
        store.put(DIGEST, len(DATA), DATA)
    assert held(tmp_path) == [digest(b"old")[7:]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.binary(max_size=64), max_size=5), st.lists(st.binary(max_size=64), max_size=5))
def test_the_store_is_a_set_of_verified_blobs(
    tmp_path: Path, kept: list[bytes], dropped: list[bytes]
) -> None:
    store = ContentStore(tmp_path / "content")
    for data in [*dropped, *kept]:
        assert store.put(digest(data), len(data), data).read_bytes() == data
    wanted = {digest(data) for data in kept}
    store.collect(wanted)
    assert store.digests() == wanted
    assert all(store.path(name) for name in wanted)


def test_a_large_blob_needs_room_first(
    store: ContentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "RESERVE", 1 << 60)
    with pytest.raises(Stalled, match="MiB may be used"):
        store.receive(DIGEST, len(DATA), lambda _: [DATA])


def test_what_came_in_part_survives_a_collection_only_while_it_is_wanted(
    store: ContentStore,
) -> None:
    with pytest.raises(Unreachable, match="only 3 of the 8 bytes"):
        store.receive(DIGEST, len(DATA), lambda _: [DATA[:3]])
    store.collect([DIGEST])
    assert store.received(DIGEST) == 3
    asked: list[int] = []

    def rest(offset: int) -> list[bytes]:
        asked.append(offset)
        return [DATA[offset:]]

    store.receive(DIGEST, len(DATA), rest)
    assert asked == [3]
    other = digest(b"other")
    with pytest.raises(Unreachable):
        store.receive(other, 5, lambda _: [b"o"])
    store.collect([DIGEST])
    assert store.received(other) == 0
    assert store.path(DIGEST)
