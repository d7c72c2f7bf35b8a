"""Type declarations of TypeScript as JSON Schema: as much of the language as two clients need."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]

_TOKEN = re.compile(
    r"/\*.*?\*/|//[^\n]*|(?P<t>'[^']*'|\"[^\"]*\"|[A-Za-z_$][\w$]*|\d+|\[\]|[{}()\[\]<>|&;:?,=.-])",
    re.DOTALL,
)
_PLAIN: dict[str, Schema] = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "null": {"type": "null"},
    "unknown": {},
    "any": {},
    "never": {"not": {}},
    "true": {"const": True},
    "false": {"const": False},
}


class Types:
    """The declarations of one file, each turned into a schema when it is asked for."""

    def __init__(self, text: str) -> None:
        self._found: dict[str, str] = {}
        for match in re.finditer(r"^(?:export )?(interface|type) (\w+)", text, re.MULTILINE):
            end = text.find("\n}" if match[1] == "interface" else ";\n", match.end())
            self._found.setdefault(match[2], text[match.start() : end + 2])
            if match[1] == "type" and "{" in text[match.end() : end]:
                close = text.find("\n};\n", match.end())
                self._found[match[2]] = text[match.start() : close + 3]
        self.used: dict[str, Schema] = {}

    def named(self, name: str) -> Schema:
        """A reference to a declaration, which is then one of `used`."""
        if name not in self.used:
            self.used[name] = {}
            self.used[name].update(self.read(name))
        return {"$ref": f"#/schemas/{name}"}

    def read(self, name: str) -> Schema:
        """A declaration; `KeyError` where the file has none of that name."""
        return _Reader(self._found[name], self.named, self.read).declaration()

    def has(self, name: str) -> bool:
        """Whether the file declares it."""
        return name in self._found


class _Reader:
    def __init__(
        self, text: str, named: Callable[[str], Schema], read: Callable[[str], Schema]
    ) -> None:
        self._tokens = [m["t"] for m in _TOKEN.finditer(text) if m["t"]]
        self._at, self._named, self._read = 0, named, read

    def declaration(self) -> Schema:
        if self._take() == "export":
            self._take()
        kind = self._tokens[self._at - 1]
        self._take()
        if kind == "type":
            self._expect("=")
            return self._union()
        parents = []
        if self._next() == "extends":
            self._take()
            parents.append(self._flat(self._one()))
        made = self._flat(self._object())
        optional = set(made["properties"]) - set(made["required"])
        for parent in parents:
            made["properties"] = {**parent.get("properties", {}), **made["properties"]}
            kept = set(parent.get("required", [])) - optional
            made["required"] = sorted({*made["required"], *kept})
        return made

    def _union(self) -> Schema:
        if self._next() == "|":
            self._take()
        found = [self._array()]
        while self._next() == "|":
            self._take()
            found.append(self._array())
        if all(one == found[0] for one in found):
            return found[0]
        if all(set(one) == {"const"} for one in found):
            return {"enum": [one["const"] for one in found]}
        return {"anyOf": found}

    def _array(self) -> Schema:
        one = self._one()
        while self._next() == "[]":
            self._take()
            one = {"type": "array", "items": one}
        return one

    def _one(self) -> Schema:
        token = self._next()
        if token == "{":
            return self._object()
        self._take()
        if token == "(":
            inner = self._union()
            self._expect(")")
            return inner
        if token[0] in "'\"" or token.isdigit():
            return {"const": int(token) if token.isdigit() else token[1:-1]}
        return dict(_PLAIN[token]) if token in _PLAIN else self._reference(token)

    def _reference(self, token: str) -> Schema:
        if self._next() == "<":
            return self._generic(token)
        if self._next() == ".":  # a member of an enumeration of numbers
            self._at += 2
            return {"type": "number"}
        return self._named(token)

    def _generic(self, name: str) -> Schema:
        self._expect("<")
        arguments = [self._union()]
        while self._next() == ",":
            self._take()
            arguments.append(self._union())
        self._expect(">")
        if name == "Array":
            return {"type": "array", "items": arguments[0]}
        if name == "Record":
            return {"type": "object", "properties": {}, "required": []}
        names = set(arguments[1].get("enum", [arguments[1].get("const")]))
        base = self._flat(arguments[0])
        if name not in {"Pick", "Omit", "MappedOmit"}:
            raise ValueError(name)
        keep = {key for key in base["properties"] if (key in names) == (name == "Pick")}
        return {
            **base,
            "properties": {k: v for k, v in base["properties"].items() if k in keep},
            "required": [k for k in base["required"] if k in keep],
        }

    def _object(self) -> Schema:
        self._expect("{")
        properties: dict[str, Schema] = {}
        required = []
        others: Any = False
        while self._next() != "}":
            name = self._take().strip("'\"")
            if name == "[":  # [key: string]: whatever
                while self._take() != "]":
                    pass
                self._expect(":")
                others = self._union()
                self._take()
                continue
            if self._next() == "?":
                self._take()
            else:
                required.append(name)
            self._expect(":")
            properties[name] = self._union()
            if self._next() in {";", ","}:
                self._take()
        self._expect("}")
        made = {"type": "object", "properties": properties, "required": sorted(required)}
        return {**made, "additionalProperties": others}

    def _flat(self, schema: Schema) -> Schema:
        """The object behind a reference, to take parts of."""
        reference = schema.get("$ref")
        found = schema if reference is None else self._read(reference.rpartition("/")[2])
        return dict(json.loads(json.dumps(found)))

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, token: str) -> None:
        found = self._take()
        if found != token:
            raise ValueError(f"found {found!r}, expected {token!r}")
