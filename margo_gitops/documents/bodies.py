"""What the dialects' descriptions and deployments share; each dialect adds its own ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from margo_gitops.documents.parts import (
    Known,
    Spelling,
    Wire,
    extensions,
    given,
    merged,
    read_component,
    read_parameters,
    rest,
    write_component,
    write_parameters,
)
from margo_gitops.errors import Invalid
from margo_gitops.model.application import ApplicationDescription, Profile, ProfileType
from margo_gitops.model.deployment import ApplicationDeployment

_DESCRIPTION: Known = {
    **dict.fromkeys(["apiVersion", "kind", "id", "x-"]),
    "metadata": dict.fromkeys(["id", "name", "version", "description", "catalog"]),
    **dict.fromkeys(["deploymentProfiles", "parameters", "configuration"]),
}
_SPEC: Known = {
    **dict.fromkeys(["applicationId", "parameters", "x-"]),
    "deploymentProfile": dict.fromkeys(["type", "components", "deviceConstraints", "x-"]),
}


def read_description(
    data: Wire, id: str, spelling: Spelling, needs: Callable[[Wire], dict[str, Any]]
) -> ApplicationDescription:
    """A description whose schema was checked; `needs` gives a profile's resource fields."""
    metadata: Wire = data["metadata"]
    profiles = tuple(
        _read_profile(profile, spelling, needs(profile)) for profile in data["deploymentProfiles"]
    )
    return ApplicationDescription(
        id=id,
        name=metadata["name"],
        version=metadata["version"],
        description=metadata.get("description"),
        catalog=metadata["catalog"],
        profiles=profiles,
        parameters=read_parameters(data.get("parameters") or {}, _variables(profiles)),
        configuration=data.get("configuration"),
        extensions=extensions(data),
        unknown=rest(data, _DESCRIPTION),
    )


def _read_profile(data: Wire, spelling: Spelling, needs: dict[str, Any]) -> Profile:
    return Profile(
        type=spelling.type_of(data["type"]),
        id=data.get("id"),
        description=data.get("description"),
        components=tuple(read_component(component) for component in data["components"]),
        extensions=extensions(data),
        **needs,
    )


def _variables(profiles: tuple[Profile, ...]) -> set[str]:
    """The components that take environment variables: all but helm's."""
    return {
        component.name
        for profile in profiles
        if profile.type is not ProfileType.HELM
        for component in profile.components
    }


def read_deployment(
    data: Wire, spelling: Spelling, head: dict[str, Any], needs: dict[str, Any], known: Known
) -> ApplicationDeployment:
    """A deployment whose schema was checked; `head` holds the ids, `known` the head's names."""
    metadata, spec = data["metadata"], data["spec"]
    profile: Wire = spec["deploymentProfile"]
    kind = spelling.type_of(profile["type"])
    components = tuple(read_component(component) for component in profile["components"])
    variables = set() if kind is ProfileType.HELM else {c.name for c in components}
    return ApplicationDeployment(
        name=metadata["name"],
        namespace=metadata["namespace"],
        type=kind,
        components=components,
        parameters=read_parameters(spec.get("parameters") or {}, variables),
        labels=metadata.get("labels", {}),
        extensions=extensions(spec),
        profile_extensions=extensions(profile),
        unknown=rest(data, {**known, "spec": _SPEC}),
        **head,
        **needs,
    )


def write_deployment(
    deployment: ApplicationDeployment,
    spelling: Spelling,
    head: dict[str, Any],
    *,
    application: str | None,
    constraints: dict[str, Any] | None,
) -> dict[str, Any]:
    """The wire object: `head` first, then `spec`. Raises `Invalid` for a parameter without value.

    `application` is the id where the dialect wants it in `spec`, `constraints` what the profile
    asks of the device.
    """
    for name, parameter in deployment.parameters.items():
        if parameter.value is None:
            raise Invalid(f"the parameter {name} has no value, and a deployment must carry one")
    prefix = "" if deployment.type is ProfileType.HELM else spelling.env_prefix
    profile = given(
        type=spelling.types[deployment.type],
        components=[write_component(component) for component in deployment.components],
        deviceConstraints=constraints,
    )
    spec = given(
        applicationId=application,
        deploymentProfile={**profile, **deployment.profile_extensions},
        parameters=write_parameters(deployment.parameters, prefix),
    )
    return merged({**head, "spec": {**spec, **deployment.extensions}}, deployment.unknown)
