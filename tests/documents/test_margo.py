"""Reading and writing the specification's documents."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margo_gitops.documents import margo
from margo_gitops.documents.check import check
from margo_gitops.documents.dialects import Dialect, detect
from margo_gitops.documents.emit import emit
from margo_gitops.documents.yaml import parse
from margo_gitops.errors import Invalid
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.status import DeploymentStatus
from tests.documents import strategies

CORPUS = Path(__file__).parents[3] / "shared" / "conformance"
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@settings(deadline=None)
@given(strategies.deployments_d)
def test_dialect_d_reads_back_what_it_wrote(deployment: ApplicationDeployment) -> None:
    written = margo.write_deployment(deployment, Dialect.D)
    read, dialect = margo.read_deployment(written, "d.yaml")
    assert (read, dialect) == (deployment, Dialect.D)
    assert margo.write_deployment(read, Dialect.D) == written


@settings(deadline=None)
@given(strategies.deployments_b)
def test_dialect_b_reads_back_what_it_wrote(deployment: ApplicationDeployment) -> None:
    written = margo.write_deployment(deployment, Dialect.B)
    read, dialect = margo.read_deployment(written, "b.yaml")
    assert (read, dialect) == (deployment, Dialect.B)
    assert margo.write_deployment(read, Dialect.B) == written


@settings(deadline=None)
@given(strategies.statuses)
def test_a_status_reads_back(status: DeploymentStatus) -> None:
    assert margo.read_status(margo.write_status(status), "status.json") == status


@settings(deadline=None)
@given(strategies.capabilities)
def test_capabilities_are_a_fixed_point(capabilities: DeviceCapabilities) -> None:
    written = margo.write_capabilities(capabilities)
    read, dialect = margo.read_capabilities(written, "capabilities.json")
    assert dialect is Dialect.D
    assert margo.write_capabilities(read) == written
    assert (read.memory, read.deployment_types, read.labels) == (
        capabilities.memory,
        capabilities.deployment_types,
        capabilities.labels,
    )


@given(plain)
def test_what_is_emitted_parses_to_the_same_data(data: object) -> None:
    assert parse(emit(data, comment="test"), "test.yaml").data == data


@settings(max_examples=300)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_data_or_invalid(data: bytes) -> None:
    try:
        parse(data, "any.yaml")
    except Invalid:
        assert any(finding.severity == "error" for finding in check(data, "any.yaml"))
    else:
        check(data, "any.yaml")


BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join('*' + chr(97 + i) for _ in range(9))}]\n".encode()
    for i in range(8)
)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(BOMB, "100", id="aliases"),
        pytest.param(b"[" * 5000, "64 levels", id="depth"),
        pytest.param(b"a: " + b"x" * (1 << 20), "", id="size"),
        pytest.param(b"a: 1\na: 2\n", "a", id="duplicate key"),
        pytest.param(b"a: \x00\n", "", id="nul"),
        pytest.param(b"a: \xff\xfe\n", "", id="no utf-8"),
        pytest.param(b"!!python/object:os.system {}\n", "", id="tag"),
        pytest.param(b"a: 1\n---\nb: 2\n", "", id="two documents"),
        pytest.param(b"a: .nan\n", "", id="not a number"),
        pytest.param(b"? [1]\n: x\n", "", id="key"),
    ],
)
def test_a_hostile_document_is_refused_in_words(data: bytes, told: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(data, "evil.yaml")
    assert str(caught.value).startswith("evil.yaml:")
    assert told in str(caught.value)


def test_yaml_is_1_2() -> None:
    data = parse(b"a: on\nb: no\nc: 0o17\nd: 2026-01-01\ne: 1.0\nf: '1'\r\n", "x.yaml").data
    assert data == {"a": "on", "b": "no", "c": 15, "d": "2026-01-01", "e": 1.0, "f": "1"}


def rows() -> list[tuple[str, str]]:
    """File and expected verdict of the corpus; empty where it is not at hand."""
    if not (CORPUS / "INDEX.md").is_file():
        return []
    lines = (CORPUS / "INDEX.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.split("|")] for line in lines if line.startswith("| `")]
    return [(row[1].strip("`"), row[5]) for row in cells]


@pytest.mark.skipif(not rows(), reason="the conformance corpus is not at hand")
def test_the_corpus_gets_the_verdicts_of_its_index() -> None:
    wrong = []
    for name, expected in rows():
        data = (CORPUS / name).read_bytes()
        errors = [f for f in check(data, name) if f.severity == "error"]
        unread = any(f.rule in {"dialect", "kind"} for f in errors)
        if unread and not expected.startswith("invalid"):
            continue
        if expected.startswith("valid 2024"):
            continue
        if expected.startswith("valid") == bool(errors) and not expected.startswith("not "):
            wrong.append((name, expected, [str(e) for e in errors]))
        if not errors and expected.startswith("invalid"):
            wrong.append((name, expected, []))
    assert wrong == []


@pytest.mark.skipif(not rows(), reason="the conformance corpus is not at hand")
def test_every_readable_document_of_the_corpus_is_written_back_in_its_dialect() -> None:
    written = 0
    for name, expected in rows():
        if "ApplicationDeployment" not in name or not expected.startswith("valid"):
            continue
        data = (CORPUS / name).read_bytes()
        found = detect(parse(data, name).data)
        if found is None or found[1] not in {Dialect.B, Dialect.D}:
            continue
        deployment, dialect = margo.read_deployment(data, name)
        if dialect is Dialect.D and deployment.components[0].package_location:
            with pytest.raises(Invalid, match="packageLocation"):
                margo.write_deployment(deployment, dialect)
            continue
        again = margo.write_deployment(deployment, dialect)
        assert margo.read_deployment(again, name)[0] == deployment
        written += 1
    assert written
