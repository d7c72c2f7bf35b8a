"""Rules of packages: the path says the version, and every file that is named is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from margo_gitops.documents.findings import Path
from margo_gitops.documents.fleet.breach import IDENTITY, Breach, breach
from margo_gitops.documents.fleet.places import FILE_NAME, Layout
from margo_gitops.documents.fleet.survey import Survey
from margo_gitops.documents.rule import Rule
from margo_gitops.model.application import OWN_EXTENSIONS, ApplicationDescription, Component
from margo_gitops.model.parameters import immutable_changes

TAG_VERSION = Rule(
    id="tag-version",
    asks="A package's tag, and its folder in the App Store, is its version: no leading v, no name.",
    why=(
        "The tag MUST equal metadata.version (specification, application registry); `latest` says"
        " something else every day."
    ),
    cure="Rename the folder, or tag the commit with the version as it stands in margo.yaml.",
)
PACKAGE_FILE = Rule(
    id="package-file",
    asks="The files that a description names are in its package, by a path relative to its root.",
    why=(
        "descriptionFile, icon, licenseFile and releaseNotes are paths in the package"
        " (specification, application description); a catalogue would show a gap."
    ),
    cure="Add the file to the package, or correct the path in margo.yaml.",
)
_COURTESY = replace(PACKAGE_FILE, severity="warning")
COMPONENT_FILE = Rule(
    id="component-file",
    asks="A component that lies in its package names a file or folder of it.",
    why="The artifact is made of these bytes (DESIGN section 7); without them nothing can run.",
    cure="Add the file below resources/, or correct `artifact` in margo.yaml.",
)
IMMUTABLE_DEFAULT = Rule(
    id="immutable-default",
    asks="A newer version keeps the default of a parameter that is immutable in the older one.",
    why=(
        "An immutable setting MUST NOT change on update (specification, settings): who relied on"
        " the default cannot take the newer version."
    ),
    cure="Keep the default, or have deployments give the value; a new parameter is free.",
    severity="warning",
)
RULES = (TAG_VERSION, PACKAGE_FILE, COMPONENT_FILE, IMMUTABLE_DEFAULT)

_CATALOGUE = ("descriptionFile", "icon", "licenseFile", "releaseNotes")
_OWN_HOST = "oci://fleet.invalid/"
_VERSION_TAG = re.compile(r"v?[0-9]+(?:\.[0-9]+)*(?:[-+_].*)?|latest")
_NUMBERS = re.compile(r"[0-9]{1,9}")


def packages(found: Survey, tags: Sequence[str] = ()) -> Iterator[Breach]:
    """What every package breaks; `tags` are those of the commit that is checked."""
    described = list(found.of(ApplicationDescription))
    for path, description in described:
        if found.layout is Layout.FLEET:
            yield from _named(path, description)
        yield from _files(found, path, description)
    if found.layout is Layout.FLEET:
        yield from _defaults(found)
    elif len(described) == 1:
        yield from _tags(*described[0], tags)


def _named(path: str, description: ApplicationDescription) -> Iterator[Breach]:
    _, id, version, _ = path.split("/")
    if description.id != id:
        text = f"found the id {description.id!r}, expected {id!r}, the folder's"
        yield breach(path, FILE_NAME, IDENTITY, text)
    if description.version != version:
        rule = TAG_VERSION if _VERSION_TAG.fullmatch(version) else FILE_NAME
        text = f"found the version {description.version!r} in the folder {version!r}"
        yield breach(path, rule, ("metadata", "version"), text)


def _tags(path: str, description: ApplicationDescription, tags: Sequence[str]) -> Iterator[Breach]:
    for tag in tags:
        if _VERSION_TAG.fullmatch(tag) and tag != description.version:
            text = f"found the version {description.version!r}, but the commit's tag is {tag!r}"
            yield breach(path, TAG_VERSION, ("metadata", "version"), text)


def _files(found: Survey, path: str, description: ApplicationDescription) -> Iterator[Breach]:
    folder = path.removesuffix("margo.yaml")
    # A fleet cannot mend another's package, and a missing icon stops nothing there.
    rule = _COURTESY if found.layout is Layout.FLEET else PACKAGE_FILE
    catalogue = description.catalog.get("application")
    for name in _CATALOGUE if isinstance(catalogue, dict) else ():
        named = catalogue.get(name) if isinstance(catalogue, dict) else None
        if isinstance(named, str) and named and "://" not in named:
            at: Path = ("metadata", "catalog", "application", name)
            if problem := _absent(found, folder, named, folders=False):
                yield breach(path, rule, at, f"{name}: {problem}")
    for at, component in _components(description):
        yield from _component(found, path, folder, at, component)


def _component(
    found: Survey, path: str, folder: str, at: Path, component: Component
) -> Iterator[Breach]:
    named = component.local
    place: Path = (*at, OWN_EXTENSIONS, "artifact")
    if component.settings.get("artifact") is None:
        place = (*at, "properties", "packageLocation")
    if named is not None:
        if problem := _absent(found, folder, named, folders=True):
            yield breach(path, COMPONENT_FILE, place, f"{component.name}: {problem}")
    elif (component.repository or "").startswith(_OWN_HOST):
        text = (
            f"{component.name} lies in this package by its repository, but names no file of it:"
            " expected x-margo-gitops-extensions: {artifact: PATH}"
        )
        yield breach(path, COMPONENT_FILE, (*at, "properties", "repository"), text)


def _components(description: ApplicationDescription) -> Iterator[tuple[Path, Component]]:
    for number, profile in enumerate(description.profiles):
        for index, component in enumerate(profile.components):
            yield ("deploymentProfiles", number, "components", index), component


def _absent(found: Survey, folder: str, named: str, *, folders: bool) -> str | None:
    path = named.removeprefix("./").rstrip("/")
    if named.startswith("/") or ".." in path.split("/"):
        return f"found {named!r}, expected a path inside the package"
    if folder + path in found.names:
        return None
    inside = f"{folder}{path}/"
    if folders and any(name.startswith(inside) for name in found.names):
        return None
    return f"found {named!r}, which is no file of this package"


def _defaults(found: Survey) -> Iterator[Breach]:
    versions: dict[str, list[str]] = {}
    for id, version in found.packages:
        versions.setdefault(id, []).append(version)
    for id, known in versions.items():
        for older, newer in pairwise(sorted(known, key=_by_numbers)):
            yield from _kept(found, id, older, newer)


def _kept(found: Survey, id: str, older: str, newer: str) -> Iterator[Breach]:
    before, after = found.description(id, older), found.description(id, newer)
    if before is None or after is None:
        return
    path = f"{found.packages[id, newer]}margo.yaml"
    for name in sorted(before.parameters.keys() & after.parameters.keys()):
        old, new = before.parameters[name].value, after.parameters[name].value
        if old is None or new is None:
            continue
        if immutable_changes(after, {name: old}, {name: new}, earlier=before):
            text = f"{name} is immutable, and its default is not that of {older}"
            yield breach(path, IMMUTABLE_DEFAULT, ("parameters", name, "value"), text)


def _by_numbers(version: str) -> tuple[list[int], bool, str]:
    """1.10.0 after 1.9.0, and 1.0.0-rc.1 before 1.0.0."""
    core, _, pre = version.partition("-")
    return [int(number) for number in _NUMBERS.findall(core)], not pre, pre
