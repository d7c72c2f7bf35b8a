"""Components and parameters: the pieces that descriptions and deployments are made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from margo_gitops.documents.codecs.unknown import restored
from margo_gitops.documents.codecs.wire import Wire, extensions, given
from margo_gitops.model.application import Component, Parameter, ProfileType, Target
from margo_gitops.model.base import FromSite

_ENV = "ENV."
_PROPERTIES = {
    "repository": "repository",
    "revision": "revision",
    "packageLocation": "package_location",
    "keyLocation": "key_location",
    "timeout": "timeout",
}


def read_components(data: Iterable[Wire]) -> tuple[Component, ...]:
    """Components in order; `wait: "true"`, as 2024 and 2025 write it, is true."""
    return tuple(_read_component(component) for component in data)


def _read_component(data: Wire) -> Component:
    properties: Wire = data["properties"]
    return Component(
        name=data["name"],
        wait=str(properties.get("wait", True)).lower() == "true",
        extensions=extensions(data),
        **{ours: properties.get(theirs) for theirs, ours in _PROPERTIES.items()},
    )


def write_components(components: Iterable[Component]) -> list[dict[str, Any]]:
    """Their wire objects with their unknown fields; `wait` only where it is not the default."""
    return [_write_component(component) for component in components]


def _write_component(component: Component) -> dict[str, Any]:
    properties = given(**{w: getattr(component, ours) for w, ours in _PROPERTIES.items()})
    if not component.wait:
        properties["wait"] = False
    wire = {"name": component.name, "properties": properties, **component.extensions}
    return restored(wire, component.unknown)


def variables(type: ProfileType, components: Iterable[Component]) -> set[str]:
    """The components of a profile that take environment variables: all but helm's."""
    return set() if type is ProfileType.HELM else {component.name for component in components}


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
    if any(component in variables for component in components) and pointer != _ENV:
        pointer = pointer.removeprefix(_ENV)
    return Target(pointer=pointer, components=components)


def write_parameters(
    parameters: Mapping[str, Parameter], variables: Collection[str], prefix: str
) -> dict[str, Any]:
    """Parameters as documents carry them; `prefix` goes before a variable's name."""
    return {
        name: given(
            value=_write_value(parameter),
            targets=[_write_target(target, variables, prefix) for target in parameter.targets],
        )
        for name, parameter in parameters.items()
    }


def _write_value(parameter: Parameter) -> Any:
    value = parameter.value
    if isinstance(value, FromSite):
        return {"fromSite": value.from_site}
    return list(value) if isinstance(value, tuple) else value


def _write_target(target: Target, variables: Collection[str], prefix: str) -> dict[str, Any]:
    # A variable's name has no point: `PORTS.80` and the like are a package's own invention.
    named = any(c in variables for c in target.components) and "." not in target.pointer
    pointer = prefix + target.pointer if named else target.pointer
    return {"pointer": pointer, "components": list(target.components)}
