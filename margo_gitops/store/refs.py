"""Refs, read and moved in a git directory itself: one of 20,000 without parsing them all.

A loose ref is read before the packed ones: `git pack-refs` writes the packed file first and removes
the loose one after, so this order never sees neither. Writing takes the same `<ref>.lock` as git,
syncs before it renames, and leaves no lock behind when the disk is full (dulwich 1.2 does, and the
ref is then locked for good). A lock of ours is also held in the kernel, which lets go of it however
its process ends: what `kill -9` leaves is taken over at once, git's own locks are waited for.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self

from dulwich.refs import DictRefsContainer, Ref

from margo_gitops.errors import Stalled
from margo_gitops.store.disk import sync_all, sync_folder
from margo_gitops.store.objects import oid

_ID = re.compile(rb"[0-9a-f]{40}")
_SYMBOLIC = b"ref: "
_LONGEST = 4096
_OURS = 0o744
"""The mode of a lock that we made: git gives no file of its own the bit to be executed."""


class Refs(Protocol):
    """Named commits; `swap` is the only way to change one."""

    def read(self, name: str) -> str | None:
        """The object that a ref names, symbolic refs followed; None if there is no such ref."""

    def below(self, prefix: str) -> dict[str, str]:
        """Every ref whose name begins with `prefix`, which ends in `/`, with its object."""

    def swap(self, name: str, old: str | None, new: str | None) -> bool:
        """Set a ref to `new` (None: remove it) if it is at `old` (None: absent); else False.

        Durable. Raises `Held` while another holds its lock.
        """


class Held(Exception):
    """Another process holds this lock."""

    def __init__(self, lock: Path) -> None:
        self.lock = lock
        super().__init__(str(lock))


class MemoryRefs:
    """The refs of a repository in memory."""

    def __init__(self, refs: DictRefsContainer) -> None:
        self._refs = refs

    def read(self, name: str) -> str | None:
        """See `Refs`."""
        id = self._refs.follow(Ref(name.encode()))[1]
        return None if id is None else id.decode()

    def below(self, prefix: str) -> dict[str, str]:
        """See `Refs`."""
        found = {name.decode(): id.decode() for name, id in self._refs.as_dict().items()}
        return {name: id for name, id in found.items() if name.startswith(prefix)}

    def swap(self, name: str, old: str | None, new: str | None) -> bool:
        """See `Refs`."""
        ref = Ref(name.encode())
        if new is None:
            return self._refs.remove_if_equals(ref, None if old is None else oid(old))
        if old is None:
            return self._refs.add_if_new(ref, oid(new))
        return self._refs.set_if_equals(ref, oid(old), oid(new))


class DiskRefs:
    """The refs of one git directory, as they are at each call."""

    def __init__(self, git: Path) -> None:
        self.git = git
        self._packed: bytes = b""
        self._packed_key: tuple[int, int, int] | None = None

    def read(self, name: str) -> str | None:
        """See `Refs`.

        Raises `Stalled` for a ref file that holds no id, as a power cut can leave one.
        """
        for _ in range(5):
            content = _loose(self.git / name)
            if content is None:
                return self._packed_one(name)
            if not content.startswith(_SYMBOLIC):
                return _id(self.git / name, content)
            name = content.removeprefix(_SYMBOLIC).decode("utf-8", "replace")
        raise Stalled(f"the ref {name} in {self.git} leads from ref to ref without end")

    def below(self, prefix: str) -> dict[str, str]:
        """See `Refs`."""
        loose = {name: self.read(name) for name in self._names(prefix)}
        pattern = rb"^([0-9a-f]{40}) (" + re.escape(prefix.encode()) + rb"\S+)$"
        packed = {
            match[2].decode("utf-8", "replace"): match[1].decode()
            for match in re.finditer(pattern, self._packed_bytes(), re.MULTILINE)
        }
        return packed | {name: id for name, id in loose.items() if id is not None}

    def swap(self, name: str, old: str | None, new: str | None) -> bool:
        """See `Refs`. Raises `Stalled` where another ref stands in the way of this one."""
        path = self.git / name
        with _Lock(self.git, path) as lock:
            if self.read(name) != old:
                return False
            if new is None:
                self._unpack(name)
                path.unlink(missing_ok=True)
            else:
                if old is None:
                    self._require_way(name)
                lock.settle(new.encode() + b"\n")
            sync_folder(path.parent)
        return True

    def _unpack(self, name: str) -> None:
        """Take a ref out of the packed file: before its loose file goes, or it would come back.

        The lock comes before the look: a git that packs just now has read the loose file already.
        """
        with _Lock(self.git, self.git / "packed-refs") as lock:
            if self._packed_one(name) is None:
                return
            line = rb"^[0-9a-f]{40} " + re.escape(name.encode()) + rb"\n(\^[0-9a-f]{40}\n)?"
            lock.settle(re.sub(line, b"", self._packed_bytes(), flags=re.MULTILINE))
        sync_folder(self.git)

    def _require_way(self, name: str) -> None:
        parents = [str(parent) for parent in Path(name).parents if len(parent.parts) > 1]
        in_way = [parent for parent in parents if self.read(parent) is not None]
        in_way += self.below(name + "/")
        if in_way:
            raise _in_the_way(name, in_way[0])
        if (self.git / name).is_dir():
            shutil.rmtree(self.git / name)  # folders that held refs once

    def _packed_one(self, name: str) -> str | None:
        content = self._packed_bytes()
        end = content.find(b" " + name.encode() + b"\n")
        id = content[max(end - 40, 0) : end] if end >= 0 else b""
        return id.decode() if _ID.fullmatch(id) else None

    def _packed_bytes(self) -> bytes:
        try:
            with (self.git / "packed-refs").open("rb") as file:
                stat = os.fstat(file.fileno())
                key = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
                if key != self._packed_key:
                    self._packed, self._packed_key = file.read(), key
        except FileNotFoundError:
            self._packed, self._packed_key = b"", None
        return self._packed

    def _names(self, prefix: str) -> list[str]:
        return [
            os.path.relpath(Path(folder) / file, self.git)
            for folder, _, files in os.walk(self.git / prefix)
            for file in files
            if not file.endswith(".lock")
        ]


class _Lock:
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


def _taken_over(git: Path, lock: Path) -> int:
    try:
        return _taken(lock)
    except FileExistsError as error:
        if _left_by_the_dead(git, lock):
            with suppress(FileExistsError):
                return _taken(lock)
        raise Held(lock) from error


def _taken(lock: Path) -> int:
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
        raise _in_the_way(str(folder.relative_to(git)), str(error.filename)) from error
    sync_all(part.parent for part in made)


def _in_the_way(name: str, other: str) -> Stalled:
    return Stalled(
        f"{name} cannot be made: a ref cannot be a leaf and a folder, and {other} is in its way",
        then="nothing was changed",
    )


def _loose(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).rstrip(b"\r\n")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def _id(path: Path, content: bytes) -> str:
    if _ID.fullmatch(content):
        return content.decode()
    raise Stalled(
        f"the ref file {path} holds {content[:50]!r}, expected 40 hex digits",
        then="nothing is read from this ref until it is mended",
        help=f"remove {path}, then fetch again",
    )
