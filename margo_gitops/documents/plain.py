"""Whether a value plainly keeps a JSON Schema: a short look that says yes, or says nothing.

Nearly every document is right, and most of a schema asks simple things: a type, a word of a list,
which fields there are. What is looked at here needs no validator and makes no errors; whatever may
be wrong, or asks more, is left to jsonschema (`quick.py`), whose verdict counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_SILENT = frozenset({"title", "description", "default", "examples", "deprecated", "$comment"})
_ROOT = frozenset({"$schema", "$id", "$defs"})
_DEFS = "#/$defs/"

Schema = Mapping[str, Any]
_Kept = Callable[[Any, Any, Schema, Schema], bool]
"""Of a value, what a keyword asks, the schema that it stands in and the whole schema.

A keyword asks nothing of a value that is not of its type.
"""


def plainly_right(value: Any, schema: Schema) -> bool:
    """True only where `value` keeps the whole `schema`; False says nothing."""
    asked = {key: held for key, held in schema.items() if key not in _ROOT}
    return right(value, asked, schema)


def right(value: Any, schema: Any, root: Schema) -> bool:
    """True only where `value` keeps `schema`, a part of the schema `root`."""
    if not isinstance(schema, dict):
        return schema is True
    for keyword, asked in schema.items():
        kept = _KEPT.get(keyword)
        if kept is None:
            if keyword not in _SILENT:
                return False
        elif not kept(value, asked, schema, root):
            return False
    return True


def _type(value: Any, asked: Any, _schema: Schema, _root: Schema) -> bool:
    if isinstance(asked, str):
        return type(value) in _TYPES.get(asked, ())
    return any(type(value) in _TYPES.get(kind, ()) for kind in asked)


def _enum(value: Any, asked: Any, _schema: Schema, _root: Schema) -> bool:
    return isinstance(value, str) and value in asked


def _const(value: Any, asked: Any, _schema: Schema, _root: Schema) -> bool:
    return isinstance(value, str) and value == asked


def _min_length(value: Any, asked: Any, _schema: Schema, _root: Schema) -> bool:
    return not isinstance(value, str) or len(value) >= asked


def _max_length(value: Any, asked: Any, _schema: Schema, _root: Schema) -> bool:
    return not isinstance(value, str) or len(value) <= asked


def _pattern(value: Any, asked: Any, _schema: Schema, _root: Schema) -> bool:
    return not isinstance(value, str) or re.search(asked, value) is not None


def _minimum(value: Any, asked: Any, _schema: Schema, _root: Schema) -> bool:
    return type(value) in _TYPES["number"] and value >= asked


def _maximum(value: Any, asked: Any, _schema: Schema, _root: Schema) -> bool:
    return type(value) in _TYPES["number"] and value <= asked


def _above(value: Any, asked: Any, _schema: Schema, _root: Schema) -> bool:
    return type(value) in _TYPES["number"] and value > asked


def _items(value: Any, asked: Any, _schema: Schema, root: Schema) -> bool:
    return not isinstance(value, list) or all(right(held, asked, root) for held in value)


def _min_items(value: Any, asked: Any, _schema: Schema, _root: Schema) -> bool:
    return not isinstance(value, list) or len(value) >= asked


def _max_items(value: Any, asked: Any, _schema: Schema, _root: Schema) -> bool:
    return not isinstance(value, list) or len(value) <= asked


def _required(value: Any, asked: Any, _schema: Schema, _root: Schema) -> bool:
    return not isinstance(value, dict) or all(name in value for name in asked)


def _properties(value: Any, asked: Any, _schema: Schema, root: Schema) -> bool:
    if not isinstance(value, dict):
        return True
    for name, held in value.items():
        if name in asked and not right(held, asked[name], root):
            return False
    return True


def _patterns(value: Any, asked: Any, _schema: Schema, root: Schema) -> bool:
    return not isinstance(value, dict) or all(
        right(held, inner, root)
        for pattern, inner in asked.items()
        for name, held in value.items()
        if re.search(pattern, name)
    )


def _others(value: Any, asked: Any, schema: Schema, root: Schema) -> bool:
    if not isinstance(value, dict):
        return True
    fields, patterns = schema.get("properties", {}), schema.get("patternProperties", ())
    for name, held in value.items():
        if name in fields or any(re.search(pattern, name) for pattern in patterns):
            continue
        if not right(held, asked, root):
            return False
    return True


def _all_of(value: Any, asked: Any, _schema: Schema, root: Schema) -> bool:
    return all(right(value, inner, root) for inner in asked)


def _any_of(value: Any, asked: Any, _schema: Schema, root: Schema) -> bool:
    return any(right(value, inner, root) for inner in asked)


def _if(value: Any, asked: Any, schema: Schema, root: Schema) -> bool:
    answer = _answer(value, asked)
    if answer is None:
        return False
    return right(value, schema.get("then" if answer else "else", True), root)


def _answer(value: Any, question: Any) -> bool | None:
    """Whether a field is there and is one of some words; None for any other question."""
    if not (isinstance(value, dict) and isinstance(question, dict)):
        return None
    if not question.keys() <= {"required", "properties"}:
        return None
    if not all(name in value for name in question.get("required", ())):
        return False
    for name, asked in question.get("properties", {}).items():
        if name not in value:
            continue
        if not isinstance(value[name], str) or asked.keys() != {"enum"}:
            return None
        if value[name] not in asked["enum"]:
            return False
    return True


def _of_if(_value: Any, _asked: Any, schema: Schema, _root: Schema) -> bool:
    return "if" in schema


def _ref(value: Any, asked: Any, _schema: Schema, root: Schema) -> bool:
    known = root.get("$defs", {})
    name = asked.removeprefix(_DEFS)
    return asked.startswith(_DEFS) and name in known and right(value, known[name], root)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}
_KEPT: Mapping[str, _Kept] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minLength": _min_length,
    "maxLength": _max_length,
    "pattern": _pattern,
    "minimum": _minimum,
    "maximum": _maximum,
    "exclusiveMinimum": _above,
    "items": _items,
    "minItems": _min_items,
    "maxItems": _max_items,
    "required": _required,
    "properties": _properties,
    "patternProperties": _patterns,
    "additionalProperties": _others,
    "allOf": _all_of,
    "anyOf": _any_of,
    "if": _if,
    "then": _of_if,
    "else": _of_if,
    "$ref": _ref,
}
