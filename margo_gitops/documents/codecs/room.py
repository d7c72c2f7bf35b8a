"""What a dialect has no place for, said before it is written away."""

from __future__ import annotations

from collections.abc import Iterator

from margo_gitops.documents.codecs import table
from margo_gitops.documents.dialects import Dialect
from margo_gitops.errors import Invalid
from margo_gitops.model.application import ApplicationDescription, Profile
from margo_gitops.model.deployment import ApplicationDeployment

_HELP = "set `dialect: app` in fleet.yaml"
_HELP_D = "set `dialect: app` or `dialect: D` in fleet.yaml"


def refuse_loss(model: object, dialect: Dialect) -> None:
    """Raise `Invalid` that names the first thing that would be lost, or that is wanted and lacks.

    Dialects before D have no place for a deployment's device and resources: those pass, since the
    record carries them (DESIGN section 4).
    """
    if isinstance(model, ApplicationDeployment):
        _deployment(model, dialect)
    elif isinstance(model, ApplicationDescription):
        for profile in model.profiles:
            name = f"{model.id}, profile {profile.id or profile.type}"
            _profile(name, profile, dialect, table.DESCRIPTIONS[dialect])
            if dialect is Dialect.A and profile.requirements is not None:
                raise _no_place(f"{name}: its required resources", dialect, "B or later")


def _deployment(deployment: ApplicationDeployment, dialect: Dialect) -> None:
    for name, parameter in deployment.parameters.items():
        if parameter.value is None:
            raise Invalid(f"the parameter {name} has no value, and a deployment must carry one")
    words = table.DEPLOYMENTS[dialect]
    if words.device is not None and deployment.device_id is None:
        raise Invalid(f"{deployment.name}: dialect {dialect} must name a device, found none")
    if dialect is not Dialect.CP and deployment.namespace is None:
        raise Invalid(f"{deployment.name}: dialect {dialect} must name a namespace, found none")
    _profile(deployment.name, deployment, dialect, words)


def _profile(
    name: str, profile: Profile | ApplicationDeployment, dialect: Dialect, words: table.Words
) -> None:
    if profile.type not in words.types:
        known = " and ".join(words.types.values())
        raise Invalid(
            f"{name}: a profile of type {profile.type} has no place in dialect {dialect},"
            f" which knows {known}, expected D",
            help=_HELP_D,
        )
    if words.needs == "deviceConstraints":
        _in_d(name, profile)
    elif profile.eligibility:
        raise _no_place(f"{name}: its eligibility rules", dialect, "D")


def _in_d(name: str, profile: Profile | ApplicationDeployment) -> None:
    for text in _packages(profile):
        raise Invalid(
            f"{name}: packageLocation and keyLocation of the component {text} have no place in"
            " dialect D, expected repository and revision",
            help=_HELP,
        )
    wanted = profile.requirements
    if wanted is not None and (wanted.peripherals or wanted.interfaces):
        raise Invalid(
            f"{name}: its required peripherals and interfaces have no place in dialect D, expected"
            " eligibility rules",
            help=_HELP,
        )


def _packages(profile: Profile | ApplicationDeployment) -> Iterator[str]:
    for component in profile.components:
        if component.package_location or component.key_location:
            yield component.name


def _no_place(what: str, dialect: Dialect, expected: str) -> Invalid:
    return Invalid(f"{what} have no place in dialect {dialect}, expected {expected}", help=_HELP_D)
