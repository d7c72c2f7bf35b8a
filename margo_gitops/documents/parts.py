"""The pieces that descriptions and deployments of every dialect are made of, read and written."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from margo_gitops.model.application import Component, Parameter, ProfileType, Target

Wire = Mapping[str, Any]
"""A document's part as it is written, already checked against its schema."""

Known = Mapping[str, "Known | None"]
"""Names that a codec reads, at any depth; the name `x-` stands for all extensions."""

_EXTENSION = re.compile(r"x-[a-z][a-z0-9-]*-extensions")
_ENV = "ENV."
_PROPERTIES = {
    "repository": "repository",
    "revision": "revision",
    "packageLocation": "package_location",
    "keyLocation": "key_location",
    "timeout": "timeout",
}
_KNOWN_PROPERTIES: Known = dict.fromkeys([*_PROPERTIES, "wait"])


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one dialect spells what all dialects mean."""

    types: Mapping[ProfileType, str]
    env_prefix: str = ""

    def type_of(self, word: str) -> ProfileType:
        """The profile type of a word that a schema allows; `helm` and `helm.v3` are one."""
        return ProfileType(word.removesuffix(".v3"))


def extensions(data: Wire) -> dict[str, Any]:
    """The `x-<name>-extensions` among the fields."""
    return {key: value for key, value in data.items() if _EXTENSION.fullmatch(key)}


def rest(data: Wire, known: Known) -> dict[str, Any]:
    """The fields of nobody's dialect, each where it stands; kept for the way back."""
    result: dict[str, Any] = {}
    for key, value in data.items():
        if key not in known:
            if "x-" not in known or not _EXTENSION.fullmatch(key):
                result[key] = value
        elif (inner := known[key]) is not None and isinstance(value, dict):
            result[key] = rest(value, inner)
    return {key: value for key, value in result.items() if value != {} or key not in known}


def merged(written: Wire, unknown: Wire) -> dict[str, Any]:
    """What was written and, after it at every depth, the unknown fields; what was written wins."""
    result = dict(written)
    for key, value in unknown.items():
        if key not in result:
            result[key] = value
        elif isinstance(value, dict) and isinstance(result[key], dict):
            result[key] = merged(result[key], value)
    return result


def given(**fields: Any) -> dict[str, Any]:
    """A wire object of the fields that are not None, in the order given."""
    return {name: value for name, value in fields.items() if value is not None}


def read_component(data: Wire) -> Component:
    """One component; `wait: "true"`, as 2024 and 2025 write it, is true."""
    properties: Wire = data["properties"]
    return Component(
        name=data["name"],
        wait=str(properties.get("wait", True)).lower() == "true",
        extensions=extensions(data),
        unknown=rest(properties, _KNOWN_PROPERTIES),
        **{ours: properties.get(theirs) for theirs, ours in _PROPERTIES.items()},
    )


def write_component(component: Component) -> dict[str, Any]:
    """The component's wire object; `wait` only where it is not the default."""
    properties = given(**{w: getattr(component, ours) for w, ours in _PROPERTIES.items()})
    if not component.wait:
        properties["wait"] = False
    properties = merged(properties, component.unknown)
    return {"name": component.name, "properties": properties, **component.extensions}


def read_parameters(data: Wire, variables: Collection[str]) -> dict[str, Parameter]:
    """Parameters by name; `variables` names the components that take environment variables.

    One leading `ENV.` of their pointers is dropped (specification, parameters: the dialects differ
    in it by example only).
    """
    return {
        name: Parameter(
            value=parameter.get("value"),
            targets=tuple(_read_target(target, variables) for target in parameter["targets"]),
        )
        for name, parameter in data.items()
    }


def _read_target(data: Wire, variables: Collection[str]) -> Target:
    pointer, components = str(data["pointer"]), tuple(data["components"])
    if not set(components).isdisjoint(variables):
        pointer = pointer.removeprefix(_ENV)
    return Target(pointer=pointer, components=components)


def write_parameters(parameters: Mapping[str, Parameter], prefix: str) -> dict[str, Any]:
    """Parameters as a deployment carries them; `prefix` goes before a variable's name."""
    return {name: _write_parameter(parameter, prefix) for name, parameter in parameters.items()}


def _write_parameter(parameter: Parameter, prefix: str) -> dict[str, Any]:
    value = parameter.value
    return {
        "value": list(value) if isinstance(value, tuple) else value,
        "targets": [
            {"pointer": _prefixed(target.pointer, prefix), "components": list(target.components)}
            for target in parameter.targets
        ],
    }


def _prefixed(pointer: str, prefix: str) -> str:
    # A variable's name has no point: `PORTS.80` and the like are a package's own invention.
    return pointer if "." in pointer else prefix + pointer
