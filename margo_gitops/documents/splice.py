"""New data into old text: which characters go, and which come in their place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from margo_gitops.documents.brackets import joined, without
from margo_gitops.documents.findings import Path
from margo_gitops.documents.lines import (
    below,
    break_near,
    column,
    ended_as,
    line_end,
    next_line,
    starts_its_line,
    whole,
)
from margo_gitops.documents.moves import moves, same
from margo_gitops.documents.parsed import Parsed, Place
from margo_gitops.documents.spelling import block, inline

_LONE_RETURN = re.compile(r"\r(?!\n)")
_COLON = re.compile(r"[ \t]*:")
_DASH = re.compile(r"(?:^|\n)[ \t]*(-)(?=[ \t\r\n]|\Z)")
_ANCHOR = re.compile(r"&[^\s,\[\]{}]+[ \t]*")
_NESTED = {"flow", "pair", "block"}

Splice = tuple[int, int, str]
"""Characters from, to, and what comes in their place."""
Span = tuple[int, int]


class Unsafe(Exception):
    """A change that the text does not allow alone; `path` says where."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(problem)


def spliced(parsed: Parsed, wanted: Any, *, as_json: bool) -> str:
    """The document's text with `wanted` as its data, changed where it differs and nowhere else.

    The result is as good as the author's layout allows: the caller reads it again. Raises `Unsafe`
    for what an alias or a tag holds together with something else.
    """
    text = parsed.text
    if _LONE_RETURN.search(text):
        raise Unsafe((), "its lines end in CR without LF")
    parts, at = [], 0
    splices = _Splicer(parsed, text, as_json).node((), parsed.data, wanted)
    for start, end, new in sorted(splices, key=lambda splice: splice[:2]):
        if start < at and new:
            raise Unsafe((), "two of the changes touch")
        parts += [text[at : max(start, at)], new]
        at = max(end, at)
    return ended_as(text, "".join([*parts, text[at:]]))


@dataclass(frozen=True, slots=True)
class _Splicer:
    """One document, and the rules of its text."""

    parsed: Parsed
    text: str
    as_json: bool

    def node(self, path: Path, old: Any, new: Any) -> Iterator[Splice]:
        """What changes at a node and below."""
        if same(old, new):
            return
        place = self.parsed.place(path)
        if place.form == "alias":
            raise Unsafe(path, "an alias stands there, which shows another place's value")
        if place.anchor in self.parsed.aliased:
            raise Unsafe(path, f"aliases show its anchor &{place.anchor} at other places too")
        if isinstance(old, dict) and isinstance(new, dict) and old.keys() & new.keys():
            yield from self._fields(path, place, old, new)
        elif isinstance(old, list) and isinstance(new, list) and old and new:
            yield from self._items(path, place, old, new)
        else:
            yield from self._replaced(path, place, old, new)

    def _fields(
        self, path: Path, place: Place, old: dict[str, Any], new: dict[str, Any]
    ) -> Iterator[Splice]:
        gone = [key not in new for key in old]
        added = {key: value for key, value in new.items() if key not in old}
        if place.form == "pair" and (added or any(gone)):
            yield from self._replaced(path, place, old, new)
            return
        for key, value in old.items():
            if key in new:
                yield from self.node((*path, key), value, new[key])
        if not added and not any(gone):
            return
        spans = [self._field((*path, key)) for key in old]
        yield from self._removed(place, spans, gone)
        if added and place.form == "flow":
            texts = [self._inline({key: value})[1:-1] for key, value in added.items()]
            yield joined(self.text, place.start, spans, len(spans), texts)
        elif added:
            yield below(self.text, spans[-1][1], column(self.text, spans[0][0]), block(added))

    def _items(self, path: Path, place: Place, old: list[Any], new: list[Any]) -> Iterator[Splice]:
        gone = [False] * len(old)
        came: dict[int, list[Any]] = {}
        for move in moves(old, new):
            if move.equal:
                continue
            paired = list(zip(move.before, move.after, strict=False))
            for at, to in paired:
                yield from self.node((*path, at), old[at], new[to])
            for at in move.before[len(paired) :]:
                gone[at] = True
            if more := [new[to] for to in move.after[len(paired) :]]:
                came[move.before.start + len(paired)] = more
        if not came and not any(gone):
            return
        spans = self._item_spans(path, place, len(old))
        yield from self._removed(place, spans, gone)
        for at, items in came.items():
            yield self._inserted(place, spans, at, items)

    def _inserted(self, place: Place, spans: list[Span], at: int, items: list[Any]) -> Splice:
        if place.form == "flow":
            texts = [self._inline(item) for item in items]
            return joined(self.text, place.start, spans, at, texts)
        first = spans[0][0]
        indent = column(self.text, first)
        if at:
            return below(self.text, spans[at - 1][1], indent, block(items))
        end = break_near(self.text, first) + " " * indent
        return first, first, "".join(line + end for line in block(items))

    def _removed(self, place: Place, spans: list[Span], gone: list[bool]) -> Iterator[Splice]:
        if not any(gone):
            return
        if place.form == "flow":
            yield from without(spans, gone)
            return
        first = 0
        if gone[0] and not starts_its_line(self.text, spans[0][0]):
            # What stands before it on its line stays, and what follows moves up beside it.
            first = gone.index(False)
            end = next_line(self.text, spans[first - 1][1])
            while self.text[end] in " \r\n":
                end += 1
            yield spans[0][0], end, ""
        for (start, end), is_gone in list(zip(spans, gone, strict=True))[first:]:
            if is_gone:
                yield whole(self.text, start, end)

    def _replaced(self, path: Path, place: Place, old: Any, new: Any) -> Iterator[Splice]:
        """Another value in the place of a whole node."""
        if place.form in _NESTED and (place.anchor or place.tagged):
            raise Unsafe(path, "it has an anchor or a tag")
        flow = bool(path) and self.parsed.place(path[:-1]).form in {"flow", "pair"}
        if flow or self.as_json or not _wants_lines(place, new):
            written = inline(new, place.form, flow=flow, as_json=self.as_json)
            yield from self._replaced_inline(path, place, written)
        elif place.form == "block" or place.key is None:
            start = self._content(path, place)[0]
            beside_dash = start == place.end
            below_dashes = isinstance(old, list) and isinstance(new, dict) and bool(path)
            deeper = 1 if beside_dash else 2 * below_dashes
            yield start, place.end, self._lines(start, new, deeper, " " * deeper)
        else:
            start, indent = self._after_mark(path, place), column(self.text, place.key[0]) + 2
            lead = break_near(self.text, start) + " " * indent
            indented = self._lines(start, new, indent - column(self.text, start), lead)
            yield start, place.end, indented

    def _replaced_inline(self, path: Path, place: Place, written: str) -> Iterator[Splice]:
        start, end = self._content(path, place)
        if start == end:
            start = end = start if place.anchor else self._after_mark(path, place)
            yield start, end, written if self.text[start - 1].isspace() else " " + written
            return
        mark = self._after_mark(path, place) if place.form == "block" and path else start
        if "\n" not in self.text[mark:start]:
            yield start, end, written
            return
        yield mark, mark, " " + written
        yield line_end(self.text, mark), end, ""

    def _lines(self, at: int, value: Any, deeper: int, lead: str) -> str:
        """A value in block style whose lines stand below `at`, or `deeper` characters beside."""
        indent = " " * (column(self.text, at) + deeper)
        return lead + (break_near(self.text, at) + indent).join(block(value))

    def _inline(self, value: Any) -> str:
        return inline(value, "plain", flow=True, as_json=self.as_json)

    def _content(self, path: Path, place: Place) -> Span:
        """A scalar without its anchor, any other node whole."""
        if not place.anchor or place.tagged or place.form in _NESTED:
            return place.start, place.end
        match = _ANCHOR.match(self.text, place.start)
        if match is None or self.text[match.end() : match.end() + 1] in {"\r", "\n", "#"}:
            raise Unsafe(path, "its anchor stands on another line")
        return match.end(), place.end

    def _field(self, path: Path) -> Span:
        place = self.parsed.place(path)
        return (place.key or (place.start, 0))[0], place.end

    def _item_spans(self, path: Path, place: Place, count: int) -> list[Span]:
        places = [self.parsed.place((*path, index)) for index in range(count)]
        if place.form == "flow":
            return [(item.start, item.end) for item in places]
        spans, before = [], place.start
        for index, item in enumerate(places):
            spans.append((self._dash((*path, index), before, item.start), item.end))
            before = item.end
        return spans

    def _dash(self, path: Path, after: int, before: int) -> int:
        match = _DASH.search(self.text[after : before + 1])
        if match is None:
            raise Unsafe(path, "its dash was not found")
        return after + match.start(1)

    def _after_mark(self, path: Path, place: Place) -> int:
        """Behind the colon or dash that leads to a node."""
        if place.key is not None:
            match = _COLON.match(self.text, place.key[1])
            if match is None:
                raise Unsafe(path, "no colon stands behind its name")
            return match.end()
        if not path or place.form != "block":
            return place.start
        index = int(path[-1])
        before = self.parsed.place((*path[:-1], index - 1)).end if index else None
        after = self.parsed.place(path[:-1]).start if before is None else before
        return self._dash(path, after, place.start) + 1


def _wants_lines(place: Place, new: Any) -> bool:
    """A collection in place of a scalar stays on its line where it is flat."""
    if not isinstance(new, dict | list) or not new:
        return False
    items = new.values() if isinstance(new, dict) else new
    return place.form in _NESTED or any(isinstance(item, dict | list) for item in items)
