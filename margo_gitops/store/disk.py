"""What a disk does to us: full, read-only, cut off; and how a file is replaced whole."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from margo_gitops.errors import LostRace, Stalled

_WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than this process may write",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "this user may not write",
    errno.EPERM: "this user may not write",
    errno.EIO: "the disk answers with an I/O error",
}

PRIVATE = 0o600
"""The mode of a file that nobody else may read."""


@contextmanager
def disk_faults(where: Path | str) -> Iterator[None]:
    """Turn what a person must mend on a disk into `Stalled`; nothing had been committed by then."""
    try:
        yield
    except OSError as error:
        words = _WORDS.get(error.errno or 0)
        if words is None:
            raise
        raise Stalled(
            f"{words}, at {where}", then="the old state stays, whole", help=f"df -h {where}"
        ) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a rename is not, until its folder is synced."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def replacing(path: Path, *, mode: int = 0o644, prefix: str = ".tmp-") -> Iterator[BinaryIO]:
    """A new file in place of `path`, seen whole or not at all.

    The bytes are durable when the block ends; the name is once the caller syncs the folder.
    """
    import tempfile  # noqa: PLC0415  # 8 ms, and a pass that finds nothing new writes nothing

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            _set_mode(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise


def _set_mode(handle: int, mode: int) -> None:
    """A stick may have no modes (vfat); only where others must not read does that matter."""
    try:
        os.fchmod(handle, mode)
    except PermissionError:
        if mode == PRIVATE:
            raise


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold a lock file; the kernel lets go of it when this process ends, however it ends.

    Raises `LostRace` if another process holds it.
    """
    handle = _taken(lock)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(handle)


def _taken(lock: Path) -> int:
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise LostRace(f"another process holds {lock}") from error
        if _same(handle, lock):
            return handle
        os.close(handle)  # its last holder removed the name between our two calls


def _same(handle: int, path: Path) -> bool:
    try:
        return os.fstat(handle).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def sync_all(folders: Iterable[Path]) -> None:
    """Make the names in these folders durable, each once."""
    for folder in dict.fromkeys(folders):
        sync_folder(folder)
