"""Where each document stands, and what its place says of it (DESIGN section 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from margo_gitops.documents.fleet.breach import Breach, breach
from margo_gitops.documents.fleet.facts import Verdict
from margo_gitops.documents.rule import Rule

PLACE = Rule(
    id="place",
    asks="Below apps/, locks/, sites/, devices/ and deployments/ stands only what belongs there.",
    why=(
        "Rendering reads documents by their place (DESIGN section 2): a file at any other is not"
        " read, so what it asks for never happens."
    ),
    cure="Move the file where the message says, or out of these folders.",
    severity="warning",
)
PLACE_KIND = Rule(
    id="place-kind",
    asks="Each place holds a document of its own kind.",
    why="Rendering reads the place, not the kind: another document there stops the whole fleet.",
    cure="Move the document to the place of its kind, or write the kind that the place asks for.",
)
FILE_NAME = Rule(
    id="file-name",
    asks="A document's id, name and version are those of its path.",
    why=(
        "Everything finds a document by its path: with another id inside, two documents could"
        " claim one name (DESIGN section 2)."
    ),
    cure="Rename the file or folder, or correct the id in the document.",
)
RULES = (PLACE, PLACE_KIND, FILE_NAME)


class Layout(StrEnum):
    """What kind of tree this is: which files are documents, and which rules hold across them."""

    FLEET = "fleet"
    APP = "app"
    SITE = "site"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Place:
    """A place of the fleet repository: the kind of document that stands there, and its ids."""

    kind: str
    ids: tuple[str, ...] = ()


_ID = r"([^/.][^/]*)"
_PLACES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (rf"deployments/{_ID}\.yaml", "Intent"),
        (rf"devices/{_ID}/([^/.]+)\.capabilities\.(?:yaml|json)", "DeviceCapabilities"),
        (rf"devices/{_ID}/{_ID}\.yaml", "Device"),
        (rf"sites/{_ID}\.yaml", "Site"),
        (rf"apps/{_ID}/{_ID}/margo\.yaml", "ApplicationDescription"),
        (rf"locks/{_ID}/{_ID}\.json", "ApplicationLock"),
        (r"fleet\.yaml", "Fleet"),
    )
)
_FOLDERS = ("deployments/", "devices/", "sites/", "apps/", "locks/")
_EXPECTED = {
    "deployments": "deployments/<name>.yaml",
    "devices": "devices/<site>/<node>.yaml or <node>.capabilities.yaml",
    "sites": "sites/<site>.yaml",
    "apps": "apps/<id>/<version>/margo.yaml and that package's files",
    "locks": "locks/<id>/<version>.json",
}
_DOCUMENT = re.compile(r".*\.(?:yaml|yml|json)", re.DOTALL)
_PACKAGE = re.compile(r"apps/[^/]+/[^/]+/.+")
_DEPLOYED = re.compile(r"deployments/[^/]+\.yaml|deployments/[^/]+/[^/]+\.json|manifest\.json")


@lru_cache(maxsize=1 << 17)
def place_of(path: str) -> Place | None:
    """The place of a path in a fleet repository; None where no document is expected."""
    for pattern, kind in _PLACES:
        if match := pattern.fullmatch(path):
            return Place(kind, match.groups())
    return None


def is_document(layout: Layout, path: str) -> bool:
    """Whether a file of such a tree is checked as a document; hidden ones and resources are not."""
    if layout is Layout.FLEET:
        return place_of(path) is not None or _stray(path)
    parts = path.split("/")
    if any(part.startswith(".") or part == "resources" for part in parts):
        return False
    if layout is Layout.SITE:
        return _DEPLOYED.fullmatch(path) is not None
    loose = layout is Layout.NONE and "apps" not in parts
    return parts[-1] == "margo.yaml" or (loose and _is_text(path))


def misplaced(path: str) -> Iterator[Breach]:
    """The breach of a file at a place where nobody reads it."""
    if path.startswith(_FOLDERS) and place_of(path) is None and not _PACKAGE.fullmatch(path):
        if path.rpartition("/")[2].startswith("."):
            return
        expected = _EXPECTED[path.partition("/")[0]]
        yield breach(path, PLACE, (), f"nobody reads a file here, expected {expected}")


def of_its_kind(path: str, verdict: Verdict) -> Iterator[Breach]:
    """The breach of a document that is of another kind than its place."""
    place = place_of(path)
    found = type(verdict.fact).__name__ if verdict.fact else "another kind"
    # A document with errors of its own says nothing that could be relied on.
    told = verdict.fact or all(finding.severity != "error" for finding in verdict.findings)
    if place is not None and found != place.kind and told:
        text = f"found a document of {found}, expected {place.kind} at this place"
        yield breach(path, PLACE_KIND, ("kind",), text)


def _stray(path: str) -> bool:
    """A document below our folders at a place of nobody: checked, so that nothing hides there."""
    known = path.startswith(_FOLDERS) and not _PACKAGE.fullmatch(path)
    return known and _is_text(path) and not path.rpartition("/")[2].startswith(".")


def _is_text(path: str) -> bool:
    return _DOCUMENT.fullmatch(path) is not None
