"""The one parser of every decision: YAML 1.2 and JSON, bounded, with positions.

libyaml tokenises; what a plain scalar means, and what is refused, is decided here. There is no
second parser to fall back to: two that differ in one corner would let a document pass a check as
one thing and run as another (DESIGN section 4). What YAML 1.1 or parsers of other languages read
differently is refused rather than guessed: merge keys, duplicate keys, foreign tags.
"""

from __future__ import annotations

from typing import Any

from margo_gitops.documents.building import MAX_BYTES, MAX_DEPTH, MAX_NODES, Broken, Builder
from margo_gitops.documents.findings import Finding, InvalidDocument
from margo_gitops.documents.parsed import Parsed
from margo_gitops.documents.rule import Rule
from margo_gitops.documents.rules.syntax import (
    AMBIGUOUS,
    BOUNDS,
    ENCODING,
    SYNTAX,
    TEMPLATE,
    placeholder,
)
from margo_gitops.documents.scalars import ODD_BREAK, json_as_yaml

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "Parsed", "parse"]

_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")


def parse(data: bytes, where: str) -> Parsed:
    """Read one YAML 1.2 or JSON document of at most 1 MiB, 64 levels and 100,000 nodes.

    Aliases count as often as they are used. Timestamps and words such as `yes` stay strings, as
    YAML 1.2 has it. Raises `InvalidDocument` with path, line and column, and a rule of
    `rules/syntax.py`, for what is not UTF-8, not YAML, too large, or ambiguous: duplicate or merge
    keys, keys that are no strings, tags outside the core schema, numbers that are not finite, more
    than one document. A byte order mark at the start is allowed.
    """
    try:
        text = _decoded(data)
        body = text.removeprefix("\ufeff")
        readable = json_as_yaml(body)
        _refuse_odd_characters(readable)
        builder = Builder(text, respelled=readable is not body)
        _feed(builder, readable)
        return builder.finish()
    except Broken as fault:
        finding = Finding(where, fault.line, fault.column, fault.problem, fault.rule.id)
        raise InvalidDocument([finding]) from None


def _decoded(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise Broken(BOUNDS, 1, 1, f"found {len(data)} bytes, expected at most {MAX_BYTES}")
    if data.startswith(_WIDE) or data[1:4:2] == b"\0\0" or data[0:3:2] == b"\0\0":
        raise Broken(ENCODING, 1, 1, "found UTF-16 or UTF-32 text, expected UTF-8")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = _line_and_column(data[: error.start].decode("utf-8"))
        problem = f"found the byte 0x{data[error.start]:02x}, expected UTF-8 text"
        raise Broken(ENCODING, *place, problem) from None


def _refuse_odd_characters(text: str) -> None:
    if (at := text.find("\ufeff")) >= 0:
        place = _line_and_column(text[:at])
        raise Broken(ENCODING, *place, "found a byte order mark, expected none within the text")
    if broken := ODD_BREAK.search(text):
        place = _line_and_column(text[: broken.start()])
        problem = f"found the line end U+{ord(broken[0]):04X}, expected LF or CRLF"
        raise Broken(AMBIGUOUS, *place, problem)


def _feed(builder: Builder, text: str) -> None:
    from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]  # noqa: PLC0415
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    try:
        builder.read(CParser(text))
    except MarkedYAMLError as error:
        raise _told(text, SYNTAX, error) from None
    except YAMLError as error:  # a ReaderError, which counts in bytes
        before = text.encode("utf-8")[: getattr(error, "position", 0)].decode("utf-8", "ignore")
        character = text[len(before) : len(before) + 1]
        found = f"the character U+{ord(character):04X}" if character else "an odd character"
        problem = f"found {found}, expected printable text"
        raise Broken(ENCODING, *_line_and_column(before), problem) from None
    except Broken as fault:
        if fault.rule is AMBIGUOUS:
            raise _template(text, fault.line) or fault from None
        raise


def _told(text: str, rule: Rule, error: Any) -> Broken:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if template := _template(text, line):
        return template
    if mark and text[mark.index : mark.index + 1] == "\t":
        return Broken(rule, line, column, "found a tab, expected spaces: YAML indents by spaces")
    return Broken(rule, line, column, f"not YAML: {error.problem or error.context}"[:200])


def _template(text: str, line: int) -> Broken | None:
    """A placeholder on the line that broke, or before it, is what broke it."""
    found = placeholder(text)
    if found is None:
        return None
    at = _line_and_column(text[: found.start()])
    if at[0] > line:
        return None
    problem = f"found the placeholder {found[0][:60]} of a template, expected a finished document"
    return Broken(TEMPLATE, *at, f"{problem}: render the template first")


def _line_and_column(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")
