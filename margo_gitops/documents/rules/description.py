"""Application descriptions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.rule import Fault, Rule
from margo_gitops.documents.rules import components, eligibility, secrets, settings, targets
from margo_gitops.documents.rules.deployment import custom
from margo_gitops.documents.rules.node import Node
from margo_gitops.documents.rules.unique import twice

OTHER_EXPLAINED = Rule(
    "other-explained",
    asks="A profile that asks for `other` hardware says in its description what that is.",
    why="Nobody can tell from `other` which device fits (specification, required resources).",
    cure="Add a description to the profile.",
    severity="warning",
)
VERSION = Rule(
    "version-tag",
    asks="metadata.version can be an OCI tag; in dialect D it is SemVer without a leading v.",
    why="The package's tag in a registry is the version, letter for letter (specification,"
    " application registry).",
    cure="Write 1.2.0, not v1.2.0 or `latest`.",
    severity="warning",
)
RULES = (OTHER_EXPLAINED, VERSION)

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_V = re.compile(r"[vV][0-9]")


def broken(document: Node, dialect: Dialect) -> Iterator[Fault]:
    """What a description breaks besides its schema."""
    profiles = list(document.at("deploymentProfiles").each())
    yield from twice(document.at("deploymentProfiles"), "id")
    for profile in profiles:
        yield from components.broken(profile.at("components"), dialect)
        yield from eligibility.broken(profile.at("deviceConstraints"))
        yield from custom(profile)
        yield from _other(profile)
    parameters = document.at("parameters")
    yield from targets.broken(parameters, profiles, targets.DANGLING_COMPONENT)
    yield from settings.broken(parameters, document.at("configuration"))
    yield from secrets.broken(parameters)
    yield from _version(document.at("metadata", "version"), dialect)


def _other(profile: Node) -> Iterator[Fault]:
    needs = profile.at("requiredResources")
    capacity = profile.at("deviceConstraints", "capacityRequirements")
    places = [
        *needs.at("cpu", "architectures").each(),
        *capacity.at("cpu", "architectures").each(),
        *(item.at("type") for item in needs.at("peripherals").each()),
        *(item.at("type") for item in needs.at("interfaces").each()),
    ]
    for place in places:
        if place.value == "other" and not profile.at("description").text:
            text = "found `other`, expected the profile's description to say what that is"
            yield OTHER_EXPLAINED.broken(place.path, text)


def _version(version: Node, dialect: Dialect) -> Iterator[Fault]:
    text = version.text
    if text is None:
        return
    if not _TAG.fullmatch(text.replace("+", "_")):
        yield VERSION.broken(version.path, f"found {text[:60]!r}, which cannot be an OCI tag")
    elif dialect is Dialect.D and (_V.match(text) or text == "latest"):
        expected = text[1:] if _V.match(text) else "a version such as 1.2.0"
        yield VERSION.broken(version.path, f"found {text[:60]!r}, expected {expected[:60]}")
