"""From what a person typed to what a deployment carries."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.errors import Invalid
from margo_gitops.model.application import (
    ApplicationDescription,
    Component,
    Parameter,
    Profile,
    ProfileType,
    Target,
)
from margo_gitops.model.base import FromSite, ParameterValue
from margo_gitops.model.parameters import effective, immutable_changes, told
from margo_gitops.model.typed import split

COMPOSE = Profile(type=ProfileType.COMPOSE, id="compose", components=(Component(name="web"),))
CHART = Profile(type=ProfileType.HELM, id="chart", components=(Component(name="chart"),))


def application(
    *rules: dict[str, Any],
    name: str = "x",
    default: ParameterValue | None = None,
    pointer: str = "X",
    immutable: bool = False,
) -> ApplicationDescription:
    """One parameter for both profiles, shown by a setting for each of the rules."""
    settings = [
        {"parameter": name, "name": name, "schema": str(at), "immutable": immutable}
        for at in range(len(rules))
    ]
    return ApplicationDescription(
        id="meter",
        name="Meter",
        version="1.0.0",
        profiles=(COMPOSE, CHART),
        parameters={
            name: Parameter(
                value=default, targets=(Target(pointer=pointer, components=("web", "chart")),)
            )
        },
        configuration={
            "sections": [{"name": "all", "settings": settings}],
            "schema": [{"name": str(at), **entry} for at, entry in enumerate(rules)],
        },
    )


def given_value(value: ParameterValue, **rules: Any) -> ParameterValue | None:
    return effective(application(rules), COMPOSE, {"x": value})["x"].value


@pytest.mark.parametrize(
    ("text", "declared", "value"),
    [
        ("120", "integer", 120),
        ("-3", "integer", -3),
        ("0", "integer", 0),
        ("120", "string", "120"),
        ("true", "string", "true"),
        ("true", "boolean", True),
        ("false", "boolean", False),
        ("1.50", "double", 1.5),
        ("4", "double", 4),
        ("0.1", "double", 0.1),
        ("-0.25", "double", -0.25),
        ("1,2,3", "array[integer]", (1, 2, 3)),
        ("a\\,b,c\\\\d,e\\f", "array[string]", ("a,b", "c\\d", "e\\f")),
        ("true,false", "array[boolean]", (True, False)),
        (("1", "2"), "array[integer]", (1, 2)),
        ("0.5", "array[double]", (0.5,)),
    ],
)
def test_text_is_typed_losslessly(text: str, declared: str, value: ParameterValue) -> None:
    found = given_value(text, dataType=declared)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", ["4.0", "1e3", "0x10", "01", " 5", "5 ", "1_000", "+5", "-0", "٣"])
@pytest.mark.parametrize("declared", ["integer", "array[integer]"])
def test_text_that_readers_read_differently_is_no_integer(text: str, declared: str) -> None:
    with pytest.raises(Invalid, match="x: found .* expected a whole number"):
        given_value(text, dataType=declared)


@pytest.mark.parametrize(
    "text",
    [
        *("1e3", "0x10", "01", ".5", "5.", " 5", "1_0", "nan", "inf", "1,5", "-"),
        *("0.1234567890123456789", "9007199254740993", "1" * 500, "1." + "0" * 500),
    ],
)
def test_a_double_is_refused_rather_than_rounded(text: str) -> None:
    with pytest.raises(Invalid, match="expected a number"):
        given_value(text, dataType="double")


@pytest.mark.parametrize("text", ["True", "TRUE", "yes", "on", "1", "true "])
def test_a_boolean_is_true_or_false(text: str) -> None:
    with pytest.raises(Invalid, match="expected true or false"):
        given_value(text, dataType="boolean")


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_integer_of_64_bits_is_read_back(number: int) -> None:
    assert given_value(str(number), dataType="integer") == number


@given(st.integers())
def test_no_integer_is_read_as_another(number: int) -> None:
    text = str(number * 2**60)
    try:
        assert str(given_value(text, dataType="integer")) == text
    except Invalid:
        assert not -(2**63) <= int(text) < 2**63


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-1e8, max_value=1e8))
def test_a_double_of_15_digits_is_read_back(number: Any) -> None:
    text = f"{number:f}"
    if text != "-0.000000":
        assert given_value(text, dataType="double") == float(number)


@given(st.lists(st.text(max_size=5), min_size=1).filter(lambda items: items != [""]))
def test_a_list_is_read_back_from_its_text(items: list[str]) -> None:
    text = ",".join(item.replace("\\", "\\\\").replace(",", "\\,") for item in items)
    assert split(text) == tuple(items)


def test_decimals_are_judged_as_typed() -> None:
    assert given_value("1.50", dataType="double", minPrecision=2, maxPrecision=2) == 1.5
    with pytest.raises(Invalid, match="at most 1 decimals"):
        given_value("1.50", dataType="double", maxPrecision=1)


def test_everything_that_is_wrong_is_told_at_once_with_its_cure() -> None:
    many = ApplicationDescription(
        id="meter",
        name="Meter",
        version="1.0.0",
        profiles=(COMPOSE,),
        parameters={
            name: Parameter(targets=(Target(pointer=name, components=("web",)),))
            for name in ("port", "rate", "mode")
        },
        configuration={
            "sections": [
                {
                    "name": "all",
                    "settings": [
                        {"parameter": name, "name": name, "schema": name}
                        for name in ("port", "rate", "mode")
                    ],
                }
            ],
            "schema": [
                {"name": "port", "dataType": "integer", "minValue": 1024},
                {"name": "rate", "dataType": "double"},
                {"name": "mode", "dataType": "string", "options": ["slow", "fast"]},
            ],
        },
    )
    with pytest.raises(Invalid) as caught:
        effective(many, COMPOSE, {"port": "80", "mode": "mid", "prot": "1"})
    for part in ("no parameter prot", "port: found 80", "(minValue)", "rate has no default", "mid"):
        assert part in caught.value.problem
    assert caught.value.help == "--param port=VALUE --param rate=VALUE --param mode=VALUE"


def test_a_parameter_of_several_settings_satisfies_all() -> None:
    app = application(
        {"dataType": "integer", "minValue": 5}, {"dataType": "integer", "maxValue": 9}
    )
    assert effective(app, COMPOSE, {"x": "7"})["x"].value == 7
    for text, rule in (("4", "minValue"), ("10", "maxValue")):
        with pytest.raises(Invalid, match=rule):
            effective(app, COMPOSE, {"x": text})


@given(st.text(st.sampled_from("GHJKQ"), min_size=6), st.sampled_from(["string", "integer"]))
def test_a_secrets_value_is_in_no_message(value: str, declared: str) -> None:
    app = application({"dataType": declared, "maxLength": 3}, name="db-password")
    with pytest.raises(Invalid) as caught:
        effective(app, COMPOSE, {"db-password": value})
    assert value not in str(caught.value)
    assert caught.value.help == "--secret db-password=NAME"


def test_a_secret_of_the_site_is_not_judged() -> None:
    secret = FromSite(from_site="db")
    assert given_value(secret, dataType="integer", minValue=5) == secret
    assert told("x", secret) == "from site: db"


@pytest.mark.parametrize("rules", [{}, {"allowEmpty": False}])
def test_a_setting_without_value_must_be_given(rules: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="x has no default and must be given"):
        effective(application({"dataType": "string", **rules}), COMPOSE, {})
    optional = application({"dataType": "string", "allowEmpty": True})
    assert effective(optional, COMPOSE, {}) == {}


@pytest.mark.parametrize(
    ("default", "text", "value"),
    [
        *((3, "5", 5), (3, "five", "five"), (True, "false", False), ("a", "5", "5")),
        *((None, "5", "5"), ((1, 2), "3,4", (3, 4)), (0.5, "1.5", 1.5)),
    ],
)
def test_without_a_setting_the_default_says_the_type(
    default: ParameterValue | None, text: str, value: ParameterValue
) -> None:
    found = effective(application(default=default), COMPOSE, {"x": text})["x"].value
    assert (found, type(found)) == (value, type(value))


def test_a_bad_default_is_told_at_deployment() -> None:
    app = application({"dataType": "integer", "minValue": 1024}, default=80)
    with pytest.raises(Invalid, match="found 80, expected at least 1024"):
        effective(app, COMPOSE, {})
    assert effective(app, COMPOSE, {"x": "8080"})["x"].value == 8080


def test_only_targets_of_the_chosen_profile_are_kept() -> None:
    for profile, name in ((COMPOSE, "web"), (CHART, "chart")):
        (target,) = effective(application(), profile, {"x": "a"})["x"].targets
        assert target.components == (name,)


def test_a_pointer_that_its_engine_cannot_read_is_told() -> None:
    ports = application(pointer="PORTS.80")
    with pytest.raises(Invalid, match="PORTS.80.*environment variable"):
        effective(ports, COMPOSE, {"x": "a"})
    assert effective(application(default=80, pointer="PORTS.80"), COMPOSE, {})["x"].value == 80
    assert effective(ports, CHART, {"x": "a"})["x"].value == "a"
    with pytest.raises(Invalid, match="helm --set"):
        effective(application(pointer="a..b"), CHART, {"x": "a"})


def test_an_immutable_setting_does_not_change() -> None:
    fixed, free = application({}, immutable=True), application({})
    for before, after in ((fixed, fixed), (free, fixed), (fixed, free)):
        (text,) = immutable_changes(after, {"x": "a"}, {"x": "b"}, earlier=before)
        assert "x is immutable: it is a, and b is asked for" in text
    assert immutable_changes(free, {"x": "a"}, {"x": "b"}) == []
    assert immutable_changes(fixed, {"x": 4}, {"x": 4.0}) == []
    assert immutable_changes(fixed, {"x": 1}, {"x": True})
    assert immutable_changes(fixed, {}, {"x": "b"}) == []
    assert immutable_changes(fixed, {"x": "a"}, {}) == []


def test_an_immutable_secret_is_not_shown() -> None:
    fixed = application({}, name="token", immutable=True)
    (text,) = immutable_changes(fixed, {"token": "hunter2"}, {"token": "hunter3"})
    assert "hunter" not in text
