"""An edit changes what it was asked to change, and no other byte."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from margo_gitops.documents.edit import edit
from margo_gitops.documents.emit import emit
from margo_gitops.documents.findings import Path
from margo_gitops.documents.moves import moves, same
from margo_gitops.documents.yaml import parse
from margo_gitops.errors import Invalid
from tests.documents import handwritten


def put(data: Any, path: Path, value: Any) -> Any:
    """The data with another value at a path."""
    if not path:
        return value
    after = copy.deepcopy(data)
    node = after
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return after


def drop(data: Any, path: Path) -> Any:
    """The data without what stands at a path."""
    after = copy.deepcopy(data)
    node = after
    for step in path[:-1]:
        node = node[step]
    del node[path[-1]]
    return after


def comments(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith("#")]


@given(handwritten.documents())
def test_a_handwritten_document_parses_to_its_data(made: tuple[bytes, Any]) -> None:
    data, value = made
    assert same(parse(data, "x.yaml").data, value)


@given(handwritten.documents(handwritten.data), st.data())
def test_changing_a_scalar_changes_its_span_only(
    made: tuple[bytes, Any], pick: st.DataObject
) -> None:
    data, value = made
    leaves = [path for path, node in handwritten.paths(value) if not isinstance(node, dict | list)]
    assume(leaves)
    path = pick.draw(st.sampled_from(leaves))
    after = put(value, path, pick.draw(handwritten.scalars))
    parsed = parse(data, "x.yaml")
    start, end = parsed.span(path)
    changed = edit(data, value, after)
    text = changed.decode()
    rest = len(parsed.text) - end
    assert text[:start] == parsed.text[:start]
    assert text[len(text) - rest :] == parsed.text[end:]
    assert same(parse(changed, "x.yaml").data, after)


@given(handwritten.documents(handwritten.data))
def test_a_span_holds_the_node_and_nothing_else(made: tuple[bytes, Any]) -> None:
    data, value = made
    parsed = parse(data, "x.yaml")
    for path, node in handwritten.paths(value):
        start, end = parsed.span(path)
        part = parsed.text[start:end]
        if part and part[0] not in "|>" and "\n" not in part:
            assert same(parse(part.encode(), "part").data, node)


@given(handwritten.documents(handwritten.data))
def test_no_difference_gives_the_identical_bytes(made: tuple[bytes, Any]) -> None:
    data, value = made
    assert edit(data, value, copy.deepcopy(value)) is data


@given(handwritten.documents(handwritten.data), st.data())
def test_any_one_change_gives_what_was_asked(made: tuple[bytes, Any], pick: st.DataObject) -> None:
    data, value = made
    path, _ = pick.draw(st.sampled_from(handwritten.paths(value)))
    after = put(value, path, pick.draw(handwritten.data))
    assert same(parse(edit(data, value, after), "x.yaml").data, after)


@given(handwritten.documents(), st.data())
def test_a_field_or_item_can_go_and_the_comments_around_it_stay(
    made: tuple[bytes, Any], pick: st.DataObject
) -> None:
    data, value = made
    path, node = pick.draw(st.sampled_from(handwritten.paths(value)[1:]))
    parent = value
    for step in path[:-1]:
        parent = parent[step]
    after = drop(value, path)
    changed = edit(data, value, after)
    assert same(parse(changed, "x.yaml").data, after)
    if len(parent) > 1 and not isinstance(node, dict | list):
        assert all(comment in changed.decode() for comment in comments(data.decode()))


@given(handwritten.documents(), st.data())
def test_what_was_added_can_be_removed_again_to_the_byte(
    made: tuple[bytes, Any], pick: st.DataObject
) -> None:
    data, value = made
    nodes = [(p, n) for p, n in handwritten.paths(value) if isinstance(n, dict | list) and n]
    path, node = pick.draw(st.sampled_from(nodes))
    new = pick.draw(handwritten.data)
    grown = {**node, "added": new} if isinstance(node, dict) else [*node, new]
    after = put(value, path, grown)
    added = edit(data, value, after)
    assert same(parse(added, "x.yaml").data, after)
    assert len(added) > len(data)
    assert comments(data.decode()) == comments(added.decode())
    assert same(parse(edit(added, after, value), "x.yaml").data, value)
    if parse(data, "x.yaml").place(path).form == "block" and not set(data) & set(b"|>"):
        assert edit(added, after, value) == data


@given(handwritten.documents(), handwritten.maps)
def test_any_data_can_become_any_other(made: tuple[bytes, Any], after: Any) -> None:
    data, value = made
    assert same(parse(edit(data, value, after), "x.yaml").data, after)


@given(handwritten.maps, handwritten.maps)
def test_json_stays_json(before: Any, after: Any) -> None:
    data = json.dumps(before, indent=2).encode()
    assert same(json.loads(edit(data, before, after)), after)


@given(handwritten.maps, st.data())
def test_what_margo_emitted_is_edited_as_it_would_emit_it(value: Any, pick: st.DataObject) -> None:
    data = emit(value, comment="kind")
    leaves = [p for p, n in handwritten.paths(value) if isinstance(n, int | float) or n is None]
    assume(leaves)
    after = put(value, pick.draw(st.sampled_from(leaves)), pick.draw(handwritten.scalars))
    assert same(parse(edit(data, value, after), "x.yaml").data, after)


@given(st.lists(st.integers(0, 3), max_size=8), st.lists(st.integers(0, 3), max_size=8))
def test_moves_cover_both_lists_in_order(before: list[int], after: list[int]) -> None:
    found = list(moves(before, after))
    assert [at for move in found for at in move.before] == list(range(len(before)))
    assert [at for move in found for at in move.after] == list(range(len(after)))
    for move in found:
        if move.equal:
            assert [before[at] for at in move.before] == [after[at] for at in move.after]


COMMENTED = b"""\
# who: line 3
name: press  # the display
targets:
  # the halls
  - north   # hall 1
  - 'south'
version: 1.2.3
text: >-
  folded
  text
deep: {a: 1, b: [x, y]}   # flow
"""


@pytest.mark.parametrize(
    ("old", "new", "path", "value"),
    [
        (b"name: press ", b"name: mill ", ("name",), "mill"),
        (b"name: press ", b'name: "no" ', ("name",), "no"),
        (b"- 'south'", b"- 'it''s'", ("targets", 1), "it's"),
        (b"- 'south'", b'- "a\\nb"', ("targets", 1), "a\nb"),
        (b"version: 1.2.3", b"version: 2", ("version",), 2),
        (b"version: 1.2.3", b'version: "2"', ("version",), "2"),
        (b">-\n  folded\n  text\n", b"plain\n", ("text",), "plain"),
        (b"[x, y]", b"[x, z]", ("deep", "b", 1), "z"),
        (b"[x, y]", b'[x, "a:b"]', ("deep", "b", 1), "a:b"),
        (b"a: 1, ", b"", ("deep",), {"b": ["x", "y"]}),
        (b", b: [x, y]", b"", ("deep",), {"a": 1}),
        (b"  - north   # hall 1\n", b"", ("targets",), ["south"]),
        (b"  - 'south'\n", b"  - 'south'\n  - west\n", ("targets",), ["north", "south", "west"]),
        (b"  - north", b"  - east\n  - north", ("targets",), ["east", "north", "south"]),
        (b"name: press ", b"name: {fromSite: key} ", ("name",), {"fromSite": "key"}),
    ],
)
def test_the_bytes_that_change(old: bytes, new: bytes, path: Path, value: Any) -> None:
    before = parse(COMMENTED, "x.yaml").data
    changed = edit(COMMENTED, before, put(before, path, value))
    assert changed == COMMENTED.replace(old, new)


def test_a_new_field_stands_at_the_end_of_its_map_with_the_line_ends_around_it() -> None:
    data = b"a:\r\n    b: 1  # one\r\n    # still of a\r\nc: 2"
    before = {"a": {"b": 1}, "c": 2}
    changed = edit(data, before, {"a": {"b": 1, "d": [1]}, "c": 2, "e": {}})
    told = b"a:\r\n    b: 1  # one\r\n    d:\r\n      - 1\r\n    # still of a\r\nc: 2\r\ne: {}"
    assert changed == told


def test_what_the_reader_left_out_or_spelled_otherwise_stays() -> None:
    data = b"memory: 59 Gi   # as printed\nunknown: {x: 1}\nitems:\n  - name: b\n    extra: 1\n"
    before = {"memory": "59Gi", "wait": True, "items": [{"name": "b"}]}
    after = {"memory": "59Gi", "wait": True, "items": [{"name": "c"}]}
    assert edit(data, before, after) == data.replace(b"name: b", b"name: c")
    assert edit(data, before, {**before, "wait": False}) == data + b"wait: false\n"


@pytest.mark.parametrize(
    ("data", "path", "value", "told"),
    [
        pytest.param(b"a: &x 1\nb: *x\n", ("b",), 2, "2:4: b cannot", id="at an alias"),
        pytest.param(b"a: &x 1\nb: *x\n", ("a",), 2, "1:4: a cannot", id="at its anchor"),
        pytest.param(b"a: &x {c: 1}\nb: *x\n", ("b", "c"), 2, "2:4: b cannot", id="behind one"),
        pytest.param(b"a: &x {c: &y 1}\nb: *x\n", ("a", "c"), 2, "1:4", id="within an anchor"),
        pytest.param(b"a: !!map {c: 1}\n", ("a",), [1], "a tag", id="a tagged map"),
        pytest.param(b"a: 1\n", ("a",), "\ud800", "surrogate", id="no text"),
        pytest.param(b"a: 1\n", ("a",), 10**500, "501", id="no readable number"),
    ],
)
def test_what_cannot_be_changed_alone_is_refused_with_its_place(
    data: bytes, path: Path, value: Any, told: str
) -> None:
    before = json.loads(json.dumps(parse(data, "x.yaml").data))  # each alias a copy
    with pytest.raises(Invalid, match="by hand") as caught:
        edit(data, before, put(before, path, value), where="x.yaml")
    assert "x.yaml:" in str(caught.value)
    assert told in str(caught.value)


def test_items_that_were_read_in_another_order_are_not_guessed() -> None:
    data = b"- {name: b, x: 1}\n- {name: a, x: 2}\n"
    before = [{"name": "a"}, {"name": "b"}]
    with pytest.raises(Invalid, match="order"):
        edit(data, before, [{"name": "a"}, {"name": "c"}])


def test_an_anchor_that_nobody_names_stays_before_the_new_value() -> None:
    assert edit(b"a: &x 1 # one\n", {"a": 1}, {"a": "b"}) == b"a: &x b # one\n"
    assert edit(b"a: !!str 1 # one\n", {"a": "1"}, {"a": "2"}) == b'a: "2" # one\n'
