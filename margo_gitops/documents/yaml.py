"""The one parser of every decision: YAML 1.2 and JSON, bounded, with positions.

libyaml tokenises; what a plain scalar means, and what is refused, is decided here. There is no
second parser to fall back to: two that differ in one corner would let a document pass a check as
one thing and run as another (DESIGN section 4). What YAML 1.1 or parsers of other languages read
differently is refused rather than guessed: merge keys, duplicate keys, foreign tags.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from margo_gitops.documents.findings import Finding, InvalidDocument, Path
from margo_gitops.documents.scalars import OLD_BREAK, Unreadable, json_as_yaml, scalar

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 100_000

_COLLECTIONS = {None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_UNSEEN = object()


class Parsed:
    """One document as plain dicts, lists and scalars, and where each of its nodes stands."""

    def __init__(self, data: Any, root: Any, marks: dict[int, dict[str | int, Any]]) -> None:
        self.data = data
        self._root = root
        self._marks = marks

    def position(self, path: Path) -> tuple[int, int]:
        """Line and column, from 1, of the node at `path`, or of its nearest existing ancestor."""
        return self._find(path, 1)

    def key_position(self, path: Path) -> tuple[int, int]:
        """As `position`, but of the field's name rather than its value."""
        return self._find(path, 0)

    def _find(self, path: Path, side: int) -> tuple[int, int]:
        node, found = self.data, (self._root, self._root)
        for step in path:
            marks = self._marks.get(id(node), {})
            if step not in marks:
                break
            node, found = node[step], marks[step]
        return found[side].line + 1, found[side].column + 1


def parse(data: bytes, where: str) -> Parsed:
    """Read one YAML 1.2 or JSON document of at most 1 MiB, 64 levels and 100,000 nodes.

    Aliases count as often as they are used. Timestamps and words such as `yes` stay strings, as
    YAML 1.2 has it. Raises `InvalidDocument` with path, line and column for what is not UTF-8, not
    YAML, too large, or ambiguous: duplicate or merge keys, keys that are no strings, tags outside
    the core schema, numbers that are not finite, more than one document.
    """
    text = json_as_yaml(_decoded(data, where))
    if broken := OLD_BREAK.search(text):
        at = _line_and_column(text[: broken.start()])
        _fail(where, *at, f"found the line end U+{ord(broken[0]):04X}, expected LF or CRLF")
    builder = _Builder(where)
    for event in _events(text, where):
        builder.take(event)
    return builder.finish()


def _decoded(data: bytes, where: str) -> str:
    if len(data) > MAX_BYTES:
        _fail(where, 1, 1, f"found {len(data)} bytes, expected at most {MAX_BYTES}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _line_and_column(data[: error.start].decode("utf-8"))
        _fail(where, line, column, f"found byte 0x{data[error.start]:02x}, expected UTF-8 text")
    return text.removeprefix("\ufeff")


def _events(text: str, where: str) -> Iterator[Any]:
    from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]  # noqa: PLC0415
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    try:
        parser = CParser(text)
        while parser.check_event():
            yield parser.get_event()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        _fail(where, line, column, f"not YAML: {error.problem or error.context}")
    except YAMLError as error:  # a ReaderError, which counts in bytes
        at = getattr(error, "position", 0)
        line, column = _line_and_column(text.encode("utf-8")[:at].decode("utf-8", "ignore"))
        _fail(where, line, column, f"found {_character(text, at)}, expected printable text")


def _character(text: str, at: int) -> str:
    rest = text.encode("utf-8")[at : at + 4].decode("utf-8", "ignore")
    return f"the character U+{ord(rest[0]):04X}" if rest else "an unprintable character"


def _line_and_column(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _fail(where: str, line: int, column: int, message: str) -> NoReturn:
    raise InvalidDocument([Finding(where, line, column, message, "yaml")])


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    node: dict[str, Any] | list[Any]
    start: Any
    anchor: str | None
    nodes_before: int
    marks: dict[str | int, Any] = field(default_factory=dict)
    height: int = 0
    key: str | None = None
    key_mark: Any = None


class _Builder:
    """Plain data from a stream of parser events, one at a time and without recursion."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int, int]] = {}
        self._marks: dict[int, dict[str | int, Any]] = {}
        self._nodes = 0
        self._root: Any = None
        self._data: Any = _UNSEEN
        self._take = {
            "ScalarEvent": self._scalar,
            "AliasEvent": self._alias,
            "MappingStartEvent": self._mapping,
            "SequenceStartEvent": self._sequence,
            "MappingEndEvent": self._end,
            "SequenceEndEvent": self._end,
            "DocumentStartEvent": self._document,
        }

    def take(self, event: Any) -> None:
        act = self._take.get(type(event).__name__)
        if act is not None:
            act(event)

    def finish(self) -> Parsed:
        if self._data is _UNSEEN:
            _fail(self._where, 1, 1, "found an empty file, expected one document")
        return Parsed(self._data, self._root, self._marks)

    def _document(self, event: Any) -> None:
        if self._data is not _UNSEEN:
            self._refuse(event, "found a second document, expected one in a file")
        self._root = event.start_mark

    def _scalar(self, event: Any) -> None:
        self._count(1, event)
        try:
            value = scalar(event.value, event.tag, plain=not event.style)
        except Unreadable as error:
            self._refuse(event, str(error))
        if event.anchor:
            self._anchors[event.anchor] = (value, 1, 0)
        self._place(value, event.start_mark, 0, merge=not event.style and value == "<<")

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            self._refuse(event, f"found *{event.anchor}, which names no earlier, complete node")
        value, nodes, height = self._anchors[event.anchor]
        self._count(nodes, event)
        if len(self._open) + height > MAX_DEPTH:
            self._refuse(event, f"found more than {MAX_DEPTH} levels")
        self._place(value, event.start_mark, height)

    def _mapping(self, event: Any) -> None:
        self._start({}, event)

    def _sequence(self, event: Any) -> None:
        self._start([], event)

    def _start(self, node: dict[str, Any] | list[Any], event: Any) -> None:
        if event.tag not in _COLLECTIONS:
            self._refuse(event, f"found the tag {event.tag}, expected none")
        self._count(1, event)
        if len(self._open) >= MAX_DEPTH:
            self._refuse(event, f"found more than {MAX_DEPTH} levels")
        self._open.append(_Open(node, event.start_mark, event.anchor, self._nodes - 1))

    def _end(self, _: Any) -> None:
        done = self._open.pop()
        self._marks[id(done.node)] = done.marks
        height = done.height + 1
        if done.anchor:
            self._anchors[done.anchor] = (done.node, self._nodes - done.nodes_before, height)
        self._place(done.node, done.start, height)

    def _place(self, value: Any, mark: Any, height: int, *, merge: bool = False) -> None:
        if not self._open:
            self._data, self._root = value, mark
            return
        parent = self._open[-1]
        parent.height = max(parent.height, height)
        if isinstance(parent.node, list):
            parent.marks[len(parent.node)] = (mark, mark)
            parent.node.append(value)
        elif parent.key is None:
            parent.key, parent.key_mark = self._key(parent.node, value, mark, merge), mark
        else:
            parent.node[parent.key] = value
            parent.marks[parent.key] = (parent.key_mark, mark)
            parent.key = None

    def _key(self, node: dict[str, Any], value: Any, mark: Any, merge: bool) -> str:
        at = mark.line + 1, mark.column + 1
        if not isinstance(value, str):
            found = "a collection" if isinstance(value, dict | list) else f"{value!r}"
            _fail(self._where, *at, f"found {found} as a field's name, expected text")
        if merge:
            _fail(self._where, *at, "found a merge key (YAML 1.1), expected the fields written out")
        if value in node:
            _fail(self._where, *at, f"found {value!r} twice, expected each field once")
        return value

    def _count(self, nodes: int, event: Any) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._refuse(event, f"found more than {MAX_NODES} nodes, aliases counted as used")

    def _refuse(self, event: Any, message: str) -> NoReturn:
        _fail(self._where, event.start_mark.line + 1, event.start_mark.column + 1, message)
