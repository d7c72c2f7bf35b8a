"""The parser: YAML 1.2 to the letter, and every byte of a document hostile."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from margo_gitops.documents.check import check
from margo_gitops.documents.emit import emit
from margo_gitops.documents.findings import InvalidDocument
from margo_gitops.documents.moves import same
from margo_gitops.documents.rules import syntax
from margo_gitops.documents.yaml import parse
from tests.documents import handwritten
from tests.documents.hostile import HOSTILE


@given(handwritten.data)
def test_what_is_emitted_parses_to_the_same_data(data: object) -> None:
    assert same(parse(emit(data, comment="test"), "test.yaml").data, data)


@given(handwritten.data, st.booleans(), st.sampled_from([None, 2]))
def test_json_is_read_as_json_has_it(data: object, escaped: bool, indent: int | None) -> None:
    text = json.dumps(data, ensure_ascii=escaped, indent=indent)
    assert same(parse(text.encode(), "x.json").data, json.loads(text))


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_data_or_one_finding_of_a_named_rule(data: bytes) -> None:
    try:
        parse(data, "any.yaml")
    except InvalidDocument as error:
        (found,) = error.findings
        assert found.rule in {rule.id for rule in syntax.RULES}
        assert (found.line >= 1, found.column >= 1, len(found.message) < 250) == (True, True, True)
        assert found in check(data, "any.yaml")
    else:
        check(data, "any.yaml")


@given(st.lists(st.sampled_from([*"{}[]&*!|>'\"%@`:-?,# \n\tab<=~1.e0", "- ", ": ", "<<: "])))
def test_any_row_of_yaml_signs_is_data_or_invalid(signs: list[str]) -> None:
    data = "".join(signs).encode()
    try:
        parsed = parse(data, "any.yaml")
    except InvalidDocument:
        return
    for path, _ in handwritten.paths(parsed.data):
        start, end = parsed.span(path)
        assert 0 <= start <= end <= len(data)


@pytest.mark.parametrize("case", [c for c in HOSTILE if not c.large], ids=lambda case: case.name)
def test_a_hostile_document_breaks_a_named_rule(case: Any) -> None:
    with pytest.raises(InvalidDocument) as caught:
        parse(case.data(), "evil.yaml")
    (found,) = caught.value.findings
    assert (found.rule, found.line) == (case.rule, case.line)
    assert case.told in found.message


def test_no_hostile_document_takes_much_time_or_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.documents.hostile"],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    told = json.loads(done.stdout)
    assert set(told["rules"]) == {case.name for case in HOSTILE}
    assert {case.name for case in HOSTILE if told["rules"][case.name] != case.rule} == set()
    assert {name for name, seconds in told["seconds"].items() if seconds > 2} == set()
    assert told["megabytes"] < 200


WORDS = ["on", "off", "yes", "no", "y", "n", "Yes", "ON", "12:30", "1:2:3", "1_000", "0b1", "0x"]
WORDS += ["2026-01-01", "2026-01-01T12:00:00Z", "=", "1e", ".", "+", "..5", "1.2.3", "0o8", "nan"]
WORDS += [
    "inf",
    "-.nan",
    "+0x1F",
    "-0o7",
    "0X1F",
    "True!",
    "nULL",
    "tRUE",
    "e3",
    "1e3.5",
    "0777_",
    "-.",
]


@pytest.mark.parametrize("word", WORDS)
def test_a_word_that_only_yaml_1_1_gives_a_meaning_is_text(word: str) -> None:
    assert parse(f"a: {word}\n".encode(), "x.yaml").data == {"a": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0777", 777),
        ("0o777", 511),
        ("0x1F", 31),
        ("1.0", 1.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("1e3", 1000.0),
        ("1E+3", 1000.0),
        ("+1", 1),
        ("-0", 0),
        ("-0.0", -0.0),
        ("+12e03", 12000.0),
        ("00", 0),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("NULL", None),
        ("", None),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("  x  ", "x"),
        ("' x '", " x "),
        ('""', ""),
        ("'~'", "~"),
        ("!!str 1", "1"),
        ("!!int '1'", 1),
        ("!!float 1", 1.0),
        ("! 1", "1"),
        ("'<<'", "<<"),
        ("<<", "<<"),
    ],
)
def test_a_scalar_means_what_the_core_schema_says(text: str, value: object) -> None:
    assert same(parse(f"a: {text}\n".encode(), "x.yaml").data, {"a": value})


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (".inf", "yaml-ambiguous"),
        ("-.INF", "yaml-ambiguous"),
        (".nan", "yaml-ambiguous"),
        (".NaN", "yaml-ambiguous"),
        ("1e400", "bounds"),
        ("-1e999999", "bounds"),
        ("1" * 401, "bounds"),
        ("0." + "1" * 400, "bounds"),
        ("!!int x", "yaml-ambiguous"),
        ("!!bool 1", "yaml-ambiguous"),
        ("!!timestamp 2026-01-01", "yaml-ambiguous"),
        ("!local x", "yaml-ambiguous"),
        ("!!map [1]", "yaml-ambiguous"),
        ("!!seq {a: 1}", "yaml-ambiguous"),
    ],
)
def test_a_scalar_without_one_finite_meaning_is_refused(text: str, rule: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        parse(f"a: {text}\n".encode(), "x.yaml")
    assert caught.value.findings[0].rule == rule


def test_a_byte_order_mark_and_crlf_are_allowed() -> None:
    parsed = parse(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "x.yaml")
    assert parsed.data == {"a": 1, "b": 2}
    assert (parsed.key_position(("a",)), parsed.position(("b",))) == ((1, 1), (2, 4))


def test_aliases_are_values_wherever_they_stand() -> None:
    data = b"a: &x {k: 1}\nb: *x\nc: [*x, &y text, *y]\n&z key: *z\n"
    parsed = parse(data, "x.yaml")
    assert parsed.data == {
        "a": {"k": 1},
        "b": {"k": 1},
        "c": [{"k": 1}, "text", "text"],
        "key": "key",
    }
    assert parsed.position(("b",)) == (2, 4)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"id: {{ID}}\n", 1),
        (b"a: 1\nid: {{ .Values.id }}-x\n", 2),
        (b"{{- if .Values.on }}\nkind: x\n{{- end }}\n", 1),
        (b"a:\n  - {{a}}\n", 2),
        (b"{{ include 'x' . }}: 1\n", 1),
    ],
)
def test_a_template_is_told_from_a_document(data: bytes, line: int) -> None:
    with pytest.raises(InvalidDocument) as caught:
        parse(data, "x.yaml")
    (found,) = caught.value.findings
    assert (found.rule, found.line) == ("template", line)
    assert "render the template first" in found.message


def test_a_quoted_placeholder_does_not_hide_another_fault() -> None:
    with pytest.raises(InvalidDocument) as caught:
        parse(b"a: '{{x}}'\n# {{y}}\nb: [1\n", "x.yaml")
    assert caught.value.findings[0].rule == "yaml-syntax"


def test_placeholders_in_fields_with_a_fixed_meaning_are_found() -> None:
    data = b"id: '{{ID}}'\nc: [{name: 'a-{{x}}', value: '{{kept}}'}, {repository: b}]\n"
    assert sorted(syntax.templated(parse(data, "x.yaml"))) == [("c", 0, "name"), ("id",)]


def other(text: str) -> Any:
    """What ruamel.yaml's own pure parser reads, as YAML 1.2."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    return yaml.load(text)


@given(handwritten.documents())
def test_another_parser_reads_the_same(made: tuple[bytes, Any]) -> None:
    data, _ = made
    try:
        theirs = other(data.decode().removeprefix("\ufeff"))
    except Exception:  # noqa: BLE001  # what it refuses is no disagreement
        return
    assert same(parse(data, "x.yaml").data, theirs)


@given(st.text("0123456789.eE+-xob~:nulNULtrue ", min_size=1, max_size=8))
def test_another_parser_reads_the_same_numbers(text: str) -> None:
    try:
        ours = parse(f"a: {text}\n".encode(), "x.yaml").data
        theirs = other(f"a: {text}\n")
    except Exception:  # noqa: BLE001  # what either refuses is no disagreement
        return
    if isinstance(theirs["a"], float) and not math.isfinite(theirs["a"]):
        return
    assert same(ours, theirs)
