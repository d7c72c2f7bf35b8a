"""The effective values of a deployment over its sites: which are alike, which may not change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from margo_gitops.model.application import ApplicationDescription, Parameter
from margo_gitops.model.base import ParameterValue
from margo_gitops.model.fleet import Intent
from margo_gitops.model.parameters import effective, has_immutable, immutable_changes, resolve
from margo_gitops.render.desired import values_at
from margo_gitops.render.main import Main, application_of, profile_of, targeted


@dataclass(frozen=True, slots=True)
class Alike:
    """Sites of a deployment whose effective values are equal, and those values."""

    sites: tuple[str, ...]
    parameters: Mapping[str, Parameter]


def alike(main: Main, name: str) -> list[Alike]:
    """A deployment's sites in groups of equal values, the largest first.

    Raises `Invalid` as `model.parameters.effective` does.
    """
    intent = main.intents[name]
    description = application_of(main, intent).description
    profile = profile_of(description, intent)
    sites: dict[str, list[str]] = {}
    values: dict[str, dict[str, Parameter]] = {}
    for site in targeted(intent, main.sites):
        parameters = effective(description, profile, values_at(intent, site))
        key = repr(sorted((name, parameter.value) for name, parameter in parameters.items()))
        sites.setdefault(key, []).append(site)
        values[key] = parameters
    found = [Alike(tuple(of), values[key]) for key, of in sites.items()]
    return sorted(found, key=lambda group: (-len(group.sites), group.sites))


def immutable_faults(before: Main, after: Main, name: str) -> list[str]:
    """The immutable settings that a deployment changes at sites which have it already, in words.

    Both versions' settings bind where the version changes. Empty for a new deployment, and where
    the old state is too broken to say.
    """
    then, now = before.intents.get(name), after.intents[name]
    old = None if then is None else _description(before, then)
    new = _description(after, now)
    if then is None or old is None or new is None or old.id != new.id:
        return []
    if not (has_immutable(old) or has_immutable(new)):
        return []
    sites: dict[str, list[str]] = {}
    for site in targeted(now, after.sites):
        if _had(then, before, site):
            was, is_ = _values(old, then, site), _values(new, now, site)
            for fault in immutable_changes(new, was, is_, earlier=old):
                sites.setdefault(fault, []).append(site)
    return [f"{fault} (at {_some(at)})" for fault, at in sites.items()]


def _description(main: Main, intent: Intent) -> ApplicationDescription | None:
    found = main.applications.get((intent.application.id, intent.application.version))
    return None if found is None else found.description


def _had(intent: Intent, main: Main, site: str) -> bool:
    """As `targeted`, for one site, and without a word on others that are gone."""
    targets = intent.targets
    known = main.sites.get(site)
    selected = targets.selector is not None and known and known.matches(targets.selector)
    return site not in targets.without and bool(selected or site in targets.sites)


def _values(
    description: ApplicationDescription, intent: Intent, site: str
) -> dict[str, ParameterValue]:
    profile = description.profile(intent.profile)
    if profile is None:
        return {}
    found = resolve(description, profile, values_at(intent, site)).parameters
    return {name: p.value for name, p in found.items() if p.value is not None}


def _some(sites: list[str]) -> str:
    more = f" and {len(sites) - 3} more" if len(sites) > 3 else ""
    return ", ".join(sites[:3]) + more
