"""Documents that mean harm, and the rule that each breaks; run as a module, what they cost."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from margo_gitops.documents.findings import InvalidDocument
from margo_gitops.documents.yaml import parse

MIB = 1 << 20


class Case(NamedTuple):
    """One document; `rule` is None where it is fit to use, if unusual."""

    name: str
    data: Callable[[], bytes]
    rule: str | None
    told: str = ""
    line: int = 1
    large: bool = False


def _small(name: str, data: bytes, rule: str, told: str = "", line: int = 1) -> Case:
    return Case(name, lambda: data, rule, told, line)


def _large(name: str, data: Callable[[], bytes], rule: str | None) -> Case:
    return Case(name, data, rule, large=True)


def _filled(start: bytes, piece: bytes, end: bytes = b"") -> bytes:
    return start + piece * ((MIB - len(start) - len(end)) // len(piece)) + end


def _bomb() -> bytes:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    return "\n".join(lines).encode()


def _nested(levels: int) -> bytes:
    return "".join(f"{' ' * n}a:\n" for n in range(levels)).encode()


HOSTILE = [
    _small("not utf-8", b"a: 1\nb: \xff\n", "encoding", "0xff", 2),
    _small("latin-1", "a: Größe\n".encode("latin-1"), "encoding", "0xf6"),
    _small("utf-16", "a: 1\n".encode("utf-16"), "encoding", "UTF-16"),
    _small("utf-16 without mark", "a: 1\n".encode("utf-16-be"), "encoding", "UTF-16"),
    _small("utf-32", "a: 1\n".encode("utf-32"), "encoding", "UTF-32"),
    _small("nul", b"a: 1\nb: x\x00\n", "encoding", "U+0000", 2),
    _small("escape", "ä: ö\x1b[31m\n".encode(), "encoding", "U+001B"),
    _small("two byte order marks", b"\xef\xbb\xbf\xef\xbb\xbfa: 1\n", "encoding", "byte order"),
    _small("a mark within", b"a: 1\n\xef\xbb\xbfb: 2\n", "encoding", "byte order", 2),
    _small("tab", b"a:\n\tb: 1\n", "yaml-syntax", "tab", 2),
    _small("unclosed", b"a: [1, 2\nb: 3\n", "yaml-syntax", "", 2),
    _small("no space", b"a:1\nb: 2\n", "yaml-syntax", "", 2),
    _small("unknown alias", b"a: *b\n", "yaml-syntax", "*b"),
    _small("alias of itself", b"a: &a [*a]\n", "yaml-syntax", "complete"),
    _small("self-merging", b"&a {<<: *a}\n", "yaml-ambiguous", "merge"),
    _small("merge", b"a: &a {b: 1}\nc:\n  <<: *a\n", "yaml-ambiguous", "merge", 3),
    _small("tag", b"!!python/object:os.system {}\n", "yaml-ambiguous", "tag"),
    _small("binary", b"a: !!binary aGk=\n", "yaml-ambiguous", "tag"),
    _small("number as name", b"1: x\n", "yaml-ambiguous", "name"),
    _small("list as name", b"? [1]\n: x\n", "yaml-ambiguous", "collection"),
    _small("nothing as name", b"?\n: x\n", "yaml-ambiguous", "None"),
    _small("not a number", b"a: .nan\n", "yaml-ambiguous", "finite"),
    _small("yaml 1.1", b"%YAML 1.1\n---\na: on\n", "yaml-ambiguous", "1.1"),
    _small("hidden by cr", b"a: 1 # x\rb: 2\n", "yaml-ambiguous", "U+000D"),
    _small("hidden by nel", "a: 1 # x\x85b: 2\n".encode(), "yaml-ambiguous", "U+0085"),
    _small("hidden by ls", "a: 1 # x\u2028b: 2\n".encode(), "yaml-ambiguous", "U+2028"),
    _small("duplicate", b"a: 1\nb: 2\na: 3\n", "duplicate-key", "'a'", 3),
    _small("duplicate in json", b'{"a": 1, "\\u0061": 2}', "duplicate-key", "'a'"),
    _small("two documents", b"a: 1\n---\nb: 2\n", "one-document", "second", 2),
    _small("an empty second", b"a: 1\n---\n", "one-document", "second", 2),
    _small("empty", b"", "empty-document", "nothing"),
    _small("comments only", b"# one\n\n  # two\n", "empty-document", "nothing"),
    _small("start only", b"---\n# x\n", "empty-document", "nothing"),
    _small("bomb", _bomb(), "bounds", "100000", 6),
    _small("20,000 levels", b"[" * 20_000, "bounds", "64 levels"),
    _small("20,000 maps", b'{"a":' * 20_000, "bounds", "64 levels"),
    _small("65 levels of block", _nested(65), "bounds", "64 levels", 65),
    _small("10**5000", b"a: 1" + b"0" * 5000, "bounds", "5001"),
    _small("1e999999", b"a: 1e999999\n", "bounds", "1e999999"),
    _small("template", b"id: {{ID}}\n", "template", "{{ID}}"),
    _large("one byte too many", lambda: b"a: " + b"x" * MIB, "bounds"),
    _large("a long text", lambda: b"a: " + b"x" * (MIB - 3), None),
    _large("a long name", lambda: b"x" * (MIB - 2) + b": ", "yaml-syntax"),
    _large("a long name in quotes", lambda: b"? '" + b"x" * (MIB - 8) + b"'\n: 1", None),
    _large("a long number", lambda: b"a: " + b"1" * (MIB - 3), "bounds"),
    _large("a long fraction", lambda: b"a: ." + b"1" * (MIB - 4), "bounds"),
    _large("a long folded text", lambda: _filled(b"a: >\n", b"  x\n\n"), None),
    _large("a long escaped text", lambda: _filled(b'["', b"\\ud83d\\ude00", b'"]'), None),
    _large("brackets", lambda: b"[" * MIB, "bounds"),
    _large("braces", lambda: b"{" * MIB, "bounds"),
    _large("pairs of brackets", lambda: _filled(b"[", b"[],", b"]"), "bounds"),
    _large("question marks", lambda: _filled(b"", b"? "), "bounds"),
    _large("dashes", lambda: _filled(b"", b"- "), "bounds"),
    _large("rows of dashes", lambda: _filled(b"", b"- - -\n"), "bounds"),
    _large("colons", lambda: _filled(b"", b"a: "), "yaml-syntax"),
    _large("anchors of themselves", lambda: _filled(b"a: ", b"&a [*a, "), "yaml-syntax"),
    _large("many anchors", lambda: "".join(f"- &a{n} 1\n" for n in range(70_000)).encode(), None),
    _large("many aliases", lambda: _filled(b"- &a x\n", b"- *a\n"), "bounds"),
    _large(
        "aliases of a long text", lambda: _filled(b"- &a " + b"x" * 99_999, b"\n- *a"), "bounds"
    ),
    _large(
        "100,000 fields", lambda: "".join(f"k{n}: 1\n" for n in range(90_000)).encode(), "bounds"
    ),
    _large("40,000 fields", lambda: "".join(f"k{n}: 1\n" for n in range(40_000)).encode(), None),
    _large("comments", lambda: _filled(b"a: 1\n", b"# x\n"), None),
    _large("placeholders", lambda: _filled(b"a: [", b"{{x}}, "), "template"),
    _large("quoted placeholders", lambda: _filled(b"a: [", b"'{{x}}', ", b"]]"), "bounds"),
    _large("half a placeholder", lambda: _filled(b"a: [", b"{{"), "bounds"),
    _large("blanks", lambda: b" " * MIB, "empty-document"),
    _large("line ends", lambda: b"\n" * MIB, "empty-document"),
    _large("tabs", lambda: b"\t" * MIB, "yaml-syntax"),
    _large("quotes", lambda: b'"' * MIB, "yaml-syntax"),
    _large("percent signs", lambda: _filled(b"", b"%a b\n"), "yaml-syntax"),
    _large("nul bytes", lambda: b"x" + b"\0" * (MIB - 1), "encoding"),
]


def peak() -> float:
    """The most memory that this program held, in MB; `getrusage` counts what forked it too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _measure() -> dict[str, object]:
    rules: dict[str, str | None] = {}
    seconds = {}
    for case in HOSTILE:
        data = case.data()
        started = time.process_time()
        try:
            parse(data, "evil.yaml")
        except InvalidDocument as error:
            rules[case.name] = error.findings[0].rule
        else:
            rules[case.name] = None
        seconds[case.name] = time.process_time() - started
    return {"rules": rules, "seconds": seconds, "megabytes": peak()}


if __name__ == "__main__":
    json.dump(_measure(), sys.stdout)
