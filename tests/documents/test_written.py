"""A status known by writing it again is the one that the parser reads; all else is the parser's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margo_gitops.documents import canonical, margo, written
from margo_gitops.documents.dialects import Dialect
from margo_gitops.errors import MargoError
from margo_gitops.model.status import DeploymentStatus
from tests.documents import strategies

PLAIN: dict[str, Any] = {
    "adoptedManifestVersion": 2,
    "components": [{"name": "hello", "state": "installed"}],
    "deploymentId": "1309c7c2-a352-5f40-acf2-c44bcf8783c0",
    "deviceId": "north/n1",
    "status": {"state": "installed"},
    "x-margo-gitops-extensions": {"driver": "wasm", "why": "install hello: new in 30669d68a5fd"},
}
OTHER: st.SearchStrategy[Any] = st.sampled_from(
    [0, -1, 1, 1.5, 2**60, True, None, "", "a/*", "é", "\x7f", "\\", [], {}]
)


def parsed(data: bytes) -> DeploymentStatus | None:
    try:
        return margo.read_status(data, "made")
    except MargoError:
        return None


def test_our_own_status_is_known_without_the_parser() -> None:
    data = canonical.dumps(PLAIN)
    found = written.read_status(data)
    assert found is not None
    assert found == parsed(data)
    assert margo.write_status(found) == data


@given(status=strategies.statuses(Dialect.D))
def test_what_is_known_is_what_the_parser_reads(status: DeploymentStatus) -> None:
    data = margo.write_status(status)
    known = written.read_status(data)
    assert known is None or known == parsed(data)


@settings(max_examples=300)
@given(data=st.data())
def test_nothing_is_known_that_the_parser_refuses(data: st.DataObject) -> None:
    wire: Any = json.loads(json.dumps(PLAIN))
    parts = [wire, wire["status"], *wire["components"]]
    for _ in range(data.draw(st.integers(1, 3))):
        part = data.draw(st.sampled_from(parts))
        key = data.draw(st.sampled_from([*part, "x-a-extensions", "error", "kind", "<<"]))
        if data.draw(st.booleans()):
            part.pop(key, None)
        else:
            part[key] = data.draw(OTHER)
    text = json.dumps(wire, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    known = written.read_status(text)
    assert known is None or known == parsed(text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"[" * 5000,
        json.dumps(PLAIN).encode(),
        canonical.dumps({**PLAIN, "x-a-extensions": {"k" * 2000: 1}}),
        canonical.dumps({**PLAIN, "x-a-extensions": {"<<": 1}}),
        canonical.dumps({**PLAIN, "deviceId": "north/*"}),
        canonical.dumps({**PLAIN, "adoptedManifestVersion": 0}),
        canonical.dumps(PLAIN).replace(b"wasm", b"w\\u0061sm"),
        canonical.dumps(PLAIN).replace(b'"driver":"wasm"', b'"driver":1.5'),
        canonical.dumps(PLAIN).replace(b'"why"', b'"driver":"x","why"'),
        canonical.dumps(PLAIN) + b"\n",
        canonical.dumps({**PLAIN, "x-a-extensions": "w" * (70 << 10)}),
    ],
)
def test_what_is_not_ours_to_the_byte_is_for_the_parser(data: bytes) -> None:
    assert written.read_status(data) is None
