"""From dialect to dialect: nothing is lost in silence; and a change of one value is just that."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from margo_gitops.cli import convert as verb
from margo_gitops.documents import margo, schemas
from margo_gitops.documents.codecs import Model
from margo_gitops.documents.convert import Converted, convert
from margo_gitops.documents.dialects import DIALECTS, Dialect, Kind
from margo_gitops.documents.rewrite import rewrite
from margo_gitops.documents.yaml import parse
from margo_gitops.errors import Invalid
from margo_gitops.model.application import ApplicationDescription, Profile, ProfileType
from tests.documents import strategies
from tests.documents.strategies import made, many, words
from tests.documents.test_codecs import every

ALIKE = (Dialect.B, Dialect.B2, Dialect.CM, Dialect.C, Dialect.D)
"""The dialects that say the same of a helm application without peripherals or extensions."""


@st.composite
def shared(draw: st.DrawFn) -> ApplicationDescription:
    """What every dialect from B on can say: charts, capacity, parameters, configuration."""
    parts = draw(strategies.components(Dialect.B, ProfileType.HELM))
    profile = made(
        Profile,
        type=st.just(ProfileType.HELM),
        id=words,
        description=st.none() | strategies.text,
        components=st.just(parts),
        requirements=st.none()
        | strategies.capacities.filter(lambda found: found.cores is not None),
    )
    return draw(
        made(
            ApplicationDescription,
            id=words,
            name=strategies.text,
            version=strategies.versions,
            catalog=st.just({"organization": [{"name": "Example"}]}),
            profiles=many(profile, 1, 1),
            parameters=strategies.parameters(
                [part.name for part in parts], st.none() | strategies.scalars
            ),
        )
    )


@settings(max_examples=60)
@given(shared(), st.sampled_from(ALIKE), st.sampled_from(ALIKE))
def test_what_two_dialects_both_say_goes_there_and_back(
    model: ApplicationDescription, one: Dialect, other: Dialect
) -> None:
    there = convert(margo.write_description(model, one), "one", other, allow_loss=False)
    assert there.losses == ()
    assert margo.read_description(there.data, "other") == (model, other)
    back = convert(there.data, "other", one, allow_loss=False)
    assert margo.read_description(back.data, "one") == (model, one)


@every
@settings(max_examples=8)
@given(data=st.data())
def test_a_result_is_right_by_the_letter_and_without_loss_it_is_the_same(
    kind: Kind, dialect: Dialect, data: st.DataObject
) -> None:
    model = data.draw(strategies.models(kind, dialect))
    to = data.draw(st.sampled_from(DIALECTS[kind]))
    source = margo.write(kind, model, dialect)
    result = allowed(source, to)
    if result is None or result.data == source:
        return
    faults = schemas.faults(schemas.margo(kind, to), parse(result.data, "result").data)
    assert {fault.rule.id for fault in faults} <= {"from-site"}
    if result.losses:
        with pytest.raises(Invalid) as caught:
            convert(source, "made", to, allow_loss=False)
        assert all(loss in str(caught.value) for loss in result.losses)
        return
    again = convert(result.data, "result", dialect, allow_loss=True)
    assert _bare(margo.read(again.data, "again").model) == _bare(model)


def allowed(source: bytes, to: Dialect) -> Converted | None:
    """The conversion with its losses; None where the document lacks what `to` requires."""
    try:
        return convert(source, "made", to, allow_loss=True)
    except Invalid as refused:
        if "does not accept" in str(refused):
            return None
        raise


def _bare(model: Model) -> Model:
    if "api_version" not in type(model).model_fields:
        return model
    return model.model_copy(update={"api_version": None})


DESCRIPTION = b"""\
apiVersion: margo.org/v1-alpha1
kind: ApplicationDescription
metadata:
  id: scale
  name: Scale
  version: "1.0"
  catalog:
    organization:
      - name: Example
deploymentProfiles:
  - type: helm.v3  # charts
    id: one
    note: nobody's
    components:
      - name: scale
        properties:
          repository: oci://registry.example/charts/scale
          revision: 1.0.0
    requiredResources:
      cpu: {cores: 2}
      memory: 1024Mi
      peripherals:
        - type: display
"""
DEPLOYMENT = b"""\
apiVersion: application.margo.org/v1alpha1
kind: ApplicationDeployment
metadata:
  annotations:
    id: a3e2f5dc-912e-494f-8395-52cf3769bc06
    applicationId: scale
  name: scale
  namespace: plant
spec:
  deploymentProfile:
    type: helm.v3
    components:
      - name: scale
        properties:
          repository: oci://registry.example/charts/scale
          revision: 1.0.0
  parameters: {}
"""
DEVICE = """\
apiVersion: device.margo.org/v1alpha1
kind: DeviceCapabilitiesManifest
properties:
  id: press
  vendor: Example
  modelNumber: "1"
  serialNumber: "2"
  roles: [%s]
  resources:
    cpu: {cores: 4, architecture: x86_64}
    memory: 16 Gi
    storage: 100 Gi
    peripherals: []
    interfaces: []
"""


def test_a_loss_is_refused_by_place_and_name_with_what_to_do() -> None:
    with pytest.raises(Invalid) as caught:
        convert(DESCRIPTION, "margo.yaml", Dialect.D, allow_loss=False)
    told = str(caught.value)
    assert "margo.yaml:13:11: deploymentProfiles.0.note" in told
    assert "margo.yaml:23:9: deploymentProfiles.0.requiredResources.peripherals" in told
    assert "eligibility rule" in told
    assert caught.value.help == "--allow-loss"


def test_an_allowed_loss_is_named_and_left_out() -> None:
    result = convert(DESCRIPTION, "margo.yaml", Dialect.D, allow_loss=True)
    assert len(result.losses) == 2
    assert b"peripherals" not in result.data
    assert b"note" not in result.data
    assert b"memory: 1Gi" in result.data or b'memory: "1Gi"' in result.data


@pytest.mark.parametrize("allow_loss", [False, True])
def test_what_the_other_dialect_requires_is_never_made_up(allow_loss: bool) -> None:
    with pytest.raises(Invalid, match="'deviceId' is missing") as caught:
        convert(DEPLOYMENT, "scale.yaml", Dialect.D, allow_loss=allow_loss)
    assert caught.value.help == ""


def test_a_document_that_speaks_the_dialect_stays_as_it_is() -> None:
    assert convert(DEPLOYMENT, "scale.yaml", Dialect.B, allow_loss=False).data == DEPLOYMENT


def test_a_dialect_that_the_kind_has_not_is_refused() -> None:
    with pytest.raises(Invalid, match="has no dialect C', expected one of: A, B, B2, C-, C, D"):
        convert(DESCRIPTION, "margo.yaml", Dialect.CP, allow_loss=True)


def test_the_one_role_that_runs_compose_becomes_a_deployment_type_and_back() -> None:
    source = (DEVICE % "Standalone Device").encode()
    there = convert(source, "press.yaml", Dialect.D, allow_loss=False)
    assert b'"supportedDeploymentTypes":["compose"]' in there.data
    back = convert(there.data, "press.json", Dialect.B, allow_loss=False)
    assert b'"roles":["Standalone Device"]' in back.data


@pytest.mark.parametrize("role", ["Standalone Cluster", "Cluster Leader"])
def test_a_role_that_is_one_of_two_is_a_loss(role: str) -> None:
    with pytest.raises(Invalid, match="say the roles again"):
        convert((DEVICE % role).encode(), "press.yaml", Dialect.D, allow_loss=False)


def test_a_client_in_the_addresses_of_a_manifest_is_a_loss() -> None:
    digest = "sha256:" + "0" * 64
    bundle = (
        f'{{"manifestVersion":1,"bundle":{{"mediaType":"application/vnd.margo.bundle.v1+tar+gzip",'
        f'"digest":"{digest}","url":"/api/v1/clients/7/bundles/{digest}"}},"deployments":[{{'
        f'"deploymentId":"a3e2f5dc-912e-494f-8395-52cf3769bc06","digest":"{digest}","url":'
        f'"/api/v1/clients/7/deployments/a3e2f5dc-912e-494f-8395-52cf3769bc06/{digest}"}}]}}'
    )
    with pytest.raises(Invalid, match=r"bundle\.url"):
        convert(bundle.encode(), "manifest.json", Dialect.D, allow_loss=False)
    result = convert(bundle.encode(), "manifest.json", Dialect.D, allow_loss=True)
    assert f'"/api/v1/bundles/{digest}"'.encode() in result.data


@every
@settings(max_examples=5)
@given(data=st.data())
def test_a_model_that_did_not_change_changes_no_byte(
    kind: Kind, dialect: Dialect, data: st.DataObject
) -> None:
    source = margo.write(kind, data.draw(strategies.models(kind, dialect)), dialect)
    assert rewrite(source, margo.read(source, "made").model) == source


@settings(max_examples=40)
@given(shared(), st.sampled_from(ALIKE), strategies.text)
def test_another_name_changes_only_the_bytes_of_the_name(
    model: ApplicationDescription, dialect: Dialect, name: str
) -> None:
    assume(name != model.name)
    source = margo.write_description(model, dialect)
    changed = rewrite(source, model.model_copy(update={"name": name}))
    start, end = parse(source, "made").span(("metadata", "name"))
    text, after = source.decode(), changed.decode()
    assert after.startswith(text[:start])
    assert after.endswith(text[end:])


def test_spellings_and_comments_outlive_a_change() -> None:
    document, _ = margo.read_description(DESCRIPTION, "margo.yaml")
    changed = rewrite(DESCRIPTION, document.model_copy(update={"version": "1.1"}))
    assert changed == DESCRIPTION.replace(b'"1.0"', b'"1.1"')


def test_a_change_that_the_dialect_has_no_room_for_is_refused() -> None:
    deployment, _ = margo.read_deployment(DEPLOYMENT, "scale.yaml")
    with pytest.raises(Invalid, match="no place in dialect B"):
        rewrite(DEPLOYMENT, deployment.model_copy(update={"device_id": "north/*"}))


def run(*words: str) -> tuple[int, str, str]:
    app = typer.Typer()
    verb.register(app)
    app.command()(lambda: None)
    result = CliRunner().invoke(app, ["convert", *words])
    return result.exit_code, result.stdout, str(result.exception or result.stderr)


def test_the_command_prints_the_document_and_tells_losses_apart(tmp_path: Path) -> None:
    file = tmp_path / "margo.yaml"
    file.write_bytes(DESCRIPTION)
    code, out, told = run(str(file), "--to", "d", "--allow-loss")
    assert code == 0
    assert margo.read_description(out.encode(), "out")[1] is Dialect.D
    assert "peripherals" in told
    assert run(str(file), "--to", "D")[0] == 1


def test_the_command_writes_the_file_whole(tmp_path: Path) -> None:
    file, out = tmp_path / "margo.yaml", tmp_path / "other.yaml"
    file.write_bytes(DESCRIPTION)
    code, printed, _ = run(str(file), "--to", "C", "--out", str(out), "--json")
    assert code == 1
    assert not out.exists()
    code, printed, _ = run(str(file), "--to", "C", "--out", str(out), "--json", "--allow-loss")
    assert (code, '"dialect": "C"' in printed) == (0, True)
    assert margo.read_description(out.read_bytes(), "out")[1] is Dialect.C
    assert [path.name for path in tmp_path.iterdir()].count(".tmp-") == 0


def test_an_unknown_dialect_is_a_usage_error(tmp_path: Path) -> None:
    code, _, told = run(str(tmp_path), "--to", "Q")
    assert code == 1
    assert "expected one of A, B" in told
