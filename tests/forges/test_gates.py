"""The gates themselves: a double that leaves its description, and a request that does, are seen."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import requests

from margo_gitops.errors import MargoError
from tests.forges.conftest import KINDS, Stand
from tests.forges.described import Described, Operation
from tests.forges.double import BRANCH, TOKEN, Answer
from tests.forges.typescript import Types

ASKED = {
    "github": "/api/v3/repos/plant/fleet/pulls",
    "gitlab": "/api/v4/projects/plant%2Fedge%2Ffleet/merge_requests",
    "forgejo": "/api/v1/repos/plant/fleet/pulls",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spoil", ["unknown", "type", "missing", "status"])
def test_a_reply_that_is_not_described(kind: str, spoil: str) -> None:
    """Unknown names, wrong types, what is required left out, and codes."""
    double = KINDS[kind]()
    honest = double.handle

    def lying(
        one: Operation, parameters: dict[str, str], query: dict[str, str], body: Any
    ) -> Answer:
        status, reply = honest(one, parameters, query, body)
        if one.method == "POST" and isinstance(reply, dict):
            reply = _spoilt(kind, spoil, reply)
            status = 299 if spoil == "status" else status
        return status, reply

    double.handle = lying  # type: ignore[method-assign]
    with double.serve():
        stand = Stand(double)
        with suppress(MargoError):  # where the client looks itself
            stand.forge().open(BRANCH, "a", "b")
        seen = list(double.violations)
    if kind == "forgejo" and spoil == "missing":
        assert seen == []  # Forgejo's description requires nothing
    else:
        assert seen


def _spoilt(kind: str, spoil: str, reply: dict[str, Any]) -> dict[str, Any]:
    if spoil == "unknown":
        return {**reply, "invented": 1}
    if spoil == "type":
        return {**reply, "id": "no number"}
    if spoil == "missing":
        return {key: value for key, value in reply.items() if key != "id"}
    return reply


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_that_is_not_described(kind: str) -> None:
    double = KINDS[kind]()
    with double.serve():
        header = {double.token_header: double.token_prefix + TOKEN}
        base = double.url + ASKED[kind]
        for method, url, body in (
            ("GET", f"{base}?invented=1", None),
            ("POST", base, {"invented": "1"}),
            ("DELETE", base, None),
            ("GET", double.url + "/api/v3/elsewhere", None),
        ):
            double.violations.clear()
            with suppress(requests.ConnectionError):
                requests.request(method, url, headers=header, json=body, timeout=5).close()
            assert double.violations, (method, url)


def test_what_a_description_says_of_types() -> None:
    described = Described("github")
    (one,) = (o for o in described.operations if o.key == "POST /repos/{owner}/{repo}/pulls")
    good = {"title": "x", "head": "a", "base": "b"}
    assert described.request_faults(one, {}, good) == []
    assert described.request_faults(one, {}, {**good, "title": 1})
    assert described.request_faults(one, {}, {"title": "x"})
    assert described.request_faults(one, {}, None)
    listed = next(o for o in described.operations if o.key == "GET /repos/{owner}/{repo}/pulls")
    assert described.request_faults(listed, {"state": "all"}, None) == []
    assert described.request_faults(listed, {"state": "every"}, None)


def test_types_are_read_as_they_are_written() -> None:
    types = Types(
        """
interface Base extends Record<string, unknown> {
    id: number;
    name?: string; // words
}
interface Request extends Base {
    state: 'open' | "closed";
    author: MappedOmit<Base, 'name'> | null;
    labels: string[] | Base[];
    /** words */
    more: { [key: string]: boolean; };
}
type Level = Access.A | Access.B;
"""
    )
    read = types.read("Request")
    assert read["required"] == ["author", "id", "labels", "more", "state"]
    assert read["additionalProperties"] is False
    properties = read["properties"]
    assert properties["state"] == {"enum": ["open", "closed"]}
    assert properties["author"]["anyOf"][0]["properties"] == {"id": {"type": "number"}}
    assert properties["labels"]["anyOf"][1]["items"] == {"$ref": "#/schemas/Base"}
    assert properties["more"]["additionalProperties"] == {"type": "boolean"}
    assert types.read("Level") == {"type": "number"}
