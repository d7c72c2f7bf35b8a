"""Values typed from text, losslessly: what is read says exactly what was written, or is refused.

Deployments and command lines write every value as text ("120", "1.50"); the author's configuration
declares its type (specification, parameters and configuration).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from margo_gitops.model.base import ParameterValue, Scalar
from margo_gitops.model.setting import Rules, data_type, element_type

Exact = Scalar | Decimal
"""A scalar; a number typed with a point is still the decimal that was typed."""

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_DOUBLE = re.compile(r"-?(?:0|[1-9][0-9]{0,399})(?:\.[0-9]{1,400})?")
_ESCAPED = {"\\,", "\\\\"}
_BOOLEANS = {"true": True, "false": False}


class Untyped(Exception):
    """Text that its declared type does not read; the words do not hold the value."""


def exact(value: Scalar | tuple[Scalar, ...], rules: Rules) -> Exact | tuple[Exact, ...]:
    r"""The value in its declared type, its decimals as typed; what is no text stays as it is.

    Integers are `0`, `-3`, `120` of 64 bits; doubles besides `1.50`; booleans `true` and `false`,
    as YAML 1.2 writes them. No spaces, signs of plus, leading zeros, exponents, hexadecimals or
    underlines: readers differ in them. A list is text with commas; `\,` is a comma and `\\` a
    backslash inside an element. Raises `Untyped` for other text, and for a double that no float
    holds: it is not rounded.
    """
    element = element_type(rules)
    if element is not None and isinstance(value, str):
        value = split(value)
    if isinstance(value, tuple):
        return tuple(_scalar(item, element or data_type(rules)) for item in value)
    return _scalar(value, data_type(rules))


def plain(value: Exact | tuple[Exact, ...]) -> Scalar | tuple[Scalar, ...]:
    """The value as a document carries it: a decimal becomes the float that equals it."""
    if isinstance(value, tuple):
        return tuple(float(item) if isinstance(item, Decimal) else item for item in value)
    return float(value) if isinstance(value, Decimal) else value


def implied(default: ParameterValue | None) -> Rules:
    """The type of a parameter that no setting shows: that of its default."""
    of_all = default if isinstance(default, tuple) else (default,)
    names = {_NAMES.get(type(item), "string") for item in of_all}
    name = names.pop() if len(names) == 1 else "string"
    return {"dataType": f"array[{name}]" if isinstance(default, tuple) else name}


def split(text: str) -> tuple[str, ...]:
    """The elements of a list typed with commas; empty text is the empty list."""
    if not text:
        return ()
    found = [""]
    for part in re.findall(r"\\[,\\]|,|[^,\\]+|\\", text):
        if part == ",":
            found.append("")
        else:
            found[-1] += part[1] if part in _ESCAPED else part
    return tuple(found)


def _scalar(value: Scalar, declared: str) -> Exact:
    reader = _READERS.get(declared)
    return reader(value) if reader is not None and isinstance(value, str) and value else value


def _boolean(text: str) -> bool:
    if text not in _BOOLEANS:
        raise Untyped("expected true or false")
    return _BOOLEANS[text]


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or text == "-0" or not -(2**63) <= int(text) < 2**63:
        raise Untyped("expected a whole number of 64 bits, such as 120 or -3")
    return int(text)


def _double(text: str) -> Exact:
    if not _DOUBLE.fullmatch(text):
        raise Untyped("expected a number such as 4, -3 or 1.50")
    number = Decimal(text)
    if Decimal(repr(float(text))) != number:
        raise Untyped("expected a number that a double holds without rounding (15 digits)")
    return number if "." in text else int(text)


_READERS: Mapping[str, Callable[[str], Exact]] = {
    "boolean": _boolean,
    "integer": _integer,
    "double": _double,
}
_NAMES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "double", str: "string"}
