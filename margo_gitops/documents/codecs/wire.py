"""Small steps on wire objects: a field by its way, what is given, what is nobody's extension."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Wire = Mapping[str, Any]
"""A document's part as it is written, already checked against its schema."""

_EXTENSION = re.compile(r"x-[a-z][a-z0-9-]*-extensions")


def extensions(data: Wire) -> dict[str, Any]:
    """The `x-<name>-extensions` among the fields."""
    return {key: value for key, value in data.items() if _EXTENSION.fullmatch(key)}


def given(**fields: Any) -> dict[str, Any]:
    """A wire object of the fields that are not None, in the order given."""
    return {name: value for name, value in fields.items() if value is not None}


def found(data: Wire, names: Iterable[str]) -> Any:
    """The value at the end of a way through objects; None where there is none."""
    value: Any = data
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def placed(
    fields: Iterable[tuple[Sequence[str], Any]], order: Sequence[str] = ()
) -> dict[str, Any]:
    """A wire object with each value at its way; what is None is left out.

    Fields keep the order given; those of the outermost object follow `order`, then the rest.
    """
    result: dict[str, Any] = {}
    for names, value in fields:
        if value is None:
            continue
        inner = result
        for name in names[:-1]:
            inner = inner.setdefault(name, {})
        inner[names[-1]] = value
    first = {name: result[name] for name in order if name in result}
    return {**first, **result}
