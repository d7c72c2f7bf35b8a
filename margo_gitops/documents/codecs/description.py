"""ApplicationDescription, in every dialect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from margo_gitops.documents.codecs import needs, parts, table
from margo_gitops.documents.codecs.table import Words
from margo_gitops.documents.codecs.wire import Wire, extensions, found, given, placed
from margo_gitops.documents.dialects import Dialect
from margo_gitops.model.application import ApplicationDescription, Profile

_ORDER = ("apiVersion", "kind", "id", "metadata", "deploymentProfiles", "parameters")


def read(data: Wire, dialect: Dialect) -> ApplicationDescription:
    """The model of a description that its schema accepts."""
    words, metadata = table.DESCRIPTIONS[dialect], data["metadata"]
    profiles = tuple(_read_profile(profile, words) for profile in data["deploymentProfiles"])
    configuration = data.get("configuration")
    return ApplicationDescription(
        id=found(data, words.id),
        name=metadata["name"],
        version=metadata["version"],
        description=metadata.get("description"),
        catalog=metadata["catalog"],
        profiles=profiles,
        parameters=parts.read_parameters(data.get("parameters") or {}, _variables(profiles)),
        configuration=configuration and _typed(configuration),
        extensions=extensions(data),
    )


def write(description: ApplicationDescription, dialect: Dialect) -> dict[str, Any]:
    """The wire object without its head and unknown fields: whatever the dialect has a place for."""
    words = table.DESCRIPTIONS[dialect]
    parameters = parts.write_parameters(
        description.parameters, _variables(description.profiles), words.variable
    )
    return placed(
        [
            (words.id, description.id),
            (("metadata", "name"), description.name),
            (("metadata", "description"), description.description),
            (("metadata", "version"), description.version),
            (("metadata", "catalog"), description.catalog),
            (("deploymentProfiles",), [_write_profile(p, words) for p in description.profiles]),
            (("parameters",), parameters or None),
            (("configuration",), description.configuration),
            *(((name,), value) for name, value in description.extensions.items()),
        ],
        _ORDER,
    )


def _read_profile(data: Wire, words: Words) -> Profile:
    return Profile(
        type=table.type_of(data["type"]),
        id=data.get("id"),
        description=data.get("description"),
        components=parts.read_components(data.get("components", ())),
        extensions=extensions(data),
        **needs.read(data, words.needs),
    )


def _write_profile(profile: Profile, words: Words) -> dict[str, Any]:
    return {
        **given(
            type=words.types.get(profile.type, profile.type.value),
            id=profile.id,
            description=profile.description,
            components=parts.write_components(profile.components),
        ),
        **needs.write(profile.requirements, profile.eligibility, words.needs),
        **profile.extensions,
    }


def _variables(profiles: Iterable[Profile]) -> set[str]:
    return {name for p in profiles for name in parts.variables(p.type, p.components)}


def _typed(configuration: Any) -> Any:
    """The configuration with `dataType` for what the table of 2024, not its example, spells low."""
    entries = configuration.get("schema")
    if not isinstance(entries, list):
        return configuration
    return {**configuration, "schema": [_renamed(entry) for entry in entries]}


def _renamed(entry: Wire) -> Wire:
    if "datatype" not in entry or "dataType" in entry:
        return entry
    return {"dataType" if key == "datatype" else key: value for key, value in entry.items()}
