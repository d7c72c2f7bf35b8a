"""Documents as persons write them: any data, in any mixture of YAML's styles."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from margo_gitops.documents.findings import Path
from margo_gitops.documents.spelling import is_bare, quoted

texts = st.one_of(
    st.sampled_from(
        ["on", "yes", "1.0", "a b", "it's", 'say "hi"', "# no", "x: y", "- a", "", " "]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12),
    st.sampled_from(["two\nlines", "two\nlines\n", "tab\there", "Größe", "😀"]),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
)
names = st.from_regex(r"[a-z][a-z0-9-]{0,5}", fullmatch=True) | st.sampled_from(["on", "a b", "é"])
data = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=14,
)
maps = st.dictionaries(names, data, min_size=1, max_size=5)


@st.composite
def documents(draw: st.DrawFn, held: st.SearchStrategy[Any] = maps) -> tuple[bytes, Any]:
    """A document's bytes and its data."""
    value = draw(held)
    if draw(st.integers(0, 4)) == 0:
        indent = draw(st.sampled_from([None, 2, 4]))
        text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=indent)
    else:
        text = "\n".join(_Writer(draw).document(value))
    if "|" in text or draw(st.booleans()):
        text += "\n"
    if draw(st.integers(0, 3)) == 0:
        text = text.replace("\n", "\r\n")
    mark = "\ufeff" if draw(st.integers(0, 5)) == 0 else ""
    return (mark + text).encode(), value


class _Writer:
    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.step = draw(st.sampled_from([2, 3, 4]))

    def one_in(self, count: int) -> bool:
        return self.draw(st.integers(1, count)) == 1

    def document(self, value: Any) -> list[str]:
        lines = ["# head"] if self.one_in(3) else []
        lines += ["---"] if self.one_in(6) else []
        if isinstance(value, dict | list) and value and not self.one_in(8):
            lines += self.block(value, 0)
        else:
            lines.append(self.flow(value))
        return [*lines, *(["# tail"] if self.one_in(4) else [])]

    def comment(self) -> str:
        return self.draw(st.sampled_from(["", "", "", "  # why: - [x] {y}", " #"]))

    def between(self, indent: int) -> list[str]:
        choices = [[], [], [], [""], [" " * indent + "# above"], ["", "# at the side: 1"]]
        return self.draw(st.sampled_from(choices))

    def block(self, value: Any, indent: int) -> list[str]:
        lines: list[str] = []
        if isinstance(value, dict):
            for key, item in value.items():
                lines += self.between(indent) if lines else []
                lines += self.under(" " * indent + self.key(key) + ":", item, indent)
            return lines
        for item in value:
            lines += self.between(indent) if lines else []
            if isinstance(item, dict | list) and item and not self.one_in(3):
                beside = self.block(item, indent + self.step)
                dash = " " * indent + "-"
                if self.one_in(4):
                    lines += [dash + self.comment(), *beside]
                else:
                    lines += [dash + beside[0][len(dash) :], *beside[1:]]
            else:
                lines += self.under(" " * indent + "-", item, indent)
        return lines

    def under(self, lead: str, value: Any, indent: int) -> list[str]:
        if isinstance(value, dict | list) and value and not self.one_in(4):
            flat = isinstance(value, list) and not lead.endswith("-") and self.one_in(3)
            return [lead + self.comment(), *self.block(value, indent + (0 if flat else self.step))]
        if value is None and self.one_in(2):
            return [lead + self.comment()]
        if isinstance(value, str) and self.literal(value):
            keep = "" if value.endswith("\n") else "-"
            body = value.removesuffix("\n").split("\n")
            return [f"{lead} |{keep}", *(" " * (indent + self.step) + line for line in body)]
        space = " " * self.draw(st.integers(1, 3))
        return [lead + space + self.flow(value, inside=False) + self.comment()]

    def literal(self, text: str) -> bool:
        return text in {"two\nlines", "two\nlines\n", "a b"} and self.one_in(2)

    def key(self, text: str) -> str:
        return self.scalar(text, inside=True)

    def flow(self, value: Any, *, inside: bool = True) -> str:
        if not isinstance(value, dict | list):
            return self.scalar(value, inside=inside)
        gap = self.draw(st.sampled_from(["", " "]))
        comma = self.draw(st.sampled_from([", ", ",  ", " , "]))
        if isinstance(value, dict):
            fields = [f"{self.key(k)}: {self.flow(v)}" for k, v in value.items()]
            return "{" + gap + comma.join(fields) + gap + "}"
        return "[" + gap + comma.join(self.flow(item) for item in value) + gap + "]"

    def scalar(self, value: Any, *, inside: bool) -> str:
        if not isinstance(value, str):
            return (
                json.dumps(value)
                if value is not None
                else self.draw(st.sampled_from(["~", "null"]))
            )
        styles = ['"']
        if value.isprintable() and "\ufeff" not in value:
            styles.append("'")
        if is_bare(value) and not (inside and ":" in value):
            styles.append("bare")
        style = self.draw(st.sampled_from(styles))
        if style == "'":
            return "'" + value.replace("'", "''") + "'"
        return value if style == "bare" else quoted(value)


def paths(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """Every node of some data with its path."""
    found = [(path, value)]
    steps = value.items() if isinstance(value, dict) else ()
    for step, item in enumerate(value) if isinstance(value, list) else steps:
        found += paths(item, (*path, step))
    return found
