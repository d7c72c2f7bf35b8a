"""Real documents get the verdict of their index, and keep it however they are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from margo_gitops.documents.check import check
from margo_gitops.documents.emit import emit
from margo_gitops.documents.findings import Finding, InvalidDocument, Path
from margo_gitops.documents.yaml import Parsed, parse
from tests.documents.corpus import SKIP, Document, documents

pytestmark = pytest.mark.skipif(not documents(), reason=SKIP)
every = pytest.mark.parametrize("document", documents(), ids=str)


def errors(data: bytes, *, strict: bool = False) -> list[Finding]:
    return [f for f in check(data, "document", strict=strict) if f.severity == "error"]


@every
def test_a_real_document_gets_the_verdict_of_its_row(document: Document) -> None:
    found = errors(document.data)
    assert bool(found) == (document.verdict == "invalid"), found


@every
def test_what_is_valid_only_leniently_is_an_error_by_the_letter(document: Document) -> None:
    if document.verdict == "lenient":
        assert errors(document.data, strict=True)


@every
def test_the_contradiction_that_a_row_names_is_flagged(document: Document) -> None:
    if "semantic check must flag it" in document.note:
        assert "status-precedence" in {f.rule for f in check(document.data, "document")}


def reordered(data: bytes) -> bytes:
    """Every object's fields from last to first."""
    return emit(_turned(parse(data, "document").data), comment="reordered")


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _turned(item) for key, item in reversed(value.items())}
    return [_turned(item) for item in value] if isinstance(value, list) else value


def renamed(data: bytes) -> bytes:
    """Applications, profiles, components, deployments and devices under other names."""
    text = data.decode()
    for id in sorted(set(_ids(parse(data, "document").data)), key=len, reverse=True):
        other = id[:-1] + "fedcba9876543210"[int(id[-1], 16)] if _UUID.fullmatch(id) else id + "9z"
        text = re.sub(rf"(?<![\w.-]){re.escape(id)}(?![\w.-])", other, text)
    return text.encode()


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FIELDS = {"id", "applicationId", "deploymentId", "components", "deploymentProfiles"}


def _ids(value: Any, field: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str) and (key in _FIELDS or (key == "name" and field in _FIELDS)):
                yield item
            yield from _ids(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _ids(item, field)


def commented(data: bytes) -> bytes:
    """A remark above every field that begins a line."""
    lines = data.decode().splitlines(keepends=True)
    starts = {at for path in _paths(parse(data, "document")) for at in [path]}
    result = []
    for number, line in enumerate(lines, start=1):
        indent = len(line) - len(line.lstrip())
        if (number, indent + 1) in starts:
            result.append(" " * indent + "# a remark: {not: data}\n")
        result.append(line)
    return "".join(result).encode()


def _paths(parsed: Parsed) -> Iterator[tuple[int, int]]:
    def below(value: Any, path: Path) -> Iterator[tuple[int, int]]:
        if isinstance(value, dict):
            for key, item in value.items():
                yield parsed.key_position((*path, key))
                yield from below(item, (*path, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from below(item, (*path, index))

    return below(parsed.data, ())


def with_crlf(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def with_lf(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


@pytest.mark.parametrize("change", [reordered, renamed, commented, with_crlf, with_lf])
@every
def test_another_way_to_write_it_gets_the_same_verdict_and_rules(
    document: Document, change: Callable[[bytes], bytes]
) -> None:
    try:
        parse(document.data, "document")
    except InvalidDocument:
        if change not in {with_crlf, with_lf}:
            # What cannot be read cannot be rewritten: a remark at its end is all that is possible.
            data = document.data.rstrip() + b"\n# a remark\n"
            assert {f.rule for f in errors(data)} == {f.rule for f in errors(document.data)}
            return
    before, after = check(document.data, "document"), check(change(document.data), "document")
    assert {(f.rule, f.severity) for f in after} == {(f.rule, f.severity) for f in before}
