"""The words that shapes are said in: each gives one piece of JSON Schema 2020-12.

Every piece begins with `about`: one sentence for the person who edits the field, which an editor
shows beside it. Objects are closed unless they say otherwise. Only what stands here is used, so
that tests can make documents from any shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Shape = dict[str, Any]
"""A piece of JSON Schema."""

Fields = Mapping[str, Shape]
"""The fields of an object, in the order in which an editor offers them."""

EXTENSION = "^x-[a-z][a-z0-9-]*-extensions$"
"""How an extension field is named (specification, extensions)."""

_SCALARS = ["string", "number", "boolean"]


def text(about: str, *, pattern: str | None = None, least: int = 0) -> Shape:
    """A string, of at least so many characters, that the pattern matches."""
    return _said("string", about, pattern=pattern, minLength=least or None)


def word(about: str, *words: str) -> Shape:
    """One of these words, spelled so."""
    return {**_said("string", about), "enum": list(words)}


def flag(about: str) -> Shape:
    """True or false."""
    return _said("boolean", about)


def integer(about: str, *, least: int | None = None, most: int | None = None) -> Shape:
    """A whole number between these, both included."""
    return _said("integer", about, minimum=least, maximum=most)


def number(about: str, *, above: int | None = None) -> Shape:
    """A number, fractions included, greater than `above`."""
    return _said("number", about, exclusiveMinimum=above)


def scalar(about: str) -> Shape:
    """Text, a number, or true or false."""
    return {"type": _SCALARS, "description": about}


def scalars(about: str) -> Shape:
    """One scalar or a list of them."""
    return {"type": [*_SCALARS, "array"], "description": about, "items": {"type": _SCALARS}}


def list_of(about: str, item: Shape, *, least: int = 0, most: int | None = None) -> Shape:
    """A list of such items, between `least` and `most` of them."""
    return _said("array", about, items=item, minItems=least or None, maxItems=most)


def map_of(about: str, value: Shape) -> Shape:
    """An object whose names are the author's own."""
    return {**_said("object", about), "additionalProperties": value}


def obj(
    about: str,
    must: Fields | None = None,
    may: Fields | None = None,
    *,
    extensible: bool = False,
    closed: bool = True,
) -> Shape:
    """An object of required and optional fields; `extensible` lets `x-<name>-extensions` in."""
    return _said(
        "object",
        about,
        properties={**(must or {}), **(may or {})},
        required=list(must) if must else None,
        patternProperties={EXTENSION: _EXTENSION} if extensible else None,
        additionalProperties=False if closed else None,
    )


def or_null(shape: Shape) -> Shape:
    """The shape, or null."""
    return {**shape, "type": [shape["type"], "null"]}


def by(about: str, key: str, key_about: str, branches: Mapping[Sequence[str], Shape]) -> Shape:
    """An object whose other fields depend on the word under `key`.

    `branches` gives an object for each set of words. A word of no branch is one fault, of the
    word; the other fields are then not judged. The first branch must not lead back to this shape.
    """
    words = [one for branch in branches for one in branch]
    return {
        **_said("object", about),
        "properties": {key: word(key_about, *words)},
        "required": [key],
        "allOf": [
            {"if": has(key, {"enum": list(branch)}), "then": _with(key, key_about, branch, shape)}
            for branch, shape in branches.items()
        ],
    }


def when(condition: Shape, then: Shape, otherwise: Shape) -> Shape:
    """Judged by `then` where the condition holds, else by `otherwise`."""
    return {"if": condition, "then": then, "else": otherwise}


def has(key: str, value: Shape | None = None) -> Shape:
    """The condition: an object has this field, and it is such a value."""
    return {"required": [key]} | ({"properties": {key: value}} if value else {})


def ref(about: str, name: str) -> Shape:
    """A shape that the document defines once under this name."""
    return {"description": about, "$ref": f"#/$defs/{name}"}


def _with(key: str, about: str, words: Sequence[str], shape: Shape) -> Shape:
    return {
        **shape,
        "properties": {key: word(about, *words), **shape["properties"]},
        "required": [key, *shape.get("required", [])],
    }


def _said(type_: str, about: str, **rules: Any) -> Shape:
    given = {name: rule for name, rule in rules.items() if rule is not None}
    return {"type": type_, "description": about, **given}


_EXTENSION = _said("object", "An extension of a vendor; who does not know it leaves it alone.")
