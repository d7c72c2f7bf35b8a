"""Parameters and where they go."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from margo_gitops.documents.rule import Fault, Rule
from margo_gitops.documents.rules.node import Node

DANGLING_COMPONENT = Rule(
    "dangling-component",
    asks="A target names components of the deployment profiles.",
    why="A value for a component that does not exist goes nowhere, and nobody is told. Upstream"
    " validators do not look, and real packages name a profile (specification, parameters).",
    cure="Write the component's `name`; a profile's `id` is none.",
    severity="warning",
)
DEPLOYED_COMPONENT = Rule(
    "deployed-component",
    asks="A deployment's target names components of that deployment.",
    why="The deployment carries only the targets of the chosen profile; another name is a value"
    " that goes nowhere (specification, ApplicationDeployment).",
    cure="Name a component of spec.deploymentProfile.components, or drop the target.",
)
POINTER = Rule(
    "pointer",
    asks="A compose target points at an environment variable's bare name, a helm target at a path"
    " of values as `helm --set` has it.",
    why="Dialects A and B write ENV. before the name, C and D do not; anything else, such as"
    " PORTS.80, is some tool's own (specification, parameters).",
    cure="Name a variable, such as HTTP_PORT, and read it in the compose file.",
    severity="warning",
)
SAME_TARGET = Rule(
    "same-target",
    asks="One place gets its value from one parameter.",
    why="Of two parameters with one pointer in one component, which one wins differs by client.",
    cure="Give one of them another pointer, or drop it.",
    severity="warning",
)
RULES = (DANGLING_COMPONENT, DEPLOYED_COMPONENT, POINTER, SAME_TARGET)

_VARIABLE = re.compile(r"(?:ENV\.)?[A-Za-z_][A-Za-z0-9_]*")
_HELM = {"helm", "helm.v3"}


def broken(parameters: Node, profiles: Iterable[Node], dangling: Rule) -> Iterator[Fault]:
    """What is wrong with the targets of `parameters`, given the document's profiles.

    `dangling` is the rule for a component that no profile has.
    """
    types = _types(profiles)
    taken: dict[tuple[str, str], str] = {}
    for name, parameter in parameters.fields():
        for target in parameter.at("targets").each():
            pointer = target.at("pointer")
            for component in target.at("components").each():
                yield from _component(component, types, dangling)
                yield from _shared(name, pointer, component, taken)
            yield from _pointer(target, types)


def _types(profiles: Iterable[Node]) -> dict[str, set[str]]:
    """Component name to the types of the profiles that have it."""
    types: dict[str, set[str]] = {}
    for profile in profiles:
        for component in profile.at("components").each():
            name = component.at("name").text
            if name is not None:
                types.setdefault(name, set()).add(str(profile.at("type").value))
    return types


def _component(component: Node, known: Mapping[str, set[str]], rule: Rule) -> Iterator[Fault]:
    if component.text is not None and component.text not in known:
        names = ", ".join(sorted(known)) or "none"
        text = f"found the component {component.text[:60]!r}, expected one of: {names[:200]}"
        yield rule.broken(component.path, text)


def _shared(
    name: str, pointer: Node, component: Node, taken: dict[tuple[str, str], str]
) -> Iterator[Fault]:
    if pointer.text is None or component.text is None:
        return
    first = taken.setdefault((pointer.text, component.text), name)
    if first != name:
        text = f"{pointer.text[:60]!r} of {component.text[:60]} is set by {first} too"
        yield SAME_TARGET.broken(pointer.path, text)


def _pointer(target: Node, types: Mapping[str, set[str]]) -> Iterator[Fault]:
    pointer = target.at("pointer")
    named = [types.get(c.text, set()) for c in target.at("components").each() if c.text]
    variables = bool(named) and all(found and found.isdisjoint(_HELM) for found in named)
    if variables and pointer.text and not _VARIABLE.fullmatch(pointer.text):
        text = f"found {pointer.text[:60]!r}, expected the name of an environment variable"
        yield POINTER.broken(pointer.path, text)
