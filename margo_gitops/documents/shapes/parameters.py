"""Parameters, and the configuration that a person sets them by."""

from __future__ import annotations

from collections.abc import Sequence

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.shapes.words import (
    Fields,
    Shape,
    by,
    flag,
    has,
    integer,
    list_of,
    map_of,
    number,
    obj,
    scalar,
    text,
    when,
)


def parameters(value: Shape, *, required: bool) -> Shape:
    """Name to parameter; `required` where each must have its value."""
    component = text("The name of a component of a profile.", least=1)
    target = obj(
        "One place that takes the value.",
        must={
            "pointer": text("A path into helm's values, or an environment variable.", least=1),
            "components": list_of("The components that take it there.", component),
        },
    )
    targets = {"targets": list_of("The places that take the value.", target)}
    field = {"value": value}
    parameter = obj(
        "One parameter.",
        must={**(field if required else {}), **targets},
        may={} if required else field,
    )
    return map_of("What can be set, by name.", parameter)


def configuration(dialect: Dialect) -> Shape:
    """The sections that a person sees, and the rules of their values."""
    setting = obj(
        "One thing that a person sets.",
        must={
            "parameter": text("The parameter that it sets."),
            "name": text("What a person reads."),
            "schema": text("The name of the schema entry with its rules."),
        },
        may={
            "description": text("What it is for."),
            "immutable": flag("True where it never changes once the application is installed."),
        },
    )
    section = obj(
        "Settings that belong together.",
        must={
            "name": text("What a person reads."),
            "settings": list_of("The settings, in order.", setting),
        },
    )
    return obj(
        "How a person sets the parameters.",
        must={
            "sections": list_of("Groups of settings, in order.", section),
            "schema": list_of("Rules that settings name.", _entry(dialect)),
        },
    )


def _entry(dialect: Dialect) -> Shape:
    """A schema entry; A spells the type's field both ways (table and example)."""
    if dialect is Dialect.A:
        return when(has("datatype"), _entry_by("datatype"), _entry_by("dataType"))
    return _entry_by("dataType")


def _entry_by(type_field: str) -> Shape:
    """Options make it a select; else the data type says which rules there are."""
    about, type_about = "The rules of a value.", "The type of the value."
    every = tuple(word for types in _CLASSES for word in types)
    select = obj(
        about,
        must={"name": _NAME, "options": list_of("The values to choose from.", scalar("One."))},
        may={"allowEmpty": _EMPTY, "multiselect": _SEVERAL},
    )
    branches: dict[Sequence[str], Shape] = {
        types: obj(about, must={"name": _NAME}, may={"allowEmpty": _EMPTY, **rules})
        for types, rules in _CLASSES.items()
    }
    return when(
        has("options"),
        by(about, type_field, type_about, {every: select}),
        by(about, type_field, type_about, branches),
    )


_NAME = text("The name that settings use.")
_EMPTY = flag("True where no value passes as well, whatever the other rules say.")
_SEVERAL = flag("True where several may be chosen; the value is then a list.")

_CLASSES: dict[tuple[str, ...], Fields] = {
    ("string", "array[string]"): {
        "minLength": integer("The fewest characters.", least=0),
        "maxLength": integer("The most characters.", least=0),
        "regexMatch": text("A regular expression that the value matches."),
    },
    ("boolean", "array[boolean]"): {},
    ("integer", "array[integer]"): {
        "minValue": integer("The smallest value."),
        "maxValue": integer("The largest value."),
    },
    ("double", "array[double]"): {
        "minValue": number("The smallest value."),
        "maxValue": number("The largest value."),
        "minPrecision": integer("The fewest decimals.", least=0),
        "maxPrecision": integer("The most decimals.", least=0),
    },
}
"""The rules of each class of values (specification, configuration)."""
