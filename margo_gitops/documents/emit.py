"""Plain data to YAML: the same data gives the same bytes, whatever library is installed.

Record digests are over these bytes for years (DESIGN invariant 11), so no library's emitter, whose
next version may break a line elsewhere, has a say in them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from margo_gitops.errors import Invalid

_PLAIN = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_.@+/-]|:(?=[A-Za-z0-9_/]))*")
_RESERVED = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
_UNPRINTABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_LONG_KEY = 120
"""A simple key ends within 1024 characters (YAML 1.2, 7.4); an escape takes six."""


def emit(data: Any, *, comment: str) -> bytes:
    """UTF-8 YAML of dicts, lists, strings, numbers, booleans and null, below one comment line.

    Maps keep their order, levels are indented by two, lines end in LF. A string is written bare
    only where YAML 1.1 and 1.2 both read it as that string, else quoted as in JSON. Raises
    `Invalid` for a number that is not finite.
    """
    lines = [f"# {' '.join(comment.split())}", *_lines(data, 0)]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _lines(value: Any, indent: int) -> Iterator[str]:
    space = " " * indent
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _field(key, item, indent)
    elif isinstance(value, list | tuple) and value:
        for item in value:
            first, *rest = _lines(item, indent + 2)
            yield f"{space}- {first[indent + 2 :]}"
            yield from rest
    else:
        yield space + _scalar(value)


def _field(key: str, value: Any, indent: int) -> Iterator[str]:
    space, name = " " * indent, _string(key)
    if len(key) > _LONG_KEY:
        yield f"{space}? {name}"
        name = ""
    if isinstance(value, dict | list | tuple) and value:
        yield f"{space}{name}:"
        yield from _lines(value, indent + 2)
    else:
        yield f"{space}{name}: {_scalar(value)}"


def _scalar(value: Any) -> str:  # noqa: PLR0911  # one line for each JSON type
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    raise TypeError(f"a {type(value).__name__} is no plain data")


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise Invalid(f"found the number {value}, expected a finite one")
    text = repr(float(value))
    # YAML 1.1 reads 1e+16 as text: it wants the point.
    return text if "." in text else text.replace("e", ".0e")


def _string(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
