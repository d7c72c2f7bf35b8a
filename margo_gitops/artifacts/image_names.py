"""The images that a compose component names, found without an engine.

A variable in a name is filled in as compose does, from the values that the component gets and the
author's `.env`. What a node then really runs is compared with what was locked, so that a name which
is missed here is refused there.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from margo_gitops.documents import yaml
from margo_gitops.errors import Invalid
from margo_gitops.model.application import COMPOSE_FILES

_MOST = 256
_VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_][A-Za-z0-9_]*)"
    r"|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<how>:?[-+?])(?P<other>[^${}]*))?\})"
)
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")


def images_of(files: Mapping[str, bytes], values: Mapping[str, str]) -> tuple[str, ...]:
    """Every image that the compose file among `files` names, with those that it includes, sorted.

    Raises `Invalid` where there is no compose file, or one that cannot be read.
    """
    first = next((name for name in COMPOSE_FILES if name in files), None)
    if first is None:
        raise Invalid(f"the component holds no compose file, expected {COMPOSE_FILES[0]}")
    known = {**_defaults(files.get(".env", b"")), **values}
    found: set[str] = set()
    due, seen = [first], {first}
    while due:
        name = due.pop()
        document = _document(files, name)
        found |= {filled(image, known) for image in _images(document)}
        named = _further(document, posixpath.dirname(name)) & set(files) - seen
        due += sorted(named)
        seen |= named
        if len(seen) > _MOST or len(found) > _MOST:
            raise Invalid(f"the compose file names more than {_MOST} files or images")
    return tuple(sorted(found))


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with its variables as compose fills them in; an unknown one is empty."""

    def value(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "$"
        given = values.get(found["plain"] or found["name"])
        how, other = found["how"] or "", found["other"] or ""
        is_set = bool(given) if how.startswith(":") else given is not None
        if how.endswith("+"):
            return other if is_set else ""
        return (given or "") if is_set or not how.endswith("-") else other

    return _VARIABLE.sub(value, text)


def _document(files: Mapping[str, bytes], name: str) -> Mapping[str, Any]:
    found = yaml.parse(files[name], name).data
    if not isinstance(found, dict):
        raise Invalid(f"{name}: expected a compose file, found {type(found).__name__}")
    return found


def _services(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    services = document.get("services")
    for service in services.values() if isinstance(services, dict) else ():
        if isinstance(service, dict):
            yield service


def _images(document: Mapping[str, Any]) -> Iterator[str]:
    for service in _services(document):
        if isinstance(service.get("image"), str):
            yield service["image"]


def _further(document: Mapping[str, Any], folder: str) -> set[str]:
    """The files that it names, as the including file sees them and as its project does."""
    named: list[Any] = []
    included = document.get("include")
    for entry in included if isinstance(included, list) else ():
        paths = entry.get("path") if isinstance(entry, dict) else entry
        named += paths if isinstance(paths, list) else [paths]
    for service in _services(document):
        extends = service.get("extends")
        named += [extends.get("file")] if isinstance(extends, dict) else []
    plain = [path for path in named if isinstance(path, str)]
    return {posixpath.normpath(posixpath.join(at, path)) for at in (folder, "") for path in plain}


def _defaults(data: bytes) -> dict[str, str]:
    """The author's `.env`, compose's file of defaults: the lines that are plain."""
    lines = data.decode("utf-8", "replace").splitlines()
    found = [_LINE.fullmatch(line) for line in lines if not line.lstrip().startswith("#")]
    return {match[1]: match[2].strip("'\"") for match in found if match}
