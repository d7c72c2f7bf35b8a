"""Every kind and dialect: what is written is read back, and what is read is kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from margo_gitops.documents import codecs, margo, schemas
from margo_gitops.documents.codecs import unknown
from margo_gitops.documents.convert import differences
from margo_gitops.documents.dialects import Dialect, Kind
from margo_gitops.documents.findings import Path
from margo_gitops.documents.yaml import parse
from margo_gitops.errors import Invalid
from margo_gitops.model.application import ApplicationDescription, Parameter, Target
from margo_gitops.model.base import FromSite, ParameterValue
from margo_gitops.model.deployment import ApplicationDeployment
from tests.documents import from_schema, strategies
from tests.documents.strategies import PAIRS

every = pytest.mark.parametrize(("kind", "dialect"), PAIRS, ids=lambda part: part.name)
ALIKE = {
    (Kind.DESCRIPTION, Dialect.B2): Dialect.B,
    (Kind.DESCRIPTION, Dialect.CM): Dialect.C,
    (Kind.DEPLOYMENT, Dialect.A): Dialect.B,
    (Kind.DEPLOYMENT, Dialect.B2): Dialect.B,
    (Kind.DEPLOYMENT, Dialect.CM): Dialect.C,
    (Kind.MANIFEST, Dialect.CP): Dialect.D,
}
"""Where the letter cannot tell a dialect by some of its documents: those without the one word."""


@every
@settings(max_examples=12)
@given(data=st.data())
def test_a_model_is_read_back_and_written_again_to_the_byte(
    kind: Kind, dialect: Dialect, data: st.DataObject
) -> None:
    model = data.draw(strategies.models(kind, dialect))
    written = margo.write(kind, model, dialect)
    read = margo.read(written, "made")
    assert read.model == model
    assert read.kind is kind
    assert read.dialect in {dialect, ALIKE.get((kind, dialect))}
    assert margo.write(kind, read.model, dialect) == written


@every
@settings(max_examples=8)
@given(data=st.data())
def test_what_is_written_is_right_by_the_letter(
    kind: Kind, dialect: Dialect, data: st.DataObject
) -> None:
    model = data.draw(strategies.models(kind, dialect))
    wire = parse(margo.write(kind, model, dialect), "made").data
    faults = list(schemas.faults(schemas.margo(kind, dialect), wire))
    assert {fault.rule.id for fault in faults} <= {"from-site"}


@every
@settings(max_examples=15)
@given(data=st.data())
def test_an_unknown_field_at_any_object_survives_at_its_place(
    kind: Kind, dialect: Dialect, data: st.DataObject
) -> None:
    model = data.draw(strategies.models(kind, dialect))
    wire = parse(margo.write(kind, model, dialect), "made").data
    schema = schemas.schema(schemas.margo(kind, dialect))
    place = data.draw(st.sampled_from(_closed_objects(wire, schema)))
    value = data.draw(st.sampled_from(["kept", 7, True, {"deep": [1, {"er": "x"}]}, [{"a": 1}]]))
    pointer = f"{place}/strange~1field"
    changed = unknown.restored(wire, {pointer: value})
    document = margo.read(margo.serialise(kind, dialect, changed), "made")
    again = parse(margo.write(kind, document.model, dialect), "made").data
    assert again == changed


def _closed_objects(wire: Any, schema: Any) -> list[str]:
    """Pointers of every object of a document in which a field can be nobody's."""
    return [
        place
        for place in _objects(wire, "")
        if unknown.unknown(unknown.restored(wire, {f"{place}/nobody's": 1}), schema)
    ]


def _objects(value: Any, place: str) -> list[str]:
    if isinstance(value, dict):
        inner = [(unknown.pointer((key,)), item) for key, item in value.items()]
        return [place, *(p for step, item in inner for p in _objects(item, place + step))]
    if isinstance(value, list):
        return [p for i, item in enumerate(value) for p in _objects(item, f"{place}/{i}")]
    return []


B = """\
apiVersion: margo.org/v1-alpha1
kind: ApplicationDescription
metadata:
  id: scale
  name: Scale
  version: 1.10
  catalog: {organization: [{name: Example}]}
deploymentProfiles:
  - type: compose
    id: one
    note: of the profile
    components:
      - name: scale
        vendor: of the component
        properties:
          packageLocation: https://packages.example/scale.tar.gz
          wait: "true"
          updater: of its properties
    requiredResources:
      cpu: {cores: 1.5, architectures: [x86_64, amd64]}
      memory: 1024Mi
parameters:
  unit:
    value: gram
    targets:
      - {pointer: ENV.UNIT, components: [scale]}
      - {pointer: PORTS.80, components: [scale]}
"""


def description() -> ApplicationDescription:
    return margo.read_description(B.encode(), "margo.yaml")[0]


def test_a_version_that_yaml_takes_for_a_number_is_read_as_it_stands() -> None:
    assert description().version == "1.10"


def test_spellings_become_the_strict_ones() -> None:
    (profile,) = description().profiles
    assert profile.requirements is not None
    assert profile.requirements.architectures == ("amd64",)
    assert profile.components[0].wait is True


def test_a_variable_loses_one_prefix_and_an_invention_keeps_its_point() -> None:
    targets = description().parameters["unit"].targets
    assert [target.pointer for target in targets] == ["UNIT", "PORTS.80"]
    written = margo.write_description(description(), Dialect.B)
    assert b"pointer: ENV.UNIT\n" in written
    assert b"pointer: PORTS.80\n" in written


@pytest.mark.parametrize("value", [4, 0.5, True, "4", ("a", "b"), FromSite(from_site="db")])
def test_a_value_keeps_its_type_in_the_dialects_that_type_it_as_text(value: ParameterValue) -> None:
    found = description()
    target = Target(pointer="UNIT", components=("scale",))
    deployment = ApplicationDeployment(
        id="a3e2f5dc-912e-494f-8395-52cf3769bc06",
        name="scale",
        namespace="plant",
        application_id=found.id,
        type=found.profiles[0].type,
        components=found.profiles[0].components,
        parameters={"unit": Parameter(value=value, targets=(target,))},
    )
    written = margo.write_deployment(deployment, Dialect.B)
    assert margo.read_deployment(written, "made") == (deployment, Dialect.B)


def test_a_component_takes_its_unknown_fields_along_and_a_profile_does_not() -> None:
    found = description()
    (component,) = found.profiles[0].components
    assert component.unknown == {
        "/vendor": "of the component",
        "/properties/updater": "of its properties",
    }
    assert found.unknown == {"/deploymentProfiles/0/note": "of the profile"}
    deployment = ApplicationDeployment(
        id="a3e2f5dc-912e-494f-8395-52cf3769bc06",
        name="scale",
        namespace="plant",
        application_id=found.id,
        type=found.profiles[0].type,
        components=found.profiles[0].components,
    )
    written = margo.write_deployment(deployment, Dialect.B)
    assert b"updater: " in written
    assert b"vendor: " in written
    assert b"of the profile" not in written


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("apiVersion: non-margo.org\nkind: ApplicationDeployment\nspec: {}\n", "sandbox"),
        ("kind: Pod\napiVersion: v1\n", "kind 'Pod'"),
        ("type: about:blank\ntitle: Gone\nstatus: 404\n", "ProblemDetail"),
    ],
)
def test_what_is_no_document_of_the_specification_is_refused_in_words(text: str, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        margo.read(text.encode(), "x.yaml")


def test_a_dialect_that_the_kind_lacks_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="A, B, B2, C-, C, D"):
        margo.write_description(description(), Dialect.CP)


def test_the_first_line_names_kind_dialect_and_schema() -> None:
    first = margo.write_description(description(), Dialect.CM).splitlines()[0].decode()
    assert first == (
        "# ApplicationDescription, dialect C-, schema"
        " https://margo-gitops.invalid/schemas/margo/ApplicationDescription.CM.json"
    )


NORMALISED = {
    "wait": "true is the default, and left out",
    "cores": "whole cores have no point",
    "memory": "an amount is written in the largest of Ki, Mi and Gi, without leading zeros",
    "storage": "as memory",
    "architectures": "x86_64 is amd64, each once; an empty list says nothing",
    "architecture": "x86_64 is amd64",
    "cpuArchitecture": "is written as architecture, as in the example of 2024",
    "cpu": "a list of one processor is written as one",
    "cpus": "an empty list says nothing",
    "deviceConstraints": "an empty object says nothing",
    "eligibilityRules": "an empty list says nothing",
    "requiredResources": "an empty object of peripherals or interfaces says nothing",
    "peripherals": "an empty list says nothing",
    "interfaces": "an empty list says nothing",
    "parameters": "an empty object says nothing",
    "configuration": "datatype is dataType",
    "labels": "an empty object says nothing",
    "properties": "an empty object says nothing",
    "roles": "an empty list says nothing",
    "kind": "DeviceCapability is DeviceCapabilities",
    "supportedDeploymentTypes": "each once, in the order helm, compose, custom",
    "supportedRuntimes": "an empty list says nothing",
    "type": "the hardware of 2024 may lack one, and an empty one says nothing",
    "state": "2024's upper case and prose are read as the later words",
    "error": "an error of empty texts is none",
    "pointer": "ENV. is there or not as the dialect has it",
    "datatype": "is written as dataType, as in the example of 2024",
}
"""What a document may spell otherwise once it was read and written."""


@every
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_document_of_the_schema_says_the_same_after_it(
    kind: Kind, dialect: Dialect, data: st.DataObject
) -> None:
    schema = schemas.schema(schemas.margo(kind, dialect))
    wire = data.draw(from_schema.documents(schema))
    if kind is Kind.DESCRIPTION:
        wire["metadata"]["version"] = "1.0"
    if kind is Kind.CAPABILITIES:
        wire["properties"] |= {"id": "press"}
    try:
        model = codecs.decode(kind, dialect, wire, schema)
    except Invalid:  # an amount of memory that is none, or beyond reason: the schema says less
        reject()
    again = codecs.encode(kind, dialect, model)
    assert codecs.decode(kind, dialect, again, schema) == model
    changed = {_name(path) for path, _, _ in differences(wire, again, ())}
    assert changed <= NORMALISED.keys()


def _name(path: Path) -> str:
    return next(str(step) for step in reversed(path) if isinstance(step, str))
