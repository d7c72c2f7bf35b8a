"""Which names may be in a tree and which a ref may bear: the hostile ones end here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from margo_gitops.errors import Refused, Usage

if TYPE_CHECKING:
    from dulwich.refs import Ref

_REF = re.compile(r"refs/[A-Za-z0-9._/+@=-]{1,250}")
_INVISIBLE = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_ID = re.compile(r"[0-9a-f]{40}")


def checked_parts(path: str) -> tuple[str, ...]:
    """The parts of a path in a tree.

    Raises `Refused` (rule `tree`) for an absolute path, an empty part, `.`, `..`, control
    characters, a backslash, more than 255 bytes, and every spelling of `.git` that a file system
    takes for it (git's own `verify_path`).
    """
    parts = tuple(path.split("/"))
    for part in parts:
        problem = _problem(part)
        if problem:
            raise Refused(f"the path {path[:200]!r} {problem}", rule="tree")
    return parts


def tree_name(raw: bytes, folder: str) -> str:
    """The name of a tree's entry, as text; `Refused` (rule `tree`) if it may not be in a tree."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"a name in {folder or 'the tree'!r} is not UTF-8", rule="tree") from error
    problem = _problem(name)
    if problem or "/" in name:
        raise Refused(f"the name {name[:200]!r} in {folder!r} {problem or 'has a /'}", rule="tree")
    return name


def checked_ref(name: str) -> str:
    """A ref that may be written here: below `refs/`, plain ASCII, as git-check-ref-format asks."""
    if _well_named(name):
        return name
    raise Usage(f"{name[:120]!r} is no name of a ref that this store writes")


def asked(refs: Iterable[tuple[str, str]], wanted: Sequence[str]) -> dict[str, str]:
    """Of a remote's refs, those asked for: exact names, or prefixes that end in `/`.

    A server answers by prefix, so `site/1` brings `site/10` too: compared exactly here. A name or
    an id that is not well formed is left out.
    """
    exact = {name for name in wanted if not name.endswith("/")}
    prefixes = tuple(name for name in wanted if name.endswith("/"))
    return {
        name: id
        for name, id in refs
        if (name in exact or name.startswith(prefixes)) and _well_formed(name, id)
    }


def decoded(refs: Mapping[Ref, bytes | None]) -> Iterable[tuple[str, str]]:
    """A remote's refs as text; what is not ASCII is left out."""
    for name, id in refs.items():
        if id is not None and name.isascii() and id.isascii():
            yield name.decode("ascii"), id.decode("ascii")


def _well_formed(name: str, id: str) -> bool:
    return bool(_ID.fullmatch(id)) and _well_named(name)


def _well_named(name: str) -> bool:
    """As git-check-ref-format asks, of plain letters: two folders, no part that git reads else."""
    parts = name.split("/")
    return (
        _REF.fullmatch(name) is not None
        and len(parts) > 2
        and ".." not in name
        and not name.endswith(".")
        and all(part and part[0] != "." and not part.endswith(".lock") for part in parts)
    )


@lru_cache(maxsize=4096)
def _problem(part: str) -> str:
    if part in {"", ".", ".."}:
        return f"has the part {part!r}"
    if len(part.encode("utf-8", "surrogatepass")) > 255:
        return "has a part of more than 255 bytes"
    if re.search(r"[\x00-\x1f\x7f\\\ud800-\udfff]", part):
        return "has a control character or a backslash"
    plain = _INVISIBLE.sub("", part).lower().split(":")[0].rstrip(" .")
    return "has a spelling of .git" if plain in {".git", "git~1"} else ""
