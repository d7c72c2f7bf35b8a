"""What rendering reads of `main`, as values, and the questions that intents ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from margo_gitops.documents.dialects import Dialect
from margo_gitops.errors import Invalid
from margo_gitops.model.application import ApplicationDescription, Profile
from margo_gitops.model.fleet import Device, Fleet, Intent, Site
from margo_gitops.model.record import ApplicationLock, Record


@dataclass(frozen=True, slots=True)
class Application:
    """One version in the App Store: what its author wrote, and what its names resolved to."""

    description: ApplicationDescription
    dialect: Dialect
    lock: ApplicationLock


@dataclass(frozen=True, slots=True)
class Main:
    """All of `main` that rendering needs, at one commit.

    `declared` maps site and node to the text of the node's capabilities file, `voided` a site to
    the records of closed proposals that it must never adopt.
    """

    commit: str
    fleet: Fleet
    sites: Mapping[str, Site]
    devices: Mapping[str, tuple[Device, ...]]
    intents: Mapping[str, Intent]
    applications: Mapping[tuple[str, str], Application]
    declared: Mapping[tuple[str, str], str] = field(default_factory=dict)
    voided: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    _reached: dict[str, frozenset[str]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def reaches(self, intent: Intent, site: str) -> bool:
        """Whether one of our intents reaches a site; each intent is matched with all sites once.

        Raises `Invalid` for a named site that the fleet does not have.
        """
        if intent.name not in self._reached:
            self._reached[intent.name] = frozenset(targeted(intent, self.sites))
        return site in self._reached[intent.name]


def targeted(targets: Intent, sites: Mapping[str, Site]) -> tuple[str, ...]:
    """The sites that an intent names or selects, in order.

    Raises `Invalid` for a named site that the fleet does not have.
    """
    wanted = targets.targets
    if missing := sorted(set(wanted.sites) - set(sites)):
        raise Invalid(
            f"deployments/{targets.name}.yaml names the site {', '.join(missing)}, which is not in"
            " sites/",
            help=f"margo site add {missing[0]}",
        )
    selector = wanted.selector
    chosen = {site.id for site in sites.values() if selector is not None and site.matches(selector)}
    return tuple(sorted((chosen | set(wanted.sites)) - set(wanted.without)))


def application_of(main: Main, intent: Intent) -> Application:
    """The application version that an intent names; `Invalid` where the store lacks it."""
    wanted = intent.application
    found = main.applications.get((wanted.id, wanted.version))
    if found is None:
        raise Invalid(
            f"deployments/{intent.name}.yaml names {wanted.id} {wanted.version}, which is not in"
            " apps/ with its lock",
            help="margo app list",
        )
    return found


def profile_of(description: ApplicationDescription, intent: Intent) -> Profile:
    """The profile that an intent chose; `Invalid` where the application has no such one."""
    profile = description.profile(intent.profile)
    if profile is None:
        offered = ", ".join(str(p.id or p.type) for p in description.profiles)
        raise Invalid(
            f"deployments/{intent.name}.yaml chooses the profile {intent.profile}, but"
            f" {description.id} {description.version} has: {offered}"
        )
    return profile
