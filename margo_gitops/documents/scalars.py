"""What a scalar means: the core schema of YAML 1.2, and what JSON writes that libyaml refuses."""

from __future__ import annotations

import json
import math
import re

from margo_gitops.documents.rule import Rule
from margo_gitops.documents.rules.syntax import AMBIGUOUS, BOUNDS

Scalar = str | bool | int | float | None

_CORE = "tag:yaml.org,2002:"
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {
    word: value
    for value, words in ((True, "true True TRUE"), (False, "false False FALSE"))
    for word in words.split()
}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LONGEST_NUMBER = 400
_TYPES = {"null": type(None), "bool": bool, "int": int, "float": float}

_JSON_ONLY = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|\\u[dD][89abAB]")
_RESPELL = re.compile(
    r"\\\\|\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
    r"|[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]"
)
ODD_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
"""Where libyaml ends a line, and what shows the text to a person does not.

A comment that ends in such a character would hide a field behind it.
"""


class Unreadable(Exception):
    """A scalar that is refused, by which rule; the parser adds where it stands."""

    def __init__(self, rule: Rule, problem: str) -> None:
        self.rule = rule
        super().__init__(problem)


def scalar(text: str, tag: str | None, *, plain: bool) -> Scalar:
    """The value of a scalar, quoted or plain, with the tag that its author gave or None.

    Raises `Unreadable` for tags outside the core schema, values that do not fit their tag, and
    numbers that are not finite or absurdly long.
    """
    if tag is None:
        return _plain(text) if plain else text
    if tag in {"!", _CORE + "str"}:
        return text
    return _tagged(text, tag)


def _tagged(text: str, tag: str) -> Scalar:
    wanted = _TYPES.get(tag.removeprefix(_CORE)) if tag.startswith(_CORE) else None
    if wanted is None:
        raise Unreadable(AMBIGUOUS, f"found the tag {tag[:60]}, expected none")
    value = _plain(text)
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        found = f"found {text[:40]!r} under the tag {tag}"
        raise Unreadable(AMBIGUOUS, f"{found}, expected a value of that type")
    return value


def _plain(text: str) -> Scalar:
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INT.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    if _NOT_FINITE.fullmatch(text):
        raise Unreadable(AMBIGUOUS, f"found {text}, expected a finite number, or quotes for a text")
    return text


def _integer(text: str) -> int:
    _bounded(text)
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text[2:] if base != 10 else text, base)


def _finite(text: str) -> float:
    _bounded(text)
    value = float(text)
    if not math.isfinite(value):
        raise Unreadable(BOUNDS, f"found {text[:40]}, expected a number below 1.8e308")
    return value


def _bounded(text: str) -> None:
    if len(text) > _LONGEST_NUMBER:
        found = f"found a number of {len(text)} characters"
        raise Unreadable(BOUNDS, f"{found}, expected at most {_LONGEST_NUMBER}")


def json_as_yaml(text: str) -> str:
    """The same JSON without the few spellings that JSON allows and libyaml does not.

    These are pairs of surrogate escapes, and unescaped DEL, NEL, LS, PS, which libyaml refuses or
    takes for line ends. Text that is not JSON is returned as it came. Lines stay the same.
    """
    if text.lstrip()[:1] not in {"{", "[", '"'} or not _JSON_ONLY.search(text):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return _RESPELL.sub(_respelled, text)


def respellings(text: str) -> list[tuple[int, int]]:
    """For each spelling that `json_as_yaml` changes: its end in the result, and the growth."""
    found, grown = [], 0
    for match in _RESPELL.finditer(text):
        grown += len(_respelled(match)) - len(match[0])
        found.append((match.end() + grown, grown))
    return found


def _respelled(match: re.Match[str]) -> str:
    if match[0] == "\\\\":
        return match[0]
    if match[1]:
        return f"\\U{0x10000 + (int(match[1], 16) - 0xD800 << 10) + int(match[2], 16) - 0xDC00:08x}"
    return f"\\u{ord(match[0]):04x}"
