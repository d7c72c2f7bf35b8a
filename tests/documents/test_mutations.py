"""A right document, one field of it made wrong: the finding stands on that field's line."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margo_gitops.documents import own
from margo_gitops.documents.check import check
from margo_gitops.documents.dialects import detect
from margo_gitops.documents.emit import emit
from margo_gitops.documents.findings import Finding, Path
from margo_gitops.documents.yaml import parse
from tests.documents.bases import BASES

MARK = "zz-mark"
DATA = {name: parse(text.encode(), name).data for name, text in BASES.items()}
MAPS = {"parameters", "labels", "overrides"}
"""Fields whose names a document chooses: none is unknown there."""


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for step, item in items:
        yield (*path, step)
        if isinstance(item, dict | list):
            yield from paths(item, (*path, step))


PLACES = [(name, path) for name, data in DATA.items() for path in paths(data)]


def find(data: Any, path: Path) -> Any:
    for step in path:
        data = data[step]
    return data


def objects() -> list[tuple[str, Path]]:
    found = [(name, path) for name, path in PLACES if isinstance(find(DATA[name], path), dict)]
    closed = [(name, path) for name, path in found if path[-1] not in MAPS]
    return [*((name, ()) for name in DATA), *closed]


def written(name: str, data: Any) -> tuple[str, list[Finding]]:
    text = emit(data, comment="mutated").decode()
    return text, check(text.encode(), name)


def identity(data: Any) -> object:
    return own.is_own(data), detect(data)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@settings(max_examples=300)
@given(st.sampled_from(PLACES))
def test_a_value_of_another_type_is_found_on_its_line(place: tuple[str, Path]) -> None:
    name, path = place
    data = copy.deepcopy(DATA[name])
    parent, held = find(data, path[:-1]), find(data, path)
    parent[path[-1]] = MARK if isinstance(held, dict | list) else {MARK: [True]}
    if identity(data) != identity(DATA[name]):
        return  # another document by its own account
    text, found = written(name, data)
    line = line_of(text, MARK)
    assert any(f.line == line for f in found), (text, found)


@settings(max_examples=300)
@given(st.sampled_from(objects()))
def test_a_field_of_nobody_is_found_on_its_line(place: tuple[str, Path]) -> None:
    name, path = place
    data = copy.deepcopy(DATA[name])
    find(data, path)[MARK] = 1
    text, found = written(name, data)
    line = line_of(text, MARK)
    assert [(f.line, f.rule) for f in found if f.line == line] == [(line, "unknown-field")]


@settings(max_examples=300)
@given(st.sampled_from([p for p in PLACES if isinstance(p[1][-1], str)]))
def test_a_missing_field_is_told_by_its_name(place: tuple[str, Path]) -> None:
    name, path = place
    data = copy.deepcopy(DATA[name])
    del find(data, path[:-1])[path[-1]]
    if identity(data) != identity(DATA[name]):
        return  # another document by its own account
    _, found = written(name, data)
    for finding in found:
        assert finding.rule != "missing-field" or repr(path[-1]) in finding.message


@pytest.mark.parametrize("name", sorted(DATA))
def test_written_anew_it_is_still_right(name: str) -> None:
    assert written(name, DATA[name])[1] == []
