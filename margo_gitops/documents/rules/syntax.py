"""What a document must keep to before it has any meaning at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from margo_gitops.documents.findings import Path
from margo_gitops.documents.rule import Rule

if TYPE_CHECKING:
    from margo_gitops.documents.parsed import Parsed

ENCODING = Rule(
    "encoding",
    "A document is UTF-8 text without control characters.",
    "YAML 1.2 section 5.1 and RFC 8259: other encodings and control characters are read"
    " differently, or not at all, by the tools between here and a device.",
    "Save the file as UTF-8 in your editor; `iconv -f UTF-16 -t UTF-8 FILE` converts one.",
)
SYNTAX = Rule(
    "yaml-syntax",
    "A document is YAML 1.2 or JSON.",
    "What does not parse has no meaning; often a tab in the indentation, a missing quote or a"
    " missing space after a colon is the cause.",
    "Mend the line, or the one before it.",
)
BOUNDS = Rule(
    "bounds",
    "A document has at most 1 MiB, 64 levels and 100,000 nodes, and numbers of 400 digits.",
    "Aliases count as often as they are used: a few lines of them can stand for billions of nodes"
    " and exhaust a device's memory.",
    "Split the document, or move what is large to a file of the package.",
)
DUPLICATE_KEY = Rule(
    "duplicate-key",
    "A map has each field once.",
    "YAML 1.2 section 3.2.1.3: one parser takes the first, another the last, so that a check and a"
    " device could see two values.",
    "Remove one of the two.",
)
AMBIGUOUS = Rule(
    "yaml-ambiguous",
    "A document uses only what every YAML parser reads in the same way.",
    "Merge keys, tags, fields whose name is no text, infinite numbers and unusual line ends mean"
    " different things to YAML 1.1, YAML 1.2 and JSON.",
    "Write the value out in plain words; put a text in quotes.",
)
ONE_DOCUMENT = Rule(
    "one-document",
    "A file holds one document.",
    "A second one would be ignored by some tools and used by others.",
    "Move it to a file of its own.",
)
EMPTY = Rule(
    "empty-document",
    "A file holds a document.",
    "An empty file, or one of comments only, says nothing; a lost copy looks the same.",
    "Delete the file, or restore it: git log -- FILE",
)
TEMPLATE = Rule(
    "template",
    "A document is finished: no `{{ placeholder }}` is left in it.",
    "Placeholders are a template engine's; a device takes them for a value, or for a map.",
    "Render the template first, and check what comes out.",
)

RULES = (ENCODING, SYNTAX, BOUNDS, DUPLICATE_KEY, AMBIGUOUS, ONE_DOCUMENT, EMPTY, TEMPLATE)

_PLACEHOLDER = re.compile(r"\{\{[^{}\n]{0,200}\}\}")
_FIXED = {"id", "name", "repository", "packageLocation"}


def placeholder(text: str) -> re.Match[str] | None:
    """The first `{{ … }}` of a text that stands neither in quotes nor in a comment, by its line."""
    for match in _PLACEHOLDER.finditer(text):
        before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if not set(before) & set("\"'#"):
            return match
    return None


def templated(parsed: Parsed) -> list[Path]:
    """The fields with a fixed meaning (id, name, repository, packageLocation) that hold `{{ … }}`.

    Elsewhere, as in a parameter's value, such a text may be meant for the workload.
    """
    return [path for path, text in _fixed_texts(parsed.data) if _PLACEHOLDER.search(text)]


def _fixed_texts(data: Any) -> Iterator[tuple[Path, str]]:
    waiting: list[tuple[Path, Any]] = [((), data)]
    while waiting:
        path, node = waiting.pop()
        steps = node.items() if isinstance(node, dict) else enumerate(node)
        for step, value in steps:
            if isinstance(value, dict | list):
                waiting.append(((*path, step), value))
            elif isinstance(value, str) and step in _FIXED:
                yield (*path, step), value
