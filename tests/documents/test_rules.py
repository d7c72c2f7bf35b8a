"""Each rule, both ways: the right document does not break it, one change does, on its line."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from margo_gitops.documents import fleet
from margo_gitops.documents.catalogue import RULES
from margo_gitops.documents.check import check
from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.findings import Finding
from margo_gitops.documents.rule import Rule
from tests.documents import bases


@dataclass(frozen=True)
class Case:
    """`rule` is broken in `base` once `old` is `new`; `below` says how many lines further down."""

    rule: str
    base: str
    old: str
    new: str
    below: int = 0

    def __str__(self) -> str:
        return f"{self.rule} {self.new[:30]!r}"

    @property
    def text(self) -> str:
        return getattr(bases, self.base) if self.base else ""

    @property
    def broken(self) -> str:
        assert self.text.count(self.old) >= 1, f"{self.old!r} is not in {self.base}"
        return self.text.replace(self.old, self.new, 1) if self.base else self.new

    @property
    def line(self) -> int:
        if not self.base:
            return 1 + self.below
        return self.text[: self.text.index(self.old)].count("\n") + 1 + self.below


ID = "7b1e3a52-6d5f-4c39-9f0e-51b6a1f0c2d4"
CASES = [
    # the file
    Case("encoding", "", "", "a: \udcff\n"),
    Case("yaml-syntax", "STATUS_D", "  state: failed\n", "  state: [failed\n", below=1),
    Case("bounds", "", "", "[" * 100 + "]" * 100),
    Case("duplicate-key", "STATUS_D", "deviceId: north/press\n", "deploymentId: x\n"),
    Case("yaml-ambiguous", "STATUS_D", "deviceId: north", "deviceId: !!binary north"),
    Case("one-document", "STATUS_D", "deviceId", "---\ndeviceId", below=0),
    Case("empty-document", "", "", "# nothing\n"),
    Case("template", "DEPLOYMENT_D", "namespace: mill", "namespace: {{ namespace }}"),
    Case("template", "DEPLOYMENT_D", "name: scale-stack", 'name: "{{ component }}"'),
    # what it is
    Case("kind", "STATUS_B", "DeploymentStatusManifest", "StatusOfSomething"),
    Case("sandbox", "DEPLOYMENT_B", "application.margo.org/v1alpha1", "margo.org/v1alpha1"),
    Case("version", "INTENT", "margo-gitops/v1", "margo-gitops/v9"),
    # its shape
    Case("missing-field", "DESCRIPTION_B", "      - name: Example Scales\n", "      - site: x\n"),
    Case("unknown-field", "DESCRIPTION_D", "    id: scale-compose\n", "    ld: x\n    id: a\n"),
    Case("wrong-type", "STATUS_D", "adoptedManifestVersion: 4", "adoptedManifestVersion: '4'"),
    Case("wrong-form", "DESCRIPTION_D", "id: com-example-scale", "id: com.Example_scale"),
    Case("wrong-form", "DEPLOYMENT_D", "north/*", "north//press"),
    Case("wrong-form", "DESCRIPTION_D", "8m30s", "5m"),
    Case("not-allowed", "DESCRIPTION_B", "type: helm.v3", "type: helmchart"),
    Case("not-allowed", "CAPABILITIES_B", "Standalone Device", "Worker"),
    Case("out-of-range", "MANIFEST_D", "manifestVersion: 4", "manifestVersion: 0"),
    # names
    Case("duplicate", "DESCRIPTION_B", "id: scale-compose", "id: scale-helm"),
    Case("duplicate", "DESCRIPTION_B", "      - name: scale\n", "      - name: scale-database\n"),
    Case("duplicate", "DESCRIPTION_B", "- name: sampleCount", "- name: unitWord"),
    Case("duplicate", "STATUS_D", "  - name: scale-stack", "  - name: scale-database"),
    # applications
    Case("other-explained", "DESCRIPTION_D", "amd64, arm64", "other"),
    Case("version-tag", "DESCRIPTION_D", '"1.2.0"', '"v1.2.0"'),
    Case("version-tag", "DESCRIPTION_B", '"1.2.0"', '"1.2 beta"'),
    Case("component-name", "DESCRIPTION_B", "name: scale-database", "name: Scale.Database"),
    Case("timeout", "DESCRIPTION_B", "8m30s", "5m"),
    Case("revision", "DESCRIPTION_D", "revision: 1.2.0", "revision: v1.2.0"),
    Case("wait-alone", "DESCRIPTION_D", "timeout: 8m30s", "wait: false"),
    Case("package-archive", "DESCRIPTION_A", "scale.tar.gz", "compose.yaml"),
    # parameters
    Case("dangling-component", "DESCRIPTION_B", "[scale-stack]", "[scale-compose]"),
    Case("deployed-component", "DEPLOYMENT_D", "[scale-stack]", "[scale]"),
    Case("pointer", "DESCRIPTION_D", "SCALE_UNIT", "PORTS.80"),
    Case("same-target", "DESCRIPTION_D", "SCALE_SAMPLES", "SCALE_UNIT"),
    Case("dangling-parameter", "DESCRIPTION_B", "parameter: unit", "parameter: units"),
    Case("dangling-schema", "DESCRIPTION_B", "schema: sampleCount", "schema: samples"),
    Case("default", "DESCRIPTION_D", "value: 8", "value: 65"),
    Case("default", "DESCRIPTION_D", "value: gram", "value: Gram"),
    Case("schema-rules", "DESCRIPTION_D", "      minValue: 1", "      minValue: 65", below=-2),
    Case("regex", "DESCRIPTION_D", '"^[a-z]+$"', '"^(?=a)a$"'),
    Case("secret-literal", "INTENT", "  unit: gram", "  apiToken: swordfish"),
    Case("secret-literal", "DEPLOYMENT_D", "    unit:", "    adminPassword:", below=1),
    Case("key-material", "INTENT", "unit: gram", "unit: AKIAIOSFODNN7EXAMPLE"),
    # eligibility
    Case("eligibility-operands", "DESCRIPTION_D", "Exists", "In"),
    Case("eligibility-operands", "DESCRIPTION_D", "[2]", "[2, 3]", below=-1),
    Case("eligibility-values", "DESCRIPTION_D", "[ethernet, wifi]", "[ethernet, 2]"),
    Case("eligibility-key", "DESCRIPTION_D", "/interfaces", "interfaces"),
    Case(
        "eligibility-empty",
        "DESCRIPTION_D",
        "        - propertySelector:\n",
        "        - labelSelector: {matchExpressions: []}\n        - propertySelector:\n",
    ),
    Case("custom-labels", "DEPLOYMENT_D", "type: compose", "type: custom"),
    # capabilities
    Case("host-fields", "CAPABILITIES_D", "  supportedRuntimes: [oci]\n", "", below=0),
    Case("custom-runtime", "CAPABILITIES_D", "[compose]", "[compose, custom]", below=-1),
    Case("device-id", "CAPABILITIES_D", "north/press", "north/*"),
    Case("unit", "CAPABILITIES_D", "memory: 59Gi", 'memory: "64"'),
    # statuses
    Case("status-precedence", "STATUS_D", "  state: failed", "  state: installed"),
    Case("status-precedence", "STATUS_B", "    state: installed", "    state: pending", below=-3),
    Case("status-error", "STATUS_B", "  state: installed", "  state: failed"),
    # manifests
    Case("manifest-bundle", "MANIFEST_D", "bundle:\n", "bundle:\nx-a-extensions:\n"),
    Case("manifest-url", "MANIFEST_D", "/api/v1/bundles/sha256:5e", "/api/v1/bundles/sha256:6e"),
    Case("manifest-id", "MANIFEST_D", f"deployments/{ID}", f"deployments/0{ID[1:]}"),
    # leniencies
    Case("unit-space", "CAPABILITIES_B", "59Gi", "59 Gi"),
    Case("arch-x86-64", "DESCRIPTION_D", "[amd64, arm64]", "[x86_64]"),
    Case("role-case", "CAPABILITIES_B", "Standalone Device", "standalone device"),
    Case("wait-text", "DEPLOYMENT_B", "wait: true", 'wait: "true"'),
    Case("version-number", "DESCRIPTION_A", '"1.0"', "1.0"),
    Case(
        "package-location",
        "DEPLOYMENT_D",
        "repository: oci://registry.example/scale\n          revision: 1.2.0",
        "packageLocation: https://packages.example/scale.tar.gz",
    ),
    Case(
        "oci-compose",
        "DESCRIPTION_C",
        "packageLocation: https://packages.example/scale.tar.gz",
        "repository: oci://registry.example/scale\n          revision: 1.2.0",
    ),
    Case("old-header", "CAPABILITIES_D", "properties:", "apiVersion: v1\nproperties:"),
    Case("no-artifact", "DESCRIPTION_A", "          packageLocation:", "          other:"),
    Case("value-type", "DEPLOYMENT_B", "value: gram", "value: 12"),
    Case("value-list", "DEPLOYMENT_D", "value: gram", "value: [gram, ounce]"),
    Case("value-list", "DEPLOYMENT_B", "value: gram", "value: [1, 2]"),
    Case("from-site", "DEPLOYMENT_D", "value: gram", "value: {fromSite: scale-unit}"),
    Case("selector-slip", "DESCRIPTION_D", "values: [2]", "value: [2]"),
    Case("selector-slip", "DESCRIPTION_D", "ContainsAny", "ContainersAny"),
    Case("datatype-case", "DESCRIPTION_B", "dataType: string", "datatype: string", below=-1),
]
ELSEWHERE = {"dialect", "model"}
"""Rules whose cases need more than one changed line; they have tests of their own."""


def findings(text: str) -> list[Finding]:
    return check(text.encode("utf-8", "surrogateescape"), "case.yaml")


@pytest.mark.parametrize("name", sorted(bases.BASES))
def test_a_right_document_has_no_findings(name: str) -> None:
    assert findings(bases.BASES[name]) == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_broken_rule_is_found_on_its_line(case: Case) -> None:
    found = [f for f in findings(case.broken) if f.rule == case.rule]
    assert case.line in [f.line for f in found], findings(case.broken)


@pytest.mark.parametrize("case", [c for c in CASES if RULES[c.rule].lenient], ids=str)
def test_a_leniency_is_a_warning_and_with_strict_an_error(case: Case) -> None:
    data = case.broken.encode()
    assert {f.severity for f in check(data, "x") if f.rule == case.rule} == {"warning"}
    assert {f.severity for f in check(data, "x", strict=True) if f.rule == case.rule} == {"error"}
    assert not [f for f in check(data, "x") if f.severity == "error"]


def test_a_kind_does_not_exist_in_every_dialect() -> None:
    found = check(bases.STATUS_B.encode(), "status.yaml", dialect=Dialect.CP)
    assert [f.rule for f in found] == ["dialect"]


def test_a_document_can_be_judged_as_of_another_dialect() -> None:
    old = bases.STATUS_D.replace("adoptedManifestVersion: 4\n", "")
    assert not [f for f in findings(old) if f.severity == "error"]
    found = check(old.encode(), "status.yaml", dialect=Dialect.D)
    assert [(f.rule, "adoptedManifestVersion" in f.message) for f in found] == [
        ("missing-field", True)
    ]


def test_every_rule_has_a_case() -> None:
    elsewhere = ELSEWHERE | {rule.id for rule in fleet.RULES}
    assert RULES.keys() - {case.rule for case in CASES} - elsewhere == set()


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_says_what_why_and_what_to_do(rule: Rule) -> None:
    assert all(len(text) > 10 for text in (rule.asks, rule.why, rule.cure))
    assert not rule.lenient or rule.severity == "warning"


def test_the_page_of_the_rules_is_the_one_that_they_give() -> None:
    from tests.documents.rules_page import PAGE, page  # noqa: PLC0415  # it imports the cases

    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.documents.rules_page"
