"""Every validation class of the specification, its rules and its traps."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.model.setting import as_decimal, problem, rules_problem, unusable_pattern

TEXT = {"dataType": "string"}
SELECT = {"dataType": "string", "options": ["low", "high"]}


@pytest.mark.parametrize(
    ("value", "rules"),
    [
        ("abc", {**TEXT, "minLength": 3, "maxLength": 3}),
        ("", {**TEXT, "allowEmpty": True, "minLength": 5, "regexMatch": "^x"}),
        ("äöü", {**TEXT, "maxLength": 3}),
        ("a-x-b", {**TEXT, "regexMatch": "x"}),
        (False, {"dataType": "boolean"}),
        (5, {"dataType": "integer", "minValue": 5, "maxValue": 5}),
        (5, {"dataType": "double", "minValue": 4.9, "maxValue": 5}),
        (5, {"datatype": "integer"}),
        (0.1, {"dataType": "double", "minValue": 0.1, "maxPrecision": 1}),
        (4.0, {"dataType": "double", "maxPrecision": 0}),
        (1e300, {"dataType": "double", "maxPrecision": 0}),
        (Decimal("1.50"), {"dataType": "double", "minPrecision": 2, "maxPrecision": 2}),
        ("low", SELECT),
        (["low", "high"], {**SELECT, "multiselect": True}),
        ([], {**SELECT, "multiselect": True, "allowEmpty": True}),
        (0.1, {"dataType": "double", "options": [0.1, 0.2]}),
        (Decimal("0.1"), {"dataType": "double", "options": [0.1]}),
        ([1, 2], {"dataType": "array[integer]", "maxValue": 2}),
        (["a", ""], {"dataType": "array[string]", "allowEmpty": True, "minLength": 1}),
        (["low"], {"dataType": "array[string]", "options": ["low"]}),
        ("anything", {}),
        ("anything", {"dataType": "string", "sensitive": True, "minimum": 900}),
    ],
)
def test_a_value_that_keeps_to_its_rules_has_no_problem(value: Any, rules: dict[str, Any]) -> None:
    assert problem(value, rules) is None


@pytest.mark.parametrize(
    ("value", "rules", "told"),
    [
        ("", TEXT, "empty value"),
        ([], {"dataType": "array[string]"}, "empty value"),
        (None, {"dataType": "integer"}, "empty value"),
        ("", {**TEXT, "allowEmpty": False}, "empty value"),
        ("abc", {**TEXT, "allowEmpty": True, "minLength": 5}, "minLength"),
        ("abc", {**TEXT, "maxLength": 2}, "maxLength"),
        ("abc", {**TEXT, "regexMatch": "^b"}, "expected a match of ^b"),
        ("abc\n", {**TEXT, "regexMatch": "^abc$"}, "expected a match"),
        (1, TEXT, "expected string"),
        ("5", {"dataType": "integer"}, "expected integer"),
        (4.0, {"dataType": "integer"}, "expected integer"),
        (True, {"dataType": "integer"}, "expected integer"),
        (True, {"dataType": "double"}, "expected double"),
        (1, {"dataType": "boolean"}, "expected boolean"),
        (80, {"dataType": "integer", "minValue": 1024}, "at least 1024 (minValue)"),
        (9, {"dataType": "integer", "maxValue": 8}, "at most 8 (maxValue)"),
        (0.1, {"dataType": "double", "maxPrecision": 0}, "at most 0 decimals"),
        (Decimal("1.5"), {"dataType": "double", "minPrecision": 2}, "2 decimals or more"),
        ("mid", SELECT, "one of: low, high"),
        ("low", {**SELECT, "multiselect": True}, "expected a list"),
        (["low", "mid"], {**SELECT, "multiselect": True}, "element 2: found 'mid'"),
        (["low"], SELECT, "expected string"),
        (True, {"dataType": "integer", "options": [1]}, "expected integer"),
        (1, {"options": [True]}, "expected one of"),
        (5, {"dataType": "array[integer]"}, "expected a list"),
        ([1, "2"], {"dataType": "array[integer]"}, "element 2: found '2'"),
        (["a", ""], {"dataType": "array[string]"}, "element 2: found an empty value"),
        ([[1]], {"dataType": "array[integer]"}, "element 1"),
    ],
)
def test_a_broken_rule_is_told(value: Any, rules: dict[str, Any], told: str) -> None:
    assert told in str(problem(value, rules))


def test_all_broken_rules_are_told_at_once() -> None:
    text = str(problem("abc", {**TEXT, "minLength": 5, "maxLength": 2, "regexMatch": "z"}))
    assert ["minLength" in text, "maxLength" in text, "match of z" in text] == [True] * 3


@given(st.text(min_size=8, alphabet="ghijklmQRSTUV"), st.sampled_from(["string", "integer"]))
def test_a_hidden_value_is_not_in_the_words(value: str, declared: str) -> None:
    rules = {"dataType": declared, "maxLength": 1, "regexMatch": "^0$", "options": [0]}
    text = str(problem(value, rules, hide=True))
    assert "not shown" in text
    assert value not in text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_decimals_of_a_float_are_those_of_its_shortest_spelling(number: float) -> None:
    assert as_decimal(number) == Decimal(repr(number))
    assert problem(number, {"dataType": "double", "maxPrecision": 400}) is None


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "(a", "a" * 1001, "((a{1000}){1000})", 5])
def test_a_pattern_that_cannot_be_run_is_reported_and_judges_nothing(pattern: Any) -> None:
    assert unusable_pattern({"regexMatch": pattern})
    assert problem("value", {**TEXT, "regexMatch": pattern}) is None


def test_no_pattern_hangs_a_check() -> None:
    began = time.process_time()
    assert problem("a" * 100_000 + "!", {**TEXT, "regexMatch": "^(a+)+$"})
    assert time.process_time() - began < 5


@given(st.text(max_size=50), st.text(st.characters(), max_size=50))
def test_any_pattern_and_any_text_have_an_answer(pattern: str, text: str) -> None:
    rules = {**TEXT, "allowEmpty": True, "regexMatch": pattern}
    if unusable_pattern(rules):
        assert problem(text, rules) is None
    else:
        assert problem("", rules) is None


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({"dataType": "integer", "minValue": 2, "maxValue": 1}, "minValue 2 above maxValue 1"),
        ({**TEXT, "minLength": 2, "maxLength": 1}, "minLength 2 above"),
        ({"dataType": "double", "minPrecision": 2, "maxPrecision": 1}, "minPrecision 2 above"),
        ({**TEXT, "minLength": -1}, "expected a whole number"),
        ({**TEXT, "maxLength": 1.5}, "expected a whole number"),
        ({"dataType": "integer", "minValue": "1"}, "expected a number"),
        ({**TEXT, "minValue": 1}, "found minValue, expected it only with integer or double"),
        ({"dataType": "integer", "maxLength": 1}, "found maxLength"),
        ({"dataType": "integer", "minPrecision": 1}, "found minPrecision"),
        ({"dataType": "boolean", "regexMatch": "x"}, "found regexMatch"),
        ({**TEXT, "multiselect": True}, "multiselect without options"),
        ({**TEXT, "options": []}, "list of one or more"),
        ({**TEXT, "options": ["a", "a"]}, "'a' twice"),
        ({**TEXT, "options": ["a", 1]}, "found the option 1"),
        ({"dataType": "integer", "options": ["1"]}, "expected integer"),
        ({**TEXT, "options": ["", "a"]}, "empty option"),
    ],
)
def test_an_entry_that_contradicts_itself_is_told(rules: dict[str, Any], told: str) -> None:
    assert any(told in text for text in rules_problem(rules)), rules_problem(rules)


@pytest.mark.parametrize(
    "rules",
    [
        {**TEXT, "minLength": 0, "maxLength": 0, "regexMatch": "x", "allowEmpty": True},
        {"dataType": "double", "minValue": 0, "maxValue": 0.5, "minPrecision": 0},
        {"dataType": "array[string]", "maxLength": 5},
        {"dataType": "integer", "options": [1, 2], "multiselect": True},
        {"dataType": "string", "options": ["low"], "multiselect": False},
    ],
)
def test_an_entry_that_some_value_meets_has_no_problem(rules: dict[str, Any]) -> None:
    assert rules_problem(rules) == []


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
RULES = ("dataType", "allowEmpty", "minLength", "regexMatch", "minValue", "maxValue", "options")


@given(
    anything, st.dictionaries(st.sampled_from([*RULES, "minPrecision", "multiselect"]), anything)
)
def test_hostile_rules_and_values_end_in_words(value: Any, rules: dict[str, Any]) -> None:
    assert problem(value, rules) != ""
    assert all(rules_problem(rules))
