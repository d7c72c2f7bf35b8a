"""What a profile asks of a device: `requiredResources` (B to C), `deviceConstraints` (D)."""

from __future__ import annotations

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.shapes.hardware import ARCHITECTURES, MEMORY, STORAGE, devices
from margo_gitops.documents.shapes.words import (
    Fields,
    Shape,
    by,
    list_of,
    number,
    obj,
    ref,
    scalar,
    text,
    word,
)

_CORES = "How many cores it uses at most; 0.5 is half of one."
_SELECTOR = "selector"


def definitions(dialect: Dialect) -> dict[str, Shape]:
    """The shapes that `needs` refers to, for the document's `$defs`."""
    if dialect is Dialect.A:
        return {}
    if dialect is not Dialect.D:
        return {"resources": _resources(dialect)}
    return {"constraints": _constraints(), _SELECTOR: _selector()}


def needs(dialect: Dialect) -> Fields:
    """The field of a profile that says what it needs; none in A."""
    if dialect is Dialect.A:
        return {}
    if dialect is Dialect.D:
        return {"deviceConstraints": ref("Which devices may run this profile.", "constraints")}
    return {"requiredResources": ref("What a device must have room for.", "resources")}


def _resources(dialect: Dialect) -> Shape:
    return obj("What a device must have room for.", may={**_room(dialect), **devices(dialect)})


def _room(dialect: Dialect) -> Fields:
    words = ARCHITECTURES[dialect]
    architecture = word("Such as amd64.", *words)
    architectures = list_of("The processors that it runs on; any of them will do.", architecture)
    return {
        "cpu": obj(
            "The processor that it needs.",
            must={"cores": number(_CORES, above=0)},
            may={"architectures": architectures},
        ),
        "memory": text("How much memory, as 512Mi or 2Gi; no space.", pattern=MEMORY),
        "storage": text("How much storage, as 10Gi; no space.", pattern=STORAGE),
    }


def _constraints() -> Shape:
    rule = obj(
        "Both selectors must hold.",
        may={
            "propertySelector": ref("What must hold of the device's properties.", _SELECTOR),
            "labelSelector": ref("What must hold of the device's labels.", _SELECTOR),
        },
    )
    return obj(
        "Which devices may run this profile.",
        may={
            "capacityRequirements": obj("What must be free on the device.", may=_room(Dialect.D)),
            "eligibilityRules": list_of("Alternatives: one of them must hold.", rule),
        },
    )


def _selector() -> Shape:
    return obj(
        "All of its expressions must hold.",
        must={
            "matchExpressions": list_of("The expressions, at least one.", _expression(), least=1)
        },
    )


def _expression() -> Shape:
    """The operators and what each takes (specification, dialect D, deviceConstraints)."""
    value = scalar("Text, a number, or true or false.")
    compared = list_of("What the property is compared with; values of one type.", value, least=1)
    bound = list_of(
        "The one number that it is compared with.", number("A number."), least=1, most=1
    )
    item = ref("What one element of the property must meet.", _SELECTOR)
    return by(
        "One question about one property or label.",
        "operator",
        "How they are compared: Exists and DoesNotExist take no values.",
        {
            ("Exists", "DoesNotExist"): _keyed({}),
            ("In", "NotIn"): _keyed({"values": compared}),
            ("Gt", "Lt"): _keyed({"values": bound}),
            ("ContainsAll", "ContainsAny"): _keyed({"itemSelector": item}),
        },
    )


def _keyed(fields: Fields) -> Shape:
    key = text("A JSON Pointer such as /cpus/0/cores, or the key of a label.", least=1)
    return obj("One question about one property or label.", must={"key": key, **fields})
