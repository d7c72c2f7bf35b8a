"""Names in registries: two spellings, one meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.artifacts.reference import Reference, parse_reference
from margo_gitops.errors import Usage

DIGEST = "sha256:" + "0f" * 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nginx", Reference("docker.io", "library/nginx", "latest")),
        ("nginx:1.27", Reference("docker.io", "library/nginx", "1.27")),
        ("grafana/loki", Reference("docker.io", "grafana/loki", "latest")),
        ("ghcr.io/a/b:1", Reference("ghcr.io", "a/b", "1")),
        ("localhost/a", Reference("localhost", "a", "latest")),
        ("host:5000/a:1", Reference("host:5000", "a", "1")),
        (f"host:5000/a@{DIGEST}", Reference("host:5000", "a", None, DIGEST)),
        (f"host:5000/a:1@{DIGEST}", Reference("host:5000", "a", "1", DIGEST)),
        ("oci://host/a/b", Reference("host", "a/b", "latest")),
        ("oci://host/a:v1", Reference("host", "a", "v1")),
        ("oci://[::1]:5000/a:v1", Reference("[::1]:5000", "a", "v1")),
    ],
)
def test_both_spellings(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "oci://",
        "oci://host",
        "oci://host/",
        "oci://user:secret@host/a",
        "oci://host/A",
        "oci://host/../a",
        "oci://host/a/../../b",
        "oci://host/a?x=1",
        "oci://host/a#b",
        "oci://host/a:../b",
        "oci://host/a b",
        "host/a@sha256:short",
        f"host/a@{DIGEST.upper()}",
        "host:99999999/a",
        "a" * 600,
        "oci://ho\nst/a",
    ],
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(Usage, match="no name in a registry"):
        parse_reference(text)


@given(st.text(max_size=60))
def test_whatever_is_taken_is_written_as_it_is_read(text: str) -> None:
    try:
        found = parse_reference(text)
    except Usage:
        return
    assert parse_reference(f"oci://{found}") == found
    assert ".." not in found.repository
    assert not set("?#% \\\n") & set(str(found))


def test_a_mirror_has_the_same_under_its_own_name() -> None:
    found = parse_reference("oci://host/a/b:1")
    assert str(found.at("near:5000")) == "near:5000/a/b:1"
    assert str(found.at("oci://near/cache/")) == "near/cache/a/b:1"
    with pytest.raises(Usage):
        found.at("near/../x")


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1:5000", True),
        ("localhost", True),
        ("localhost:80", True),
        ("[::1]:5000", True),
        ("host", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example:1", False),
    ],
)
def test_only_loopback_is_loopback(host: str, answer: bool) -> None:
    assert Reference(host, "a").is_loopback is answer
