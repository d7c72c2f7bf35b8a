"""Refs, read and moved in a git directory itself: one of 20,000 without parsing them all.

A loose ref is read before the packed ones: `git pack-refs` writes the packed file first and removes
the loose one after, so this order never sees neither. Writing takes `RefLock`.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Protocol

from margo_gitops.errors import Stalled
from margo_gitops.store.disk import replacing, sync_folder
from margo_gitops.store.reflock import TEMPORARY, RefLock, in_the_way, sync_names

_ID = re.compile(rb"[0-9a-f]{40}")
_SYMBOLIC = b"ref: "
_LONGEST = 4096


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
        with RefLock(self.git, path) as lock:
            if self.read(name) != old:
                return False
            if new is None:
                self._remove(name, path)
            else:
                if old is None:
                    self._require_way(name)
                lock.settle(new.encode() + b"\n")
            sync_names(self.git, [path.parent])
        return True

    def _remove(self, name: str, path: Path) -> None:
        """Take a ref out of the packed file, then its loose file, all under the packed file's lock.

        Let go in between, and a git that packs just then reads the loose file and packs the ref
        again: it would come back. So the packed file is replaced beside its lock, as git does.
        """
        packed = self.git / "packed-refs"
        with RefLock(self.git, packed):
            if self._packed_one(name) is not None:
                line = rb"^[0-9a-f]{40} " + re.escape(name.encode()) + rb"\n(\^[0-9a-f]{40}\n)?"
                with replacing(packed, prefix=TEMPORARY) as file:
                    file.write(re.sub(line, b"", self._packed_bytes(), flags=re.MULTILINE))
                sync_folder(self.git)
            path.unlink(missing_ok=True)

    def _require_way(self, name: str) -> None:
        parents = [str(parent) for parent in Path(name).parents if len(parent.parts) > 1]
        in_way = [parent for parent in parents if self.read(parent) is not None]
        in_way += self.below(name + "/")
        if in_way:
            raise in_the_way(name, in_way[0])
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
