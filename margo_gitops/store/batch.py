"""Commits for many refs at once: one pack, then one transaction that moves all the refs.

What costs most when a thousand branches move is syncing: here the objects of a batch are synced
once. The pack is whole on the disk before any ref moves, and where the transaction fails the refs
are moved one by one, so that one lost race stops no other ref.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from dulwich.object_format import DEFAULT_OBJECT_FORMAT
from dulwich.object_store import DiskObjectStore
from dulwich.objects import ObjectID, RawObjectID, ShaFile
from dulwich.pack import pack_object_chunks, write_pack_index_v2

from margo_gitops.errors import LostRace, Stalled, Unreachable
from margo_gitops.process import run
from margo_gitops.store.disk import disk_faults, replacing, sync_all
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.names import checked_ref
from margo_gitops.store.objects import commit_object, graft, oid
from margo_gitops.store.pack import SMALL_COUNT
from margo_gitops.store.reflock import sync_names
from margo_gitops.store.scan import HEADER

_TIMEOUT = 300.0
_Index = list[tuple[RawObjectID, int, int]]


@dataclass(frozen=True, slots=True)
class Move:
    """A ref that is to go from `old` (None: it must not exist) to `new`."""

    ref: str
    old: str | None
    new: str


@dataclass(slots=True)
class Batch:
    """Commits of whole trees for many refs; nothing is written before `publish`.

    All of it is held in memory: about 10 KB for a site of five files.
    """

    store: GitStore
    moves: list[Move] = field(default_factory=list)
    _made: dict[ObjectID, ShaFile] = field(default_factory=dict)

    def commit(
        self,
        ref: str,
        files: Mapping[str, bytes],
        *,
        old: str | None,
        author: Authorship,
        message: str,
        parents: Sequence[str] | None = None,
    ) -> str:
        """Add a commit of exactly these files for a ref at `old`; its id, as `write` gives it.

        Its parent is `old`, if nothing else is said.
        Raises `Refused` (rule `tree`) for a path that must not be in a tree.
        """
        tree = graft(self.store.objects, None, files, self._made)
        if parents is None:
            parents = [] if old is None else [old]
        commit = commit_object(tree, [oid(id) for id in parents], author, message)
        self._made[commit.id] = commit
        self.moves.append(Move(checked_ref(ref), old, commit.id.decode()))
        return self.moves[-1].new

    def publish(self) -> None:
        """Store the objects durably, then move every ref by compare-and-swap.

        A ref that is at its commit already is fine: another made the same. Raises `LostRace` for
        the first ref that was moved elsewhere meanwhile; the refs before it have moved.
        """
        if not self.moves:
            return
        objects = self.store.objects
        if len(self._made) <= SMALL_COUNT or not isinstance(objects, DiskObjectStore):
            self.store.add(iter(self._made.values()))
            moved = False
        else:
            with disk_faults(self.store.path or "memory"):
                _store(Path(objects.pack_dir), self._made)
            moved = self.store.path is not None and _transact(self.store.path, self.moves)
        if not moved:
            for move in self.moves:
                _move(self.store, move)


def _move(store: GitStore, move: Move) -> None:
    try:
        store.move(move.ref, move.new, old=move.old)
    except LostRace:
        if store.resolve(move.ref) != move.new:
            raise


def _transact(git: Path, moves: list[Move]) -> bool:
    """All the refs or none of them, by git's own transaction, durable; False where it says no."""
    words = "".join(
        f"create {move.ref}\0{move.new}\0"
        if move.old is None
        else f"update {move.ref}\0{move.new}\0{move.old}\0"
        for move in moves
    )
    argv = ["git", f"--git-dir={git}", "-c", "core.fsync=committed,reference"]
    try:
        done = run([*argv, "update-ref", "-z", "--stdin"], timeout=_TIMEOUT, input=words)
    except (Stalled, Unreachable):  # no git, or a slow one: what it moved is seen one by one
        return False
    sync_names(git, ((git / move.ref).parent for move in moves))
    return done.code == 0


def _store(folder: Path, objects: Mapping[ObjectID, ShaFile]) -> None:
    """One pack and its index, both durable, the index last: without it nobody sees the pack."""
    named = hashlib.sha1(b"".join(sorted(objects)), usedforsecurity=False).hexdigest()
    pack, index = (folder / f"pack-{named}.{ending}" for ending in ("pack", "idx"))
    if index.exists():
        return
    with replacing(pack, mode=0o444, prefix="tmp_pack_") as file:
        entries, checksum = _write(file, objects)
    with replacing(index, mode=0o444, prefix="tmp_idx_") as file:
        write_pack_index_v2(file, sorted(entries), checksum)
    sync_all([folder])


def _write(file: BinaryIO, objects: Mapping[ObjectID, ShaFile]) -> tuple[_Index, bytes]:
    """The pack's bytes, without deltas: each object's place and checksum, and the pack's own."""
    header = HEADER.pack(b"PACK", 2, len(objects))
    checksum = hashlib.sha1(header, usedforsecurity=False)
    file.write(header)
    entries: _Index = []
    at = len(header)
    for id, item in objects.items():
        data = b"".join(
            pack_object_chunks(
                item.type_num, item.as_raw_chunks(), object_format=DEFAULT_OBJECT_FORMAT
            )
        )
        entries.append((RawObjectID(bytes.fromhex(id.decode())), at, crc32(data)))
        checksum.update(data)
        file.write(data)
        at += len(data)
    file.write(checksum.digest())
    return entries, checksum.digest()
