"""A right document spoilt in each way that its schema must notice."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator

from tests.documents.from_schema import resolved

Path = tuple[str | int, ...]

_OTHERS: dict[str, Any] = {"null": None, "string": "other", "object": {}, "array": []}


class Spoilt(NamedTuple):
    """What was done to which place, and the document after it."""

    act: str
    path: Path
    document: Any


class _Place(NamedTuple):
    """A value and a shape that judges it.

    `sure` are fields that chose this very shape: without them another one judges. `alone` is false
    for one of several alternatives, whose types are not all that there are.
    """

    path: Path
    value: Any
    shape: dict[str, Any]
    sure: frozenset[str] = frozenset()
    alone: bool = True


def spoilt(schema: dict[str, Any], document: Any) -> list[Spoilt]:
    """Every required field removed, every object with a field more, every value of another type."""
    found = []
    for place in _Walk(schema).places(_Place((), document, schema)):
        found += [
            _changed("removed", (*place.path, name), document, lambda at, key: at.pop(key))
            for name in place.shape.get("required", ())
            if name not in place.sure and isinstance(place.value, dict)
        ]
        if place.shape.get("additionalProperties") is False and isinstance(place.value, dict):
            found.append(_changed("unknown", (*place.path, "nobodys"), document, _set("")))
        other = _other(place.shape, schema)
        if place.path and place.alone and other is not _ANY:
            found.append(_changed("other type", place.path, document, _set(other)))
    return found


_ANY = object()


def _set(value: Any) -> Callable[[Any, Any], None]:
    def put(at: Any, key: Any) -> None:
        at[key] = copy.deepcopy(value)

    return put


def _changed(act: str, path: Path, document: Any, change: Callable[[Any, Any], Any]) -> Spoilt:
    changed = copy.deepcopy(document)
    at = changed
    for step in path[:-1]:
        at = at[step]
    change(at, path[-1])
    return Spoilt(act, path, changed)


def _other(shape: dict[str, Any], root: dict[str, Any]) -> Any:
    """A value of a type that the shape does not name; `_ANY` where it takes any."""
    types = _types(shape, root)
    if not types:
        return _ANY
    return next(value for type_, value in _OTHERS.items() if type_ not in types)


def _types(shape: dict[str, Any], root: dict[str, Any]) -> set[str]:
    parts = [resolved(part, root) for part in shape.get("anyOf", ())]
    inner = {type_ for part in parts for type_ in _types(part, root)}
    said = shape.get("type", [])
    return inner | ({said} if isinstance(said, str) else set(said))


class _Walk:
    """Every value of a document with each shape that judges it, whole shapes and branches alike."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._root = schema
        self._validator = Draft202012Validator(schema)

    def places(self, place: _Place) -> Iterator[_Place]:
        place = place._replace(shape=resolved(place.shape, self._root))
        yield place
        for branch in self._branches(place):
            yield from self.places(branch)
        for step, inner in _inner(place.shape, place.value):
            yield from self.places(_Place((*place.path, step), place.value[step], inner))

    def _branches(self, place: _Place) -> Iterator[_Place]:
        for choice in [place.shape, *place.shape.get("allOf", ())]:
            if "if" not in choice:
                continue
            if self._fits(choice["if"], place.value):
                sure = place.sure | set(choice["if"].get("required", ()))
                yield place._replace(shape=choice["then"], sure=sure)
            elif "else" in choice:
                yield place._replace(shape=choice["else"])
        alternatives = place.shape.get("anyOf", ())
        fitting = [branch for branch in alternatives if self._fits(branch, place.value)]
        yield from [place._replace(shape=branch, alone=False) for branch in fitting[:1]]

    def _fits(self, shape: dict[str, Any], value: Any) -> bool:
        return bool(self._validator.evolve(schema=shape).is_valid(value))


def _inner(shape: dict[str, Any], value: Any) -> Iterator[tuple[str | int, dict[str, Any]]]:
    """The parts of a value, each with its shape."""
    if isinstance(value, dict):
        fields = shape.get("properties", {})
        yield from [(name, fields[name]) for name in value if name in fields]
        if isinstance(rest := shape.get("additionalProperties"), dict):
            yield from [(name, rest) for name in value if name not in fields]
    elif isinstance(value, list) and "items" in shape:
        yield from [(index, shape["items"]) for index in range(len(value))]
