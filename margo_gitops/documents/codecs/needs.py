"""What a workload asks of a device: `requiredResources` up to C, `deviceConstraints` in D."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from margo_gitops.documents.codecs.wire import Wire, given
from margo_gitops.errors import Invalid
from margo_gitops.model.application import EligibilityRule, Expression, Hardware, Requirements
from margo_gitops.model.quantity import bytes_of, quantity

_OPERATORS = {"ContainersAny": "ContainsAny", "ContainersAll": "ContainsAll"}
"""Misspellings in the specification's own tables."""

SLIPS = ("matchExpression", "value", "datatype")
"""Names that the specification writes in places; they are read as the real ones."""

_MOST = 8 << 60
_COMPARING = {"In", "NotIn", "Gt", "Lt"}
_CONTAINING = {"ContainsAll", "ContainsAny"}


def read(profile: Wire, field: str) -> dict[str, Any]:
    """A profile's `requirements` and `eligibility`, from the field that its dialect uses."""
    data = profile.get(field)
    if data is None:
        return {}
    if field == "requiredResources":
        return {"requirements": _read_resources(data)}
    capacity = data.get("capacityRequirements")
    return {
        "requirements": None if capacity is None else _read_capacity(capacity),
        "eligibility": tuple(_read_rule(rule) for rule in data.get("eligibilityRules", ())),
    }


def write(
    requirements: Requirements | None, rules: Iterable[EligibilityRule], field: str
) -> dict[str, Any]:
    """The profile's field with what it has room for; empty where there is nothing to say.

    Room is rounded up to whole Ki. `requiredResources` has no rules, `deviceConstraints` neither
    peripherals nor interfaces.
    """
    if field == "requiredResources":
        return {} if requirements is None else {field: _write_resources(requirements)}
    constraints = given(
        capacityRequirements=None if requirements is None else _write_capacity(requirements),
        eligibilityRules=[_write_rule(rule) for rule in rules] or None,
    )
    return {field: constraints} if constraints else {}


def architectures(words: Iterable[str]) -> tuple[str, ...]:
    """Each architecture once, in Margo's spelling: `x86_64` is `amd64`."""
    return tuple(dict.fromkeys("amd64" if word == "x86_64" else word for word in words))


def number(value: Decimal | None) -> int | float | None:
    """Cores as YAML writes them: whole ones without a point."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def cores(value: float | None) -> Decimal | None:
    """Decimal cores, free of binary fractions."""
    return None if value is None else Decimal(str(value))


def room(text: str) -> int:
    """Memory or storage in bytes. Raises `Invalid` for no amount, and for more than a disk has."""
    size = bytes_of(text)
    if size >= _MOST:
        raise Invalid(f"found {text!r}, expected less than 8Ei")
    return size


def _read_resources(data: Wire) -> Requirements:
    return _read_capacity(data).model_copy(
        update={name: _hardware(data.get(name, ())) for name in ("peripherals", "interfaces")}
    )


def _read_capacity(data: Wire) -> Requirements:
    cpu: Wire = data.get("cpu", {})
    return Requirements(
        cores=cores(cpu.get("cores")),
        architectures=architectures(cpu.get("architectures", ())),
        memory=None if "memory" not in data else room(data["memory"]),
        storage=None if "storage" not in data else room(data["storage"]),
    )


def _hardware(data: Iterable[Wire]) -> tuple[Hardware, ...]:
    return tuple(
        Hardware(type=h["type"], manufacturer=h.get("manufacturer"), model=h.get("model"))
        for h in data
    )


def _write_resources(wanted: Requirements) -> dict[str, Any]:
    return {
        **_write_capacity(wanted),
        **given(
            peripherals=_write_hardware(wanted.peripherals),
            interfaces=_write_hardware(wanted.interfaces),
        ),
    }


def _write_capacity(wanted: Requirements) -> dict[str, Any]:
    cpu = given(cores=number(wanted.cores), architectures=list(wanted.architectures) or None)
    return given(
        cpu=cpu or None,
        memory=None if wanted.memory is None else quantity(wanted.memory, up=True),
        storage=None if wanted.storage is None else quantity(wanted.storage, up=True),
    )


def _write_hardware(items: Iterable[Hardware]) -> list[dict[str, Any]] | None:
    written = [given(type=h.type, manufacturer=h.manufacturer, model=h.model) for h in items]
    return written or None


def _read_rule(rule: Wire) -> EligibilityRule:
    return EligibilityRule(
        properties=_read_selector(rule.get("propertySelector", {})),
        labels=_read_selector(rule.get("labelSelector", {})),
    )


def _read_selector(selector: Wire) -> tuple[Expression, ...]:
    data: Iterable[Wire] = selector.get("matchExpressions", selector.get("matchExpression", ()))
    return tuple(
        Expression(
            key=item["key"],
            operator=_OPERATORS.get(item["operator"], item["operator"]),
            values=tuple(_listed(item.get("values", item.get("value", ())))),
            items=_read_selector(item.get("itemSelector", {})),
        )
        for item in data
    )


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def _write_rule(rule: EligibilityRule) -> dict[str, Any]:
    """A rule without any expression keeps its empty selector: a rule must have one."""
    labels = _write_selector(rule.labels) if rule.labels else None
    empty = labels is None and not rule.properties
    properties = _write_selector(rule.properties) if rule.properties or empty else None
    return given(propertySelector=properties, labelSelector=labels)


def _write_selector(expressions: Iterable[Expression]) -> dict[str, Any]:
    return {"matchExpressions": [_write_expression(each) for each in expressions]}


def _write_expression(expression: Expression) -> dict[str, Any]:
    comparing = expression.values or expression.operator in _COMPARING
    containing = expression.items or expression.operator in _CONTAINING
    return given(
        key=expression.key,
        operator=expression.operator,
        values=list(expression.values) if comparing else None,
        itemSelector=_write_selector(expression.items) if containing else None,
    )
