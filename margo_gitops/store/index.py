"""A clone as a view: what its index, one of its commits or its working tree holds.

Names and ids come from the `git` program, which knows every form of an index; contents from the
object store. No link is followed, nothing above 1 MiB is loaded, and what cannot be read is a
fault of its file, not an error of ours.
"""

from __future__ import annotations

import re
import tempfile
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from margo_gitops.documents.fleet.files import SYMLINK, TOO_LARGE, UNREADABLE
from margo_gitops.documents.rule import Fault
from margo_gitops.documents.yaml import MAX_BYTES
from margo_gitops.errors import Refused, Stalled
from margo_gitops.process import run, start
from margo_gitops.store.folder import WorkTree, blob_id

if TYPE_CHECKING:
    from margo_gitops.store.git import GitStore

_ENTRY = re.compile(
    rb"([0-7]{6}) (?:blob |commit )?([0-9a-f]{40,64})(?: ([0-3]))?\t(.+)", re.DOTALL
)
_FILES = {"100644", "100755"}
_ODD = {"120000": "a symbolic link", "160000": "a submodule"}
_BATCH = 20_000
_TIMEOUT = 120.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A file by the id of its blob and its git mode."""

    id: str
    mode: str


@dataclass(frozen=True)
class GitTree:
    """The files of an index or a commit, as a view."""

    entries: Mapping[str, Entry]
    blobs: Blobs

    @cached_property
    def _names(self) -> list[str]:
        return sorted(self.entries)

    def paths(self, prefix: str = "") -> Iterator[str]:
        """Every file whose path begins with `prefix`, in order."""
        for at in range(bisect_left(self._names, prefix), len(self._names)):
            if not self._names[at].startswith(prefix):
                return
            yield self._names[at]

    def identity(self, path: str) -> str | None:
        """The blob id."""
        entry = self.entries.get(path)
        return entry.id if entry and entry.mode in _FILES else None

    def read(self, path: str) -> bytes | None:
        """The blob's bytes; None where `trouble` says why not."""
        id = self.identity(path)
        found = None if id is None else self.blobs.read(id)
        return found if isinstance(found, bytes) else None

    def trouble(self, path: str, /) -> Fault | None:
        """Why a file of the tree cannot be read."""
        id = self.identity(path)
        found = None if id is None else self.blobs.read(id)
        return found if isinstance(found, Fault) else None

    def odd(self) -> Iterator[tuple[str, Fault]]:
        """Every path that is no plain file, and what it is."""
        for path, entry in self.entries.items():
            if entry.mode not in _FILES:
                what = _ODD.get(entry.mode, f"the mode {entry.mode}")
                yield path, SYMLINK.broken((), f"found {what}, expected a plain file")

    def close(self) -> None:
        """Let go of the repository."""
        self.blobs.close()


@dataclass
class Blobs:
    """The blobs of one repository; its store is opened when the first one is read.

    `all` are those whose sizes are asked together when the first packed one is read.
    """

    folder: Path
    store: GitStore | None = None
    all: frozenset[str] = frozenset()
    _sizes: dict[str, int] = field(default_factory=dict)
    _objects: Path | None = None
    _opened: GitStore | None = None

    def read(self, id: str) -> bytes | Fault:
        """A blob's bytes, or why not."""
        loose = self._loose(id)
        return self._packed(id) if loose is None else loose

    def close(self) -> None:
        """Let go of the store that was opened here."""
        if self._opened is not None:
            self._opened.close()

    def _loose(self, id: str) -> bytes | Fault | None:
        """As `read`; None where the blob is not loose and whole. What was just staged is loose."""
        if self._objects is None and self.store is None:
            git = git_folder(self.folder)
            self._objects = None if git is None else git / "objects"
        return None if self._objects is None else _loose(self._objects, id)

    def _packed(self, id: str) -> bytes | Fault:
        from dulwich.objects import Blob  # noqa: PLC0415

        from margo_gitops.store.git import GitStore  # noqa: PLC0415
        from margo_gitops.store.objects import load, oid  # noqa: PLC0415

        if self.store is None:
            self.store = self._opened = GitStore.open(self.folder)
        size = self._size(self.store, id)
        if size > MAX_BYTES:
            return _too_large(size)
        try:
            return load(self.store.objects, oid(id), Blob).data
        except Refused as error:
            return UNREADABLE.broken((), error.problem)

    def _size(self, store: GitStore, id: str) -> int:
        if store.path is None:
            return 0
        if id not in self._sizes:
            self._ask(sorted(self.all))
        return self._sizes.get(id, 0)

    def _ask(self, ids: list[str]) -> None:
        for at in range(0, len(ids), _BATCH):
            done = run(
                ["git", "cat-file", "--batch-check=%(objectname) %(objectsize)"],
                timeout=_TIMEOUT,
                cwd=self.folder,
                input="".join(f"{id}\n" for id in ids[at : at + _BATCH]),
            )
            for line in done.out.splitlines():
                id, _, size = line.partition(" ")
                self._sizes[id] = int(size) if size.isdigit() else 0


NOTHING = GitTree({}, Blobs(Path()))
"""The tree before the first commit."""


def git_folder(folder: Path) -> Path | None:
    """Where the clone that a folder is in keeps what is its own; None outside git."""
    found = _answer(folder, "rev-parse", "--git-common-dir")
    return (folder / found).resolve() if found else None


def index_tree(folder: Path) -> GitTree:
    """What the index holds below a folder: what the next commit would be.

    Raises `Stalled` while a merge has left conflicts there.
    """
    return _tree(folder, _entries(folder, "ls-files", "-s", "-z"))


def commit_tree(folder: Path, commit: str) -> GitTree:
    """What a commit holds below a folder."""
    return _tree(folder, _entries(folder, "ls-tree", "-r", "-z", commit))


def store_tree(store: GitStore, commit: str) -> GitTree:
    """What a commit of a store holds. Raises `Refused` (rule `tree`) for links and submodules."""
    entries = {path: Entry(id, "100644") for path, id in store.paths(commit).items()}
    ids = frozenset(entry.id for entry in entries.values())
    return GitTree(entries, Blobs(store.path or Path(), store, ids))


def work_tree(folder: Path) -> WorkTree:
    """The files of the working tree below a folder, without those that git ignores.

    A file that git knows to be as in its index has the blob's id; any other one is hashed.
    """
    entries = dict(_entries(folder, "ls-files", "-s", "-z"))
    dirty = set(_names(folder, "diff-files", "--name-only", "--relative", "-z"))
    new = set(_names(folder, "ls-files", "--others", "--exclude-standard", "-z"))
    known = {path: e.id for path, e in entries.items() if e.mode in _FILES and path not in dirty}
    return WorkTree(folder, tuple(sorted({*entries, *new})), known)


def revision(folder: Path, name: str) -> str | None:
    """The commit that a revision names, None where there is none."""
    return _answer(folder, "rev-parse", "-q", "--verify", "--end-of-options", f"{name}^{{commit}}")


def fork_point(folder: Path, one: str, other: str) -> str | None:
    """The commit where two histories parted."""
    return _answer(folder, "merge-base", one, other)


def tags_at(folder: Path, commit: str) -> tuple[str, ...]:
    """The tags of a commit."""
    return tuple((_answer(folder, "tag", "--points-at", commit) or "").split())


def _answer(folder: Path, *words: str) -> str | None:
    """The line that git prints; None if it says no. A check waits for no lock."""
    done = run(["git", *words], timeout=_TIMEOUT, cwd=folder, env={"LC_ALL": "C"})
    return done.out.strip() if done.code == 0 else None


def _tree(folder: Path, found: Iterator[tuple[str, Entry]]) -> GitTree:
    entries = dict(found)
    ids = frozenset(entry.id for entry in entries.values())
    return GitTree(entries, Blobs(folder, None, ids))


def _entries(folder: Path, *words: str) -> Iterator[tuple[str, Entry]]:
    for raw in _records(folder, *words):
        match = _ENTRY.search(raw)
        if match is None:
            continue
        mode, id, stage, path = match.groups()
        name = path.decode("utf-8", "surrogateescape")
        if stage not in {None, b"0"}:
            raise Stalled(
                f"{name} has conflicts of a merge that are not resolved", help=f"git status {name}"
            )
        yield name, Entry(id.decode(), mode.decode())


def _names(folder: Path, *words: str) -> Iterator[str]:
    for raw in _records(folder, *words):
        yield raw.decode("utf-8", "surrogateescape")


def _records(folder: Path, *words: str) -> list[bytes]:
    """What git prints with NUL between, whatever its size, byte for byte."""
    with tempfile.TemporaryDirectory(prefix="margo-") as scratch:
        output = Path(scratch) / "out"
        code = start(["git", "-C", str(folder), *words], log=output).wait(timeout=_TIMEOUT)
        raw = output.read_bytes()
    if code != 0:
        told = raw[-500:].decode("utf-8", "replace").strip()
        raise Stalled(f"git {words[0]} said no in {folder}: {told}", help="margo doctor")
    return [record for record in raw.split(b"\0") if record]


def _loose(objects: Path, id: str) -> bytes | Fault | None:
    """A loose blob whose header is read first; None where it is packed, damaged or no blob."""
    try:
        with (objects / id[:2] / id[2:]).open("rb") as file:
            reader = zlib.decompressobj()
            begun = reader.decompress(file.read(128), 64)
            header, _, first = begun.partition(b"\0")
            size = header.removeprefix(b"blob ")
            if not size.isdigit():
                return None
            if int(size) > MAX_BYTES:
                return _too_large(int(size))
            packed = reader.unconsumed_tail + file.read(2 * MAX_BYTES)
            data = first + reader.decompress(packed, MAX_BYTES + 1)
    except (OSError, zlib.error):
        return None
    return data if blob_id(data) == id else None


def _too_large(size: int) -> Fault:
    return TOO_LARGE.broken((), f"found {size} bytes, expected at most {MAX_BYTES}")
