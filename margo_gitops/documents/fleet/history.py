"""Rules of change: what must stay as it was before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from margo_gitops.documents.findings import Path
from margo_gitops.documents.fleet.breach import Breach, breach
from margo_gitops.documents.fleet.survey import Survey
from margo_gitops.documents.rule import Rule
from margo_gitops.model.application import ApplicationDescription
from margo_gitops.model.base import ParameterValue
from margo_gitops.model.fleet import Intent
from margo_gitops.model.parameters import has_immutable, immutable_changes, resolve

VERSION_CHANGED = Rule(
    id="version-changed",
    asks="The files of an application version never change.",
    why=(
        "Locks, records and approvals name these bytes (DESIGN section 2): one version with two"
        " contents is two applications of one name."
    ),
    cure="Bring the files back (git checkout), and add the change under a new version.",
)
IMMUTABLE_PARAMETER = Rule(
    id="immutable-parameter",
    asks="A parameter that the application declares immutable keeps its value where it runs.",
    why="Once set at install it MUST NOT change on update (specification, settings).",
    cure="Bring the old value back, or deploy anew under another name and undeploy this one.",
)
RULES = (VERSION_CHANGED, IMMUTABLE_PARAMETER)

Values = Mapping[str, ParameterValue]


def history(found: Survey, before: Survey) -> Iterator[Breach]:
    """What the files break of those that were there before."""
    yield from _versions(found, before)
    for path, intent in found.of(Intent):
        if found.view.identity(path) != before.view.identity(path):
            held = before.fact(path, Intent)
            if held is not None:
                yield from _immutable(found, before, path, intent, held)


def _versions(found: Survey, before: Survey) -> Iterator[Breach]:
    for key, folder in before.packages.items():
        if key not in found.packages:
            continue
        old, new = set(before.view.paths(folder)), set(found.view.paths(folder))
        for path in sorted(old | new):
            if found.view.identity(path) != before.view.identity(path):
                verb = "is changed" if path in old & new else "is new"
                file = path if path in new else f"{folder}margo.yaml"
                told = f"{path} {verb if path in new else 'is gone'}"
                text = f"{told} in {key[0]} {key[1]}, a version that was there before"
                yield breach(file, VERSION_CHANGED, (), text)


def _immutable(
    found: Survey, before: Survey, path: str, intent: Intent, held: Intent
) -> Iterator[Breach]:
    old = before.description(held.application.id, held.application.version)
    new = found.description(intent.application.id, intent.application.version)
    if old is None or new is None or old.id != new.id:
        return
    told: set[str] = set()
    for site in sorted(found.reached(intent) & before.reached(held)) if _binds(old, new) else ():
        was, now = _at(old, held, site), _at(new, intent, site)
        for name in sorted(was.keys() & now.keys() - told):
            words = immutable_changes(new, {name: was[name]}, {name: now[name]}, earlier=old)
            if words:
                told.add(name)
                text = f"at {site}: {words[0]}"
                yield breach(path, IMMUTABLE_PARAMETER, _place(intent, site, name), text)


def _binds(*descriptions: ApplicationDescription) -> bool:
    return any(has_immutable(description) for description in descriptions)


def _place(intent: Intent, site: str, name: str) -> Path:
    override = intent.overrides.get(site)
    if override is not None and name in override.parameters:
        return ("overrides", site, "parameters", name)
    return ("parameters", name)


def _at(description: ApplicationDescription, intent: Intent, site: str) -> Values:
    """What each parameter is at one site, in its declared type where that can be read."""
    override = intent.overrides.get(site)
    given = {**intent.parameters, **(override.parameters if override else {})}
    profile = description.profile(intent.profile)
    found = {} if profile is None else resolve(description, profile, given).parameters
    return {name: p.value for name, p in found.items() if p.value is not None}
