"""A change of a document that leaves every other byte as its author wrote it."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from margo_gitops.documents.findings import InvalidDocument, Path
from margo_gitops.documents.moves import moves, same
from margo_gitops.documents.parsed import Parsed
from margo_gitops.documents.splice import Unsafe, spliced
from margo_gitops.documents.yaml import parse
from margo_gitops.errors import Invalid

_HELP = "edit the file by hand"


def edit(data: bytes, before: Any, after: Any, *, where: str = "the document") -> bytes:
    """The YAML or JSON document `data` with the differences from `before` to `after` carried out.

    `before` is plain data that was made of the document: it may lack fields and spell values
    otherwise; what is the same in `after` keeps its bytes, comments and line ends included. A value
    keeps its quotes where they can hold the new one. JSON stays JSON.

    The result is read again before it is returned. Raises `Invalid`, with the place, for what
    cannot be changed alone, such as a value behind an alias, and `InvalidDocument` where `data`
    cannot be read.
    """
    parsed = parse(data, where)
    if same(before, after):
        return data
    try:
        wanted = _merged(parsed.data, before, after, ())
        if same(parsed.data, wanted):
            return data
        text = spliced(parsed, wanted, as_json=_is_json(parsed.text))
        changed = text.encode("utf-8")
    except Unsafe as fault:
        raise _refused(parsed, where, fault.path, fault.problem) from fault
    except UnicodeEncodeError as fault:
        raise _refused(parsed, where, (), "half of a surrogate pair is no text") from fault
    _verify(changed, wanted, parsed, where)
    return changed


def _verify(changed: bytes, wanted: Any, parsed: Parsed, where: str) -> None:
    try:
        found = parse(changed, where).data
    except InvalidDocument as fault:
        problem = f"it would no longer be readable ({fault.findings[0].message})"
        raise _refused(parsed, where, (), problem) from fault
    if not same(found, wanted):
        path = _first_difference(found, wanted)
        raise _refused(parsed, where, path, "the change would reach more than this place")
    if _is_json(parsed.text) and not _is_json(changed.decode("utf-8")):
        raise _refused(parsed, where, (), "it would no longer be JSON")


def _refused(parsed: Parsed, where: str, path: Path, problem: str) -> Invalid:
    line, column = parsed.position(path)
    name = ".".join(str(step) for step in path) or "the document"
    return Invalid(f"{where}:{line}:{column}: {name} cannot be changed here: {problem}", help=_HELP)


def _merged(there: Any, before: Any, after: Any, path: Path) -> Any:
    """What the document is to hold: `there`, with what differs between `before` and `after`."""
    if same(before, after):
        return there
    if isinstance(there, dict) and isinstance(before, dict) and isinstance(after, dict):
        return _merged_fields(there, before, after, path)
    if isinstance(there, list) and isinstance(before, list) and isinstance(after, list):
        if same(there, before) or not any(isinstance(item, dict | list) for item in there):
            return after
        return _merged_items(there, before, after, path)
    return after


def _merged_fields(
    there: dict[str, Any], before: dict[str, Any], after: dict[str, Any], path: Path
) -> dict[str, Any]:
    merged = {}
    for key, value in there.items():
        if key in after:
            merged[key] = _merged(value, before.get(key, value), after[key], (*path, key))
        elif key not in before:
            merged[key] = value
    came = [key for key in after if key not in there]
    return merged | {
        key: after[key] for key in came if key not in before or not same(before[key], after[key])
    }


def _merged_items(there: list[Any], before: list[Any], after: list[Any], path: Path) -> list[Any]:
    if not _corresponds(there, before):
        problem = "its items are not in the order, or not the number, that was read"
        raise Unsafe(path, problem)
    merged: list[Any] = []
    for move in moves(before, after):
        if move.equal:
            merged += [there[at] for at in move.before]
            continue
        paired = list(zip(move.before, move.after, strict=False))
        merged += [_merged(there[at], before[at], after[to], (*path, at)) for at, to in paired]
        merged += [after[to] for to in move.after[len(paired) :]]
    return merged


def _corresponds(there: list[Any], before: list[Any]) -> bool:
    """False where the items were read in another order: another one is what stands here."""
    if len(there) != len(before):
        return False
    unlike = [index for index, item in enumerate(before) if not _alike(there[index], item)]
    others = [there[index] for index in unlike]
    if len(unlike) > 100:
        return False
    return not any(_alike(other, before[index]) for index in unlike for other in others)


def _alike(there: Any, before: Any) -> bool:
    if not isinstance(there, dict) or not isinstance(before, dict):
        return same(there, before)
    shared = [key for key in before if key in there and not isinstance(before[key], dict | list)]
    return all(same(there[key], before[key]) for key in shared)


def _first_difference(found: Any, wanted: Any) -> Path:
    path: Path = ()
    while True:
        steps: list[str | int] = []
        if isinstance(found, dict) and isinstance(wanted, dict):
            steps = [key for key in found if key in wanted and not same(found[key], wanted[key])]
        elif isinstance(found, list) and isinstance(wanted, list):
            pairs = enumerate(zip(found, wanted, strict=False))
            steps = [index for index, (one, other) in pairs if not same(one, other)]
        if not steps:
            return path
        path, found, wanted = (*path, steps[0]), found[steps[0]], wanted[steps[0]]


def _is_json(text: str) -> bool:
    try:
        json.loads(text.removeprefix("\ufeff"), parse_constant=_no_json)
    except (ValueError, RecursionError):
        return False
    return True


def _no_json(word: str) -> NoReturn:
    raise ValueError(word)
