"""Eligibility rules of dialect D: operators, their operands, the keys that they point at."""

from __future__ import annotations

import re
from collections.abc import Iterator

from margo_gitops.documents.rule import Fault, Rule
from margo_gitops.documents.rules.node import Node

OPERANDS = Rule(
    "eligibility-operands",
    asks="In and NotIn have values; Gt and Lt one number; ContainsAll and ContainsAny an"
    " itemSelector and no values; Exists and DoesNotExist neither.",
    why="An expression with the wrong operands is false on every device, so the rule never holds"
    " (specification, eligibility rules).",
    cure="Give the operator what it takes; `margo validate --explain eligibility-operands`.",
)
VALUE_TYPES = Rule(
    "eligibility-values",
    asks="The values of In and NotIn are of one type: texts, numbers, or one boolean.",
    why="Comparison is exact and by type; a mixed list compares with nothing"
    " (specification, eligibility rules).",
    cure="Write two expressions, or the values in one type.",
)
PROPERTY_KEY = Rule(
    "eligibility-key",
    asks="A propertySelector's key is a JSON Pointer into a device's properties: /memory.",
    why="Without the slash it points nowhere and the expression is false on every device"
    " (specification, eligibility rules; RFC 6901).",
    cure="Begin the key with /, and name a property as capabilities of dialect D spell it.",
)
EMPTY_RULE = Rule(
    "eligibility-empty",
    asks="An eligibility rule has a selector with at least one expression.",
    why="Rules are alternatives: one without conditions admits every device and makes the others"
    " pointless (specification, eligibility rules).",
    cure="Delete the empty rule, or say what it asks for.",
    severity="warning",
)
RULES = (OPERANDS, VALUE_TYPES, PROPERTY_KEY, EMPTY_RULE)

_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)+")
_VALUES = {"In", "NotIn"}
_NUMBER = {"Gt", "Lt"}
_ITEMS = {"ContainsAll", "ContainsAny"}
_NOTHING = {"Exists", "DoesNotExist"}
_DEEPEST = 8


def broken(constraints: Node) -> Iterator[Fault]:
    """What is wrong with the eligibility rules under a profile's `deviceConstraints`."""
    for rule in constraints.at("eligibilityRules").each():
        properties = list(_expressions(rule.at("propertySelector")))
        labels = list(_expressions(rule.at("labelSelector")))
        if not properties and not labels:
            yield EMPTY_RULE.broken(rule.path, "found a rule without expressions: it admits all")
        for expression in properties:
            yield from _key(expression.at("key"))
        for expression in (*properties, *labels):
            yield from _expression(expression, 0)


def _expressions(selector: Node) -> Iterator[Node]:
    field = "matchExpressions" if selector.has("matchExpressions") else "matchExpression"
    return selector.at(field).each()


def _key(key: Node) -> Iterator[Fault]:
    if key.text is not None and not _POINTER.fullmatch(key.text):
        text = f"found {key.text[:60]!r}, expected a JSON Pointer such as /memory"
        yield PROPERTY_KEY.broken(key.path, text)


def _expression(expression: Node, depth: int) -> Iterator[Fault]:
    operator = expression.at("operator").text
    values = expression.at("values" if expression.has("values") else "value")
    if problem := _operands(operator, values, expression.at("itemSelector")):
        yield OPERANDS.broken(expression.at("operator").path, f"{operator}: {problem}")
    elif operator in _VALUES and _mixed(values):
        yield VALUE_TYPES.broken(values.path, "found values of several types, expected one type")
    if depth < _DEEPEST:
        for inner in _expressions(expression.at("itemSelector")):
            yield from _expression(inner, depth + 1)


def _operands(  # one line for each operator
    operator: str | None, values: Node, items: Node
) -> str | None:
    """What the operator has and should not, or lacks."""
    given = [item.value for item in values.each()]
    if operator in _VALUES | _NUMBER and items.value is not None:
        return "found an itemSelector, expected none"
    if operator in _ITEMS | _NOTHING and values.value is not None:
        return "found values, expected none"
    if operator in _VALUES and not given:
        return "expected one value or more"
    if operator in _NUMBER and not (len(given) == 1 and type(given[0]) in {int, float}):
        return "expected exactly one number as values"
    if operator in _ITEMS and not items.object:
        return "expected an itemSelector"
    exists = operator in _NOTHING and items.value is not None
    return "found an itemSelector, expected none" if exists else None


def _mixed(values: Node) -> bool:
    kinds = {_kind(item.value) for item in values.each()}
    booleans = "boolean" in kinds and len(list(values.each())) > 1
    return len(kinds) > 1 or booleans


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__
