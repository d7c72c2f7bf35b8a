"""A schema fault in words: what was found, what was expected, and what usually mends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_NAMES = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "an object",
    list: "a list",
    type(None): "nothing",
}
_WORDS = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "an object",
    "array": "a list",
    "null": "nothing",
}


def message(error: Any) -> str:
    """One sentence for one `jsonschema.ValidationError`."""
    describe = _DESCRIBE.get(error.validator)
    return describe(error) if describe else str(error.message)[:200]


def shown(value: Any) -> str:
    """A value for a message: its type where it is a collection, cut where it is long."""
    if isinstance(value, dict | list) or value is None:
        return _NAMES[type(value)]
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _type(error: Any) -> str:
    wanted = error.validator_value
    names = " or ".join(_WORDS[name] for name in ([wanted] if isinstance(wanted, str) else wanted))
    found = error.instance
    quotes = "; put it in quotes" if wanted == "string" and isinstance(found, int | float) else ""
    return f"found {shown(found)}, expected {names}{quotes}"


def _alternatives(error: Any) -> str:
    wanted = {cause.validator_value for cause in error.context}
    names = " or ".join(_WORDS.get(str(name), str(name)) for name in sorted(wanted))
    return f"found {shown(error.instance)}, expected {names}"


def missing(error: Any) -> str:
    """The field that a fault of `required` is about."""
    absent = [name for name in error.validator_value if name not in error.instance]
    # jsonschema raises one error for each missing name; its message begins with the name.
    named = [name for name in absent if str(error.message).startswith(repr(name))]
    return str((named or absent)[0])


def _enum(error: Any) -> str:
    allowed = ", ".join(str(value) for value in error.validator_value)
    return f"found {shown(error.instance)}, expected one of: {allowed}"


def _bound(words: str) -> Callable[[Any], str]:
    return lambda e: f"found {shown(e.instance)}, expected {words} {e.validator_value}"


_DESCRIBE: dict[str, Callable[[Any], str]] = {
    "type": _type,
    "anyOf": _alternatives,
    "required": lambda e: f"the field {missing(e)!r} is missing",
    "enum": _enum,
    "const": _bound("exactly"),
    "pattern": _bound("text of the form"),
    "minLength": lambda e: (
        f"found {len(e.instance)} characters, expected {e.validator_value} or more"
    ),
    "maxLength": lambda e: (
        f"found {len(e.instance)} characters, expected at most {e.validator_value}"
    ),
    "minItems": lambda e: f"found {len(e.instance)} entries, expected {e.validator_value} or more",
    "minProperties": lambda e: (
        f"found {len(e.instance)} fields, expected {e.validator_value} or more"
    ),
    "minimum": _bound("at least"),
    "maximum": _bound("at most"),
    "exclusiveMinimum": _bound("more than"),
    "exclusiveMaximum": _bound("less than"),
}
