"""The JSON Schemas of this project, and everything that a document breaks of one."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from margo_gitops.documents import plain, quick
from margo_gitops.documents.dialects import Dialect, Kind
from margo_gitops.documents.faults import message, missing, shown
from margo_gitops.documents.findings import Finding, Path, Severity
from margo_gitops.documents.leniency import Breach, leniency
from margo_gitops.documents.rule import Fault, Rule
from margo_gitops.documents.rules.shape import NOT_ALLOWED, OF_KEYWORD, UNKNOWN_FIELD
from margo_gitops.documents.yaml import Parsed
from margo_gitops.errors import Stalled

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

BASE = "https://margo-gitops.invalid/schemas/"


@cache
def schema(name: str) -> dict[str, Any]:
    """The schema `own/<Kind>` or what `margo` names, from the package or from a checkout.

    `name` is one of ours, never a document's. Raises `Stalled` where the installation lacks it.
    """
    package = resources.files("margo_gitops")
    for folder in (package / "data" / "schemas", package / ".." / "schemas"):
        file = folder / f"{name}.json"
        if file.is_file():
            found: dict[str, Any] = json.loads(file.read_bytes())
            return found
    raise Stalled(f"the schema {name} is not in this installation", help="margo doctor")


def margo(kind: Kind, dialect: Dialect) -> str:
    """The name of a Margo document's schema: `margo/ApplicationDescription.CM`."""
    return f"margo/{kind}.{dialect.name}"


def address(name: str) -> str:
    """The schema's `$id`, as generated documents name it."""
    return f"{BASE}{name}.json"


def validate(
    name: str, parsed: Parsed, where: str, *, unknown: Severity = "error"
) -> list[Finding]:
    """All that breaks the schema, unordered; `unknown` is how a field of nobody's counts.

    In a Margo document a fault that a named leniency covers is a warning under that rule's name.
    """
    return [fault.placed(parsed, where) for fault in faults(name, parsed.data, unknown=unknown)]


def plainly_right(name: str, data: Any, beside: Collection[str] = ()) -> bool:
    """Whether a short look finds the schema kept; False says nothing.

    Of a closed schema the fields `beside` it, which it does not have, are passed over.
    """
    known = schema(name)
    if beside and known.get("additionalProperties") is False:
        named = known.get("properties", {})
        data = {key: held for key, held in data.items() if key in named or key not in beside}
    return plain.plainly_right(data, known)


def faults(name: str, data: Any, *, unknown: Severity = "error") -> Iterator[Fault]:
    """As `validate`, before anything has a line."""
    if plain.plainly_right(data, schema(name)):
        return
    for error in _validator(name).iter_errors(data):
        yield from _faults(name, _telling(error), unknown)


@cache
def _validator(name: str) -> Validator:
    return quick.validator(schema(name))


def _faults(name: str, error: Any, unknown: Severity) -> Iterator[Fault]:
    path: Path = tuple(error.absolute_path)
    keyword = str(error.validator)
    breach = Breach(name, keyword, path, error.instance, error.validator_value)
    if keyword == "additionalProperties":
        for key in _extra(error):
            rule = _lenient(replace(breach, field=key)) or UNKNOWN_FIELD
            severity = unknown if rule is UNKNOWN_FIELD else rule.severity
            text = f"found the field {shown(key)}, which {_place(path)} does not have"
            yield replace(rule.broken((*path, key), text, on_key=True), severity=severity)
        return
    if keyword == "required":
        breach = replace(breach, field=missing(error))
    rule = _lenient(breach) or OF_KEYWORD.get(keyword, NOT_ALLOWED)
    yield rule.broken(path, f"{_place(path)}: {message(error)}")


def _lenient(breach: Breach) -> Rule | None:
    return leniency(breach) if breach.schema.startswith("margo/") else None


def _telling(error: Any) -> Any:
    """Of alternatives that all failed, the fault of the one that came nearest."""
    if not error.context:
        return error
    kinds = {(cause.validator, len(cause.relative_path)) for cause in error.context}
    if kinds == {("type", 0)}:
        return error
    from jsonschema.exceptions import relevance  # noqa: PLC0415

    return _telling(
        min(error.context, key=lambda cause: (cause.validator == "type", relevance(cause)))
    )


def _extra(error: Any) -> list[str]:
    known = set(error.schema.get("properties", ()))
    patterns = error.schema.get("patternProperties", {})
    return [
        key
        for key in error.instance
        if key not in known and not any(pattern_matches(p, key) for p in patterns)
    ]


def pattern_matches(pattern: str, text: str) -> bool:
    """As JSON Schema has it: anywhere in the text."""
    import re  # noqa: PLC0415

    return re.search(pattern, text) is not None


def _place(path: Path) -> str:
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return steps.removeprefix(".") or "the document"
