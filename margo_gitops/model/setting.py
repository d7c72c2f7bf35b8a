"""A value against the rules of its setting, and the rules against themselves.

Source: specification, parameters and configuration. The class of a schema entry is a select where
it has `options`; else its `dataType` decides. Rule names that the specification does not have are
no business of this module.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from margo_gitops.model.pattern import matches, unusable_pattern
from margo_gitops.model.secret import HIDDEN

__all__ = ["Rules", "data_type", "element_type", "problem", "rules_problem", "unusable_pattern"]

Rules = Mapping[str, Any]
"""One entry of `configuration.schema`, as its author wrote it."""

SCALARS = ("string", "integer", "double", "boolean")
_ARRAY = re.compile(r"array\[(string|integer|double|boolean)\]")


def data_type(rules: Rules) -> str:
    """The declared type; 2024 spells the field `datatype`. Empty where there is none."""
    return str(rules.get("dataType", rules.get("datatype", "")))


def element_type(rules: Rules) -> str | None:
    """The type of each element where the value is a list, else None.

    It is one for `array[...]`, and for a select of several: there the options have the declared
    type and the value is a list of them.
    """
    declared = data_type(rules)
    array = _ARRAY.fullmatch(declared)
    if array:
        return array[1]
    return declared if _many(rules) else None


def problem(value: Any, rules: Rules, *, hide: bool = False) -> str | None:
    """Everything that a value breaks of its rules, in words, or None.

    Numbers may be `Decimal`, which keeps the decimals as they were typed: precision is the number
    of decimals, of a float those of its shortest spelling. `allowEmpty` follows its name, not its
    description upstream: where it is true, empty passes every other rule; where it is absent,
    empty is refused. `regexMatch` is searched for anywhere in the text: the specification does not
    say, its examples anchor the patterns that mean the whole text, and JSON Schema searches. A
    pattern of `unusable_pattern` is not run. `hide` leaves values out of the words.
    """
    found = [*dict.fromkeys(_problems(value, rules, hide=hide))]
    return "; ".join(found) or None


def _problems(value: Any, rules: Rules, *, hide: bool) -> Iterator[str]:
    if _empty(value):
        if rules.get("allowEmpty") is not True:
            yield "found an empty value, which is not allowed"
        return
    element = element_type(rules)
    if element is None:
        yield from _of_one(value, rules, data_type(rules), hide=hide)
    elif not isinstance(value, list | tuple):
        yield f"found {_shown(value, hide=hide)}, expected a list"
    else:
        for index, item in enumerate(value):
            if _empty(item):
                faults = [] if rules.get("allowEmpty") is True else ["found an empty value"]
            else:
                faults = list(_of_one(item, rules, element, hide=hide))
            yield from (f"element {index + 1}: {fault}" for fault in faults)


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | tuple) and not value)


def _of_one(value: Any, rules: Rules, declared: str, *, hide: bool) -> Iterator[str]:
    """What one element breaks; a value of another type is judged no further."""
    if isinstance(value, list | tuple) or (declared in _IS and not _IS[declared](value)):
        expected = declared if declared in _IS else "one value"
        yield f"found {_shown(value, hide=hide)}, expected {expected}"
        return
    options = rules.get("options")
    if isinstance(options, list | tuple):
        if not any(_same(value, option) for option in options):
            offered = ", ".join(str(option) for option in options) or "nothing"
            yield f"found {_shown(value, hide=hide)}, expected one of: {_clipped(offered, 300)}"
    elif isinstance(value, str):
        yield from _text(value, rules, hide=hide)
    elif _is_number(value):
        yield from _number(value, rules, hide=hide)


def _text(text: str, rules: Rules, *, hide: bool) -> Iterator[str]:
    least, most = _natural(rules.get("minLength")), _natural(rules.get("maxLength"))
    if least is not None and len(text) < least:
        yield f"found {len(text)} characters, expected {least} or more (minLength)"
    if most is not None and len(text) > most:
        yield f"found {len(text)} characters, expected at most {most} (maxLength)"
    pattern = rules.get("regexMatch")
    if isinstance(pattern, str) and not matches(pattern, text):
        yield f"found {_shown(text, hide=hide)}, expected a match of {_clipped(pattern)}"


def _number(value: Any, rules: Rules, *, hide: bool) -> Iterator[str]:
    exact, shown = as_decimal(value), _shown(value, hide=hide)
    least, most = _limit(rules.get("minValue")), _limit(rules.get("maxValue"))
    if least is not None and exact < least:
        yield f"found {shown}, expected at least {rules['minValue']} (minValue)"
    if most is not None and exact > most:
        yield f"found {shown}, expected at most {rules['maxValue']} (maxValue)"
    decimals = max(0, -int(exact.as_tuple().exponent))
    few, many = _natural(rules.get("minPrecision")), _natural(rules.get("maxPrecision"))
    if few is not None and decimals < few:
        yield f"found {shown}, expected {few} decimals or more (minPrecision)"
    if many is not None and decimals > many:
        yield f"found {shown}, expected at most {many} decimals (maxPrecision)"


def rules_problem(rules: Rules) -> list[str]:
    """How a schema entry contradicts itself, so that no value could be right, or any rule fail."""
    element = element_type(rules) or data_type(rules)
    return [
        *_crossed(rules),
        *(
            f"found {name}, expected it only with {' or '.join(types)}, not {element}"
            for name, types in _RULES_OF.items()
            if name in rules and element in SCALARS and element not in types
        ),
        *_options(rules, element),
    ]


def _crossed(rules: Rules) -> Iterator[str]:
    for name in ("minLength", "maxLength", "minPrecision", "maxPrecision"):
        if name in rules and _natural(rules[name]) is None:
            yield f"found {name} {rules[name]!r}, expected a whole number from 0"
    for name in ("minValue", "maxValue"):
        if name in rules and _limit(rules[name]) is None:
            yield f"found {name} {rules[name]!r}, expected a number"
    for what in ("Length", "Value", "Precision"):
        least, most = _limit(rules.get(f"min{what}")), _limit(rules.get(f"max{what}"))
        if least is not None and most is not None and least > most:
            yield f"found min{what} {least} above max{what} {most}: no value passes"


def _options(rules: Rules, element: str) -> Iterator[str]:
    if "options" not in rules:
        if "multiselect" in rules:
            yield "found multiselect without options"
        return
    options = rules["options"]
    if not isinstance(options, list | tuple) or not options:
        yield f"found options {options!r}, expected a list of one or more"
        return
    for index, option in enumerate(options):
        if element in _IS and not _IS[element](option):
            yield f"found the option {option!r}, expected {element}"
        if option in ("", None):
            yield "found an empty option; allowEmpty says whether none may be chosen"
        if any(_same(option, earlier) for earlier in options[:index]):
            yield f"found the option {option!r} twice"


def as_decimal(value: Decimal | float) -> Decimal:
    """The number exactly as its shortest spelling says, without the noise of binary fractions."""
    if isinstance(value, float):
        return Decimal(repr(value)).normalize()
    return Decimal(value)


def _many(rules: Rules) -> bool:
    return rules.get("multiselect") is True and "options" in rules


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_IS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_whole,
    "double": _is_number,
    "boolean": lambda value: isinstance(value, bool),
}
_RULES_OF: Mapping[str, tuple[str, ...]] = {
    "minLength": ("string",),
    "maxLength": ("string",),
    "regexMatch": ("string",),
    "minValue": ("integer", "double"),
    "maxValue": ("integer", "double"),
    "minPrecision": ("double",),
    "maxPrecision": ("double",),
}


def _same(value: Any, option: Any) -> bool:
    """Equal and of one kind: true is not 1, and 0.1 is 0.1 however it is held."""
    if _is_number(value) and _is_number(option):
        return as_decimal(value) == as_decimal(option)
    return type(value) is type(option) and bool(value == option)


def _natural(limit: Any) -> int | None:
    return limit if _is_whole(limit) and limit >= 0 else None


def _limit(limit: Any) -> Decimal | None:
    return as_decimal(limit) if _is_number(limit) else None


def _shown(value: Any, *, hide: bool) -> str:
    if hide:
        return HIDDEN
    text = str(value) if _is_number(value) else repr(value)
    return _clipped(text)


def _clipped(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
