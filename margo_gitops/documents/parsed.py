"""A document that has been read: its data, and where each of its nodes stands in the text."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, Literal

from margo_gitops.documents.findings import Path
from margo_gitops.documents.scalars import respellings

Form = Literal["plain", "'", '"', "|", ">", "flow", "pair", "block", "alias"]
"""How a node is written; a `pair` is the one-entry map of `[a: b]`, without braces."""


Entry = tuple[Any, Any, Any]
"""The parser's events of a node: its field's name (or its start, in a list), its start, its end."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands, in characters of the decoded text, and how it is written there.

    The start is that of its anchor and tag, where it has some. The end of a block collection is
    that of its last node; that of a block scalar comes before the blank lines it does not keep.
    """

    start: int
    end: int
    column: int
    form: Form
    anchor: str | None
    tagged: bool
    key: tuple[int, int] | None


class Parsed:
    """One document as plain dicts, lists and scalars, and where each of its nodes stands.

    `text` is the whole document, decoded; `aliased` are the anchors that an alias names.
    """

    def __init__(
        self,
        data: Any,
        root: Entry,
        marks: dict[int, dict[str | int, Entry]],
        *,
        text: str,
        respelled: bool,
        aliased: frozenset[str],
    ) -> None:
        self.data = data
        self.text = text
        self.aliased = aliased
        self._respelled = respelled
        self._growth: list[tuple[int, int]] | None = None
        self._root = root
        self._marks = marks

    def position(self, path: Path) -> tuple[int, int]:
        """Line and column, from 1, of the node at `path`, or of its nearest existing ancestor."""
        mark = self._find(path)[0][1].start_mark
        return mark.line + 1, mark.column + 1

    def key_position(self, path: Path) -> tuple[int, int]:
        """As `position`, but of the field's name rather than its value."""
        mark = self._find(path)[0][0].start_mark
        return mark.line + 1, mark.column + 1

    def span(self, path: Path) -> tuple[int, int]:
        """Start and end of the node at `path`, in characters of the decoded text.

        A byte order mark counts as one character. Raises `KeyError` where there is no such node.
        """
        place = self.place(path)
        return place.start, place.end

    def place(self, path: Path) -> Place:
        """Where the node at `path` stands and how it is written; `KeyError` where there is none."""
        entry, node, found = self._find(path)
        if found < len(path):
            raise KeyError(path)
        name, start, _ = entry
        form, key = _form(entry), None
        if name is not start:
            key = self._offset(name.start_mark.index), self._offset(name.end_mark.index)
        return Place(
            start=self._offset(start.start_mark.index),
            end=self._end(entry, node),
            column=start.start_mark.column,
            form=form,
            anchor=start.anchor if form != "alias" else None,
            tagged=form != "alias" and start.tag is not None,
            key=key,
        )

    def _find(self, path: Path) -> tuple[Entry, Any, int]:
        """The entry and the node of the deepest existing step, and how many steps there are."""
        node, entry = self.data, self._root
        for count, step in enumerate(path):
            marks = self._marks.get(id(node), {})
            if step not in marks:
                return entry, node, count
            node, entry = node[step], marks[step]
        return entry, node, len(path)

    def _end(self, entry: Entry, node: Any) -> int:
        while (form := _form(entry)) in {"block", "pair"}:
            marks = self._marks[id(node)]
            last = next(reversed(marks))
            node, entry = node[last], marks[last]
        end = self._offset(entry[2].end_mark.index)
        if form not in {"|", ">"}:
            return end
        return _block_scalar_end(self.text, self._offset(entry[1].start_mark.index), end)

    def _offset(self, index: int) -> int:
        first = self.text.startswith("\ufeff")
        if not self._respelled:
            return index + first
        if self._growth is None:
            self._growth = respellings(self.text[first:])
        before = bisect_right(self._growth, (index, len(self.text) * 6))
        return index + first - (self._growth[before - 1][1] if before else 0)


def _form(entry: Entry) -> Form:
    _, start, end = entry
    flow = getattr(start, "flow_style", None)
    if flow is None:
        return (start.style or "plain") if hasattr(start, "value") else "alias"
    if not flow:
        return "block"
    return "flow" if end.end_mark.index > end.start_mark.index else "pair"


def _block_scalar_end(text: str, start: int, end: int) -> int:
    header = text[start : text.find("\n", start)]
    if "+" in header.split("#")[0]:
        line = text.rfind("\n", start, end) + 1
        return line if not text[line:end].strip(" \t") else end
    while (line := text.rfind("\n", start, end)) >= 0 and not text[line + 1 : end].strip(" \t\r"):
        end = line
    return end - 1 if text[end - 1 : end] == "\r" else end
