"""What a schedule asks again and again, answered once: the same bytes give the same answer.

Only pure readers are remembered, and objects of repositories in memory by their ids: each is still
looked for in the very store that is asked, and was parsed and hashed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from dulwich.object_store import MemoryObjectStore
from dulwich.objects import ObjectID, ShaFile

from margo_gitops.documents import canonical, margo, own
from margo_gitops.roles import central, checking
from margo_gitops.roles.reading import read_main
from margo_gitops.store import objects
from margo_gitops.store.git import GitStore
from margo_gitops.store.objects import oid

_MOST = 20_000
_T = TypeVar("_T")


@contextmanager
def remembering() -> Iterator[None]:
    """Within it the readers of this process remember; afterwards they are as they were."""
    replaced: list[tuple[Any, str, Any]] = [
        (module, name, lru_cache(_MOST)(getattr(module, name)))
        for module, name in (
            (margo, "read_deployment"),
            (margo, "read_description"),
            (margo, "read_capabilities"),
            (margo, "read_status"),
            (canonical, "load"),
            (own, "read"),
            (checking, "judge"),
        )
    ]
    replaced += [
        (objects, "load_any", _loading(objects.load_any)),
        (MemoryObjectStore, "add_object", _adding({})),
        (GitStore, "files", _at_commit(GitStore.files, dict)),
        (checking, "check_main", _at_commit(checking.check_main, list)),
        (central, "read_main", _at_commit(read_main, lambda main: main)),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    for owner, name, reader in replaced:
        setattr(owner, name, reader)
    try:
        yield
    finally:
        for owner, name, reader in before:
            setattr(owner, name, reader)


def _loading(load_any: Callable[..., ShaFile]) -> Callable[..., ShaFile]:
    parsed: dict[ObjectID, ShaFile] = {}

    def load(store: Any, id: ObjectID) -> ShaFile:
        if not isinstance(store, MemoryObjectStore):
            return load_any(store, id)
        if id in parsed and id in store:
            return parsed[id]
        found = load_any(store, id)
        _room(parsed)
        parsed[id] = found
        return found

    return load


def _adding(copies: dict[ObjectID, ShaFile]) -> Callable[[MemoryObjectStore, ShaFile], None]:
    def add(store: MemoryObjectStore, item: ShaFile) -> None:
        id = item.id
        if id not in copies:
            _room(copies)
            copies[id] = item.copy()
        store._data[id] = copies[id]

    return add


def _at_commit(reader: Callable[..., _T], copy: Callable[[_T], _T]) -> Callable[..., _T]:
    """A reader of a store at a commit: what a commit holds, it holds in every store that has it."""
    read: dict[tuple[str, ...], _T] = {}

    def remembered(store: GitStore, commit: str, *more: str) -> _T:
        key = (commit, *more)
        if store.path is not None or key not in read or oid(commit) not in store.objects:
            _room(read)
            read[key] = reader(store, commit, *more)
        return copy(read[key])

    return remembered


def _room(held: dict[Any, Any]) -> None:
    if len(held) >= _MOST:
        held.clear()
