"""Eligibility rules: may this device run it (specification, dialect D, deviceConstraints)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from margo_gitops.model.application import EligibilityRule, Expression

_ABSENT = object()


def eligible(
    rules: Sequence[EligibilityRule], properties: Mapping[str, Any], labels: Mapping[str, Any]
) -> bool:
    """True where one rule holds, or there is none: rules are OR-ed, selectors AND-ed."""
    return not rules or any(_holds(rule, properties, labels) for rule in rules)


def _holds(rule: EligibilityRule, properties: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    return all(
        _matches(expression, _pointed(properties, expression.key)) for expression in rule.properties
    ) and all(
        _matches(expression, labels.get(expression.key, _ABSENT)) for expression in rule.labels
    )


def _matches(expression: Expression, found: Any) -> bool:
    """One expression; a value of the wrong JSON type is false, never an error."""
    operator = expression.operator
    if operator in {"Exists", "DoesNotExist"}:
        return (found is not _ABSENT) == (operator == "Exists")
    if found is _ABSENT:
        return False
    if operator in {"ContainsAll", "ContainsAny"}:
        return isinstance(found, list) and _contains(expression, found)
    elements = found if isinstance(found, list) else [found]
    if any(isinstance(element, dict | list) for element in elements):
        return False
    return _compares(operator, elements, expression.values)


def _compares(operator: str, elements: Sequence[Any], values: Sequence[Any]) -> bool:
    if operator in {"In", "NotIn"}:
        present = any(_same(element, value) for element in elements for value in values)
        return present == (operator == "In")
    if operator in {"Gt", "Lt"}:
        numbers = [e for e in [*elements, *values] if _is_number(e)]
        if len(elements) != 1 or len(values) != 1 or len(numbers) != 2:
            return False
        return bool(numbers[0] > numbers[1] if operator == "Gt" else numbers[0] < numbers[1])
    return False


def _contains(expression: Expression, elements: Iterable[Any]) -> bool:
    """ContainsAll: some one element meets all items. ContainsAny: some element meets any."""
    quantifier = all if expression.operator == "ContainsAll" else any
    return any(
        quantifier(_matches(item, _pointed(element, item.key)) for item in expression.items)
        for element in elements
    )


def _pointed(value: Any, pointer: str) -> Any:
    """What a JSON Pointer (RFC 6901) names inside `value`."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return _ABSENT
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(left: Any, right: Any) -> bool:
    """Equal and of one JSON type: text exactly, `true` is not 1."""
    if _is_number(left) and _is_number(right):
        return bool(left == right)
    return type(left) is type(right) and bool(left == right)
