"""A profile's types and components, which descriptions and deployments share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.shapes.words import Fields, Shape, by, flag, list_of, obj, text


class Source(Enum):
    """Where a component comes from: a helm chart, an archive by its URL, an OCI artifact."""

    CHART = auto()
    ARCHIVE = auto()
    ARTIFACT = auto()


_OLD = {"helm.v3": Source.CHART, "compose": Source.ARCHIVE}
_NEW = {"helm": Source.CHART, "compose": Source.ARCHIVE}

TYPES: Mapping[Dialect, Mapping[str, Source]] = {
    Dialect.A: {"helm.v3": Source.CHART, "docker-compose": Source.ARCHIVE},
    Dialect.B: _OLD,
    Dialect.B2: _NEW,
    Dialect.CM: _OLD,
    Dialect.C: _NEW,
    Dialect.CP: _NEW,
    Dialect.D: dict.fromkeys(["helm", "compose", "custom"], Source.ARTIFACT),
}
"""What each dialect calls its profile types, and what such a profile's components are."""

EXTENSIBLE = frozenset({Dialect.CM, Dialect.C, Dialect.CP, Dialect.D})
"""The dialects that have `x-<name>-extensions`."""


def profile(
    dialect: Dialect,
    *,
    must: Fields | None = None,
    may: Fields | None = None,
    components_may_lack: bool = False,
) -> Shape:
    """A profile: its type, its components, and the further fields of its kind of document."""

    def branch(source: Source) -> Shape:
        components = {"components": _components(dialect, source)}
        return obj(
            _ABOUT,
            must={**(must or {}), **({} if components_may_lack else components)},
            may={**(components if components_may_lack else {}), **(may or {})},
            extensible=dialect in EXTENSIBLE,
        )

    types = TYPES[dialect]
    branches: dict[Sequence[str], Shape] = {
        tuple(word for word in types if types[word] is source): branch(source)
        for source in dict.fromkeys(types.values())
    }
    return by(_ABOUT, "type", "How it is installed.", branches)


def _components(dialect: Dialect, source: Source) -> Shape:
    component = obj(
        "One installable part.",
        must={
            "name": text("Its name: lower case, digits and dashes; for helm the chart's.", least=1),
            "properties": _properties(dialect, source),
        },
        extensible=dialect in EXTENSIBLE,
    )
    return list_of("The parts, installed in this order.", component, least=1)


def _properties(dialect: Dialect, source: Source) -> Shape:
    must, may = _SOURCES[source]
    pattern = r"^\d+m\d+s$" if dialect is Dialect.D else None
    waiting = {
        "wait": flag("Whether the next part waits until this one runs; true where it is left out."),
        "timeout": text("How long to wait before it counts as failed, as 8m30s.", pattern=pattern),
    }
    return obj("Where the part comes from.", must=must, may={**may, **waiting})


_ABOUT = "One way to install the application."

_SOURCES: Mapping[Source, tuple[Fields, Fields]] = {
    Source.CHART: (
        {
            "repository": text("Where the chart lies, as oci://registry.example/charts/press."),
            "revision": text("The chart's version."),
        },
        {},
    ),
    Source.ARCHIVE: (
        {"packageLocation": text("The address of the tar.gz with the compose file in it.")},
        {"keyLocation": text("The address of the PGP key that the archive is signed with.")},
    ),
    Source.ARTIFACT: (
        {
            "repository": text(
                "Where the artifact lies, as oci://registry.example/press.", pattern="^oci://.+"
            ),
            "revision": text("Its version: SemVer without a leading v, + written as _.", least=1),
        },
        {},
    ),
}
