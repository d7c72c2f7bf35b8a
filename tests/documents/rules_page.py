"""`docs/rules.md`, made from the rules and their cases: `python -m tests.documents.rules_page`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from margo_gitops.documents.catalogue import GROUPS
from margo_gitops.documents.rule import Rule
from tests.documents.test_rules import CASES, Case

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"

HEAD = """\
# The rules

What `margo validate` asks of Margo documents and of this project's own files; `margo validate
--explain RULE` prints one of them. This page is made from the rules themselves and from the cases
that test them (`python -m tests.documents.rules_page`).

An **error** means that the document cannot be used. A **warning** means that it can be, and hardly
does what its author meant. A **leniency** is a spelling that the letter of a dialect forbids and
real documents have: a warning, and an error with `--strict`.

"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(line + "\n" for line in _lines()).rstrip("\n") + "\n"


def _lines() -> Iterator[str]:
    cases: dict[str, Case] = {}
    for case in CASES:
        cases.setdefault(case.rule, case)
    for title, rules in GROUPS.items():
        yield from (f"## {title}", "")
        for rule in rules:
            yield from _rule(rule, cases.get(rule.id))


def _rule(rule: Rule, case: Case | None) -> Iterator[str]:
    severity = "leniency" if rule.lenient else rule.severity
    yield from (f"### {rule.id}", "", f"*{severity}.* {rule.asks}", "")
    yield from (f"Why: {rule.why}", "", f"What to do: {rule.cure}", "")
    if case is not None and case.base and case.new.strip() and "\udcff" not in case.new:
        before, after = _line_of(case.text, case.old), _line_of(case.broken, case.new)
        yield from ("```diff", *(f"-{line}" for line in after), *(f"+{line}" for line in before))
        yield from ("```", "")


def _line_of(text: str, part: str) -> list[str]:
    """The whole lines of the text that the part touches."""
    start = text.index(part)
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", start + len(part.rstrip("\n")))
    return text[first : len(text) if last < 0 else last].split("\n")


def main() -> None:
    """Write it."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
