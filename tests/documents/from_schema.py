"""Documents made from a schema: a strategy for just what our shapes and models write.

`hypothesis-jsonschema` ends at draft 7 and follows no recursive reference; ours are of 2020-12.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

_DEEPEST = 14
"""Where recursive shapes end: optional fields stay out, and a choice takes its first branch."""

_SHORT = st.text(max_size=12)
_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "number": st.integers(-99, 99) | st.floats(-9, 9).map(lambda number: round(number, 2)),
    "null": st.none(),
}
_READ = {
    *("$schema", "$id", "$defs", "title", "description", "default", "type", "enum", "const"),
    *("pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum"),
    *("items", "minItems", "maxItems", "properties", "required", "patternProperties"),
    *("additionalProperties", "propertyNames", "$ref", "anyOf", "allOf", "if", "then", "else"),
}


def documents(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What the schema accepts; every field, every branch and every optional part occurs.

    Raises `AssertionError` for a keyword that it cannot read, rather than ignore it.
    """
    return _of(schema, schema, 0)


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, or what its local `$ref` names."""
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return found


def _of(schema: dict[str, Any], root: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    assert schema.keys() <= _READ, schema.keys() - _READ
    for choose in (_named, _branch, _words):
        found = choose(schema, root, depth)
        if found is not None:
            return found
    types = schema.get("type", ["object", "string"])
    makers = [_MAKERS[type_] for type_ in ([types] if isinstance(types, str) else types)]
    return st.one_of([make(schema, root, depth) for make in makers])


def _named(
    schema: dict[str, Any], root: dict[str, Any], depth: int
) -> st.SearchStrategy[Any] | None:
    if "$ref" not in schema:
        return None
    return st.deferred(lambda: _of(resolved(schema, root), root, depth + 1))


def _branch(
    schema: dict[str, Any], root: dict[str, Any], depth: int
) -> st.SearchStrategy[Any] | None:
    """A branch is a whole shape, so one that its condition lets in is enough."""
    if "if" in schema:
        branches = [schema["then"], schema["else"]]
    else:
        conditions = [choice["then"] for choice in schema.get("allOf", ())]
        branches = conditions or schema.get("anyOf", [])
    if not branches:
        return None
    chosen = branches[:1] if depth > _DEEPEST else branches
    return st.one_of([_of(branch, root, depth) for branch in chosen])


def _words(
    schema: dict[str, Any], _root: dict[str, Any], _depth: int
) -> st.SearchStrategy[Any] | None:
    words = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if words is None else st.sampled_from(words)


def _object(schema: dict[str, Any], root: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    fields = {
        name: _of(field, root, depth + 1) for name, field in schema.get("properties", {}).items()
    }
    required = {name: fields[name] for name in schema.get("required", ())}
    rest = {} if depth > _DEEPEST else {k: v for k, v in fields.items() if k not in required}
    known = st.fixed_dictionaries(required, optional=rest)
    return st.builds(
        lambda *parts: {k: v for part in parts for k, v in part.items()},
        *_others(schema, root, depth),
        known,
    )


def _others(
    schema: dict[str, Any], root: dict[str, Any], depth: int
) -> list[st.SearchStrategy[dict[str, Any]]]:
    """Fields whose names are the author's."""
    made = []
    for pattern, value in schema.get("patternProperties", {}).items():
        names = st.from_regex(pattern, fullmatch=True)
        made.append(st.dictionaries(names, _of(value, root, depth + 1), max_size=1))
    if isinstance(value := schema.get("additionalProperties"), dict):
        named = schema.get("propertyNames")
        names = _of({"type": "string", **named}, root, depth) if named else _SHORT
        made.append(st.dictionaries(names, _of(value, root, depth + 1), max_size=2))
    return made


def _array(schema: dict[str, Any], root: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    least = schema.get("minItems", 0)
    most = min(schema.get("maxItems", 3), least + 2)
    return st.lists(_of(schema.get("items", {}), root, depth + 1), min_size=least, max_size=most)


def _string(schema: dict[str, Any], _root: dict[str, Any], _depth: int) -> st.SearchStrategy[Any]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 400)
    if "pattern" in schema:
        made = st.from_regex(schema["pattern"], fullmatch=True)
        return made.filter(lambda text: least <= len(text) <= most)
    return st.text(min_size=least, max_size=min(most, least + 12))


def _integer(schema: dict[str, Any], _root: dict[str, Any], _depth: int) -> st.SearchStrategy[Any]:
    return st.integers(schema.get("minimum", -(2**40)), schema.get("maximum", 2**40))


def _number(schema: dict[str, Any], _root: dict[str, Any], _depth: int) -> st.SearchStrategy[Any]:
    if "exclusiveMinimum" in schema:
        least = schema["exclusiveMinimum"]
        return st.integers(1, 640).map(lambda tenths: least + tenths / 10)
    return _SCALARS["number"]


_MAKERS: dict[str, Callable[[dict[str, Any], dict[str, Any], int], st.SearchStrategy[Any]]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": lambda *_: _SCALARS["boolean"],
    "null": lambda *_: _SCALARS["null"],
}
