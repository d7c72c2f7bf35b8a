"""Fields of nobody's dialect, at any depth: found by the schema, kept, and put back.

Each is named by its JSON Pointer (RFC 6901), so that a list's items can be told apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from margo_gitops.documents.findings import Path

Schema = Mapping[str, Any]

_BRANCHES = ("allOf", "anyOf", "oneOf")
_CONDITIONS = ("then", "else")
_DEPTH = 64
"""As deep as a document may be; a schema that refers to itself ends with its document."""


def unknown(data: Any, schema: Schema) -> dict[str, Any]:
    """JSON Pointer to value of every field that the schema does not have.

    A field counts as known where any branch of the schema has it: which branch holds is for
    validation to say. Below an object that the schema leaves open, everything is known.
    """
    return {pointer(path): value for path, value in _walk(data, [schema], schema, ())}


def restored(wire: Mapping[str, Any], unknown: Mapping[str, Any]) -> dict[str, Any]:
    """The wire object with the unknown fields at their places; what is written already wins.

    A field whose list item is gone goes with it.
    """
    if not unknown:
        return dict(wire)
    result: dict[str, Any] = deepcopy(dict(wire))
    for text, value in unknown.items():
        _put(result, steps(text), value)
    return result


def without(wire: Mapping[str, Any], pointers: Iterable[str]) -> dict[str, Any]:
    """A copy that lacks these fields."""
    result: dict[str, Any] = deepcopy(dict(wire))
    for text in pointers:
        *way, last = steps(text)
        owner = _reached(result, way)
        if isinstance(owner, dict):
            owner.pop(last, None)
    return result


def has(data: Any, text: str) -> bool:
    """True where the pointer names something."""
    *way, last = steps(text)
    owner = _reached(data, way)
    return isinstance(owner, dict) and last in owner


def pointer(path: Path) -> str:
    """A path as a JSON Pointer."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def steps(text: str) -> list[str]:
    """The steps of a JSON Pointer; a list's index is still text."""
    return [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]]


def _walk(
    value: Any, schemas: Iterable[Schema], root: Schema, path: Path
) -> Iterator[tuple[Path, Any]]:
    if len(path) > _DEPTH:
        return
    options = [option for schema in schemas for option in _branches(schema, root, 0)]
    if isinstance(value, dict):
        closed = any(option.get("additionalProperties", True) is not True for option in options)
        for key, item in value.items():
            inner = [schema for option in options for schema in _of_field(option, key)]
            if inner:
                yield from _walk(item, inner, root, (*path, key))
            elif closed:
                yield (*path, key), item
    elif isinstance(value, list):
        inner = [option["items"] for option in options if isinstance(option.get("items"), dict)]
        for index, item in enumerate(value):
            yield from _walk(item, inner, root, (*path, index))


def _branches(schema: Schema, root: Schema, depth: int) -> Iterator[Schema]:
    """The schema and all that it refers to or chooses from."""
    if depth > _DEPTH or not isinstance(schema, dict):
        return
    yield schema
    inner = [option for name in _BRANCHES for option in schema.get(name, ())]
    inner += [schema[name] for name in _CONDITIONS if name in schema]
    if "$ref" in schema:
        inner.append(_referred(root, schema["$ref"]))
    for option in inner:
        yield from _branches(option, root, depth + 1)


def _referred(root: Schema, reference: str) -> Schema:
    value: Any = root
    for step in steps(reference.removeprefix("#")):
        value = value[step]
    return value if isinstance(value, dict) else {}


def _of_field(schema: Schema, key: str) -> Iterator[Schema]:
    """What a schema says of one field; nothing where it does not have it."""
    named = schema.get("properties", {})
    matching = [s for p, s in schema.get("patternProperties", {}).items() if re.search(p, key)]
    others = schema.get("additionalProperties")
    if key in named:
        yield named[key] if isinstance(named[key], dict) else {}
    yield from matching
    if key not in named and not matching and isinstance(others, dict):
        yield others


def _put(target: dict[str, Any], way: list[str], value: Any) -> None:
    owner: Any = target
    for step in way[:-1]:
        if isinstance(owner, list):
            if not (step.isdecimal() and int(step) < len(owner)):
                return
            owner = owner[int(step)]
        elif isinstance(owner, dict):
            owner = owner.setdefault(step, {})
        else:
            return
    if isinstance(owner, dict):
        owner.setdefault(way[-1], value)


def _reached(data: Any, way: Iterable[str]) -> Any:
    value = data
    for step in way:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value
