"""Parameters: what a person typed becomes the value and targets that a deployment carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from margo_gitops.errors import Invalid
from margo_gitops.model import pointer
from margo_gitops.model.application import (
    ApplicationDescription,
    Parameter,
    Profile,
    ProfileType,
    Target,
)
from margo_gitops.model.base import FromSite, ParameterValue
from margo_gitops.model.secret import HIDDEN, looks_secret
from margo_gitops.model.setting import Rules, problem
from margo_gitops.model.typed import Untyped, exact, implied, plain


@dataclass(frozen=True, slots=True)
class Resolved:
    """The parameters that have a value, and all that is wrong, by parameter."""

    parameters: Mapping[str, Parameter]
    problems: Mapping[str, str]


def effective(
    description: ApplicationDescription,
    profile: Profile,
    wanted: Mapping[str, ParameterValue],
) -> dict[str, Parameter]:
    """The parameters of a deployment: defaults under what is wanted, this profile's targets only.

    Values are typed as the author's configuration declares and must keep to the rules of every
    setting that shows them (specification, parameters and configuration). Raises one `Invalid`
    with everything that is wrong: names that the application does not have, values of another
    type or against a rule, values that nobody gave, pointers that no engine can read. Values of
    parameters that look like secrets are never in its words.
    """
    found = resolve(description, profile, wanted)
    if found.problems:
        known = set(description.parameters)
        cures = [cure(name) for name in found.problems if name in known][:4]
        raise Invalid(
            "; ".join(found.problems.values()),
            help=" ".join(cures) or f"margo app show {description.id}@{description.version}",
        )
    return dict(found.parameters)


def resolve(
    description: ApplicationDescription,
    profile: Profile,
    wanted: Mapping[str, ParameterValue],
) -> Resolved:
    """As `effective`, without an error: a value that breaks rules is in both parts."""
    components = {component.name for component in profile.components}
    shown = settings_of(description)
    parameters: dict[str, Parameter] = {}
    problems = dict(_unknown(description, wanted))
    for name, parameter in description.parameters.items():
        targets = tuple(_kept(parameter, components))
        if not targets:
            continue
        rules = [setting.rules for setting in shown.get(name, ())]
        value = wanted.get(name, parameter.value)
        typed, faults = _judged(name, value, rules or [implied(parameter.value)], bool(rules))
        if profile.type is ProfileType.HELM or name in wanted:
            # A default that goes to no variable harms nobody; real packages have such (`PORTS.80`).
            faults += list(_unreadable(name, targets, profile.type))
        if faults:
            problems[name] = "; ".join(dict.fromkeys(faults))
        if typed is not None:
            parameters[name] = Parameter(value=typed, targets=targets)
    if profile.type is ProfileType.HELM and not problems:
        problems.update(_unfitting(parameters, components))
    return Resolved(parameters, problems)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting that shows a parameter: its words, its rules, and whether it may change."""

    name: str
    rules: Rules
    immutable: bool


def settings_of(description: ApplicationDescription) -> dict[str, list[Setting]]:
    """Parameter name to the settings that show it; one parameter may be shown by several."""
    configuration = description.configuration or {}
    entries = {entry.get("name"): entry for entry in configuration.get("schema", ())}
    found: dict[str, list[Setting]] = {}
    for section in configuration.get("sections", ()):
        for setting in section.get("settings", ()):
            rules = entries.get(setting.get("schema"))
            if "parameter" in setting and rules is not None:
                immutable = setting.get("immutable") is True
                shown = Setting(str(setting.get("name", "")), rules, immutable)
                found.setdefault(setting["parameter"], []).append(shown)
    return found


def immutable_changes(
    description: ApplicationDescription,
    before: Mapping[str, ParameterValue],
    after: Mapping[str, ParameterValue],
    *,
    earlier: ApplicationDescription | None = None,
) -> list[str]:
    """The immutable settings whose effective value changes, in words; empty where all is well.

    `before` and `after` are effective values, typed. `earlier` is the description of the version
    before, where that is another: a setting that either version calls immutable binds. A value
    that was not set may be set once (specification, settings: once set at install it must not
    change on update); a parameter that the new version no longer has is no change.
    """
    bound = [
        name
        for version in (earlier or description, description)
        for name, settings in settings_of(version).items()
        if any(setting.immutable for setting in settings)
    ]
    return [
        f"the setting {name} is immutable: it is {_told(name, before[name])},"
        f" and {_told(name, after[name])} is asked for"
        for name in dict.fromkeys(bound)
        if name in before and name in after and not _alike(before[name], after[name])
    ]


def has_immutable(description: ApplicationDescription) -> bool:
    """True where a setting of the version may not change after its installation."""
    return any(s.immutable for settings in settings_of(description).values() for s in settings)


def cure(name: str) -> str:
    """What to write on the command line to give the parameter a value."""
    return f"--secret {name}=NAME" if looks_secret(name) else f"--param {name}=VALUE"


def told(name: str, value: ParameterValue) -> str:
    """A parameter's value for people: secrets by where they come from, never by themselves."""
    if isinstance(value, FromSite):
        return f"from site: {value.from_site}"
    if looks_secret(name):
        return "not shown"
    if isinstance(value, tuple):
        return "[" + ", ".join(told(name, item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _told(name: str, value: ParameterValue) -> str:
    return HIDDEN if told(name, value) == "not shown" else told(name, value)


def _alike(one: ParameterValue, other: ParameterValue) -> bool:
    """Equal values; true is not 1, while 4 and 4.0 are one number in every document."""
    booleans = isinstance(one, bool), isinstance(other, bool)
    return one == other and booleans[0] == booleans[1]


def _unknown(
    description: ApplicationDescription, wanted: Mapping[str, ParameterValue]
) -> Iterator[tuple[str, str]]:
    known = ", ".join(sorted(description.parameters)) or "none"
    for name in sorted(set(wanted) - set(description.parameters)):
        of = f"{description.id} {description.version} has no parameter {name}"
        yield name, f"{of}; it has: {known}"


def _kept(parameter: Parameter, components: set[str]) -> Iterator[Target]:
    """The targets whose components belong to the profile, with those components only."""
    for target in parameter.targets:
        kept = tuple(c for c in target.components if c in components)
        if kept:
            yield target.model_copy(update={"components": kept})


def _judged(
    name: str, value: ParameterValue | None, rules: list[Rules], is_setting: bool
) -> tuple[ParameterValue | None, list[str]]:
    """The value typed by its first setting, and what it breaks of each."""
    if isinstance(value, FromSite):
        return value, []
    if value is None:
        missing = is_setting and not all(entry.get("allowEmpty") is True for entry in rules)
        return None, [f"the parameter {name} has no default and must be given"] if missing else []
    hide = looks_secret(name)
    try:
        typed = exact(value, rules[0])
    except Untyped as error:
        shown = HIDDEN if hide else repr(value)[:80]
        return value, [f"the parameter {name}: found {shown}, {error}"] if is_setting else []
    if not is_setting:
        return plain(typed), []
    broken = [problem(typed, entry, hide=hide) for entry in rules]
    return plain(typed), [f"the parameter {name}: {text}" for text in broken if text]


def _unreadable(name: str, targets: tuple[Target, ...], type: ProfileType) -> Iterator[str]:
    """Pointers that the profile's engine cannot read."""
    read = pointer.parse if type is ProfileType.HELM else pointer.variable
    for target in targets:
        try:
            read(target.pointer)
        except Invalid as error:
            yield f"the parameter {name}: {error.problem}"


def _unfitting(
    parameters: Mapping[str, Parameter], components: set[str]
) -> Iterator[tuple[str, str]]:
    """Charts whose pointers contradict each other: one place as a value and as a map."""
    for component in sorted(components):
        pairs = [
            (target.pointer, parameter.value)
            for parameter in parameters.values()
            for target in parameter.targets
            if component in target.components
        ]
        try:
            pointer.assemble(pairs)
        except Invalid as error:
            yield component, f"the component {component}: {error.problem}"
