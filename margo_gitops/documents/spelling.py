"""How a new value is written into a document that a person wrote in a style of their own."""

from __future__ import annotations

import json
import re
from typing import Any

from margo_gitops.documents.emit import emit
from margo_gitops.documents.parsed import Form

_WORD = r"[\w.@+/-](?:[\w.@+/-]|:(?=[\w/]))*"
_BARE = re.compile(rf"(?=[^\W\d]){_WORD}(?: {_WORD})*")
_RESERVED = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def inline(value: Any, form: Form, *, flow: bool, as_json: bool) -> str:
    """A value on one line, a text in the quotes of `form` where they can hold it.

    A text stays bare only where YAML 1.1 and 1.2 both read it as that text. `flow` says that it
    stands between brackets; `as_json`, that the document is JSON and stays so.
    """
    if isinstance(value, dict):
        fields = [f"{_key(key, as_json)}: {_inside(item, as_json)}" for key, item in value.items()]
        return "{" + ", ".join(fields) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_inside(item, as_json) for item in value) + "]"
    if not isinstance(value, str):
        return block(value)[0]
    if as_json or form == '"' or _UNPRINTABLE.search(value):
        return quoted(value)
    if form == "'":
        return "'" + value.replace("'", "''") + "'"
    return value if is_bare(value) and not (flow and ":" in value) else quoted(value)


def block(value: Any) -> list[str]:
    """The lines of a value in block style, without indentation."""
    return emit(value, comment="").decode("utf-8", "surrogatepass").split("\n")[1:-1]


def is_bare(text: str) -> bool:
    """True where the text needs no quotes: YAML 1.1 and 1.2 both read it as this very text."""
    return _BARE.fullmatch(text) is not None and text.lower() not in _RESERVED


def quoted(text: str) -> str:
    """The text in double quotes, as JSON and YAML both read it."""
    written = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", written)


def _inside(value: Any, as_json: bool) -> str:
    return inline(value, "plain", flow=True, as_json=as_json)


def _key(text: str, as_json: bool) -> str:
    return inline(text, "plain", flow=True, as_json=as_json)
