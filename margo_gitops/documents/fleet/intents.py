"""Rules of intents: what they name exists, and what they set fits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, MutableMapping

from margo_gitops.documents.findings import Path
from margo_gitops.documents.fleet.breach import Breach, breach
from margo_gitops.documents.fleet.places import FILE_NAME
from margo_gitops.documents.fleet.survey import Survey
from margo_gitops.documents.rule import Fault, Rule
from margo_gitops.model.application import ApplicationDescription, Profile
from margo_gitops.model.base import ParameterValue
from margo_gitops.model.fleet import Intent
from margo_gitops.model.parameters import resolve

DANGLING_APPLICATION = Rule(
    id="dangling-application",
    asks="A deployment names an application version that is in the App Store.",
    why="Without the package there is nothing to render, and rendering stops for every site.",
    cure="margo app add FOLDER for that version, or margo set NAME --version V for another.",
)
DANGLING_PROFILE = Rule(
    id="dangling-profile",
    asks="A deployment chooses a profile that its application version has.",
    why="The profile says what is installed; without it there is nothing to install.",
    cure="Choose one of the profiles that the message lists; margo app show ID shows them.",
)
DANGLING_SITE = Rule(
    id="dangling-site",
    asks="A site that a document names is in sites/.",
    why="A misspelled site would silently get nothing.",
    cure="Correct the name, or margo site add SITE.",
)
DANGLING_NODE = Rule(
    id="dangling-node",
    asks="A node that a deployment names exists at each site that the deployment reaches.",
    why="A directed deployment has no other place to go; rendering stops.",
    cure="Correct the node, leave the site out, or margo device add SITE NODE.",
)
NO_SITE = Rule(
    id="no-site",
    asks="A deployment reaches at least one site.",
    why="It runs nowhere: often a label that no site has, or the last site was taken away.",
    cure="margo site list shows labels; margo undeploy NAME where it is not wanted any more.",
    severity="warning",
)
UNREACHED_OVERRIDE = Rule(
    id="unreached-override",
    asks="A deployment overrides parameters only of sites that it reaches.",
    why="The values are not used now, and come into force unseen once the site is added.",
    cure="Remove the override, or add the site to the targets.",
    severity="warning",
)
UNKNOWN_PARAMETER = Rule(
    id="unknown-parameter",
    asks="A deployment sets only parameters that its application version has.",
    why="A misspelled parameter would leave the default in force.",
    cure="Choose one of the names that the message lists; margo app show ID shows them.",
)
PARAMETER_VALUE = Rule(
    id="parameter-value",
    asks="The values that a site gets pass the rules of the application's configuration.",
    why=(
        "The value must match its type and pass all rules (specification, configuration schema);"
        " defaults may be wrong, so what counts is the value that a site gets in the end."
    ),
    cure="Give a value as the message asks: margo set NAME --param K=V.",
)
RULES = (
    *(DANGLING_APPLICATION, DANGLING_PROFILE, DANGLING_SITE, DANGLING_NODE, NO_SITE),
    *(UNREACHED_OVERRIDE, UNKNOWN_PARAMETER, PARAMETER_VALUE),
)

_FITTING = {rule.id: rule for rule in (DANGLING_PROFILE, UNKNOWN_PARAMETER, PARAMETER_VALUE)}

Fits = MutableMapping[str, tuple[Fault, ...]]
"""What `fit` said of an intent and a package, by the digests of their bytes."""


def intents(found: Survey, fits: Fits) -> Iterator[Breach]:
    """What every intent breaks; `fits` is read first and gets what was not known."""
    for path, intent in found.of(Intent):
        if path != f"deployments/{intent.name}.yaml":
            text = f"found the name {intent.name!r}, expected that of the file"
            yield breach(path, FILE_NAME, ("name",), text)
        reached = found.reached(intent)
        for fault in (
            *_application(found, path, intent, reached, fits),
            *_sites(found, intent, reached),
        ):
            yield Breach(path, fault)


def fit(
    intent: Intent, description: ApplicationDescription, *, plain: bool = True
) -> tuple[Fault, ...]:
    """What an intent gets wrong of its application: profile, names, values.

    `plain` says that some site gets the values without an override of its own.
    """
    profile = description.profile(intent.profile)
    if profile is None:
        offered = ", ".join(str(p.id or p.type) for p in description.profiles)
        text = f"found the profile {intent.profile!r}, expected one of: {offered}"
        return (DANGLING_PROFILE.broken(("profile",), text),)
    faults = list(_unknown(intent.parameters, ("parameters",), description))
    if plain:
        faults += _values(description, profile, intent.parameters, {})
    for site, override in intent.overrides.items():
        path: Path = ("overrides", site, "parameters")
        faults += _unknown(override.parameters, path, description)
        own: dict[str, Path] = {name: (*path, name) for name in override.parameters}
        faults += _values(description, profile, {**intent.parameters, **override.parameters}, own)
    return tuple(dict.fromkeys(faults))


def _application(
    found: Survey, path: str, intent: Intent, reached: frozenset[str], fits: Fits
) -> tuple[Fault, ...]:
    wanted = intent.application
    folder = found.packages.get((wanted.id, wanted.version))
    if folder is None:
        return (_missing(found, intent),)
    description = found.description(wanted.id, wanted.version)
    if description is None:
        return ()
    key = _key(found, path, intent, reached)
    if key not in fits:
        fits[key] = fit(intent, description, plain=_is_plain(intent, reached))
    return fits[key]


def fit_keys(found: Survey) -> Iterator[str]:
    """The keys under which `intents` looks for what `fit` says."""
    for path, intent in found.of(Intent):
        if (intent.application.id, intent.application.version) in found.packages:
            yield _key(found, path, intent, found.reached(intent))


def encoded_fit(faults: Iterable[Fault]) -> str:
    """One line of JSON that `decoded_fit` reads."""
    return json.dumps([[f.rule.id, f.path, f.message, f.on_key] for f in faults])


def decoded_fit(text: str) -> tuple[Fault, ...]:
    """What `fit` said. Raises `ValueError`, `KeyError` or `TypeError` for anything else."""
    return tuple(
        _FITTING[rule].broken(tuple(path), message, on_key=on_key)
        for rule, path, message, on_key in json.loads(text)
    )


def _key(found: Survey, path: str, intent: Intent, reached: frozenset[str]) -> str:
    folder = found.packages[intent.application.id, intent.application.version]
    description = found.verdicts.get(f"{folder}margo.yaml")
    digest = description.digest if description else ""
    plain = "+" if _is_plain(intent, reached) else "-"
    return f"{found.verdicts[path].digest} {digest} {plain}"


def _is_plain(intent: Intent, reached: frozenset[str]) -> bool:
    return not reached or not reached <= intent.overrides.keys()


def _missing(found: Survey, intent: Intent) -> Fault:
    wanted = intent.application
    versions = sorted(version for id, version in found.packages if id == wanted.id)
    if versions:
        text = f"found {wanted.id} {wanted.version}, expected a version in apps/: {_some(versions)}"
        return DANGLING_APPLICATION.broken(("application", "version"), text)
    known = _some(sorted({id for id, _ in found.packages}))
    text = f"found the application {wanted.id!r}, expected one in apps/: {known}"
    return DANGLING_APPLICATION.broken(("application", "id"), text)


def _sites(found: Survey, intent: Intent, reached: frozenset[str]) -> Iterator[Fault]:
    named: list[tuple[Path, str, bool]] = [
        *((("targets", "sites", at), site, False) for at, site in enumerate(intent.targets.sites)),
        *((("targets", "without", at), s, False) for at, s in enumerate(intent.targets.without)),
        *((("overrides", site), site, True) for site in intent.overrides),
    ]
    for path, site, on_key in named:
        if site not in found.sites:
            text = f"found the site {site!r}, expected one in sites/: {_some(sorted(found.sites))}"
            yield DANGLING_SITE.broken(path, text, on_key=on_key)
        elif on_key and site not in reached:
            text = f"{intent.name} does not reach {site}, so these values are not used"
            yield UNREACHED_OVERRIDE.broken(path, text, on_key=True)
    if not reached:
        yield NO_SITE.broken(("targets",), f"{intent.name} reaches no site", on_key=True)
    yield from _node(found, intent, reached)


def _node(found: Survey, intent: Intent, reached: frozenset[str]) -> Iterator[Fault]:
    node = intent.targets.node
    if node is None:
        return
    if without := sorted(s for s in reached if node not in found.nodes.get(s, ())):
        known = _some(sorted(found.nodes.get(without[0], ())))
        text = f"the node {node!r} is not at {_some(without)}; {without[0]} has: {known}"
        yield DANGLING_NODE.broken(("targets", "node"), text)


def _unknown(
    values: Mapping[str, ParameterValue], path: Path, description: ApplicationDescription
) -> Iterator[Fault]:
    for name in values:
        if name not in description.parameters:
            known = _some(sorted(description.parameters))
            application = f"{description.id} {description.version}"
            text = f"{application} has no parameter {name}; it has: {known}"
            yield UNKNOWN_PARAMETER.broken((*path, name), text, on_key=True)


def _values(
    description: ApplicationDescription,
    profile: Profile,
    values: Mapping[str, ParameterValue],
    own: Mapping[str, Path],
) -> Iterator[Fault]:
    """What is wrong with the values that a site gets; `own` says where an override's stand."""
    known = {name: value for name, value in values.items() if name in description.parameters}
    for name, problem in resolve(description, profile, known).problems.items():
        path = own.get(name, ("parameters", name))
        # What nobody gave has no line of its own: the finding is where it should stand.
        yield PARAMETER_VALUE.broken(path, problem, on_key=name not in values)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:6]) or "none"
    return shown if len(names) <= 6 else f"{shown} and {len(names) - 6} more"
