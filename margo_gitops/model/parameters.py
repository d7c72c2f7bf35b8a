"""Parameters: what a person typed becomes the value and targets that a deployment carries."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from margo_gitops.errors import Invalid
from margo_gitops.model.application import ApplicationDescription, Parameter, Profile
from margo_gitops.model.base import ParameterValue, Scalar


def effective(
    description: ApplicationDescription,
    profile: Profile,
    wanted: Mapping[str, ParameterValue],
) -> dict[str, Parameter]:
    """The parameters of a deployment: defaults under what is wanted, this profile's targets only.

    Values are given the type that the author's configuration declares (specification, parameters
    and configuration). Raises `Invalid` for a name that the application does not have, a value of
    another type, and a required value that nobody gave.
    """
    if unknown := sorted(set(wanted) - set(description.parameters)):
        known = ", ".join(sorted(description.parameters)) or "none"
        raise Invalid(
            f"{description.id} {description.version} has no parameter {', '.join(unknown)};"
            f" it has: {known}",
            help=f"margo app show {description.id}",
        )
    components = {component.name for component in profile.components}
    schemas = _schemas(description)
    result: dict[str, Parameter] = {}
    for name, parameter in description.parameters.items():
        targets = tuple(
            target.model_copy(update={"components": kept})
            for target in parameter.targets
            if (kept := tuple(c for c in target.components if c in components))
        )
        value = wanted.get(name, parameter.value)
        schema = schemas.get(name)
        if not targets:
            continue
        if value is None:
            _refuse_missing(name, schema)
            continue
        typed = value if schema is None else _typed(name, value, str(schema.get("dataType", "")))
        result[name] = Parameter(value=typed, targets=targets)
    return result


def _schemas(description: ApplicationDescription) -> dict[str, Mapping[str, Any]]:
    """Parameter name to the rules of the setting that exposes it."""
    configuration = description.configuration or {}
    rules = {entry.get("name"): entry for entry in configuration.get("schema", ())}
    return {
        setting["parameter"]: rules[setting.get("schema")]
        for section in configuration.get("sections", ())
        for setting in section.get("settings", ())
        if "parameter" in setting and setting.get("schema") in rules
    }


def _refuse_missing(name: str, schema: Mapping[str, Any] | None) -> None:
    """A setting whose schema allows no empty value must be given; other parameters may be left."""
    if schema is not None and schema.get("allowEmpty") is False:
        raise Invalid(
            f"the parameter {name} has no default and must be given", help=f"--param {name}=VALUE"
        )


def _typed(name: str, value: ParameterValue, declared: str) -> ParameterValue:
    """The value in its declared type; a list may be typed as text with commas."""
    array = re.fullmatch(r"array\[(\w+)\]", declared)
    element = array.group(1) if array else declared
    if isinstance(value, str) and array:
        value = tuple(value.split(",")) if value else ()
    if isinstance(value, tuple):
        return tuple(_scalar(name, item, element) for item in value)
    return _scalar(name, value, element)


def _scalar(name: str, value: Scalar, declared: str) -> Scalar:
    reader = _READERS.get(declared)
    if reader is None:
        return value
    read = reader(value)
    if read is None:
        raise Invalid(f"the parameter {name} is of type {declared}: found {value!r}")
    return read


def _string(value: Scalar) -> Scalar | None:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _boolean(value: Scalar) -> Scalar | None:
    return {"true": True, "false": False}.get(str(value).lower())


def _integer(value: Scalar) -> Scalar | None:
    """Text is read losslessly: `4.0` and `04` are no integers."""
    if isinstance(value, str) and re.fullmatch(r"-?(0|[1-9][0-9]*)", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _double(value: Scalar) -> Scalar | None:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
        return float(value) if "." in value else int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


_READERS: dict[str, Callable[[Scalar], Scalar | None]] = {
    "string": _string,
    "boolean": _boolean,
    "integer": _integer,
    "double": _double,
}
