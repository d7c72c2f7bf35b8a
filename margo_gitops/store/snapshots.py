"""What many commits hold, read level by level, all of them at once.

Only what is plain comes back. A commit that is missing, damaged, hostile or larger than a site's
status ever is, is left out: reading it alone tells what is wrong, or takes the time it needs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from dulwich.objects import parse_tree

from margo_gitops.errors import Refused
from margo_gitops.store.bulk import Bulk, Found
from margo_gitops.store.names import tree_name
from margo_gitops.store.objects import DAMAGE, FILES, FOLDER

MAX_FILES = 500
"""Files and folders of one commit."""

_LEVELS = 6
_COMMIT = re.compile(
    rb"tree ([0-9a-f]{40})\n(?:parent [0-9a-f]{40}\n)*"
    rb"author [^\n]*\ncommitter [^\n]*> ([0-9]{1,15}) [+-][0-9]{4}\n"
)


@dataclass(slots=True)
class Snapshot:
    """A commit's time, in seconds since 1970, and the files that were asked for, by path."""

    time: int
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class _Entry:
    """Something to read: a folder (its path ends in `/`, or is empty) or a file of a commit."""

    commit: str
    path: str
    id: str


def snapshots(
    reader: Bulk, commits: Iterable[str], tops: Collection[str] = ()
) -> dict[str, Snapshot]:
    """What each commit says of its time, and its files at or below these names of its root."""
    found: dict[str, Snapshot] = {}
    level: list[_Entry] = []
    for id, (kind, content) in reader.read(commits).items():
        match = _COMMIT.match(content) if kind == b"commit" else None
        if match is not None:
            found[id] = Snapshot(int(match[2]))
            level.append(_Entry(id, "", match[1].decode()))
    if not tops:
        return found
    names = {name.encode() for name in tops}
    counts = dict.fromkeys(found, 0)
    odd: set[str] = set()
    for _ in range(_LEVELS):
        objects = reader.read(entry.id for entry in level)
        level = [
            below
            for entry in level
            for below in _taken(entry, objects.get(entry.id), names, found, odd)
        ]
        for entry in level:
            counts[entry.commit] += 1
        odd |= {commit for commit, count in counts.items() if count > MAX_FILES}
        level = [entry for entry in level if entry.commit not in odd]
    odd |= {entry.commit for entry in level}
    return {id: snapshot for id, snapshot in found.items() if id not in odd}


def _taken(
    entry: _Entry,
    held: Found | None,
    names: Collection[bytes],
    found: Mapping[str, Snapshot],
    odd: set[str],
) -> list[_Entry]:
    """Keep a file, or tell what is in a folder; what is neither makes its commit an odd one."""
    folder = entry.path == "" or entry.path.endswith("/")
    if held is None or held[0] != (b"tree" if folder else b"blob"):
        odd.add(entry.commit)
        return []
    if not folder:
        found[entry.commit].files[entry.path] = held[1]
        return []
    try:
        return list(_inside(entry, held[1], names))
    except (Refused, *DAMAGE):
        odd.add(entry.commit)
        return []


def _inside(entry: _Entry, content: bytes, names: Collection[bytes]) -> Iterable[_Entry]:
    for raw, mode, id in parse_tree(content, 20):
        if entry.path == "" and raw not in names:
            continue
        path = entry.path + tree_name(raw, entry.path)
        if mode != FOLDER and mode not in FILES:
            raise Refused(f"{path!r} is no plain file", rule="tree")
        yield _Entry(entry.commit, path + "/" if mode == FOLDER else path, id.decode())
