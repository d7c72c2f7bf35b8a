"""The components of a profile: their names, their artifacts, how long they may take."""

from __future__ import annotations

import re
from collections.abc import Iterator

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.rule import Fault, Rule
from margo_gitops.documents.rules.node import Node
from margo_gitops.documents.rules.unique import twice

COMPONENT_NAME = Rule(
    "component-name",
    asks="A component's name has lower case letters, digits and dashes.",
    why="Helm uses it as the chart's name, and engines as a part of names of their own; the"
    " published schema does not look (specification, component).",
    cure="Rename the component, and every target that names it.",
    severity="warning",
)
TIMEOUT = Rule(
    "timeout",
    asks="A component's timeout is minutes and seconds: 8m30s.",
    why="The specification writes ##m##s; what another reader makes of `5m` or `90s` is open.",
    cure="Write both parts: 5m is 5m0s, 90s is 1m30s.",
    severity="warning",
)
REVISION = Rule(
    "revision",
    asks="A component's revision in dialect D is SemVer 2.0 without a leading v.",
    why="It is also the OCI tag, where + is written as _ (specification, component properties).",
    cure="Drop the v; write 1.2.0+build as 1.2.0_build.",
    severity="warning",
)
WAIT = Rule(
    "wait-alone",
    asks="`wait: false` stands where a profile has more than one component.",
    why="It says whether the next component waits for this one; alone it says nothing"
    " (specification, component properties).",
    cure="Delete the field, or check that no component got lost.",
    severity="warning",
)
PACKAGE_LOCATION = Rule(
    "package-archive",
    asks="`packageLocation` is the URL of a tar.gz that holds the compose file.",
    why="A client unpacks it; a bare compose file is none (specification, component properties,"
    " dialects A to C).",
    cure="Pack the compose file as tar.gz and name that, or use an OCI artifact.",
    severity="warning",
)
RULES = (COMPONENT_NAME, TIMEOUT, REVISION, WAIT, PACKAGE_LOCATION)

_NAME = re.compile(r"[a-z0-9-]+")
_TIME = re.compile(r"[0-9]{1,9}m[0-9]{1,9}s")
_SEMVER = re.compile(
    r"(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)"
    r"(?:-[0-9A-Za-z.-]+)?(?:_[0-9A-Za-z.-]+)?"
)


def broken(components: Node, dialect: Dialect) -> Iterator[Fault]:
    """What is wrong with the components of one profile, each by itself and together."""
    yield from twice(components, "name")
    alone = len(list(components.each())) == 1
    for component in components.each():
        yield from _name(component.at("name"))
        properties = component.at("properties")
        yield from _timeout(properties.at("timeout"), dialect)
        yield from _artifact(properties, dialect)
        if alone and properties.at("wait").value is False:
            text = "found wait: false on the only component, where nothing waits"
            yield WAIT.broken(properties.at("wait").path, text)


def _name(name: Node) -> Iterator[Fault]:
    if name.text and not _NAME.fullmatch(name.text):
        text = f"found the component {name.text[:60]!r}, expected lower case, digits and dashes"
        yield COMPONENT_NAME.broken(name.path, text)


def _timeout(timeout: Node, dialect: Dialect) -> Iterator[Fault]:
    """In D the schema asks for the form."""
    if dialect is not Dialect.D and timeout.text is not None and not _TIME.fullmatch(timeout.text):
        text = f"found {timeout.text[:40]!r}, expected minutes and seconds such as 8m30s"
        yield TIMEOUT.broken(timeout.path, text)


def _artifact(properties: Node, dialect: Dialect) -> Iterator[Fault]:
    revision, location = properties.at("revision"), properties.at("packageLocation")
    if dialect is Dialect.D and revision.text and not _SEMVER.fullmatch(revision.text):
        text = f"found {revision.text[:60]!r}, expected SemVer such as 1.2.0, without a leading v"
        yield REVISION.broken(revision.path, text)
    if location.text and location.text.endswith((".yaml", ".yml")):
        text = f"found {location.text[-60:]!r}, expected the address of a tar.gz"
        yield PACKAGE_LOCATION.broken(location.path, text)
