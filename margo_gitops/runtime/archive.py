"""Unpacking an archive that one does not trust: bounded, regular files only, all or nothing."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn, cast

from margo_gitops.errors import Refused, Waiting

_CHUNK = 1 << 16
_LARGEST_READ = 1 << 20
_MALFORMED = (
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    ValueError,
    RecursionError,  # a chain of extended headers: tarfile descends into each
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may be at most: sizes in bytes; `depth` counts folders below its one."""

    packed: int = 64 << 20
    unpacked: int = 256 << 20
    entries: int = 10_000
    depth: int = 16
    path: int = 512


DEFAULT = Limits()


def is_archive(file: Path) -> bool:
    """True for what begins as gzip or holds a ustar header; nothing else of it is read."""
    with file.open("rb") as source:
        start = source.read(512)
    return start.startswith(b"\x1f\x8b") or start[257:262] == b"ustar"


def unpack(archive: Path, into: Path, limits: Limits = DEFAULT) -> None:
    """Make `into`, which is not there yet, the one top-level directory of a tar or tar.gz.

    Regular files and directories only; modes become 0644, 0755 where executable, and 0755; owners
    and times are ours. A crash leaves nothing at `into`. Raises `Refused` (rule `archive`) naming
    the entry, and `Waiting` where the host's disk is at fault (specification, component artifacts:
    safety checks before extraction).
    """
    try:
        with _scratch(into.parent) as scratch:
            with _opened(archive, limits) as tar:
                folder = _Unpacking(scratch, limits).take(tar)
            folder.rename(into)
            _sync(into.parent)
    except _MALFORMED as error:
        refuse(f"{archive.name} is no readable tar or tar.gz: {error}", error)
    except OSError as error:
        raise Waiting(f"{archive.name} was not unpacked: {error.strerror}") from error


def refuse(problem: str, cause: Exception | None = None) -> NoReturn:
    """End it: the archive breaks a rule."""
    raise Refused(problem, rule="archive") from cause


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    # Beside the goal, so that the last step is a rename on one file system.
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _opened(archive: Path, limits: Limits) -> Iterator[tarfile.TarFile]:
    size = archive.stat().st_size
    if size > limits.packed:
        refuse(f"{archive.name} has {size} bytes, expected at most {limits.packed}")
    with archive.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        with gzip.GzipFile(fileobj=raw) if zipped else raw as plain:
            source = _Bounded(cast("IO[bytes]", plain), limits)
            with tarfile.open(fileobj=cast("IO[bytes]", source), mode="r:") as tar:
                yield tar
            while source.read(_CHUNK):
                pass  # gzip's checksum stands at the end


class _Bounded:
    """A stream that goes forward only, to a limit, in small steps.

    tarfile reads an extended header in one piece, whatever size it claims: that is why one read
    is bounded too.
    """

    def __init__(self, source: IO[bytes], limits: Limits) -> None:
        self._source = source
        self._at = 0
        # Headers and padding are not content: two blocks for each entry, and the end.
        self._limit = limits.unpacked + (limits.entries + 20) * 1024

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _LARGEST_READ:
            refuse(f"a header of the archive claims {size} bytes, expected at most {_LARGEST_READ}")
        data = self._source.read(size)
        self._at += len(data)
        if self._at > self._limit:
            refuse(f"the archive unpacks to more than {self._limit} bytes")
        return data

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int) -> int:
        if offset < self._at:
            refuse("a header of the archive points backwards")
        while self._at < offset and self.read(min(_CHUNK, offset - self._at)):
            pass
        return self._at


class _Unpacking:
    """One archive on its way into `root`: what was written so far, and what is left of limits."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root = root
        self._limits = limits
        self._left = limits.unpacked
        self._listed: set[tuple[str, ...]] = set()
        self._folders: set[tuple[str, ...]] = {()}

    def take(self, tar: tarfile.TarFile) -> Path:
        """Write every entry; returns the one top-level directory."""
        for count, member in enumerate(tar):
            if count >= self._limits.entries:
                refuse(f"the archive has more than {self._limits.entries} entries")
            if parts := self._checked(member):
                self._write(tar, member, parts)
        tops = sorted({parts[0] for parts in self._listed})
        if len(tops) != 1 or (tops[0],) not in self._folders:
            refuse(
                f"expected exactly one top-level directory, found {', '.join(tops[:5]) or 'none'}"
            )
        for folder in sorted(self._folders):
            _sync(self._root.joinpath(*folder))
        return self._root / tops[0]

    def _checked(self, member: tarfile.TarInfo) -> tuple[str, ...]:
        name, parts = _plain(member.name), _parts(member.name)
        if len(member.name.encode("utf-8", "replace")) > self._limits.path:
            refuse(f"{name[:80]}... has more than {self._limits.path} bytes of path")
        if len(parts) > self._limits.depth + 1:
            refuse(f"{name} is more than {self._limits.depth} folders deep")
        if not (member.isreg() or member.isdir()) or member.issparse():
            refuse(f"{name} is a {_kind(member)}, expected regular files and directories only")
        if member.size > self._left:
            refuse(f"the archive unpacks to more than {self._limits.unpacked} bytes, at {name}")
        if parts in self._listed:
            refuse(f"{name} stands twice in the archive")
        self._listed.add(parts)
        return parts

    def _write(self, tar: tarfile.TarFile, member: tarfile.TarInfo, parts: tuple[str, ...]) -> None:
        folder = parts if member.isdir() else parts[:-1]
        self._make(folder, member.name)
        if member.isdir():
            return
        if parts in self._folders:
            refuse(f"{_plain(member.name)} is both a file and a directory")
        source = tar.extractfile(member)
        with self._root.joinpath(*parts).open("xb") as target:
            while source is not None and (chunk := source.read(_CHUNK)):
                target.write(chunk)
            self._left -= target.tell()
            target.flush()
            os.fchmod(target.fileno(), 0o755 if member.mode & 0o111 else 0o644)
            os.fsync(target.fileno())

    def _make(self, folder: tuple[str, ...], name: str) -> None:
        for end in range(1, len(folder) + 1):
            part = folder[:end]
            if part not in self._folders:
                path = self._root.joinpath(*part)
                if path.exists():
                    refuse(f"{_plain(name)}: {'/'.join(part)} is both a file and a directory")
                path.mkdir()
                path.chmod(0o755)
                self._folders.add(part)


def _parts(name: str) -> tuple[str, ...]:
    if name.startswith("/"):
        refuse(f"{_plain(name)} is an absolute path")
    parts = tuple(part for part in name.split("/") if part not in {"", "."})
    if ".." in parts:
        refuse(f"{_plain(name)} leaves the archive's directory")
    if not name.isprintable() or any(len(part.encode()) > 255 for part in parts):
        refuse(f"{_plain(name)[:80]} is no printable file name of at most 255 bytes")
    return parts


def _plain(name: str) -> str:
    return name if name.isprintable() else ascii(name)


def _kind(member: tarfile.TarInfo) -> str:
    kinds = {
        "symbolic link": member.issym(),
        "hard link": member.islnk(),
        "device": member.ischr() or member.isblk(),
        "fifo": member.isfifo(),
        "sparse file": member.issparse(),
    }
    return next((kind for kind, found in kinds.items() if found), f"type {member.type!r}")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
