"""How a document's dialect is told inside JSON Schema: `dialects.detect`, said as conditions."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.documents.dialects import Dialect, Kind
from margo_gitops.documents.shapes.words import Shape, has, when


def _chosen(dialect: Dialect) -> Shape:
    return {"$ref": f"#/$defs/{dialect.name}"}


def _absent(key: str) -> Shape:
    return {"not": has(key)}


def _either(*conditions: Shape) -> Shape:
    return {"anyOf": list(conditions)}


def _a_profile(condition: Shape) -> Shape:
    """Of a description: some profile is so."""
    profiles = {"type": "array", "contains": {"type": "object", **condition}}
    return has("deploymentProfiles", profiles)


def _of_type(word: str) -> Shape:
    return _a_profile(has("type", {"const": word}))


def _description() -> Shape:
    oldest = _either(has("kind", {"const": "application"}), _of_type("docker-compose"))
    newest = _either(_absent("kind"), _of_type("custom"), _a_profile(has("deviceConstraints")))
    on_top = when(_of_type("helm.v3"), _chosen(Dialect.CM), _chosen(Dialect.C))
    within = when(_of_type("helm"), _chosen(Dialect.B2), _chosen(Dialect.B))
    return when(
        oldest,
        _chosen(Dialect.A),
        when(newest, _chosen(Dialect.D), when(has("id"), on_top, within)),
    )


def _capabilities() -> Shape:
    newest = _either(_absent("kind"), has("labels"))
    later = has("kind", {"const": str(Kind.CAPABILITIES)})
    nested = has("properties", {"type": "object", **_either(has("roles"), has("resources"))})
    flat_or_nested = when(nested, _chosen(Dialect.B), _chosen(Dialect.C2))
    return when(newest, _chosen(Dialect.D), when(later, flat_or_nested, _chosen(Dialect.A)))


PICKS: Mapping[Kind, Shape] = {
    Kind.DESCRIPTION: _description(),
    Kind.CAPABILITIES: _capabilities(),
}
"""The kinds that people write by hand, in whatever dialect."""
