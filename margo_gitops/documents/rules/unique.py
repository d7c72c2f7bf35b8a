"""Names that must be there once."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from margo_gitops.documents.rule import Fault, Rule
from margo_gitops.documents.rules.node import Node

DUPLICATE = Rule(
    "duplicate",
    asks="Profiles, components, schema entries, deployments and devices have names of their own.",
    why="A name that two things share picks one of them by chance; which one differs by reader"
    " (specification, ApplicationDescription: a profile's id is unique in its description).",
    cure="Rename one of the two, or delete the copy.",
)
RULES = (DUPLICATE,)


def twice(items: Node, field: str) -> Iterator[Fault]:
    """A fault for every item of a list whose `field` an earlier item has."""
    seen: set[Hashable] = set()
    for item in items.each():
        name = item.at(field)
        if not isinstance(name.value, str | int):
            continue
        if name.value in seen:
            text = f"found the {field} {name.value!r} twice, expected each once"
            yield DUPLICATE.broken(name.path, text)
        seen.add(name.value)
