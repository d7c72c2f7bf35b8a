"""Real documents, changed: an unchanged model changes nothing, one value only its own bytes."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from margo_gitops.documents import codecs, margo, schemas
from margo_gitops.documents.codecs import Model
from margo_gitops.documents.findings import Path
from margo_gitops.documents.margo import Document
from margo_gitops.documents.rewrite import rewrite
from margo_gitops.documents.yaml import parse
from margo_gitops.errors import Invalid
from tests.documents import corpus

READABLE = [
    document
    for document in corpus.documents()
    if document.verdict != "invalid" and "/ProblemDetail/" not in document.name
]
pytestmark = pytest.mark.skipif(not READABLE, reason=corpus.SKIP)


@pytest.fixture(params=READABLE, ids=str)
def data(request: pytest.FixtureRequest) -> bytes:
    found: bytes = request.param.data
    try:
        margo.read(found, "document")
    except Invalid:
        pytest.skip("lenient in its index, and not read")
    return found


def test_an_unchanged_model_changes_no_byte(data: bytes) -> None:
    assert rewrite(data, margo.read(data, "document").model) == data


def test_one_value_changes_only_its_own_bytes(data: bytes) -> None:
    """Every fifth value that can be another; a change may be refused, and is never more."""
    document, parsed = margo.read(data, "document"), parse(data, "document")
    wire = codecs.encode(document.kind, document.dialect, document.model)
    changed = 0
    for path, value in list(_scalars(wire, ()))[::5]:
        after = _changed(document, wire, path, value)
        if after is None or after == document.model:
            continue
        try:
            result = rewrite(data, after).decode()
            start, end = parsed.span(path)
        except (Invalid, KeyError):
            continue
        assert result.startswith(parsed.text[:start])
        assert result.endswith(parsed.text[end:])
        changed += 1
    assert changed


def _changed(document: Document, wire: Any, path: Path, value: Any) -> Model | None:
    """The model with another value; None where that makes no document."""
    other = deepcopy(wire)
    owner = other
    for step in path[:-1]:
        owner = owner[step]
    owner[path[-1]] = _another(value)
    schema = schemas.schema(schemas.margo(document.kind, document.dialect))
    try:
        return codecs.decode(document.kind, document.dialect, other, schema)
    except (Invalid, ValidationError, ValueError):
        return None


def _another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else f"{value}x"


def _scalars(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _scalars(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _scalars(item, (*path, index))
    elif value is not None:
        yield path, value
