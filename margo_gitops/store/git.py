"""`GitStore`: one git repository as a store of whole commits, behind compare-and-swap.

The order of every write is in the package's docstring. dulwich does the work; what it leaves to its
caller is done here: a lost race is an error and no boolean, objects are synced before a ref names
them, and every object that is read is hashed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Self

from dulwich.object_store import DiskObjectStore, MemoryObjectStore
from dulwich.objects import Blob, ObjectID, ShaFile
from dulwich.objects import Commit as GitCommit
from dulwich.repo import MemoryRepo, Repo

from margo_gitops.errors import LostRace, Missing, Refused, Usage
from margo_gitops.model.layout import MAIN
from margo_gitops.store import pack, walk
from margo_gitops.store.commit import Commit
from margo_gitops.store.disk import disk_faults
from margo_gitops.store.limits import MAX_FILE, MAX_TOTAL
from margo_gitops.store.memory import MemoryRefs
from margo_gitops.store.names import checked_parts, checked_ref
from margo_gitops.store.objects import (
    FILES,
    FOLDER,
    Authorship,
    commit_object,
    graft,
    load,
    oid,
)
from margo_gitops.store.refs import DiskRefs, Refs
from margo_gitops.store.repository import make_bare, open_repo, patiently, remove_leftovers

__all__ = ["Authorship", "Commit", "GitStore"]


class GitStore:
    """One repository, opened by one thread.

    Ids are 40 hex digits. A damaged object is `Refused` wherever it is met (rules `incomplete`,
    `corrupt`, `kind`), a disk that cannot be written is `Stalled`.
    """

    def __init__(self, repo: Repo | MemoryRepo, path: Path | None = None) -> None:
        self._repo = repo
        self.path = path
        self._refs: Refs = DiskRefs(path) if path else MemoryRefs()
        if not isinstance(repo.object_store, DiskObjectStore | MemoryObjectStore):
            raise Usage(f"{path} keeps its objects where this store cannot write them")
        self.objects: DiskObjectStore | MemoryObjectStore = repo.object_store
        if isinstance(self.objects, DiskObjectStore):
            self.objects.fsync_object_files = True

    @classmethod
    def open(cls, path: Path) -> Self:
        """The repository at `path`, bare or with a work tree; `Stalled` if there is none."""
        repo = open_repo(path)
        return cls(repo, Path(repo.commondir()))

    @classmethod
    def create(cls, path: Path) -> Self:
        """The bare repository at `path`, made first if there is none; whole or not at all."""
        if not (path / "HEAD").exists() and not (path / ".git").exists():
            with disk_faults(path.parent):
                make_bare(path)
        return cls.open(path)

    @classmethod
    def memory(cls) -> Self:
        """A repository that lives as long as this object; for tests and scratch work."""
        return cls(MemoryRepo.init_bare([], {}))

    def setting(self, name: str) -> str | None:
        """A value of git's config, as `margo.root`; None if it is not set."""
        *section, key = name.split(".")
        try:
            found = self._repo.get_config_stack().get(tuple(map(str.encode, section)), key.encode())
        except KeyError:
            return None
        return found.decode("utf-8", "replace")

    def close(self) -> None:
        """Let go of every file."""
        self._repo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def resolve(self, ref: str) -> str | None:
        """The commit that a ref names now, None if there is no such ref.

        Raises `Refused` (rule `no-commit`) if it names anything but a commit of this store.
        """
        id = self._refs.read(ref)
        if id is None:
            return None
        try:
            load(self.objects, oid(id), GitCommit)
        except Refused as error:
            raise Refused(
                f"the ref {ref} names no whole commit: {error.problem}", rule="no-commit"
            ) from error
        return id

    def refs(self, prefix: str = "refs/") -> dict[str, str]:
        """Every ref below `prefix` (which ends in `/`), with the object that it names."""
        return self._refs.below(prefix)

    def commit(self, id: str) -> Commit:
        """What a commit says of itself; `Missing` if it is not here."""
        found = self._commit(id)
        return Commit(
            id,
            tuple(parent.decode() for parent in found.parents),
            found.commit_time,
            found.author.decode("utf-8", "replace"),
            found.message.decode("utf-8", "replace"),
            found.tree.decode(),
        )

    def read(self, commit: str, path: str) -> bytes | None:
        """The content of a file at a commit, at most `MAX_FILE` bytes; None if there is none.

        Raises `Refused` (rule `tree`) if a link or a folder is there.
        """
        checked_parts(path)
        entry = walk.entry_at(self.objects, self._commit(commit).tree, path)
        if entry is None:
            return None
        if entry[0] not in FILES:
            raise Refused(f"{path!r} in {commit[:12]} is no plain file", rule="tree")
        return load(self.objects, entry[1], Blob).data

    def files(self, commit: str, under: str = "") -> dict[str, bytes]:
        """Every file below a folder, by its full path; at most `MAX_TOTAL` bytes together.

        Raises `Refused`: `too-large`, or `tree` for a link, a submodule or a hostile name.
        """
        found: dict[str, bytes] = {}
        total = 0
        for path, id in self.paths(commit, under).items():
            found[path] = load(self.objects, oid(id), Blob).data
            total += len(found[path])
            if total > MAX_TOTAL:
                raise Refused(
                    f"{under or 'commit'} {commit[:12]} has more than {MAX_TOTAL} bytes",
                    rule="too-large",
                )
        return found

    def blob(self, id: str) -> bytes:
        """The content of a blob, by the id that `paths` gives; `Refused` where it is damaged."""
        return bytes(load(self.objects, oid(id), Blob).data)

    def paths(self, commit: str, under: str = "") -> dict[str, str]:
        """The blob id of every file below a folder, by its full path; no content is read."""
        under = under.strip("/")
        entry = walk.entry_at(self.objects, self._commit(commit).tree, under)
        if entry is None or entry[0] != FOLDER:
            return {}
        return {
            file.path: file.id.decode() for file in walk.files_of(self.objects, entry[1], under)
        }

    def entry(self, commit: str, path: str) -> str | None:
        """The id of the file or folder at a path; None where there is nothing."""
        found = walk.entry_at(self.objects, self._commit(commit).tree, path)
        return None if found is None else found[1].decode()

    def write(
        self,
        files: Mapping[str, bytes],
        *,
        parents: Sequence[str],
        author: Authorship,
        message: str,
    ) -> str:
        """Store a commit of exactly these files and return its id, which they decide alone.

        Durable when it returns; no ref moves. Raises `Refused` (rule `tree`) for a path that must
        not be in a tree.
        """
        return self._write(None, files, parents, author, message)

    def amend(
        self,
        base: str,
        changes: Mapping[str, bytes | None],
        *,
        author: Authorship,
        message: str,
    ) -> str:
        """Store a child of `base` with these files changed (None deletes), all else untouched."""
        return self._write(self._commit(base).tree, changes, [base], author, message)

    def join(self, tree: str, *, parents: Sequence[str], author: Authorship, message: str) -> str:
        """Store a commit of a tree that is here already, as that of a merge."""
        return self._write(oid(tree), {}, parents, author, message)

    def move(self, ref: str, new: str, *, old: str | None) -> None:
        """Move a ref from `old` (None: it must not exist) to the commit `new`, durably.

        Raises `LostRace` if it is not at `old`, `Refused` (rule `no-commit`) if `new` is no commit
        of this store, `Stalled` if the disk cannot be written or a dead process holds the lock.
        """
        name = checked_ref(ref)
        load(self.objects, oid(new), GitCommit)
        if not patiently(ref, lambda: self._refs.swap(name, old, new)):
            raise LostRace(f"{ref} is not at {old or 'no commit'} any more: it was moved meanwhile")

    def delete(self, ref: str, *, old: str) -> None:
        """Remove a ref that is at `old`; `LostRace` if it is elsewhere."""
        name = checked_ref(ref)
        if not patiently(ref, lambda: self._refs.swap(name, old, None)):
            raise LostRace(f"{ref} is not at {old} any more: it was moved meanwhile")

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` is `older` or descends from it."""
        return walk.is_ancestor(self.objects, oid(older), oid(newer))

    def history(self, tip: str, path: str | None = None, limit: int = 1000) -> Iterator[Commit]:
        """The commits that a tip reaches, newest first; with `path` those that changed it."""
        for found in walk.newest_first(self.objects, oid(tip)):
            if limit <= 0:
                return
            if path is None or self._changed(found, path):
                limit -= 1
                yield self.commit(found.id.decode())

    def check(self, commit: str) -> None:
        """Walk everything that a commit reaches, blobs included, up to what our refs reach.

        Raises `Refused` with the first object that is missing (rule `incomplete`) or damaged.
        """
        try:
            for _ in walk.reachable(self.objects, [oid(commit)], self.known()):
                pass
        except Refused as error:
            raise Refused(
                f"commit {commit} is not whole: {error.problem}", rule=error.rule
            ) from error

    def known(self) -> walk.Known:
        """The commits that our refs reach: whole, by the first invariant."""
        refs = self.refs()
        trunk = [oid(refs[MAIN])] if MAIN in refs else []
        return walk.Known(self.objects, map(oid, refs.values()), trunk)

    def receive(self, file: BinaryIO, wants: Iterable[str]) -> None:
        """Take in a pack from outside if with it the wanted commits are whole; else nothing."""
        with disk_faults(self.path or "memory"):
            pack.receive(self.objects, file, [oid(id) for id in wants], self.known())

    def add(self, objects: Iterator[ShaFile]) -> None:
        """Store objects that were read and hashed elsewhere, durably."""
        with disk_faults(self.path or "memory"):
            pack.add(self.objects, objects)

    def recover(self, older: float = 60.0) -> list[Path]:
        """Remove what a killed process left: locks and temporary files older than `older` seconds.

        For the start of a process that alone writes here. Returns what it removed.
        """
        return [] if self.path is None else remove_leftovers(self.path, older)

    def _write(
        self,
        base: ObjectID | None,
        changes: Mapping[str, bytes | None],
        parents: Sequence[str],
        author: Authorship,
        message: str,
    ) -> str:
        too_large = [path for path, data in changes.items() if data and len(data) > MAX_FILE]
        if too_large:
            raise Refused(f"{too_large[0]!r} has over {MAX_FILE} bytes", rule="too-large")
        made: dict[ObjectID, ShaFile] = {}
        tree = graft(self.objects, base, changes, made)
        commit = commit_object(tree, [oid(id) for id in parents], author, message)
        self.add(iter([*made.values(), commit]))
        return commit.id.decode()

    def _commit(self, id: str) -> GitCommit:
        if oid(id) not in self.objects:
            raise Missing(f"commit {id} is not in this store")
        return load(self.objects, oid(id), GitCommit)

    def _changed(self, commit: GitCommit, path: str) -> bool:
        here = walk.entry_at(self.objects, commit.tree, path)
        trees = [load(self.objects, parent, GitCommit).tree for parent in commit.parents]
        before = [walk.entry_at(self.objects, tree, path) for tree in trees]
        return here not in before if before else here is not None
