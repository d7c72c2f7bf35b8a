"""Packs: scanned before anything believes them, taken in, and written one object after the other.

A pack from outside is bounded first (bytes, objects, their sizes unpacked, deltas included), then
indexed, then walked from the wanted commits, and only then kept.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from dulwich.file import FileLocked
from dulwich.object_format import DEFAULT_OBJECT_FORMAT
from dulwich.object_store import DiskObjectStore, MemoryObjectStore
from dulwich.objects import ObjectID, ShaFile
from dulwich.pack import (
    PackData,
    PackInflater,
    UnresolvedDeltas,
    pack_object_chunks,
)

from margo_gitops.errors import LostRace, Refused
from margo_gitops.store.disk import sync_folder
from margo_gitops.store.objects import DAMAGE, Objects, sound, write_loose
from margo_gitops.store.scan import HEADER, Contents, corrupt, scan_file
from margo_gitops.store.walk import reachable

Disk = DiskObjectStore
AnyStore = DiskObjectStore | MemoryObjectStore

SMALL_COUNT = 100
SMALL_BYTES = 32 << 20

"""A pack below both is stored object by object, as git does below 100 objects."""


def receive(
    store: AnyStore, file: BinaryIO, wants: Sequence[ObjectID], known: Container[ObjectID]
) -> None:
    """Take in a pack (thin or not) if with it the wanted commits are whole; else leave nothing.

    Raises `Refused`: `corrupt`, `too-large`, or what `walk.reachable` finds.
    """
    contents = scan_file(file)
    if contents.count == 0:
        _exhaust(reachable(store, wants, known))
    elif _small(contents) or isinstance(store, MemoryObjectStore):
        held = {item.id: item for item in _inflated(file, store)}
        _exhaust(reachable(_Together(held, store), wants, known))
        add(store, held.values())
    else:
        _receive_whole(store, file, wants, known)


def add(store: AnyStore, objects: Iterable[ShaFile]) -> None:
    """Store objects durably: a few as loose ones, many as one pack. Nothing refers to them yet."""
    if isinstance(store, MemoryObjectStore):
        store.add_objects([(item, None) for item in objects])
        return
    few: list[ShaFile] = []
    size = 0
    rest = iter(objects)
    for item in rest:
        if sound(store, item.id):
            continue
        few.append(item)
        size += item.raw_length()
        if len(few) > SMALL_COUNT or size > SMALL_BYTES:
            _add_many(store, few, rest)
            return
    write_loose(Path(store.path), few)


def write_pack(file: BinaryIO, objects: Iterable[ShaFile]) -> int:
    """Append a pack without deltas to `file`, open for reading too; returns the object count.

    The count stands in the header, so it is written twice: one pass over the objects suffices.
    """
    start = file.tell()
    file.write(HEADER.pack(b"PACK", 2, 0))
    count = 0
    for item in objects:
        count += 1
        file.writelines(
            pack_object_chunks(
                item.type_num, item.as_raw_chunks(), object_format=DEFAULT_OBJECT_FORMAT
            )
        )
    file.seek(start)
    file.write(HEADER.pack(b"PACK", 2, count))
    file.seek(start)
    checksum = hashlib.sha1(usedforsecurity=False)
    while block := file.read(1 << 16):
        checksum.update(block)
    file.write(checksum.digest())
    return count


class _Together:
    """What arrived, before what is stored."""

    def __init__(self, held: dict[ObjectID, ShaFile], store: Objects) -> None:
        self._held = held
        self._store = store

    def get_raw(self, name: ObjectID, /) -> tuple[int, bytes]:
        if name in self._held:
            return self._held[name].type_num, self._held[name].as_raw_string()
        return self._store.get_raw(name)


def _receive_whole(
    store: Disk, file: BinaryIO, wants: Sequence[ObjectID], known: Container[ObjectID]
) -> None:
    folder = Path(store.pack_dir)
    before = set(folder.iterdir())
    _index(store, file)
    try:
        _exhaust(reachable(store, wants, known))
    except Refused:
        store.close()
        for path in set(folder.iterdir()) - before:
            path.unlink(missing_ok=True)
        raise


def _add_many(store: Disk, few: Iterable[ShaFile], rest: Iterable[ShaFile]) -> None:
    with tempfile.TemporaryFile(dir=store.path) as file:
        write_pack(file, chain(few, rest))
        file.seek(0)
        _index(store, file)


def _index(store: Disk, file: BinaryIO) -> None:
    try:
        store.add_thin_pack(file.read, None)
    except KeyError as error:
        raise Refused(f"a pack needs {error}, which is not here", rule="incomplete") from error
    except UnresolvedDeltas as error:
        raise _unresolved(error) from error
    except DAMAGE as error:
        raise corrupt(f"cannot be read: {error}") from error
    except FileLocked as error:
        raise LostRace(f"another process holds {_path(error)}") from error
    sync_folder(Path(store.pack_dir))


def _inflated(file: BinaryIO, store: AnyStore) -> Iterator[ShaFile]:
    try:
        data = PackData.from_file(file, DEFAULT_OBJECT_FORMAT)
        try:
            yield from PackInflater.for_pack_data(data, resolve_ext_ref=store.get_raw)
        finally:
            data.close()
    except UnresolvedDeltas as error:
        raise _unresolved(error) from error
    except DAMAGE as error:
        raise corrupt(f"cannot be read: {error}") from error


def _small(contents: Contents) -> bool:
    return contents.count <= SMALL_COUNT and contents.inflated <= SMALL_BYTES


def _exhaust(objects: Iterator[ShaFile]) -> None:
    for _ in objects:
        pass


def _path(error: FileLocked) -> str:
    return os.fsdecode(error.lockfilename)


def _unresolved(error: UnresolvedDeltas) -> Refused:
    names = ", ".join(sha.decode("ascii", "replace") for sha in error.shas[:3])
    return Refused(f"a pack builds upon {names}, which is not here", rule="incomplete")
