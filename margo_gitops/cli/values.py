"""Parameters for people: effective values, their rules in words, and where they go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from margo_gitops.errors import Invalid
from margo_gitops.model.application import ApplicationDescription, Profile
from margo_gitops.model.base import FromSite, ParameterValue
from margo_gitops.model.parameters import cure, resolve, settings_of, told
from margo_gitops.model.secret import looks_secret
from margo_gitops.model.setting import data_type
from margo_gitops.render.values import Alike

_RANGES = (("Value", ""), ("Length", " characters"), ("Precision", " decimals"))


def groups(found: Sequence[Alike]) -> list[dict[str, Any]]:
    """Sites with equal values, for `--json`."""
    return [
        {
            "sites": list(group.sites),
            "values": {name: _value(name, p.value) for name, p in group.parameters.items()},
        }
        for group in found
    ]


def group_lines(found: Sequence[Alike]) -> Iterator[str]:
    """Sites with equal values and those values, one a line."""
    for group in found:
        many = len(group.sites)
        shown = ", ".join(group.sites[:10]) + (f" and {many - 10} more" if many > 10 else "")
        yield f"{many} sites alike: {shown}" if many > 1 else f"1 site: {shown}"
        for name, parameter in group.parameters.items():
            if parameter.value is not None:
                yield f"  {name} = {told(name, parameter.value)}"


def profiles_of(
    description: ApplicationDescription,
    chosen: str | None,
    wanted: Mapping[str, ParameterValue],
) -> list[dict[str, Any]]:
    """Each profile, or the chosen one, with its components and parameters.

    Raises `Invalid` for a profile or a parameter that the application does not have.
    """
    profile = None if chosen is None else description.profile(chosen)
    if chosen is not None and profile is None:
        offered = ", ".join(str(p.id or p.type) for p in description.profiles)
        raise Invalid(f"{description.id} has no profile {chosen}: it has {offered}")
    if unknown := set(wanted) - set(description.parameters):
        known = ", ".join(sorted(description.parameters)) or "none"
        raise Invalid(f"{description.id} has no parameter {', '.join(sorted(unknown))}: {known}")
    return [
        {
            "id": item.id or item.type.value,
            "type": item.type.value,
            "components": [component.name for component in item.components],
            "parameters": profile_parameters(description, item, wanted),
        }
        for item in (description.profiles if profile is None else (profile,))
    ]


def profile_parameters(
    description: ApplicationDescription, profile: Profile, wanted: Mapping[str, ParameterValue]
) -> list[dict[str, Any]]:
    """Each parameter that goes to the profile: value, type, rules, targets, what is wrong.

    A pointer to a component of another profile is left out; `value` is null where none is given.
    """
    found = resolve(description, profile, wanted)
    shown = settings_of(description)
    components = {component.name for component in profile.components}
    result = []
    for name, parameter in description.parameters.items():
        targets = [
            {"pointer": target.pointer, "component": component}
            for target in parameter.targets
            for component in target.components
            if component in components
        ]
        held = found.parameters.get(name)
        settings = shown.get(name, [])
        if targets:
            result.append(
                {
                    "name": name,
                    "value": None if held is None else _value(name, held.value),
                    "type": data_type(settings[0].rules) if settings else None,
                    "rules": [rules_in_words(setting.rules) for setting in settings],
                    "settings": [setting.name for setting in settings],
                    "immutable": any(setting.immutable for setting in settings),
                    "targets": targets,
                    "problem": found.problems.get(name),
                }
            )
    return result


def parameter_lines(parameters: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What `profile_parameters` found, indented under its profile."""
    for parameter in parameters:
        value = parameter["value"]
        yield f"  {parameter['name']} = {'nothing' if value is None else _text(value)}"
        for rules in parameter["rules"]:
            yield f"    {rules}{', immutable' if parameter['immutable'] else ''}"
        for target in parameter["targets"]:
            yield f"    goes to {target['pointer']} of {target['component']}"
        if parameter["problem"]:
            yield f"    wrong: {parameter['problem']}; {cure(parameter['name'])}"


def rules_in_words(rules: Mapping[str, Any]) -> str:
    """A schema entry as a person says it: `integer, 1024 or more, may be empty`."""
    words = [data_type(rules) or "any type"]
    if isinstance(rules.get("options"), list | tuple):
        several = "some" if rules.get("multiselect") is True else "one"
        words.append(f"{several} of " + " | ".join(str(option) for option in rules["options"]))
    for what, unit in _RANGES:
        least, most = rules.get(f"min{what}"), rules.get(f"max{what}")
        if least is not None and most is not None:
            words.append(f"{least} to {most}{unit}")
        elif least is not None or most is not None:
            words.append(f"{least}{unit} or more" if most is None else f"at most {most}{unit}")
    if "regexMatch" in rules:
        words.append(f"matches {rules['regexMatch']}")
    return ", ".join([*words, "may be empty" if rules.get("allowEmpty") is True else "not empty"])


def _value(name: str, value: ParameterValue | None) -> Any:
    """For `--json`: a secret is named or marked, never shown."""
    if isinstance(value, FromSite):
        return {"fromSite": value.from_site}
    if looks_secret(name) and value not in (None, "", ()):
        return {"hidden": True}
    return list(value) if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return f"from site: {value['fromSite']}" if "fromSite" in value else "not shown"
    if isinstance(value, str):
        return value or '""'
    return str(value).lower() if isinstance(value, bool) else str(value)
