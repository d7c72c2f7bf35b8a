"""A place in a document that may have any shape: rules ask it and never stumble."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from margo_gitops.documents.findings import Path


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the way to it; what is absent is a node whose value is None."""

    value: Any
    path: Path = ()

    def at(self, *steps: str) -> Node:
        """The node below, field by field; absent where a step leads nowhere."""
        value, path = self.value, self.path
        for step in steps:
            value = value.get(step) if isinstance(value, dict) else None
            path = (*path, step)
        return Node(value, path)

    def each(self) -> Iterator[Node]:
        """The items of a list; none of anything else."""
        if isinstance(self.value, list):
            for index, item in enumerate(self.value):
                yield Node(item, (*self.path, index))

    def fields(self) -> Iterator[tuple[str, Node]]:
        """The fields of an object; none of anything else."""
        if isinstance(self.value, dict):
            for key, item in self.value.items():
                yield key, Node(item, (*self.path, key))

    @property
    def text(self) -> str | None:
        """The value where it is text."""
        return self.value if isinstance(self.value, str) else None

    @property
    def object(self) -> dict[str, Any]:
        """The value where it is an object, else an empty one."""
        return self.value if isinstance(self.value, dict) else {}

    def has(self, *keys: str) -> bool:
        """True for an object that has one of the fields."""
        return not self.object.keys().isdisjoint(keys)
