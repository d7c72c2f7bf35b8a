"""The quick validator says of every document, right or spoilt, what jsonschema's own says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from margo_gitops.documents import plain, quick, schemas
from margo_gitops.documents.schemas import schema
from tests.documents import from_schema
from tests.documents.spoiling import spoilt

NAMES = (
    "own/DeploymentIntent",
    "margo/ApplicationDescription.D",
    "margo/ApplicationDeployment.A",
    "margo/ApplicationDeployment.D",
    "margo/DeviceCapabilitiesManifest.D",
    "margo/DeploymentStatusManifest.D",
)
LEAVES: list[dict[str, Any] | bool] = [
    True,
    False,
    {"type": "integer"},
    {"type": ["string", "null"], "description": "either"},
    {"enum": ["1", 1, None, False]},
    {"type": "string", "minLength": 2},
    {"minLength": 2},
    {"minimum": 1},
    {"type": "integer", "minimum": 1, "maximum": 2},
    {"type": "string", "pattern": "^a$"},
    {"pattern": "b"},
    {"const": 1},
    {"type": "array", "items": {"type": "string"}, "minItems": 1},
    {"items": {"type": "string"}},
    {"properties": {"x": {"type": "null"}}, "required": ["x"], "additionalProperties": False},
    {"type": "object", "additionalProperties": {"type": "string"}},
    {"anyOf": [{"type": "null"}, {"type": "string", "pattern": "^a"}]},
    {"allOf": [{"type": "string"}, {"minLength": 2}]},
    {"type": "string", "maxLength": 1},
    {"const": "ab"},
    {"type": "number", "exclusiveMinimum": 0},
    {"type": "array", "maxItems": 1},
    {"patternProperties": {"^x": {"type": "null"}}, "additionalProperties": False},
    {"patternProperties": {"^x": {"type": "string"}}},
    {"if": {"required": ["x"]}, "then": False},
    {"if": {"required": ["x"]}, "then": {"type": "object"}, "else": {"type": "integer"}},
    {"if": {"properties": {"x": {"enum": ["a"]}}, "required": ["x"]}, "then": False},
    {"if": {"type": "string"}, "then": {"enum": ["a"]}},
    {"then": {"type": "string"}},
]
VALUES = [0, 1, 1.0, True, False, None, "", "a", "ab", "1", [], {}, ["ab", 1], {"x": None},
          {"x": "a"}, {"x": "b", "y": 1}]  # fmt: skip


def _told(errors: Any) -> list[tuple[Any, ...]]:
    return [
        (*error.absolute_path, error.validator, error.message, _told(error.context))
        for error in errors
    ]


def _same(asked: dict[str, Any], value: Any) -> bool:
    ours = _told(quick.validator(asked).iter_errors(value))
    theirs = _told(Draft202012Validator(asked).iter_errors(value))
    assert ours == theirs
    assert not (theirs and plain.plainly_right(value, asked))
    return bool(ours)


@pytest.mark.parametrize("leaf", LEAVES, ids=json.dumps)
@pytest.mark.parametrize("value", VALUES, ids=json.dumps)
def test_a_leaf_is_judged_alike_wherever_it_hangs(leaf: Any, value: Any) -> None:
    for asked, document in (
        ({"properties": {"x": leaf}}, {"x": value}),
        ({"properties": {"y": True}, "additionalProperties": leaf}, {"x": value, "y": 1}),
        ({"items": leaf}, [value, value]),
        ({"anyOf": [leaf, {"type": "boolean"}]}, value),
        ({"properties": {"x": leaf}, "items": leaf, "additionalProperties": leaf}, value),
    ):
        _same(asked, document)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=15)
def test_right_and_spoilt_documents_are_judged_alike(name: str, data: st.DataObject) -> None:
    asked = schema(name)
    document = data.draw(from_schema.documents(asked))
    assert not _same(asked, document)
    cases = spoilt(asked, document)
    for case in cases:
        assert _same(asked, case.document), case
        assert not schemas.plainly_right(name, case.document)


def test_extensions_are_beside_a_closed_schema_and_nothing_else_is() -> None:
    name = "margo/DeploymentStatusManifest.D"
    right = {
        "adoptedManifestVersion": 2,
        "components": [{"name": "hello", "state": "installed"}],
        "deploymentId": "1309c7c2-a352-5f40-acf2-c44bcf8783c0",
        "status": {"state": "installed"},
    }
    more = {**right, "x-a-extensions": {}, "other": 1}
    assert schemas.plainly_right(name, right)
    assert not schemas.plainly_right(name, more, ["x-a-extensions"])
    assert schemas.plainly_right(name, more, ["x-a-extensions", "other"])
    assert not schemas.plainly_right(name, {**right, "status": {}}, ["status"])
