"""The validator of JSON Schemas: jsonschema's own, quick where a value is plainly right.

jsonschema makes a validator for each leaf of a document; here what is plainly right is seen in
place (`plain.py`), and only what may be wrong goes the long way, which alone makes errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from margo_gitops.documents.plain import Schema, right

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_Keyword = Callable[[Any, Any, Any, Any], Iterator[Any]]


def validator(schema: Schema) -> Validator:
    """A validator of draft 2020-12, with the errors of jsonschema's `Draft202012Validator`."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415
    from jsonschema.validators import extend  # noqa: PLC0415

    stock: Mapping[str, _Keyword] = Draft202012Validator.VALIDATORS
    made = extend(  # type: ignore[no-untyped-call]
        Draft202012Validator,
        {
            "anyOf": _any_of(stock["anyOf"], schema),
            "properties": _properties(stock["properties"], schema),
            "additionalProperties": _others(stock["additionalProperties"], schema),
            "items": _items(stock["items"], schema),
        },
    )
    found: Validator = made(schema)
    return found


def _any_of(stock: _Keyword, root: Schema) -> _Keyword:
    def any_of(checker: Any, options: Any, value: Any, schema: Any) -> Iterator[Any]:
        if not any(right(value, option, root) for option in options):
            yield from stock(checker, options, value, schema)

    return any_of


def _properties(stock: _Keyword, root: Schema) -> _Keyword:
    def properties(checker: Any, fields: Any, value: Any, schema: Any) -> Iterator[Any]:
        if not isinstance(value, dict):
            return
        left = {
            name: asked
            for name, asked in fields.items()
            if name in value and not right(value[name], asked, root)
        }
        if left:
            yield from stock(checker, left, value, schema)

    return properties


def _others(stock: _Keyword, root: Schema) -> _Keyword:
    def others(checker: Any, asked: Any, value: Any, schema: Any) -> Iterator[Any]:
        inner: Mapping[str, Any] = value if isinstance(value, dict) else {}
        if asked is False or not all(right(held, asked, root) for held in inner.values()):
            yield from stock(checker, asked, value, schema)

    return others


def _items(stock: _Keyword, root: Schema) -> _Keyword:
    def items(checker: Any, asked: Any, value: Any, schema: Any) -> Iterator[Any]:
        inner: Sequence[Any] = value if isinstance(value, list) else ()
        if not all(right(held, asked, root) for held in inner):
            yield from stock(checker, asked, value, schema)

    return items
