"""Rules of Margo documents that no schema can say (specification; facts section 16)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from margo_gitops.documents.defaults import problem
from margo_gitops.documents.dialects import Kind
from margo_gitops.documents.findings import Finding, Path, Severity
from margo_gitops.documents.parts import Wire
from margo_gitops.documents.yaml import Parsed
from margo_gitops.errors import Invalid
from margo_gitops.model.quantity import seconds_of
from margo_gitops.model.state import State, overall


class _Broken(NamedTuple):
    path: Path
    rule: str
    message: str
    severity: Severity = "error"


def broken(kind: Kind, parsed: Parsed, where: str) -> list[Finding]:
    """What a document of this kind, whose schema holds, breaks besides."""
    return [
        Finding(where, *parsed.position(found.path), found.message, found.rule, found.severity)
        for found in _RULES[kind](parsed.data)
    ]


def _description(data: Wire) -> Iterator[_Broken]:
    profiles = data["deploymentProfiles"]
    yield from _twice(profiles, ("deploymentProfiles",), "id")
    names: set[str] = set()
    for index, profile in enumerate(profiles):
        path: Path = ("deploymentProfiles", index)
        names |= {component["name"] for component in profile["components"]}
        yield from _components(profile, path)
    # Real packages get this wrong, and upstream validators do not look: their other targets work.
    yield from _targets(data.get("parameters") or {}, ("parameters",), names, "warning")
    yield from _settings(data)


def _deployment(data: Wire) -> Iterator[_Broken]:
    profile, path = data["spec"]["deploymentProfile"], ("spec", "deploymentProfile")
    yield from _components(profile, path)
    names = {component["name"] for component in profile["components"]}
    parameters = data["spec"].get("parameters") or {}
    yield from _targets(parameters, ("spec", "parameters"), names, "error")


def _components(profile: Wire, path: Path) -> Iterator[_Broken]:
    components = profile["components"]
    yield from _twice(components, (*path, "components"), "name")
    for index, component in enumerate(components):
        at: Path = (*path, "components", index, "properties")
        properties: Wire = component["properties"]
        if not properties.keys() & {"repository", "packageLocation"}:
            text = f"{component['name']} names no artifact, expected repository and revision"
            yield _Broken(at, "no-artifact", f"{text}: it cannot be deployed", "warning")
        try:
            seconds_of(properties.get("timeout", "0m0s"))
        except Invalid as error:
            yield _Broken((*at, "timeout"), "timeout", error.problem)


def _targets(
    parameters: Wire, path: Path, names: set[str], severity: Severity
) -> Iterator[_Broken]:
    for name, parameter in parameters.items():
        for index, target in enumerate(parameter["targets"]):
            for place, component in enumerate(target["components"]):
                if component not in names:
                    at: Path = (*path, name, "targets", index, "components", place)
                    known = ", ".join(sorted(names))
                    text = f"found the component {component!r}, expected one of: {known}"
                    yield _Broken(at, "dangling-component", text, severity)


def _settings(data: Wire) -> Iterator[_Broken]:
    configuration: Wire = data.get("configuration") or {}
    parameters: Wire = data.get("parameters") or {}
    schemas = {entry["name"]: entry for entry in configuration.get("schema", ())}
    yield from _twice(configuration.get("schema", ()), ("configuration", "schema"), "name")
    for path, setting in _each_setting(configuration):
        parameter, schema = setting["parameter"], setting["schema"]
        if parameter not in parameters:
            text = f"found {parameter!r}, which is no parameter of this application"
            yield _Broken((*path, "parameter"), "dangling-parameter", text)
        elif schema in schemas:
            yield from _default(parameter, parameters[parameter], schemas[schema])
        if schema not in schemas:
            known = ", ".join(sorted(schemas)) or "none"
            text = f"found the schema {schema!r}, expected one of: {known}"
            yield _Broken((*path, "schema"), "dangling-schema", text)


def _each_setting(configuration: Wire) -> Iterator[tuple[Path, Wire]]:
    for number, section in enumerate(configuration.get("sections", ())):
        for index, setting in enumerate(section["settings"]):
            yield ("configuration", "sections", number, "settings", index), setting


def _default(name: str, parameter: Wire, schema: Wire) -> Iterator[_Broken]:
    """A default that breaks its own rules; the value of a deployment is judged when it is made."""
    if parameter.get("value") is None:
        return
    if text := problem(parameter["value"], schema):
        at: Path = ("parameters", name, "value")
        yield _Broken(at, "default", f"the default of {name}: {text}", "warning")


def _twice(items: Iterable[Mapping[str, Any]], path: Path, field: str) -> Iterator[_Broken]:
    values = [item.get(field) for item in items]
    many = {value for value, times in Counter(values).items() if times > 1 and value is not None}
    seen: set[Any] = set()
    for index, value in enumerate(values):
        if value in many and value in seen:
            text = f"found the {field} {value!r} twice, expected each once"
            yield _Broken((*path, index, field), "duplicate", text)
        seen.add(value)


def _status(data: Wire) -> Iterator[_Broken]:
    yield from _twice(data["components"], ("components",), "name")
    found = data["status"]["state"]
    expected = overall(State(component["state"]) for component in data["components"])
    if data["components"] and found != expected:
        text = f"found {found}, expected {expected}, the most severe state of its components"
        yield _Broken(("status", "state"), "precedence", text)


def _manifest(data: Wire) -> Iterator[_Broken]:
    deployments, bundle = data["deployments"], data["bundle"]
    yield from _twice(deployments, ("deployments",), "deploymentId")
    if (bundle is None) != (not deployments):
        text = "found {}, expected {}: bundle is null exactly when there are no deployments"
        words = ("null", "a bundle") if bundle is None else ("a bundle", "null")
        yield _Broken(("bundle",), "bundle", text.format(*words))
    entries = [(("deployments", index), entry) for index, entry in enumerate(deployments)]
    for path, entry in [*entries, *([(("bundle",), bundle)] if bundle else [])]:
        if not entry["url"].endswith("/" + entry["digest"]):
            yield _Broken((*path, "url"), "url", f"expected it to end in {entry['digest']}")


def _none(_: Wire) -> Iterator[_Broken]:
    return iter(())


_RULES: dict[Kind, Callable[[Wire], Iterator[_Broken]]] = {
    Kind.DESCRIPTION: _description,
    Kind.DEPLOYMENT: _deployment,
    Kind.CAPABILITIES: _none,
    Kind.STATUS: _status,
    Kind.MANIFEST: _manifest,
}
