"""Unpacking: what an honest archive gives, and every way a hostile one is turned away."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.documents import archive as packing
from margo_gitops.errors import Refused, Waiting
from margo_gitops.runtime.archive import Limits, is_archive, unpack

SMALL = Limits(packed=100_000, unpacked=10_000, entries=20, depth=3, path=60)
PART = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
Entry = tuple[tarfile.TarInfo, bytes]


def entry(name: str, data: bytes = b"", **header: object) -> Entry:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in header.items():
        setattr(info, field, value)
    return info, data


def made(folder: Path, *entries: Entry, form: int = tarfile.PAX_FORMAT) -> Path:
    file = folder / "component.tar.gz"
    with tarfile.open(file, "w:gz", format=form) as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data))
    return file


def content(folder: Path) -> Mapping[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def assert_refused(file: Path, words: str, limits: Limits = SMALL) -> None:
    """Refused by name, and nothing of it is left beside the archive."""
    with pytest.raises(Refused, match=words) as caught:
        unpack(file, file.parent / "into", limits)
    assert caught.value.rule == "archive"
    assert list(file.parent.iterdir()) == [file]


def test_the_one_folder_becomes_the_goal_whatever_its_name(tmp_path: Path) -> None:
    file = tmp_path / "a.tar.gz"
    file.write_bytes(packing.pack({"any/compose.yaml": b"x", "any/conf/web.conf": b"y"}))
    unpack(file, tmp_path / "into")
    assert content(tmp_path / "into") == {"compose.yaml": b"x", "conf/web.conf": b"y"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "into"]


@given(st.dictionaries(PART, st.binary(max_size=50)), st.booleans())
def test_what_was_packed_is_unpacked(files: dict[str, bytes], zipped: bool) -> None:
    pack = packing.pack if zipped else packing.tar
    files = {**files, "Z/z": b"at least one"}
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "component")
        file.write_bytes(pack({f"top/{path}": data for path, data in files.items()}))
        assert is_archive(file)
        unpack(file, Path(name, "into"))
        assert content(Path(name, "into")) == files


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_common_tar_format_is_read(tmp_path: Path, form: int) -> None:
    long = "top/" + "d" * 90 + "/" + "f" * 90
    unpack(made(tmp_path, entry("./top/a", b"1"), entry(long, b"2"), form=form), tmp_path / "into")
    assert content(tmp_path / "into") == {"a": b"1", long.removeprefix("top/"): b"2"}


def test_modes_are_ours_and_dangerous_bits_are_dropped(tmp_path: Path) -> None:
    file = made(
        tmp_path,
        entry("top", type=tarfile.DIRTYPE, mode=0o7777),
        entry("top/run", mode=0o6711),
        entry("top/read", mode=0o600),
        entry("top/closed", type=tarfile.DIRTYPE, mode=0),
    )
    unpack(file, tmp_path / "into")
    modes = {path.name: path.stat().st_mode & 0o7777 for path in tmp_path.rglob("*")}
    wanted = {"into": 0o755, "run": 0o755, "read": 0o644, "closed": 0o755}
    assert {name: modes[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/top/a", "absolute path"),
        ("top/../a", "leaves the archive"),
        ("../a", "leaves the archive"),
        ("top/..", "leaves the archive"),
        ("top/a\nb", "no printable file name"),
        ("top/" + "n" * 70, "bytes of path"),
        ("top/1/2/3/4", "folders deep"),
    ],
)
def test_paths_that_lead_astray_are_refused(tmp_path: Path, name: str, words: str) -> None:
    assert_refused(made(tmp_path, entry("top/first"), entry(name)), words)


@pytest.mark.parametrize(
    ("type", "words"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "fifo"),
        (b"Z", "type b'Z'"),
    ],
)
def test_only_regular_files_and_directories_are_taken(
    tmp_path: Path, type: bytes, words: str
) -> None:
    strange = entry("top/strange", type=type, linkname="top/a")
    file = made(tmp_path, entry("top/a"), strange, form=tarfile.GNU_FORMAT)
    assert_refused(file, f"top/strange is a {words}")


def test_a_link_cannot_redirect_a_later_file(tmp_path: Path) -> None:
    link = entry("top/out", type=tarfile.SYMTYPE, linkname="/etc")
    assert_refused(made(tmp_path, link, entry("top/out/evil", b"x")), "top/out is a symbolic link")


@pytest.mark.parametrize(
    "entries",
    [
        (entry("top/a", b"1"), entry("top/a", b"2")),
        (entry("top/a", b"1"), entry("top/./a", b"2")),
        (entry("top/a"), entry("top/a", type=tarfile.DIRTYPE)),
    ],
)
def test_one_path_has_one_content(tmp_path: Path, entries: tuple[Entry, ...]) -> None:
    assert_refused(made(tmp_path, *entries), "stands twice")


def test_a_path_is_a_file_or_a_directory(tmp_path: Path) -> None:
    assert_refused(made(tmp_path, entry("top/a"), entry("top/a/b")), "both a file and a directory")


def test_a_path_is_a_directory_or_a_file(tmp_path: Path) -> None:
    assert_refused(made(tmp_path, entry("top/a/b"), entry("top/a")), "both a file and a directory")


@pytest.mark.parametrize(
    ("names", "found"),
    [((), "none"), (("a/x", "b/x"), "a, b"), (("compose.yaml",), "compose.yaml")],
)
def test_there_is_exactly_one_top_level_directory(
    tmp_path: Path, names: tuple[str, ...], found: str
) -> None:
    words = f"exactly one top-level directory, found {found}"
    assert_refused(made(tmp_path, *map(entry, names)), words)


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    assert_refused(made(tmp_path, *(entry(f"top/{n}") for n in range(21))), "more than 20 entries")


def test_an_archive_that_grows_too_much_is_refused(tmp_path: Path) -> None:
    file = made(tmp_path, *(entry(f"top/{n}", bytes(4000)) for n in range(3)))
    assert_refused(file, "more than 10000 bytes, at top/2")


def test_a_large_file_is_not_even_opened(tmp_path: Path) -> None:
    file = tmp_path / "big.tar.gz"
    with file.open("wb") as sparse:
        sparse.truncate(SMALL.packed + 1)
    assert_refused(file, "expected at most 100000")


def test_an_extended_header_cannot_eat_the_memory(tmp_path: Path) -> None:
    """tarfile reads such a header in one piece, so its claimed size must be bounded first."""
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 40
    file = tmp_path / "bomb.tar"
    file.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    assert_refused(file, "a header of the archive claims")


def test_a_chain_of_extended_headers_ends(tmp_path: Path) -> None:
    record = b"13 comment=x\n"
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, len(record)
    block = header.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0")
    file = tmp_path / "chain.tar"
    file.write_bytes(block * 5000)
    assert_refused(file, "no readable tar|unpacks to more", Limits())


def test_compressed_zeros_are_bounded(tmp_path: Path) -> None:
    """The padding between entries is not content, and is counted all the same."""
    info, _ = entry("top/a")
    file = tmp_path / "zeros.tar.gz"
    info.size = 1 << 30
    file.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)))
    assert_refused(file, "unpacks to more than 10000 bytes, at top/a")


@pytest.mark.parametrize("cut", [1, 20, 60, -30, -9])
def test_a_damaged_archive_is_refused_whole(tmp_path: Path, cut: int) -> None:
    file = made(tmp_path, entry("top/a", b"x" * 3000), entry("top/b", b"y" * 3000))
    file.write_bytes(file.read_bytes()[:cut])
    assert_refused(file, "no readable tar")


def test_what_is_no_archive_is_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_bytes(b"services: {}\n")
    assert not is_archive(file)
    assert_refused(file, "no readable tar")


def test_a_disk_at_fault_is_not_the_archives_fault(tmp_path: Path) -> None:
    file = made(tmp_path, entry("top/a"))
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / "occupied").touch()
    with pytest.raises(Waiting, match="not unpacked"):
        unpack(file, tmp_path / "into")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["component.tar.gz", "into"]
