"""The validator of JSON Schemas: jsonschema's own, quick where a value is plainly right.

Most of a document is leaves of which a schema asks a type, or a word of a list. jsonschema makes a
validator for each; here such a leaf is looked at in place, and only what may be wrong goes the long
way, which alone makes errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_SILENT = {"title", "description", "default", "examples", "deprecated", "$comment"}
_LEAF = frozenset({"type", "enum", "minLength", "pattern", "minimum", "maximum", *_SILENT})
_LIST = frozenset({"type", "items", "minItems", *_SILENT})
_MAP = frozenset({"type", "properties", "required", "additionalProperties", *_SILENT})
"""The keywords of a schema that can be answered here; what has others goes the long way."""

_NAMES = frozenset({"$schema", "$id"})
_BOUNDS = frozenset({"minLength", "pattern", "minimum", "maximum"})

_Keyword = Callable[[Any, Any, Any, Any], Iterator[Any]]


def validator(schema: Mapping[str, Any]) -> Validator:
    """A validator of draft 2020-12, with the errors of jsonschema's `Draft202012Validator`."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415
    from jsonschema.validators import extend  # noqa: PLC0415

    stock: Mapping[str, _Keyword] = Draft202012Validator.VALIDATORS
    made = extend(  # type: ignore[no-untyped-call]
        Draft202012Validator,
        {
            "anyOf": _any_of(stock["anyOf"]),
            "properties": _properties(stock["properties"]),
            "additionalProperties": _others(stock["additionalProperties"]),
            "items": _items(stock["items"]),
        },
    )
    found: Validator = made(schema)
    return found


def plainly_right(checker: Validator, value: Any) -> bool:
    """True only where the checker's schema finds no fault in `value`; False says nothing."""
    schema: Any = checker.schema
    if isinstance(schema, dict):
        schema = {key: asked for key, asked in schema.items() if key not in _NAMES}
    return _right(checker, value, schema)


def _right(checker: Validator, value: Any, schema: Any) -> bool:
    """True only where `value` cannot break `schema`."""
    if not isinstance(schema, dict):
        return schema is True
    if schema.keys() <= _LEAF:
        return _right_leaf(checker, value, schema)
    if not _of_type(checker, value, schema):
        return False
    if isinstance(value, list) and schema.keys() <= _LIST:
        inner = schema.get("items", True)
        long = len(value) >= schema.get("minItems", 0)
        return long and all(_right(checker, held, inner) for held in value)
    return isinstance(value, dict) and schema.keys() <= _MAP and _right_map(checker, value, schema)


def _right_leaf(checker: Validator, value: Any, schema: Mapping[str, Any]) -> bool:
    if not _of_type(checker, value, schema):
        return False
    if "enum" in schema and not (isinstance(value, str) and value in schema["enum"]):
        return False
    if not schema.keys() & _BOUNDS:
        return True
    if isinstance(value, str):
        return len(value) >= schema.get("minLength", 0) and (
            "pattern" not in schema or re.search(schema["pattern"], value) is not None
        )
    return type(value) is int and _within(value, schema)


def _within(value: int, schema: Mapping[str, Any]) -> bool:
    least, most = schema.get("minimum", value), schema.get("maximum", value)
    return bool(least <= value <= most)


def _right_map(checker: Validator, value: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    fields = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    return all(name in value for name in schema.get("required", ())) and all(
        _right(checker, held, fields.get(name, others)) for name, held in value.items()
    )


def _of_type(checker: Validator, value: Any, schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type", ())
    if isinstance(kind, str):
        return checker.is_type(value, kind)
    return not kind or any(checker.is_type(value, one) for one in kind)


def _any_of(stock: _Keyword) -> _Keyword:
    def any_of(checker: Any, options: Any, value: Any, schema: Any) -> Iterator[Any]:
        if not any(_right(checker, value, option) for option in options):
            yield from stock(checker, options, value, schema)

    return any_of


def _properties(stock: _Keyword) -> _Keyword:
    def properties(checker: Any, fields: Any, value: Any, schema: Any) -> Iterator[Any]:
        if not isinstance(value, dict):
            return
        left = {
            name: asked
            for name, asked in fields.items()
            if name in value and not _right(checker, value[name], asked)
        }
        if left:
            yield from stock(checker, left, value, schema)

    return properties


def _others(stock: _Keyword) -> _Keyword:
    def others(checker: Any, asked: Any, value: Any, schema: Any) -> Iterator[Any]:
        inner: Mapping[str, Any] = value if isinstance(value, dict) else {}
        if asked is False or not all(_right(checker, held, asked) for held in inner.values()):
            yield from stock(checker, asked, value, schema)

    return others


def _items(stock: _Keyword) -> _Keyword:
    def items(checker: Any, asked: Any, value: Any, schema: Any) -> Iterator[Any]:
        inner: Sequence[Any] = value if isinstance(value, list) else ()
        if not all(_right(checker, held, asked) for held in inner):
            yield from stock(checker, asked, value, schema)

    return items
