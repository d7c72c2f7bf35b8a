from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from margo_gitops.documents import schemas
from margo_gitops.documents.dialects import DIALECTS, Dialect, Kind, detect
from margo_gitops.documents.own import MODELS, is_own
from margo_gitops.documents.shapes import picking, schema_of
from tests.documents.from_schema import documents
from tests.documents.regenerate import FOLDER, PICKED, every, written
from tests.documents.spoiling import spoilt

EVERY = every()
MARGO = [(kind, dialect) for kind, dialects in DIALECTS.items() for dialect in dialects]
WHOLE = [f"own/{kind}" for kind in MODELS] + [schemas.margo(*pair) for pair in MARGO]

ALIKE = {
    (Kind.DESCRIPTION, Dialect.B2): Dialect.B,  # without a helm profile
    (Kind.DESCRIPTION, Dialect.CM): Dialect.C,  # without a helm profile
    (Kind.DEPLOYMENT, Dialect.A): Dialect.B,  # of a helm profile
    (Kind.DEPLOYMENT, Dialect.B2): Dialect.B,  # of a compose profile
    (Kind.DEPLOYMENT, Dialect.CM): Dialect.C,  # of a compose profile
    (Kind.MANIFEST, Dialect.CP): Dialect.D,  # without a bundle
}
"""Dialects that the letter cannot always tell apart, and what they are then taken for."""

making = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)


@functools.cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(EVERY[name])


@functools.cache
def right(name: str) -> st.SearchStrategy[Any]:
    return documents(EVERY[name])


def faults(name: str, document: Any) -> list[tuple[str, str]]:
    errors = validator(name).iter_errors(document)
    return sorted((error.json_path, error.message) for error in errors)


@pytest.mark.parametrize("name", EVERY)
def test_the_committed_schema_is_the_one_that_is_made(name: str) -> None:
    committed = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert committed == written(EVERY[name]), "run: python -m tests.documents.regenerate"


def test_no_schema_is_left_over() -> None:
    names = {path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.json")}
    assert names == EVERY.keys()


@pytest.mark.parametrize("name", EVERY)
def test_each_schema_is_one_of_2020_12_and_says_its_address(name: str) -> None:
    schema = EVERY[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == schemas.address(name)
    assert "title" in schema


@pytest.mark.parametrize("name", EVERY)
def test_each_schema_refers_only_to_itself(name: str) -> None:
    refs = {part["$ref"] for part in parts(EVERY[name]) if "$ref" in part}
    assert refs <= {f"#/$defs/{defined}" for defined in EVERY[name].get("$defs", {})}


@pytest.mark.parametrize("name", EVERY)
def test_each_field_says_what_it_is_for(name: str) -> None:
    silent = [
        field
        for part in parts(EVERY[name])
        for field, shape in part.get("properties", {}).items()
        if not shape.get("title") and not shape.get("description")
    ]
    assert silent == []


def parts(shape: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The shape and all inside it; conditions say nothing to a person, and stay out."""
    yield shape
    within = [
        shape[key] for key in ("items", "additionalProperties", "then", "else") if key in shape
    ]
    for key in ("properties", "patternProperties", "$defs"):
        within += shape.get(key, {}).values()
    for part in [*within, *shape.get("allOf", ()), *shape.get("anyOf", ())]:
        if isinstance(part, dict):
            yield from parts(part)


def test_a_dialect_that_a_kind_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="ProblemDetail has no shape in dialect A"):
        schema_of(Kind.PROBLEM, Dialect.A)


@pytest.mark.parametrize("name", WHOLE)
@making
@given(st.data())
def test_documents_made_from_a_schema_are_accepted(name: str, data: st.DataObject) -> None:
    assert faults(name, data.draw(right(name))) == []


@pytest.mark.parametrize(("kind", "dialect"), MARGO)
@making
@given(st.data())
def test_a_made_document_is_detected_as_what_it_is(
    kind: Kind, dialect: Dialect, data: st.DataObject
) -> None:
    document = data.draw(right(schemas.margo(kind, dialect)))
    assert detect(document) in {(kind, dialect), (kind, ALIKE.get((kind, dialect), dialect))}


@pytest.mark.parametrize("kind", MODELS)
@making
@given(st.data())
def test_a_made_document_of_ours_is_ours(kind: str, data: st.DataObject) -> None:
    document = data.draw(right(f"own/{kind}"))
    assert is_own(document)
    assert document["kind"] == kind


@pytest.mark.parametrize("name", WHOLE)
@making
@given(st.data())
def test_a_spoilt_document_is_refused(name: str, data: st.DataObject) -> None:
    ways = spoilt(EVERY[name], data.draw(right(name)))
    way = data.draw(st.sampled_from(ways))
    assert faults(name, way.document), way


@pytest.mark.parametrize(
    ("kind", "dialect"), [(kind, dialect) for kind, dialect in MARGO if kind in PICKED]
)
@making
@given(st.data())
def test_the_picking_schema_finds_what_the_detected_dialects_schema_finds(
    kind: Kind, dialect: Dialect, data: st.DataObject
) -> None:
    name = schemas.margo(kind, dialect)
    made = data.draw(right(name))
    for document in [made, data.draw(st.sampled_from(spoilt(EVERY[name], made))).document]:
        found = detect(document)
        if found is not None and found[0] is kind:
            assert faults(f"margo/{kind}", document) == faults(schemas.margo(*found), document)


def test_only_kinds_that_people_write_by_hand_are_picked() -> None:
    assert json.dumps(picking(Kind.DESCRIPTION)) == json.dumps(EVERY[f"margo/{Kind.DESCRIPTION}"])
    with pytest.raises(KeyError):
        picking(Kind.STATUS)
