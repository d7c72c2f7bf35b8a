"""Rules across the files of a repository."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.documents import canonical, margo
from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.fleet import RULES, Layout, judge
from margo_gitops.documents.fleet.facts import decoded
from margo_gitops.model.application import Component, ProfileType
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.state import State
from margo_gitops.model.status import ComponentStatus, DeploymentStatus
from margo_gitops.render.manifest import manifest_of
from tests.documents.fleet_tree import (
    Tree,
    device,
    edited,
    fleet,
    found,
    package,
    site,
    told,
    without,
)

INTENT = "deployments/weigh.yaml"
MARGO = "apps/scale/1.0.0/margo.yaml"
LOCK = "locks/scale/1.0.0.json"
FLEET = fleet()
TWO = {**FLEET, **package("1.1.0")}
OTHER = edited(FLEET, INTENT, "name: weigh", "name: scales")


def test_a_right_fleet_has_no_finding() -> None:
    assert found(FLEET) == []
    assert found(FLEET, before=FLEET) == []


Case = tuple[Tree, str, int, str]
CASES: dict[str, Case] = {
    "no package": (without(without(FLEET, "apps/"), "locks/"), INTENT, 5, "dangling-application"),
    "another version": (
        edited(FLEET, INTENT, '"1.0.0"', '"2.0.0"'),
        *(INTENT, 6, "dangling-application"),
    ),
    "no profile": (edited(FLEET, INTENT, "wasm", "helm"), INTENT, 7, "dangling-profile"),
    "no site": (
        edited(FLEET, INTENT, "- north", "- north\n    - west"),
        INTENT,
        11,
        "dangling-site",
    ),
    "no node": (edited(FLEET, INTENT, "n1", "n9"), INTENT, 11, "dangling-node"),
    "no parameter": (edited(FLEET, INTENT, "rate: 5", "rat: 5"), INTENT, 13, "unknown-parameter"),
    "overridden with too much": (
        edited(FLEET, INTENT, "rate: 6", "rate: 60"),
        *(INTENT, 17, "parameter-value"),
    ),
    "override elsewhere": (
        edited(FLEET, INTENT, "  north:", "  north: {parameters: {rate: 6}}\n  south:"),
        *(INTENT, 16, "unreached-override"),
    ),
    "no site at all": (
        edited(FLEET, INTENT, "sites:\n    - north\n  node: n1", "selector: {kind: x}"),
        *(INTENT, 8, "no-site"),
    ),
    "a site of another name": (
        {**FLEET, "sites/west.yaml": site("east")},
        *("sites/west.yaml", 3, "file-name"),
    ),
    "an intent of another name": (OTHER, INTENT, 3, "file-name"),
    "a device in another folder": (
        {**FLEET, "devices/north/n2.yaml": device("south", "n2", "north/n2")},
        *("devices/north/n2.yaml", 4, "file-name"),
    ),
    "a package of another id": (
        edited(FLEET, MARGO, "id: scale", "id: scales"),
        *(MARGO, 2, "file-name"),
    ),
    "a version with a v": (
        {**FLEET, **{p.replace("1.0.0", "v1.0.0"): d for p, d in package().items()}},
        *("apps/scale/v1.0.0/margo.yaml", 5, "tag-version"),
    ),
    "a missing icon": (without(FLEET, "apps/scale/1.0.0/resources/icon"), MARGO, 8, "package-file"),
    "a path outside": (
        edited(FLEET, MARGO, "resources/icon.png", "../icon.png"),
        *(MARGO, 8, "package-file"),
    ),
    "a missing module": (
        without(FLEET, "apps/scale/1.0.0/resources/reader"),
        *(MARGO, 20, "component-file"),
    ),
    "no lock": (without(FLEET, LOCK), MARGO, 1, "lock"),
    "a lock of other bytes": (edited(FLEET, MARGO, "name: Scale", "name: Scales"), LOCK, 1, "lock"),
    "a lock of another version": (
        edited(FLEET, LOCK, '"version":"1.0.0"', '"version":"1.0.1"'),
        *(LOCK, 1, "file-name"),
    ),
    "a lock without a component": (
        edited(FLEET, LOCK, '"component":"reader"', '"component":"writer"'),
        *(LOCK, 1, "lock"),
    ),
    "two devices of one id": (
        {**FLEET, "devices/north/n2.yaml": device("north", "n2", "north/n1")},
        *("devices/north/n2.yaml", 5, "duplicate-device"),
    ),
    "a child without its parent": (
        {**FLEET, "devices/north/n2.yaml": device("north", "n2", "north/gateway/n2")},
        *("devices/north/n2.yaml", 5, "parent-device"),
    ),
    "a device of no site": (
        {**FLEET, "devices/west/w1.yaml": device("west", "w1", "w1")},
        *("devices/west/w1.yaml", 4, "dangling-site"),
    ),
    "a site where a deployment stands": (
        {**FLEET, "deployments/west.yaml": site("west")},
        *("deployments/west.yaml", 2, "place-kind"),
    ),
    "a stray file": ({**FLEET, "sites/notes.txt": b"x"}, "sites/notes.txt", 1, "place"),
    "a newer default of an immutable parameter": (
        {**FLEET, **package("1.10.0", unit="lb")},
        *("apps/scale/1.10.0/margo.yaml", 29, "immutable-default"),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_broken_rule_is_found_at_its_line(case: Case) -> None:
    tree, path, line, rule = case
    assert (path, line, rule) in told(found(tree))


CAPABILITIES = {
    "properties": {
        "id": "north/n1",
        "vendor": "Example",
        "modelNumber": "1",
        "serialNumber": "1",
    }
}


def test_capabilities_are_of_the_device_beside_them() -> None:
    beside = json.dumps(CAPABILITIES).encode()
    assert found({**FLEET, "devices/north/n1.capabilities.json": beside}) == []
    other = {**FLEET, "devices/south/s1.capabilities.json": beside}
    assert [finding.rule for finding in found(other)] == ["capabilities-id"]
    alone = {**FLEET, "devices/south/s9.capabilities.json": beside}
    assert [finding.rule for finding in found(alone)] == ["capabilities-device"]


def test_a_gateway_makes_its_children_right() -> None:
    gateway = {
        "devices/north/gateway.yaml": device("north", "gateway"),
        "devices/north/n2.yaml": device("north", "n2", "north/gateway/n2"),
    }
    assert found({**FLEET, **gateway}) == []


def test_every_wrong_value_is_told_in_one_pass() -> None:
    tree = edited(edited(FLEET, INTENT, "rate: 5", 'rate: 50\n  unit: ""'), INTENT, "6", "60")
    lines = [line for _, line, rule in told(found(tree)) if rule == "parameter-value"]
    assert lines == [14, 18]  # the 50 reaches nobody: the only site has a value of its own


def test_a_document_with_faults_of_its_own_makes_no_other_dangle() -> None:
    broken = {**FLEET, "sites/north.yaml": b"id: [", MARGO: b"id: ["}
    assert {finding.rule for finding in found(broken)} <= {"lock"}


def test_a_version_never_changes() -> None:
    for changed, path in (
        (edited(FLEET, MARGO, "name: Scale", "name: Scales"), MARGO),
        ({**FLEET, "apps/scale/1.0.0/resources/new": b""}, "apps/scale/1.0.0/resources/new"),
        (without(FLEET, "apps/scale/1.0.0/resources/icon"), MARGO),
    ):
        assert (path, 1, "version-changed") in told(found(changed, before=FLEET))
    assert found(TWO, before=FLEET) == []


def test_an_immutable_parameter_keeps_the_value_that_runs() -> None:
    set_now = edited(FLEET, INTENT, "rate: 5", "unit: lb")
    assert told(found(set_now, before=FLEET)) == [(INTENT, 13, "immutable-parameter")]
    assert found(edited(FLEET, INTENT, "rate: 5", "unit: kg"), before=FLEET) == []
    assert found(edited(FLEET, INTENT, "rate: 5", "rate: 7"), before=FLEET) == []


def test_a_newer_version_may_not_change_an_immutable_default_unseen() -> None:
    newer = {**FLEET, **package("1.1.0", unit="lb")}
    moved = edited(newer, INTENT, '"1.0.0"', '"1.1.0"')
    assert "immutable-parameter" in {finding.rule for finding in found(moved, before=newer)}


def test_a_site_that_is_reached_for_the_first_time_may_be_set_as_it_likes() -> None:
    more = edited(FLEET, INTENT, "- north\n  node: n1", "- north\n    - south")
    more = edited(more, INTENT, "overrides:", "overrides:\n  south:\n    parameters: {unit: lb}")
    assert found(more, before=FLEET) == []


APP = {path.removeprefix("apps/scale/1.0.0/"): data for path, data in package().items()}


@pytest.mark.parametrize(
    ("tag", "rules"), [("1.0.0", []), ("v1.0.0", ["tag-version"]), ("nightly", [])]
)
def test_the_tag_of_a_commit_is_the_version(tag: str, rules: list[str]) -> None:
    app = {path: data for path, data in APP.items() if not path.startswith("locks/")}
    assert [f.rule for f in found(app, layout=Layout.APP, tags=(tag,))] == rules


def test_a_missing_icon_is_an_error_where_it_can_be_mended() -> None:
    app = {path: data for path, data in APP.items() if not path.endswith("icon.png")}
    assert [f.severity for f in found(app, layout=Layout.APP)] == ["error"]
    theirs = found(without(FLEET, "apps/scale/1.0.0/resources/icon"))
    assert [f.severity for f in theirs] == ["warning"]


ID = "8f14e45f-ceea-4670-8d6e-6f6b1d2f6f01"


def site_tree() -> dict[str, bytes]:
    components = tuple(
        Component(name=name, repository=f"oci://registry.example/{name}", revision="1.0.0")
        for name in ("reader", "writer")
    )
    deployment = ApplicationDeployment(
        id=ID,
        name="weigh",
        namespace="plant",
        application_id="scale",
        device_id="north/*",
        type=ProfileType.COMPOSE,
        components=components,
    )
    document = margo.write_deployment(deployment, Dialect.D)
    parts = tuple(ComponentStatus(name=c.name, state=State.INSTALLED) for c in components)
    status = DeploymentStatus(
        deployment_id=ID,
        device_id="north/n1",
        adopted=1,
        state=State.INSTALLED,
        components=parts,
    )
    return {
        "manifest.json": canonical.dump(manifest_of(1, {ID: document})),
        "deployments/weigh.yaml": document,
        "deployments/weigh/n1.json": margo.write_status(status),
    }


SITE: list[tuple[Callable[[dict[str, bytes]], dict[str, bytes]], str, str]] = [
    (
        lambda t: {**t, "deployments/weigh.yaml": t["deployments/weigh.yaml"] + b"# x\n"},
        *("manifest.json", "manifest-digest"),
    ),
    (
        lambda t: without(t, "deployments/weigh.yaml"),
        *("manifest.json", "manifest-documents"),
    ),
    (
        lambda t: {**t, "manifest.json": canonical.dump(manifest_of(1, {}))},
        *("deployments/weigh.yaml", "manifest-documents"),
    ),
    (
        lambda t: edited(t, "manifest.json", ID, f"0{ID[1:]}"),
        *("manifest.json", "deployment-id"),
    ),
    (
        lambda t: edited(t, "manifest.json", '"sizeBytes":', '"sizeBytes":1'),
        *("manifest.json", "manifest-digest"),
    ),
    (
        lambda t: edited(t, "deployments/weigh/n1.json", "writer", "printer"),
        *("deployments/weigh/n1.json", "status-components"),
    ),
]


def test_a_rendered_tree_has_no_finding() -> None:
    assert found(site_tree(), layout=Layout.SITE) == []


@pytest.mark.parametrize(("change", "path", "rule"), SITE)
def test_a_site_tree_that_does_not_add_up_is_found(
    change: Callable[[dict[str, bytes]], dict[str, bytes]], path: str, rule: str
) -> None:
    findings = found(change(site_tree()), layout=Layout.SITE)
    assert {(finding.path, finding.rule) for finding in findings} == {(path, rule)}


@given(st.dictionaries(st.sampled_from(sorted(FLEET)), st.binary(max_size=60), max_size=4))
def test_whatever_the_bytes_are_it_is_findings_and_no_exception(noise: dict[str, bytes]) -> None:
    found({**FLEET, **noise}, before=FLEET)


@given(st.sets(st.sampled_from(sorted(FLEET))))
def test_a_fleet_with_files_missing_never_fails_otherwise(gone: set[str]) -> None:
    findings = found({path: data for path, data in FLEET.items() if path not in gone})
    assert {finding.path for finding in findings}.isdisjoint(gone)


@pytest.mark.parametrize("path", [p for p in FLEET if p.endswith((".yaml", ".json"))])
def test_a_verdict_survives_being_kept(path: str) -> None:
    verdict = judge(FLEET[path])
    assert decoded(verdict.encoded()) == verdict


def test_every_rule_says_what_it_asks_why_and_what_to_do() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.asks and rule.why and rule.cure for rule in RULES)
