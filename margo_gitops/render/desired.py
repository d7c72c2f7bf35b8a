"""From intents to the deployments that one site is to have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from margo_gitops.errors import Invalid
from margo_gitops.model import layout
from margo_gitops.model.application import Profile
from margo_gitops.model.base import ParameterValue
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.fleet import Intent
from margo_gitops.model.parameters import effective
from margo_gitops.model.suspension import Suspension
from margo_gitops.render.main import Application, Main, application_of, profile_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """One deployment of a site before it has a record."""

    id: str
    name: str
    target: str
    application: Application
    profile: Profile
    deployment: ApplicationDeployment


def wanted_at(main: Main, site: str) -> Iterable[Wanted]:
    """Every deployment of a site, by intent and node; `Invalid` where an intent does not fit."""
    for intent in sorted(main.intents.values(), key=lambda intent: intent.name):
        if main.reaches(intent, site):
            for node in _nodes(main, intent, site):
                yield _instance(main, intent, site, node)


def suspended_at(main: Main, site: str) -> dict[str, Suspension]:
    """What is suspended at a site, by the deployment's UUID."""
    return {
        layout.deployment_id(main.fleet.id, site, intent.name, node): suspension
        for intent in main.intents.values()
        if main.reaches(intent, site) and (suspension := intent.suspended_at(site))
        for node in _nodes(main, intent, site)
    }


def values_at(intent: Intent, site: str) -> dict[str, ParameterValue]:
    """What a person set for a site: the intent's parameters, the site's own over them."""
    override = intent.overrides.get(site)
    return {**intent.parameters, **(override.parameters if override else {})}


def _nodes(main: Main, intent: Intent, site: str) -> tuple[str | None, ...]:
    present = tuple(sorted(device.id for device in main.devices.get(site, ())))
    if intent.targets.each:
        return present
    node = intent.targets.node
    if node is not None and node not in present:
        raise Invalid(
            f"deployments/{intent.name}.yaml names the node {node}, which the site {site}"
            f" does not have: it has {', '.join(present) or 'none'}",
            help=f"margo device add {site} {node}",
        )
    return (node,)


def _instance(main: Main, intent: Intent, site: str, node: str | None) -> Wanted:
    application = application_of(main, intent)
    profile = profile_of(application.description, intent)
    try:
        parameters = effective(application.description, profile, values_at(intent, site))
    except Invalid as error:
        raise Invalid(f"{intent.name} at {site}: {error.problem}", help=error.help) from None
    id = layout.deployment_id(main.fleet.id, site, intent.name, node)
    target = layout.target_of(site, node)
    deployment = ApplicationDeployment(
        id=id,
        name=intent.name,
        namespace=main.fleet.name,
        application_id=application.description.id,
        device_id=target,
        type=profile.type,
        components=profile.components,
        requirements=profile.requirements,
        eligibility=profile.eligibility,
        parameters=parameters,
        profile_extensions=profile.extensions,
    )
    return Wanted(id, intent.name, target, application, profile, deployment)
