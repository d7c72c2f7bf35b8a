"""Parameters through the command: typed, judged, shown, secret, immutable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import margo

MARGO = """\
apiVersion: v1
id: meter
metadata:
  name: Meter
  version: "VERSION"
  catalog: {organization: [{name: margo-gitops}]}
deploymentProfiles:
  - type: custom
    id: wasm
    components:
      - name: meter
        properties: {repository: "oci://fleet.invalid/meter/meter", revision: VERSION}
        x-margo-gitops-extensions: {artifact: resources/meter.wasm, kind: service}
    deviceConstraints:
      eligibilityRules:
        - labelSelector:
            matchExpressions: [{key: margo-gitops/wasi, operator: Exists}]
parameters:
  port: {value: 8080, targets: [{pointer: PORT, components: [meter]}]}
  line: {value: a, targets: [{pointer: LINE, components: [meter]}]}
  db-password: {targets: [{pointer: DB_PASSWORD, components: [meter]}]}
configuration:
  sections:
    - name: All
      settings:
        - {parameter: port, name: Port, schema: port}
        - {parameter: line, name: Line, schema: word, immutable: true}
        - {parameter: db-password, name: Password, schema: word}
  schema:
    - {name: port, dataType: integer, minValue: 1024}
    - {name: word, dataType: string, maxLength: 20}
"""
GIVEN = ("--secret", "db-password=db")


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    assert margo("init", "plant", "--open", cwd=tmp_path).returncode == 0
    plant = tmp_path / "plant"
    for site in ("north", "south", "west"):
        assert margo("site", "add", site, cwd=plant).returncode == 0
    for version in ("1.0.0", "1.1.0"):
        package = tmp_path / version
        (package / "resources").mkdir(parents=True)
        (package / "margo.yaml").write_text(MARGO.replace("VERSION", version))
        (package / "resources" / "meter.wasm").write_bytes(b"\0asm\1\0\0\0")
        done = margo("app", "add", str(package), cwd=plant)
        assert done.returncode == 0, done.stderr
    return plant


def told(*words: str, cwd: Path, code: int = 0) -> str:
    done = margo(*words, cwd=cwd)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_an_application_shows_values_rules_and_what_is_missing(fleet: Path) -> None:
    text = told("app", "show", "meter@1.0.0", "--param", "port=80", cwd=fleet)
    assert "port = 80\n    integer, 1024 or more, not empty\n    goes to PORT of meter" in text
    assert "found 80, expected at least 1024" in text
    assert "string, at most 20 characters, not empty, immutable" in text
    assert "db-password = nothing" in text
    assert "must be given; --secret db-password=NAME" in text
    words = ("app", "show", "meter", "--json", *GIVEN, "--param", "port=9000")
    shown = json.loads(told(*words, cwd=fleet))["profiles"][0]["parameters"]
    by_name = {parameter["name"]: parameter for parameter in shown}
    assert by_name["port"]["value"] == 9000
    assert by_name["port"]["targets"] == [{"pointer": "PORT", "component": "meter"}]
    assert by_name["line"]["immutable"] is True
    assert by_name["db-password"]["value"] == {"fromSite": "db"}
    assert [parameter["problem"] for parameter in shown] == [None] * 3
    assert "has no profile helm" in told(
        "app", "show", "meter", "--profile", "helm", cwd=fleet, code=1
    )
    assert "no parameter prot" in told("app", "show", "meter", "-p", "prot=1", cwd=fleet, code=1)


def test_a_dry_run_shows_sites_of_equal_values_together(fleet: Path) -> None:
    sites = [word for site in ("north", "south", "west") for word in ("--site", site)]
    deploy = ("deploy", "meter@1.0.0", *sites, *GIVEN)
    text = told(*deploy, "--dry-run", cwd=fleet)
    assert "3 sites alike: north, south, west\n  port = 8080\n  line = a\n" in text
    assert "db-password = from site: db" in text
    assert "port" not in told("site", "show", "north", cwd=fleet)
    told(*deploy, cwd=fleet)
    words = ("set", "meter", "--at", "west:port=9000", "--dry-run", "--json")
    groups = json.loads(told(*words, cwd=fleet))["values"]
    assert [group["sites"] for group in groups] == [["north", "south"], ["west"]]
    assert [group["values"]["port"] for group in groups] == [8080, 9000]
    assert groups[0]["values"]["db-password"] == {"fromSite": "db"}


def test_all_that_is_wrong_is_told_before_anything_is_written(fleet: Path) -> None:
    words = ("deploy", "meter", "--site", "north", "--param", "port=80", "--param", "line=")
    text = told(*words, cwd=fleet, code=1)
    for part in ("port: found 80", "line: found an empty value", "db-password has no default"):
        assert part in text
    assert "--param port=VALUE" in text
    assert not (fleet / "deployments" / "meter.yaml").exists()


def test_a_secret_is_named_and_not_given_on_the_command_line(fleet: Path) -> None:
    base = ("deploy", "meter", "--site", "north")
    both = told(*base, *GIVEN, "--param", "db-password=x", cwd=fleet, code=2)
    assert "by --param and by --secret" in both
    text = told(*base, "--secret", "db-password=Correct Horse", cwd=fleet, code=2)
    assert "the name of a file" in text
    assert "Horse" not in text
    told(*base, *GIVEN, cwd=fleet)
    assert "fromSite: db" in (fleet / "deployments" / "meter.yaml").read_text()


def test_an_immutable_setting_stays_whoever_changes_it(fleet: Path) -> None:
    told("deploy", "meter@1.0.0", "--site", "north", *GIVEN, cwd=fleet)
    for words in (
        ("--param", "line=b"),
        ("--at", "north:line=b"),
        ("--version", "1.1.0", "--param", "line=b"),
    ):
        text = told("set", "meter", *words, cwd=fleet, code=1)
        assert "line is immutable: it is a, and b is asked for (at north)" in text
        assert "--name ANOTHER" in text
    told("set", "meter", "--param", "port=9000", cwd=fleet)
    told("set", "meter", "--version", "1.1.0", cwd=fleet)
    told("set", "meter", "--at", "south:line=b", "--add-site", "south", cwd=fleet)
    told("rollback", "meter", "--to", "1.0.0", cwd=fleet)
