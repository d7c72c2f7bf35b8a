"""Walks over commits and trees: what is reachable, what a commit holds, who descends from whom."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tree, TreeEntry

from margo_gitops.errors import Refused
from margo_gitops.store.limits import MAX_DEPTH, MAX_FILES, MAX_OBJECTS
from margo_gitops.store.names import tree_name
from margo_gitops.store.objects import FILES, FOLDER, SUBMODULE, Objects, load

_STEPS = 32

Seen = ObjectID | tuple[ObjectID, frozenset[ObjectID]]
"""An object that was handed out, or a tree with the bases that it was walked against."""


@dataclass(frozen=True, slots=True)
class File:
    """A file's place in a commit."""

    path: str
    mode: int
    id: ObjectID


class Known:
    """Commits known to be whole, with all their ancestors: walks stop there.

    `tips` are the objects that a store's refs name; each is believed only if it can be read here.
    `trunk` are the few of them whose older commits others branch from; their history is read as far
    as the questions make it worth.
    """

    def __init__(
        self, objects: Objects, tips: Iterable[ObjectID], trunk: Iterable[ObjectID] = ()
    ) -> None:
        self._objects = objects
        self._tips = set(tips)
        self._seen: set[ObjectID] = set()
        self._todo = deque(trunk)

    def __contains__(self, id: object) -> bool:
        if isinstance(id, bytes) and id in self._tips:
            return is_commit(self._objects, ObjectID(id))
        for _ in range(_STEPS):
            if id in self._seen or not self._todo:
                break
            self._advance(self._todo.popleft())
        return id in self._seen

    def _advance(self, id: ObjectID) -> None:
        if not is_commit(self._objects, id):
            return
        self._seen.add(id)
        for parent in load(self._objects, id, Commit).parents:
            if parent not in self._seen:
                self._seen.add(parent)
                self._todo.append(parent)


def reachable(
    objects: Objects, wants: Iterable[ObjectID], known: Container[ObjectID]
) -> Iterator[ShaFile]:
    """Every object that the wanted commits reach and the known ones do not, each read and hashed.

    A tree's entry that a parent's tree has too is passed over: the parent is known, or walked
    itself. Raises `Refused` at the first object that is missing, damaged or of the wrong kind.
    """
    seen: set[Seen] = set()
    todo = list(wants)
    while todo:
        id = todo.pop()
        if id in seen or id in known:
            continue
        seen.add(id)
        commit = load(objects, id, Commit)
        yield commit
        bases = [load(objects, parent, Commit).tree for parent in commit.parents]
        yield from _new_below(objects, commit.tree, bases, seen)
        todo.extend(commit.parents)
        if len(seen) > MAX_OBJECTS:
            raise Refused(f"more than {MAX_OBJECTS} objects at once", rule="too-large")


def files_of(
    objects: Objects, tree: ObjectID, under: str = "", most: int = MAX_FILES
) -> Iterator[File]:
    """Every file below a tree, at most `most` of them and their folders together.

    Raises `Refused`: rule `tree` for a link, a submodule or a name that no tree may hold, and
    `too-large` for too many.
    """
    todo = [(tree, f"{under}/" if under else "", 0)]
    count = 0
    while todo:
        id, folder, depth = todo.pop()
        for entry in _items(objects, id, depth):
            path = folder + tree_name(entry.path, folder)
            count += 1
            if count > most:
                raise Refused(f"{under or 'a tree'}: over {most} files", rule="too-large")
            if entry.mode == FOLDER:
                todo.append((ObjectID(entry.sha), path + "/", depth + 1))
            elif entry.mode in FILES:
                yield File(path, entry.mode, ObjectID(entry.sha))
            else:
                raise Refused(
                    f"{path!r} has mode {entry.mode:o}: only plain files and folders are read",
                    rule="tree",
                )


def few_files(objects: Objects, commit: ObjectID, most: int, size: int) -> dict[str, bytes]:
    """The files of a commit of a stranger, by path: so many and so many bytes, else `Refused`."""
    found: dict[str, bytes] = {}
    for file in files_of(objects, load(objects, commit, Commit).tree, most=most):
        found[file.path] = load(objects, file.id, Blob).data
        size -= len(found[file.path])
        if size < 0:
            raise Refused(f"the files of {commit.decode()[:12]} are too large", rule="too-large")
    return found


def entry_at(objects: Objects, tree: ObjectID, path: str) -> tuple[int, ObjectID] | None:
    """Mode and id of what stands at a path; the tree itself for the empty path."""
    found = (FOLDER, tree)
    for part in filter(None, path.split("/")):
        if found[0] != FOLDER:
            return None
        entries = {entry.path: entry for entry in load(objects, found[1], Tree).items()}
        entry = entries.get(part.encode("utf-8", "surrogatepass"))
        if entry is None:
            return None
        found = (entry.mode, ObjectID(entry.sha))
    return found


def is_ancestor(objects: Objects, older: ObjectID, newer: ObjectID) -> bool:
    """Whether `newer` is `older` or descends from it; by ancestry alone, clocks are not asked."""
    seen = {newer}
    todo = deque([newer])
    while todo:
        id = todo.popleft()
        if id == older:
            return True
        for parent in load(objects, id, Commit).parents:
            if parent not in seen:
                seen.add(parent)
                todo.append(parent)
    return False


def newest_first(objects: Objects, tip: ObjectID) -> Iterator[Commit]:
    """The commits that a tip reaches, the latest first; in one line of them, by ancestry."""
    seen = {tip}
    first = load(objects, tip, Commit)
    heap = [(-first.commit_time, 0, first)]
    count = 0
    while heap:
        commit = heapq.heappop(heap)[2]
        yield commit
        for parent in commit.parents:
            if parent not in seen:
                seen.add(parent)
                count += 1
                older = load(objects, parent, Commit)
                heapq.heappush(heap, (-older.commit_time, count, older))


def is_commit(objects: Objects, id: ObjectID) -> bool:
    """Whether a commit of this id is here, undamaged."""
    try:
        load(objects, id, Commit)
    except Refused:
        return False
    return True


def _new_below(
    objects: Objects, root: ObjectID, bases: list[ObjectID], seen: set[Seen]
) -> Iterator[ShaFile]:
    """A tree's objects that none of the bases has at the same place.

    A tree that was walked against other bases is walked again: against these, other entries are
    new. (A history that goes back to an older tree lost that tree's entries otherwise.)
    """
    todo = [(root, frozenset(bases), 0)]
    while todo:
        id, against, depth = todo.pop()
        if (id, against) in seen or id in against:
            continue
        seen.add((id, against))
        if id not in seen:
            seen.add(id)
            yield load(objects, id, Tree)
        old = [{entry.path: entry for entry in _items(objects, base, 0)} for base in against]
        for entry in _items(objects, id, depth):
            before = [names[entry.path] for names in old if entry.path in names]
            if entry.mode == SUBMODULE or entry in before:
                continue
            child = ObjectID(entry.sha)
            if entry.mode == FOLDER:
                folders = frozenset(ObjectID(i.sha) for i in before if i.mode == FOLDER)
                todo.append((child, folders, depth + 1))
            elif child not in seen:
                seen.add(child)
                yield load(objects, child, Blob)


def _items(objects: Objects, id: ObjectID, depth: int) -> list[TreeEntry]:
    if depth > MAX_DEPTH:
        raise Refused(f"a tree is deeper than {MAX_DEPTH} folders", rule="tree")
    return list(load(objects, id, Tree).items())
