"""Files of a folder as a view: no link is followed, and at most 1 MiB of each is read."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from margo_gitops.documents.fleet.files import SYMLINK, TOO_LARGE, UNREADABLE
from margo_gitops.documents.rule import Fault
from margo_gitops.documents.yaml import MAX_BYTES
from margo_gitops.errors import Invalid

MAX_NAMES = 500_000
_LINK = "found a symbolic link, expected a plain file"
_DOCUMENTS = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class WorkTree:
    """Files below `root`; `known` are blob ids of those that need no reading to be told apart."""

    root: Path
    names: tuple[str, ...]
    known: Mapping[str, str] = field(default_factory=dict)

    def paths(self, prefix: str = "") -> Iterator[str]:
        """Every file that is there and whose path begins with `prefix`, in order."""
        for at in range(bisect_left(self.names, prefix), len(self.names)):
            name = self.names[at]
            if not name.startswith(prefix):
                return
            if name in self.known or os.path.lexists(self.root / name):
                yield name

    def identity(self, path: str) -> str | None:
        """The id that git gives these bytes."""
        if path in self.known:
            return self.known[path]
        data = self.read(path)
        return None if data is None else blob_id(data)

    def read(self, path: str) -> bytes | None:
        """The file's bytes; None where `trouble` says why not."""
        found = content(self.root / path)
        return found if isinstance(found, bytes) else None

    def trouble(self, path: str, /) -> Fault | None:
        """Why a path that is there cannot be read."""
        found = content(self.root / path)
        return found if isinstance(found, Fault) else None

    def odd(self) -> Iterator[tuple[str, Fault]]:
        """Every path that is no plain file, and what it is."""
        for name in self.names:
            if name not in self.known and (fault := _kind(self.root / name)):
                yield name, fault


def folder_tree(root: Path) -> WorkTree:
    """The files of a folder that is not in git, hidden ones and hidden folders left out.

    A link is listed, never entered; so is a folder with a document's name. Raises `Invalid` for
    more than 500,000 names.
    """
    names: list[str] = []
    for name in _walk(root):
        names.append(name)
        if len(names) > MAX_NAMES:
            raise Invalid(
                f"{root} holds more than {MAX_NAMES} files", help="name one of its folders"
            )
    return WorkTree(root, tuple(sorted(names)))


def content(path: Path) -> bytes | Fault | None:
    """A plain file's bytes, or why not; None where nothing is there. Never blocks on a pipe."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return SYMLINK.broken((), _LINK)
        return UNREADABLE.broken((), f"it cannot be read: {error.strerror}")
    try:
        found = os.fstat(handle)
        if fault := _of_mode(found.st_mode):
            return fault
        # What grows while it is read is cut, and refused like what was too large before.
        data = b"" if found.st_size > MAX_BYTES else _bytes(handle)
    finally:
        os.close(handle)
    size = max(found.st_size, len(data))
    if size > MAX_BYTES:
        return TOO_LARGE.broken((), f"found {size} bytes, expected at most {MAX_BYTES}")
    return data


def _bytes(handle: int) -> bytes:
    with os.fdopen(handle, "rb", closefd=False) as file:
        return file.read(MAX_BYTES + 1)


def _kind(path: Path) -> Fault | None:
    try:
        return _of_mode(path.lstat().st_mode)
    except OSError:
        return None


def _of_mode(mode: int) -> Fault | None:
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISLNK(mode):
        return SYMLINK.broken((), _LINK)
    what = "a folder" if stat.S_ISDIR(mode) else "no plain file"
    return UNREADABLE.broken((), f"found {what}, expected a file")


def blob_id(data: bytes) -> str:
    """The id that git gives a blob of these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _walk(root: Path) -> Iterator[str]:
    todo = [""]
    while todo:
        folder = todo.pop()
        try:
            entries = list(os.scandir(root / folder))
        except OSError:
            yield folder.rstrip("/")
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            name = folder + entry.name
            if entry.is_dir(follow_symlinks=False):
                todo.append(name + "/")
                if name.endswith(_DOCUMENTS):
                    yield name
            else:
                yield name
