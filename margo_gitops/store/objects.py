"""Git objects one at a time: read with their hash checked, made from files, written durably."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from dulwich.errors import ApplyDeltaError, ChecksumMismatch, FileFormatException
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tree
from dulwich.pack import PackFileDisappeared, UnresolvedDeltas

from margo_gitops.errors import Refused
from margo_gitops.store.disk import replacing, sync_all
from margo_gitops.store.limits import MAX_DEPTH, MAX_FILE
from margo_gitops.store.names import checked_parts

FOLDER = 0o040000
FILE = 0o100644
PROGRAM = 0o100755
LINK = 0o120000
SUBMODULE = 0o160000
FILES = frozenset({FILE, PROGRAM, 0o100664})
"""The modes of a plain file; the last is what very old gits wrote."""

DAMAGE = (
    AssertionError,
    ValueError,
    LookupError,
    EOFError,
    zlib.error,
    ApplyDeltaError,
    ChecksumMismatch,
    FileFormatException,
    PackFileDisappeared,
    UnresolvedDeltas,
)
"""What dulwich raises over bytes that are no git objects."""

_HEX = re.compile(r"[0-9a-f]{40}")
_KIND = TypeVar("_KIND", bound=ShaFile)
_Node = dict[str, "_Node | bytes | None"]


class Objects(Protocol):
    """Where objects are read from."""

    def get_raw(self, name: ObjectID, /) -> tuple[int, bytes]:
        """Type number and content; `KeyError` if it is not here."""


@dataclass(frozen=True, slots=True)
class Authorship:
    """Who and when a commit says; a machine's commit takes both from its source.

    `time` is in seconds since 1970, `timezone` in seconds east of Greenwich, whole minutes.
    """

    name: str
    email: str
    time: int
    timezone: int = 0

    def ident(self) -> bytes:
        """As git spells it: `Name <email>`, without the characters that would end it early."""
        name, email = (
            re.sub(r"[\x00-\x1f<>]", "", part).strip() for part in (self.name, self.email)
        )
        return f"{name or 'unknown'} <{email}>".encode()


def oid(text: str) -> ObjectID:
    """A full object id; `Refused` for anything else, a shortened one too."""
    if _HEX.fullmatch(text):
        return ObjectID(text.encode())
    raise Refused(f"{text[:60]!r} is no commit id: expected 40 hex digits", rule="no-commit")


def load(objects: Objects, id: ObjectID, kind: type[_KIND]) -> _KIND:
    """An object of this kind whose content hashes to its id.

    Raises `Refused`: rule `incomplete` if it is absent, `corrupt` if damaged, `kind` if another.
    """
    found = load_any(objects, id)
    if not isinstance(found, kind):
        raise Refused(
            f"{_named(id)} is a {_word(found)}, expected a {kind.type_name.decode()}", rule="kind"
        )
    return found


def load_any(objects: Objects, id: ObjectID) -> ShaFile:
    """An object of any kind, under the same rules as `load`."""
    try:
        number, raw = objects.get_raw(id)
    except KeyError as error:
        raise Refused(f"{_named(id)} is missing", rule="incomplete") from error
    except DAMAGE as error:
        raise Refused(f"{_named(id)} is damaged: {error}", rule="corrupt") from error
    if len(raw) > MAX_FILE:
        raise Refused(
            f"{_named(id)} has {len(raw)} bytes, at most {MAX_FILE} are taken", rule="too-large"
        )
    return _parsed(id, number, raw)


def sound(objects: Objects, id: ObjectID) -> bool:
    """Whether the object is here and undamaged."""
    try:
        load_any(objects, id)
    except Refused:
        return False
    return True


def graft(
    objects: Objects,
    base: ObjectID | None,
    changes: Mapping[str, bytes | None],
    made: dict[ObjectID, ShaFile],
) -> ObjectID:
    """The id of the tree `base` with these files changed (None deletes); new objects go to `made`.

    What `changes` does not name keeps its entry, mode included. Raises `Refused` (rule `tree`)
    for a path that must not be in a tree.
    """
    nodes: _Node = {}
    for path, content in changes.items():
        _plant(nodes, path, content)
    root = _graft(objects, base, nodes, made)
    if root is None:
        empty = Tree()
        made[empty.id] = empty
        return empty.id
    return root


def commit_object(
    tree: ObjectID, parents: Iterable[ObjectID], author: Authorship, message: str
) -> Commit:
    """A commit whose bytes are decided by the arguments alone."""
    commit = Commit()
    commit.tree = tree
    commit.parents = list(parents)
    commit.author = commit.committer = author.ident()
    commit.author_time = commit.commit_time = author.time
    commit.author_timezone = commit.commit_timezone = author.timezone
    commit.message = message.replace("\0", "").rstrip("\n").encode() + b"\n"
    return commit


def write_loose(root: Path, objects: Iterable[ShaFile]) -> None:
    """Write objects below `root`, durable in content and name when it returns.

    A name of its own for each temporary file, unlike `<id>.lock`: one that a killed process left
    behind must not keep the same, deterministic object from ever being written again.
    """
    folders: list[Path] = []
    for item in objects:
        name = item.id.decode()
        folder = root / name[:2]
        if not folder.exists():
            folder.mkdir(exist_ok=True)
            folders.append(root)
        with replacing(folder / name[2:], mode=0o444, prefix="tmp_obj_") as file:
            file.write(item.as_legacy_object())
        folders.append(folder)
    sync_all(folders)


def _parsed(id: ObjectID, number: int, raw: bytes) -> ShaFile:
    try:
        found = ShaFile.from_raw_string(number, raw)
        header = b"%s %d\0" % (found.type_name, len(raw))
        if hashlib.sha1(header + raw, usedforsecurity=False).hexdigest().encode() != id:
            raise Refused(f"{_named(id)} hashes to another id", rule="corrupt")
        if isinstance(found, Tree):
            found.items()
        elif isinstance(found, Commit):
            _ = (found.tree, found.parents, found.author, found.commit_time, found.message)
    except (*DAMAGE, TypeError, AttributeError) as error:
        raise Refused(f"{_named(id)} is damaged: {error}", rule="corrupt") from error
    return found


def _plant(nodes: _Node, path: str, content: bytes | None) -> None:
    *folders, name = checked_parts(path)
    if len(folders) >= MAX_DEPTH:
        raise Refused(f"{path!r} lies deeper than {MAX_DEPTH} folders", rule="tree")
    for folder in folders:
        below = nodes.setdefault(folder, {})
        if not isinstance(below, dict):
            raise Refused(f"{path!r}: {folder!r} is a file and a folder at once", rule="tree")
        nodes = below
    if name in nodes:
        raise Refused(f"{path!r} is a file and a folder at once", rule="tree")
    nodes[name] = content


def _graft(
    objects: Objects, base: ObjectID | None, nodes: _Node, made: dict[ObjectID, ShaFile]
) -> ObjectID | None:
    entries = _entries(objects, base)
    for name, value in nodes.items():
        entry = _entry(objects, entries.get(name.encode()), value, made)
        if entry is None:
            entries.pop(name.encode(), None)
        else:
            entries[name.encode()] = entry
    if not entries:
        return None
    tree = Tree()
    for key, (mode, id) in entries.items():
        tree.add(key, mode, id)
    made[tree.id] = tree
    return tree.id


def _entries(objects: Objects, base: ObjectID | None) -> dict[bytes, tuple[int, ObjectID]]:
    if base is None:
        return {}
    return {
        entry.path: (entry.mode, ObjectID(entry.sha)) for entry in load(objects, base, Tree).items()
    }


def _entry(
    objects: Objects,
    old: tuple[int, ObjectID] | None,
    value: _Node | bytes | None,
    made: dict[ObjectID, ShaFile],
) -> tuple[int, ObjectID] | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        blob = Blob.from_string(value)
        made[blob.id] = blob
        return (PROGRAM if old is not None and old[0] == PROGRAM else FILE), blob.id
    below = _graft(objects, old[1] if old is not None and old[0] == FOLDER else None, value, made)
    return None if below is None else (FOLDER, below)


def _named(id: ObjectID) -> str:
    return f"git object {id.decode('ascii', 'replace')}"


def _word(item: ShaFile) -> str:
    return item.type_name.decode()
