"""An excerpt of a forge's description: is this one of its requests, and that one of its replies?"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

HERE = Path(__file__).parent / "openapi"
_SPANNING = "head"
"""The one parameter that may hold slashes: a branch at the end of a path."""


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    query: dict[str, Any]
    body: dict[str, Any] | None
    replies: dict[str, Any]

    @property
    def key(self) -> str:
        """How a double names it."""
        return f"{self.method} {self.path}"

    def match(self, path: str) -> dict[str, str] | None:
        """The parameters of a path as it was sent; None for another path."""
        parts = re.split(r"\{(\w+)\}", self.path)
        pattern = "".join(
            f"(?P<{p}>{'.+' if p == _SPANNING else '[^/]+'})" if i % 2 else re.escape(p)
            for i, p in enumerate(parts)
        )
        found = re.fullmatch(pattern, path)
        return None if found is None else {k: unquote(v) for k, v in found.groupdict().items()}


class Described:
    """One forge's description."""

    def __init__(self, forge: str) -> None:
        value = json.loads((HERE / f"{forge}.json").read_text())
        self.source: str = value["source"]
        self.schemas: dict[str, Any] = value["schemas"]
        found = [
            Operation(o["method"], o["path"], o["query"], o["body"], o["replies"])
            for o in value["operations"]
        ]
        self.operations = sorted(found, key=lambda o: o.path.count("{"))
        codes = {code for o in found for code in o.replies}
        self._tells_errors = any(int(code) >= 400 for code in codes)
        whole = Resource.from_contents(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", "schemas": self.schemas}
        )
        self._registry: Registry[Any] = Registry().with_resource("urn:excerpt", whole)

    def operation(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """What is asked, and with which parameters; None for what is not described."""
        for one in self.operations:
            if one.method == method and (found := one.match(path)) is not None:
                return one, found
        return None

    def request_faults(self, one: Operation, query: dict[str, str], body: Any) -> list[str]:
        """Everything about a request that is not described."""
        faults = [f"{one.key}: no query {name}" for name in query if name not in one.query]
        for name in query.keys() & one.query.keys():
            faults += self._faults(one.query[name], _typed(query[name]), f"{one.key}?{name}")
        if one.body is None:
            return [*faults, *([f"{one.key}: takes no body"] if body is not None else [])]
        return [*faults, *self._faults(one.body, body, f"{one.key} body")]

    def reply_faults(self, one: Operation, status: int, body: Any) -> list[str]:
        """Everything about a reply that is not described."""
        if status >= 400 and not self._tells_errors:
            return []
        if status == 404 and not any(code.startswith("4") for code in one.replies):
            return []  # GitHub's describes none of some operations, which all may answer so
        if str(status) not in one.replies:
            return [f"{one.key}: no reply {status}"]
        schema = one.replies[str(status)]
        if schema is None:
            return []
        return self._faults(schema, body, f"{one.key} reply {status}")

    def fill(self, name: str, /, **given: Any) -> dict[str, Any]:
        """An instance of a schema with all that it requires, and what is given."""
        made = self._sample(self.schemas[name])
        return {**made, **given}

    def _faults(self, schema: Any, value: Any, where: str) -> list[str]:
        found = self._validator(json.dumps(schema)).iter_errors(value)
        return [f"{where}: {e.json_path}: {e.message[:300]}" for e in found]

    @cache  # noqa: B019
    def _validator(self, schema: str) -> Draft202012Validator:
        placed = json.loads(schema.replace('"#/schemas/', '"urn:excerpt#/schemas/'))
        return Draft202012Validator(placed, registry=self._registry)

    def _sample(self, schema: Any) -> Any:
        if "$ref" in schema:
            return self._sample(self.schemas[schema["$ref"].rpartition("/")[2]])
        for several in ("anyOf", "oneOf"):
            if several in schema:
                kinds = schema[several]
                return None if {"type": "null"} in kinds else self._sample(kinds[0])
        if "allOf" in schema:
            return self._sample(schema["allOf"][0])
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        kind = schema.get("type")
        if kind == "object":
            known = schema.get("properties", {})
            return {n: self._sample(known[n]) for n in schema.get("required", []) if n in known}
        plain = {"array": [], "string": "x", "boolean": False, "integer": 1, "number": 1}
        return plain.get(kind) if isinstance(kind, str) else None


@cache
def described(forge: str) -> Described:
    """A forge's description, read once."""
    return Described(forge)


def _typed(text: str) -> Any:
    return int(text) if text.isascii() and text.isdigit() else text
