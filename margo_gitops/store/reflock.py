"""The lock of a ref: git's own `<ref>.lock`, and what stands in its way.

It syncs before it renames, and leaves no lock behind when the disk is full (dulwich 1.2 does, and
the ref is then locked for good). A lock of ours is also held in the kernel, which lets go of it
however its process ends: what `kill -9` leaves is taken over at once, git's own locks are waited
for.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from margo_gitops.errors import Stalled
from margo_gitops.store.disk import sync_all, sync_file, sync_folder

_OURS = 0o744
"""The mode of a lock that we made: git gives no file of its own the bit to be executed."""

TEMPORARY = "tmp_refs_"
"""How a packed file begins that is still being written."""


class Held(Exception):
    """Another process holds this lock."""

    def __init__(self, lock: Path) -> None:
        self.lock = lock
        super().__init__(str(lock))


class RefLock:
    """`<path>.lock`, held as git holds it; `settle` makes it the file itself, else it goes."""

    def __init__(self, git: Path, path: Path) -> None:
        self._path = path
        self._lock = path.with_name(path.name + ".lock")
        _make_folders(git, path.parent)
        self._handle = _taken_over(git, self._lock)
        self._settled = False

    def settle(self, data: bytes) -> None:
        """Put `data` in the file's place, durable but for its name."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._handle, rest) :]
        os.fsync(self._handle)
        self._lock.replace(self._path)
        self._settled = True
        os.fchmod(self._handle, 0o644)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._settled:
            self._lock.unlink(missing_ok=True)
        os.close(self._handle)  # last: what is not held any more may be another's


def sync_names(git: Path, folders: Iterable[Path]) -> None:
    """Make what these folders of refs name durable.

    Where one is gone, git has packed its refs meanwhile and took the empty folder away: then they
    are in the packed file.
    """
    for folder in dict.fromkeys(folders):
        try:
            sync_folder(folder)
        except FileNotFoundError:
            sync_file(git / "packed-refs")
            sync_folder(git)


def _taken_over(git: Path, lock: Path) -> int:
    try:
        return taken(lock)
    except FileExistsError as error:
        if _left_by_the_dead(git, lock):
            with suppress(FileExistsError):
                return taken(lock)
        raise Held(lock) from error


def taken(lock: Path) -> int:
    """Make a lock that was not there, and hold it; `Held` where another got in between."""
    try:
        handle = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OURS)
    except FileNotFoundError as error:  # git removes empty folders
        raise Held(lock) from error
    if _held_by_us(handle, lock):
        return handle
    os.close(handle)
    raise Held(lock)


def _left_by_the_dead(git: Path, lock: Path) -> bool:
    """Remove a lock of ours whose process is no more; False where it may live, or is git's."""
    try:
        handle = os.open(lock, os.O_WRONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    except OSError:  # another user's
        return False
    try:
        # A file system without modes shows all files alike: there no lock is known as ours.
        ours = _executable(os.fstat(handle)) and not _executable((git / "HEAD").stat())
        if not ours or not _held_by_us(handle, lock):
            return False
        lock.unlink()
    finally:
        os.close(handle)
    return True


def _executable(status: os.stat_result) -> bool:
    return bool(status.st_mode & stat.S_IXUSR)


def _held_by_us(handle: int, lock: Path) -> bool:
    """Take a lock file in the kernel; False where another has it, or it is not there any more."""
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(handle), lock.lstat())
    return False


def _make_folders(git: Path, folder: Path) -> None:
    missing = [part for part in (folder, *folder.parents) if part != git and git in part.parents]
    made = [part for part in reversed(missing) if not part.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise in_the_way(str(folder.relative_to(git)), str(error.filename)) from error
    sync_all(part.parent for part in made)


def in_the_way(name: str, other: str) -> Stalled:
    return Stalled(
        f"{name} cannot be made: a ref cannot be a leaf and a folder, and {other} is in its way",
        then="nothing was changed",
    )
