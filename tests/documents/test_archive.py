"""Packing: one byte form, and everybody's tar and gzip read it back."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.documents import archive

PART = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0"),
    min_size=1,
    max_size=20,
).filter(lambda part: part not in {".", ".."})
PATH = st.lists(PART, min_size=1, max_size=3).map("/".join).filter(lambda p: len(p.encode()) <= 100)
FILES = st.dictionaries(PATH, st.binary(max_size=2000), max_size=8)


def unpacked(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        return {member.name: _content(tar, member) for member in tar.getmembers()}


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


@given(FILES)
def test_the_standard_library_reads_back_what_was_packed(files: Mapping[str, bytes]) -> None:
    assert unpacked(archive.pack(files)) == files


@given(FILES)
def test_the_order_of_the_mapping_does_not_matter(files: Mapping[str, bytes]) -> None:
    turned = dict(reversed(list(files.items())))
    assert archive.pack(turned) == archive.pack(files)


@pytest.mark.parametrize("size", [0, 1, 65534, 65535, 65536, 131070, 131071, 300_000])
def test_gzip_of_stored_blocks_reads_back_at_every_block_edge(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    assert gzip.decompress(archive.gzip_stored(data[:size])) == data[:size]


def test_nothing_of_the_host_is_in_the_bytes() -> None:
    """The digest is part of a manifest: it may never change."""
    packed = archive.pack({"a/b.yaml": b"x: 1\n", "a.yaml": b""})
    assert hashlib.sha256(packed).hexdigest() == GOLDEN
    assert packed[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


GOLDEN = "af468991d19a6329e4f8a33a93043eccf1a493a536b93956843b468260792c45"


def test_headers_are_ustar_with_fixed_owner_mode_and_time() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive.tar({"a": b"1"}))) as tar:
        (member,) = tar.getmembers()
    assert (member.mode, member.uid, member.gid, member.mtime) == (0o644, 0, 0, 0)
    assert (member.uname, member.gname, member.isreg()) == ("", "", True)


def test_a_stored_deflate_stream_is_what_zlib_understands() -> None:
    raw = archive.gzip_stored(b"hello" * 30_000)[10:-8]
    assert zlib.decompress(raw, wbits=-15) == b"hello" * 30_000


@pytest.mark.parametrize("length", [101, 150, 200, 249])
def test_long_paths_use_the_prefix(length: int) -> None:
    path = ("d" * 49 + "/") * (length // 50) + "f" * max(1, length % 50)
    assert unpacked(archive.pack({path: b"x"})) == {path: b"x"}


@pytest.mark.parametrize("path", ["", "/a", "a//b", "a/", "./a", "a/../b", "a\0b", "n" * 101])
def test_paths_that_a_reader_could_take_otherwise_are_not_written(path: str) -> None:
    with pytest.raises(ValueError, match=r"plain relative path|ustar"):
        archive.tar({path: b""})
