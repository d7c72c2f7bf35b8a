"""A value against the rules of its setting (specification, configuration schema)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "double": (int, float),
}


def problem(value: Any, rules: Mapping[str, Any]) -> str | None:
    """What a value breaks of a schema entry, in words, or None.

    `allowEmpty` follows its name, not its description upstream: where it is true, empty passes
    every other rule. `regexMatch` is not run here: a package's pattern is a program of a stranger.
    """
    if value in ("", [], ()):
        return None if rules.get("allowEmpty") else "found an empty value, which is not allowed"
    element = re.fullmatch(r"array\[(\w+)\]", str(rules.get("dataType")))
    if element or rules.get("multiselect"):
        if not isinstance(value, list | tuple):
            return f"found {value!r}, expected a list"
        inner = {**rules, "dataType": element[1]} if element else rules
        return next((text for item in value if (text := _of_one(item, inner))), None)
    return _of_one(value, rules)


def _of_one(value: Any, rules: Mapping[str, Any]) -> str | None:
    wanted = str(rules.get("dataType"))
    types = _TYPES.get(wanted)
    if types and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
        return f"found {value!r}, expected {wanted}"
    if "options" in rules:
        allowed = ", ".join(str(option) for option in rules["options"])
        return None if value in rules["options"] else f"found {value!r}, expected one of: {allowed}"
    return _length(value, rules) if isinstance(value, str) else _size(value, rules)


def _length(text: str, rules: Mapping[str, Any]) -> str | None:
    if len(text) < rules.get("minLength", 0):
        return f"found {len(text)} characters, expected {rules['minLength']} or more"
    if len(text) > rules.get("maxLength", len(text)):
        return f"found {len(text)} characters, expected at most {rules['maxLength']}"
    return None


def _size(value: Any, rules: Mapping[str, Any]) -> str | None:
    if isinstance(value, bool):
        return None
    if value < rules.get("minValue", value):
        return f"found {value}, expected at least {rules['minValue']}"
    if value > rules.get("maxValue", value):
        return f"found {value}, expected at most {rules['maxValue']}"
    return None
