"""Pointers: keys of `helm --set`, and environment variables."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.errors import Invalid
from margo_gitops.model import pointer
from margo_gitops.model.application import Component, Parameter, ProfileType, Target
from margo_gitops.model.base import FromSite
from margo_gitops.model.deployment import ApplicationDeployment

names = st.text(st.sampled_from("ab.,=[]\\ é0"), min_size=1, max_size=4)
steps = st.lists(names | st.integers(0, 9), max_size=8)
paths = st.tuples(names, steps).map(lambda parts: (parts[0], *parts[1]))


@given(paths)
def test_what_is_rendered_is_read_back(path: pointer.Path) -> None:
    assert pointer.parse(pointer.render(path)) == path


@given(st.text(st.sampled_from(r"ab.,=[]\-+019"), max_size=12))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    try:
        path = pointer.parse(text)
    except Invalid:
        return
    assert pointer.parse(pointer.render(path)) == path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        (r"node\.selector.kubernetes\.io/role", ("node.selector", "kubernetes.io/role")),
        ("servers[0].port", ("servers", 0, "port")),
        ("a[0][1]", ("a", 0, 1)),
        (r"a\,b\=c", ("a,b=c",)),
        (r"a\[0]", ("a[0]",)),
        ("a[65536]", ("a", 65536)),
        ("a[007]", ("a", 7)),
    ],
)
def test_keys_are_read_as_helm_reads_them(text: str, path: pointer.Path) -> None:
    assert pointer.parse(text) == path


@pytest.mark.parametrize(
    "text",
    [
        *("", ".a", "a.", "a..b", "[0]", "a[", "a[0", "a[]", "a[x]", "a[-1]", "a[65537]"),
        *("a[0]b", "a[0].", "a,b", "a=b", "a\\", "a[9999999999]"),
        *(".".join("a" * 31), "a" + "[0]" * 64),
    ],
)
def test_what_helm_refuses_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="helm"):
        pointer.parse(text)


def test_values_are_nested_and_holes_are_null() -> None:
    pairs = [("a.b", 1), ("a.c[2]", "x"), ("a.c[0].d", True), ("a.b", 2), ("e[1][0]", 5)]
    assert pointer.assemble(pairs) == {
        "a": {"b": 2, "c": [{"d": True}, None, "x"]},
        "e": [None, [5]],
    }


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", 1), ("a.b", 2)],
        [("a.b", 2), ("a", 1)],
        [("a[0]", 2), ("a.b", 1)],
        [("a.b", 2), ("a[0]", 1)],
        [("a", "text"), ("a[0]", 1)],
    ],
)
def test_two_uses_of_one_place_do_not_fit(pairs: list[tuple[str, Any]]) -> None:
    with pytest.raises(Invalid, match="do not fit"):
        pointer.assemble(pairs)


def test_a_list_is_changed_at_an_index_and_not_shared() -> None:
    value = ("x", "y")
    assert pointer.assemble([("a", value), ("a[0]", "z")]) == {"a": ["z", "y"]}
    assert value == ("x", "y")


def test_lists_are_bounded_together() -> None:
    with pytest.raises(Invalid, match="1000000 places"):
        pointer.assemble((f"a{n}[65536]", 1) for n in range(100))


@given(st.dictionaries(paths, st.integers(), max_size=4))
def test_every_value_stands_where_its_pointer_says(wanted: dict[pointer.Path, int]) -> None:
    try:
        values = pointer.assemble((pointer.render(path), n) for path, n in wanted.items())
    except Invalid:
        prefixes = {path[:end] for path in wanted for end in range(1, len(path))}
        kinds = {(path[:end], type(path[end])) for path in wanted for end in range(1, len(path))}
        assert prefixes & wanted.keys() or len(kinds) > len(prefixes)
        return
    for path, number in wanted.items():
        node: Any = values
        for step in path:
            node = node[step]
        assert node == number


@pytest.mark.parametrize(
    ("text", "name"), [("GREETING", "GREETING"), ("ENV.GREETING", "GREETING"), ("_a1", "_a1")]
)
def test_a_variable_loses_one_prefix(text: str, name: str) -> None:
    assert pointer.variable(text) == name


@pytest.mark.parametrize("text", ["PORTS.80", "ENV.ENV.A", "", "1A", "A-B", "A\n", "É", "ENV."])
def test_what_is_no_variable_is_told(text: str) -> None:
    with pytest.raises(Invalid, match="environment variable"):
        pointer.variable(text)


def test_a_chart_gets_its_own_values_only() -> None:
    def to(pointer: str, *components: str) -> tuple[Target, ...]:
        return (Target(pointer=pointer, components=components),)

    secret = FromSite(from_site="db")
    deployment = ApplicationDeployment(
        id="6f0e9b1c-6a55-4a57-9a06-2f3f3d0d9a11",
        name="web",
        namespace="plant",
        application_id="web",
        type=ProfileType.HELM,
        components=(Component(name="one"), Component(name="two")),
        parameters={
            "a": Parameter(value=("x", "y"), targets=to("list", "one")),
            "b": Parameter(value=5, targets=to("image.port", "one", "two")),
            "c": Parameter(value=secret, targets=to("db.password", "two")),
        },
    )
    assert pointer.helm_values(deployment, "one") == {"list": ["x", "y"], "image": {"port": 5}}
    values = pointer.helm_values(deployment, "two")
    assert values == {"image": {"port": 5}, "db": {"password": secret}}
