"""Complete JSON Schemas: one for each kind and dialect, and one that picks the dialect itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from margo_gitops.documents import schemas
from margo_gitops.documents.dialects import DIALECTS, Dialect, Kind
from margo_gitops.documents.shapes.capabilities import capabilities
from margo_gitops.documents.shapes.deployment import deployment
from margo_gitops.documents.shapes.description import description
from margo_gitops.documents.shapes.manifest import manifest
from margo_gitops.documents.shapes.pick import PICKS
from margo_gitops.documents.shapes.problem import problem
from margo_gitops.documents.shapes.status import status
from margo_gitops.documents.shapes.words import Shape

Definitions = dict[str, Shape]

_SHAPES: Mapping[Kind, Callable[[Dialect], tuple[Shape, Definitions]]] = {
    Kind.DESCRIPTION: description,
    Kind.DEPLOYMENT: deployment,
    Kind.CAPABILITIES: lambda dialect: (capabilities(dialect), {}),
    Kind.STATUS: lambda dialect: (status(dialect), {}),
    Kind.MANIFEST: lambda dialect: (manifest(dialect), {}),
    Kind.PROBLEM: lambda _: (problem(), {}),
}


def schema_of(kind: Kind, dialect: Dialect) -> dict[str, Any]:
    """The JSON Schema 2020-12 of a kind in one of its dialects (`DIALECTS`), strict and complete.

    It keeps to the dialect's letter, refers only to itself, and says of each field what it is for.
    Raises `ValueError` for a dialect that the kind does not have.
    """
    if dialect not in DIALECTS[kind]:
        raise ValueError(f"{kind} has no shape in dialect {dialect}")
    shape, definitions = _SHAPES[kind](dialect)
    title = f"{kind}, dialect {dialect} ({dialect.period})"
    return _schema(schemas.margo(kind, dialect), title, shape, definitions)


def picking(kind: Kind) -> dict[str, Any]:
    """The JSON Schema of a kind in whatever dialect: it chooses as `dialects.detect` does.

    For editors, which know only the file's path; the faults are those of the dialect that was
    chosen. Raises `KeyError` for a kind that no person writes by hand.
    """
    definitions: Definitions = {}
    for dialect in DIALECTS[kind]:
        shape, inner = _SHAPES[kind](dialect)
        for name, one in {"": shape, **{f".{name}": one for name, one in inner.items()}}.items():
            definitions[dialect.name + name] = _within(dialect, one)
    title = f"{kind}, in the dialect that it is written in"
    return _schema(f"margo/{kind}", title, PICKS[kind], definitions)


def _schema(name: str, title: str, shape: Shape, definitions: Definitions) -> dict[str, Any]:
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schemas.address(name),
        "title": title,
    }
    return {**head, **shape, **({"$defs": definitions} if definitions else {})}


def _within(dialect: Dialect, part: Any) -> Any:
    """The same shape, its definitions found under the dialect's name."""
    if isinstance(part, list):
        return [_within(dialect, item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: value.replace("#/$defs/", f"#/$defs/{dialect.name}.")
        if key == "$ref"
        else _within(dialect, value)
        for key, value in part.items()
    }
