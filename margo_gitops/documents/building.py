"""Plain data from a stream of parser events, one at a time, bounded and without recursion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from margo_gitops.documents.parsed import Entry, Parsed
from margo_gitops.documents.rule import Rule
from margo_gitops.documents.rules.syntax import (
    AMBIGUOUS,
    BOUNDS,
    DUPLICATE_KEY,
    EMPTY,
    ONE_DOCUMENT,
    SYNTAX,
)
from margo_gitops.documents.scalars import Unreadable, scalar

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 100_000

_MAP = {None, "!", "tag:yaml.org,2002:map"}
_LIST = {None, "!", "tag:yaml.org,2002:seq"}
_UNSEEN = object()


class Broken(Exception):
    """A broken rule of `rules/syntax.py`, and its line and column from 1."""

    def __init__(self, rule: Rule, line: int, column: int, problem: str) -> None:
        self.rule = rule
        self.line = line
        self.column = column
        self.problem = problem
        super().__init__(problem)


class _Open:
    """A collection whose end has not come yet; `nodes` and `size` are what came before it."""

    __slots__ = ("fields", "height", "items", "key", "marks", "name", "nodes", "size", "start")

    def __init__(self, start: Any, *, is_map: bool, nodes: int, size: int) -> None:
        self.start = start
        self.fields: dict[str, Any] | None = {} if is_map else None
        self.items: list[Any] = []
        self.marks: dict[str | int, Entry] = {}
        self.nodes = nodes
        self.size = size
        self.height = 0
        self.key: str | None = None
        self.name: Any = None


class Builder:
    """Takes a parser's events and keeps what they mean; each fault is raised as `Broken`."""

    def __init__(self, text: str, *, respelled: bool) -> None:
        self._text = text
        self._respelled = respelled
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int, int, int]] = {}
        self._aliased: set[str] = set()
        self._marks: dict[int, dict[str | int, Entry]] = {}
        self._nodes = 0
        self._size = 0
        self._root: Entry | None = None
        self._data: Any = _UNSEEN

    def read(self, parser: Any) -> None:
        """Take all events of a libyaml parser."""
        from ruamel.yaml import events  # noqa: PLC0415

        take: dict[type, Callable[[Any], None]] = {
            events.ScalarEvent: self._scalar,
            events.AliasEvent: self._alias,
            events.MappingStartEvent: self._start,
            events.SequenceStartEvent: self._start,
            events.MappingEndEvent: self._end,
            events.SequenceEndEvent: self._end,
            events.DocumentStartEvent: self._document,
        }
        next_event, act_on = parser.get_event, take.get
        while (event := next_event()) is not None:
            if act := act_on(type(event)):
                act(event)

    def finish(self) -> Parsed:
        """The document; `Broken` where none came."""
        if self._root is None:
            raise Broken(EMPTY, 1, 1, "found nothing but comments or blanks, expected a document")
        return Parsed(
            self._data,
            self._root,
            self._marks,
            text=self._text,
            respelled=self._respelled,
            aliased=frozenset(self._aliased),
        )

    def _document(self, event: Any) -> None:
        if self._root is not None:
            _refuse(event, ONE_DOCUMENT, "found a second document, expected one in a file")
        if event.version not in {None, (1, 2)}:
            version = ".".join(str(part) for part in event.version)
            _refuse(event, AMBIGUOUS, f"found %YAML {version}, expected 1.2 or no such line")

    def _scalar(self, event: Any) -> None:
        text, tag, plain = event.value, event.tag, not event.style
        if tag is None and not plain:
            value = text
        else:
            try:
                value = scalar(text, tag, plain=plain)
            except Unreadable as error:
                _refuse(event, error.rule, str(error))
        self._nodes += 1
        self._size += len(text)
        if self._nodes > MAX_NODES:
            self._refuse_nodes(event)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1, len(text), 0)
        if self._open and (parent := self._open[-1]).fields is not None and parent.key is None:
            if plain and text == "<<":
                _refuse(event, AMBIGUOUS, "found a merge key (<<), expected the fields written out")
            self._name(parent, value, event)
        else:
            self._place(value, event, event, 0)

    def _alias(self, event: Any) -> None:
        name = event.anchor
        if name not in self._anchors:
            problem = f"found *{name[:60]}, which names no earlier, complete node"
            _refuse(event, SYNTAX, problem)
        value, nodes, size, height = self._anchors[name]
        self._aliased.add(name)
        self._nodes += nodes
        self._size += size
        if self._nodes > MAX_NODES:
            self._refuse_nodes(event)
        if self._size > MAX_BYTES:
            problem = f"found more than {MAX_BYTES} characters, aliases counted as used"
            _refuse(event, BOUNDS, problem)
        if len(self._open) + height > MAX_DEPTH:
            _refuse(event, BOUNDS, f"found more than {MAX_DEPTH} levels")
        self._place(value, event, event, height)

    def _start(self, event: Any) -> None:
        is_map = type(event).__name__ == "MappingStartEvent"
        if event.tag not in (_MAP if is_map else _LIST):
            _refuse(event, AMBIGUOUS, f"found the tag {event.tag[:60]}, expected none")
        if len(self._open) >= MAX_DEPTH:
            _refuse(event, BOUNDS, f"found more than {MAX_DEPTH} levels")
        self._open.append(_Open(event, is_map=is_map, nodes=self._nodes, size=self._size))
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._refuse_nodes(event)

    def _end(self, event: Any) -> None:
        done = self._open.pop()
        node: Any = done.items if done.fields is None else done.fields
        self._marks[id(node)] = done.marks
        height = done.height + 1
        if anchor := done.start.anchor:
            nodes, size = self._nodes - done.nodes, self._size - done.size
            self._anchors[anchor] = (node, nodes, size, height)
        self._place(node, done.start, event, height)

    def _place(self, value: Any, start: Any, end: Any, height: int) -> None:
        if not self._open:
            if start is end and not start.style and start.value == "":
                return
            self._data, self._root = value, (start, start, end)
            return
        parent = self._open[-1]
        parent.height = max(parent.height, height)
        if parent.fields is None:
            parent.marks[len(parent.items)] = (start, start, end)
            parent.items.append(value)
        elif parent.key is None:
            self._name(parent, value, start)
        else:
            parent.fields[parent.key] = value
            parent.marks[parent.key] = (parent.name, start, end)
            parent.key = None

    def _name(self, parent: _Open, value: Any, event: Any) -> None:
        if not isinstance(value, str):
            found = "a collection" if isinstance(value, dict | list) else f"{value!r}"
            _refuse(event, AMBIGUOUS, f"found {found[:60]} as a field's name, expected text")
        if value in parent.marks:
            _refuse(event, DUPLICATE_KEY, f"found {value[:60]!r} twice, expected each field once")
        parent.key, parent.name = value, event

    def _refuse_nodes(self, event: Any) -> NoReturn:
        _refuse(event, BOUNDS, f"found more than {MAX_NODES} nodes, aliases counted as used")


def _refuse(event: Any, rule: Rule, problem: str) -> NoReturn:
    mark = event.start_mark
    raise Broken(rule, mark.line + 1, mark.column + 1, problem)
