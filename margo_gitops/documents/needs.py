"""What a workload asks of a device: resources of dialects B and C, constraints of dialect D."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from margo_gitops.documents.parts import Wire, given
from margo_gitops.model.application import EligibilityRule, Expression, Hardware, Requirements
from margo_gitops.model.quantity import bytes_of, quantity

_SLIPS = {"ContainersAny": "ContainsAny", "ContainersAll": "ContainsAll"}
"""Misspellings in the specification's own tables."""


def read_resources(data: Wire) -> Requirements:
    """`requiredResources` of dialects B and C."""
    return read_capacity(data).model_copy(
        update={
            "peripherals": hardware(data.get("peripherals", ())),
            "interfaces": hardware(data.get("interfaces", ())),
        }
    )


def read_capacity(data: Wire) -> Requirements:
    """`capacityRequirements` of dialect D, which is also the first half of `requiredResources`."""
    cpu: Wire = data.get("cpu", {})
    return Requirements(
        cores=cores(cpu.get("cores")),
        architectures=architectures(cpu.get("architectures", ())),
        memory=room(data.get("memory")),
        storage=room(data.get("storage")),
    )


def write_capacity(requirements: Requirements) -> dict[str, Any]:
    """`capacityRequirements` of dialect D; room is rounded up to whole Ki."""
    cpu = given(
        cores=number(requirements.cores), architectures=list(requirements.architectures) or None
    )
    return given(
        cpu=cpu or None,
        memory=_at_least(requirements.memory),
        storage=_at_least(requirements.storage),
    )


def read_rules(data: Iterable[Wire]) -> tuple[EligibilityRule, ...]:
    """`eligibilityRules` of dialect D."""
    return tuple(
        EligibilityRule(
            properties=_expressions(rule.get("propertySelector", {})),
            labels=_expressions(rule.get("labelSelector", {})),
        )
        for rule in data
    )


def write_rules(rules: Iterable[EligibilityRule]) -> list[dict[str, Any]]:
    """`eligibilityRules`, the same in meaning and order as they were read."""
    return [
        given(propertySelector=_selector(rule.properties), labelSelector=_selector(rule.labels))
        for rule in rules
    ]


def hardware(data: Iterable[Wire]) -> tuple[Hardware, ...]:
    """Peripherals or interfaces."""
    return tuple(
        Hardware(type=h["type"], manufacturer=h.get("manufacturer"), model=h.get("model"))
        for h in data
    )


def architectures(words: Iterable[str]) -> tuple[str, ...]:
    """Each architecture once, in Margo's spelling: `x86_64` is `amd64`."""
    return tuple(dict.fromkeys("amd64" if word == "x86_64" else word for word in words))


def cores(value: float | None) -> Decimal | None:
    """Decimal cores, free of binary fractions."""
    return None if value is None else Decimal(str(value))


def number(value: Decimal | None) -> int | float | None:
    """Cores as YAML writes them: whole ones without a point."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def room(text: str | None) -> int | None:
    """Memory or storage in bytes."""
    return None if text is None else bytes_of(text)


def _at_least(size: int | None) -> str | None:
    return None if size is None else quantity(size, up=True)


def _expressions(selector: Wire) -> tuple[Expression, ...]:
    """The match expressions of a selector; the specification also writes `matchExpression`."""
    data: Iterable[Wire] = selector.get("matchExpressions", selector.get("matchExpression", ()))
    return tuple(
        Expression(
            key=item["key"],
            operator=_SLIPS.get(item["operator"], item["operator"]),
            values=tuple(item.get("values", item.get("value", ()))),
            items=_expressions(item.get("itemSelector", {})),
        )
        for item in data
    )


def _selector(expressions: Iterable[Expression]) -> dict[str, Any] | None:
    written = [
        given(
            key=expression.key,
            operator=expression.operator,
            values=list(expression.values) or None,
            itemSelector=_selector(expression.items),
        )
        for expression in expressions
    ]
    return {"matchExpressions": written} if written else None
