"""Where a parameter goes: a path into a chart's values, or an environment variable.

A helm pointer is read as `helm --set` reads a key (specification, parameters: same naming). A
compose or wasm pointer is the bare name of a variable; two dialects write `ENV.` before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NoReturn

from margo_gitops.errors import Invalid
from margo_gitops.model.deployment import ApplicationDeployment

Path = tuple[str | int, ...]
"""Names and list indexes, from the root of the values."""

MAX_INDEX = 65536
"""The highest list index that helm takes."""

MAX_STEPS = 64
"""Steps of a pointer; helm takes 30 names, and bounds nested lists not at all."""

MAX_ITEMS = 1_000_000
"""List places that all pointers of a component may ask for together, holes included."""

_NAMES = 30
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKEN = re.compile(r"\\(.)|([.,=\[])|([^\\.,=\[]+)", re.DOTALL)
_INDEX = re.compile(r"\[([+-]?[0-9]{1,9})\]")
_SPECIAL = re.compile(r"[\\.,=\[]")
_ENV = "ENV."


def variable(pointer: str) -> str:
    """The environment variable's name, without one leading `ENV.`; `Invalid` for anything else.

    `PORTS.80` and the like are a package's own invention: they name no variable.
    """
    name = pointer.removeprefix(_ENV)
    if not _VARIABLE.fullmatch(name):
        raise Invalid(
            f"found the pointer {_shown(pointer)}, expected the name of an environment variable:"
            " letters, digits and underlines, no digit first"
        )
    return name


def parse(pointer: str) -> Path:
    """The path that helm reads: dots separate, `[0]` is an index, a backslash takes a character.

    Raises `Invalid` for what helm refuses or silently drops: empty names, an index that is no
    number from 0 to 65536, an open bracket, text after a bracket, an unescaped `,` or `=`, a
    backslash at the end, more than 30 names; and for more than 64 steps.
    """
    path: list[str | int] = []
    at = 0
    while True:
        name, at = _name(pointer, at)
        path.append(name)
        while pointer.startswith("[", at):
            index, at = _index(pointer, at)
            path.append(index)
        if at == len(pointer):
            break
        if pointer[at] != ".":
            _fail(pointer, f"{pointer[at]!r} at character {at + 1}")
        at += 1
    if len(path) > MAX_STEPS or sum(isinstance(step, str) for step in path) > _NAMES:
        _fail(pointer, f"{len(path)} steps, more than helm takes")
    return tuple(path)


def render(path: Path) -> str:
    """The pointer that `parse` reads as this path."""
    steps = [
        f"[{step}]" if isinstance(step, int) else "." + _SPECIAL.sub(r"\\\g<0>", step)
        for step in path
    ]
    return "".join(steps).removeprefix(".")


def assemble(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Nested values from pointers and values, in order; a later value at one place wins.

    Places of a list that nobody fills are null, as helm leaves them. Raises `Invalid` for a pointer
    that helm refuses, for two that need one place as different things, and for lists of more than
    a million places together.
    """
    root: dict[str, Any] = {}
    room = MAX_ITEMS
    for pointer, value in pairs:
        room -= _put(root, parse(pointer), list(value) if isinstance(value, tuple) else value)
        if room < 0:
            _fail(pointer, f"lists of more than {MAX_ITEMS} places")
    return root


def helm_values(deployment: ApplicationDeployment, component: str) -> dict[str, Any]:
    """The values of a chart, nested; a secret is still the `FromSite` that names it."""
    return assemble(deployment.values_for(component).items())


def _name(pointer: str, start: int) -> tuple[str, int]:
    """The name at `start`, unescaped, and where it ends: at a dot, a bracket or the end."""
    name, at = [], start
    while at < len(pointer):
        token = _TOKEN.match(pointer, at)
        if token is None:
            _fail(pointer, "a backslash at its end")
        if token[2]:
            break
        name.append(token[1] or token[3])
        at = token.end()
    if not name:
        _fail(pointer, f"an empty name at character {start + 1}")
    return "".join(name), at


def _index(pointer: str, at: int) -> tuple[int, int]:
    token = _INDEX.match(pointer, at)
    if token is None:
        _fail(pointer, f"no number in brackets at character {at + 1}")
    index = int(token[1])
    if not 0 <= index <= MAX_INDEX:
        _fail(pointer, f"the index {index}, not from 0 to {MAX_INDEX}")
    return index, token.end()


def _put(root: dict[str, Any], path: Path, value: Any) -> int:
    """Set one value; returns how many list places that made."""
    node: Any = root
    made = 0
    for place, following in enumerate(path[1:]):
        made += _make_room(node, path[place], path[:place])
        if _held(node, path[place]) is None:
            node[path[place]] = {} if isinstance(following, str) else []
        node = node[path[place]]
    made += _make_room(node, path[-1], path[:-1])
    before = _held(node, path[-1])
    if isinstance(before, dict | list) and type(before) is not type(value):
        _conflict(path, "one value")
    node[path[-1]] = value
    return made


def _held(node: Any, step: str | int) -> Any:
    return node.get(step) if isinstance(node, dict) else node[step]


def _make_room(node: Any, step: str | int, path: Path) -> int:
    """Lengthen a list up to the step; the container must be of the step's kind."""
    if isinstance(step, str):
        if not isinstance(node, dict):
            _conflict(path, "a map")
        return 0
    if not isinstance(node, list):
        _conflict(path, "a list")
    missing = max(0, step + 1 - len(node))
    node.extend([None] * missing)
    return missing


def _conflict(path: Path, wanted: str) -> NoReturn:
    raise Invalid(
        f"the pointers do not fit together: {_shown(render(path))} is to be {wanted} and something"
        " else too"
    )


def _fail(pointer: str, found: str) -> NoReturn:
    raise Invalid(
        f"found the pointer {_shown(pointer)} with {found}, expected a key as helm --set reads it"
    )


def _shown(pointer: str) -> str:
    return repr(pointer if len(pointer) <= 80 else pointer[:80] + "…")
