"""What a person's verb changes on `main`: an edit is a value, shown or committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from margo_gitops.documents import canonical, own
from margo_gitops.errors import Invalid, Usage
from margo_gitops.model import layout
from margo_gitops.model.application import ApplicationDescription
from margo_gitops.model.base import ParameterValue
from margo_gitops.model.fleet import (
    ApplicationRef,
    Device,
    Fleet,
    Intent,
    Site,
    SiteOverride,
)
from margo_gitops.model.record import ApplicationLock
from margo_gitops.render.main import Main, profile_of, targeted


@dataclass(frozen=True, slots=True)
class Edit:
    """Path to new bytes (None deletes), and the commit message that tells it."""

    changes: Mapping[str, bytes | None]
    message: str


def new_fleet(fleet: Fleet, template: Mapping[str, bytes]) -> Edit:
    """The first commit of a fleet repository: the template and `fleet.yaml`."""
    return Edit({**template, layout.FLEET: own.write(fleet)}, f"New fleet {fleet.name}")


def add_site(main: Main, site: Site) -> Edit:
    """A new site; `Invalid` where the fleet has it."""
    if site.id in main.sites:
        raise Invalid(f"the site {site.id} exists", help=f"margo site show {site.id}")
    return Edit({layout.site_path(site.id): own.write(site)}, f"Add the site {site.id}")


def add_device(main: Main, device: Device, capabilities: tuple[str, bytes] | None) -> Edit:
    """A new node of a site; `capabilities` is a file ending and the device's own document."""
    if device.site not in main.sites:
        raise Invalid(
            f"there is no site {device.site}: it is one of {', '.join(main.sites) or 'none'}",
            help=f"margo site add {device.site}",
        )
    if any(known.id == device.id for known in main.devices.get(device.site, ())):
        raise Invalid(f"the site {device.site} has a node {device.id}", help="margo device list")
    path = layout.device_path(device.site, device.id)
    changes: dict[str, bytes | None] = {path: own.write(device)}
    if capabilities is not None:
        ending, data = capabilities
        changes[path.removesuffix(".yaml") + f".capabilities.{ending}"] = data
    return Edit(changes, f"Add the node {device.id} to {device.site}")


def add_application(
    main: Main,
    description: ApplicationDescription,
    package: Mapping[str, bytes],
    lock: ApplicationLock,
) -> Edit:
    """A new version in the App Store, byte for byte, with its lock; versions never change."""
    key = (description.id, description.version)
    if key in main.applications:
        raise Invalid(
            f"{description.id} {description.version} is in the App Store: a version never changes",
            help=f"margo app show {description.id}",
        )
    folder = layout.app_folder(*key)
    changes: dict[str, bytes | None] = {f"{folder}/{path}": data for path, data in package.items()}
    changes[layout.lock_path(*key)] = canonical.dump(lock)
    return Edit(changes, f"Add {description.id} {description.version}")


def deploy(main: Main, intent: Intent) -> Edit:
    """A new intent; `Invalid` for an existing name, or where it reaches no site."""
    if intent.name in main.intents:
        raise Invalid(
            f"the deployment {intent.name} exists",
            help=f"margo set {intent.name} … to change it, --name for another",
        )
    if not targeted(intent, main.sites):
        raise Invalid(f"{intent.name} reaches no site", help="margo site list")
    application = intent.application
    what = f"{application.id} {application.version}"
    return _write(intent, f"Deploy {what} as {intent.name}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What `margo set` was asked for; None and empty leave as it is."""

    version: str | None = None
    parameters: Mapping[str, ParameterValue] | None = None
    at: Mapping[str, Mapping[str, ParameterValue]] | None = None
    add_sites: Sequence[str] = ()
    drop_sites: Sequence[str] = ()


def change(main: Main, name: str, settings: Settings) -> Edit:
    """An intent changed; `Invalid` where there is none of that name or nothing would change."""
    held = intent_of(main, name)
    targets = held.targets
    sites = (set(targets.sites) | set(settings.add_sites)) - set(settings.drop_sites)
    without = (set(targets.without) | set(settings.drop_sites)) - set(settings.add_sites)
    if targets.selector is None:
        without = set()
    overrides = dict(held.overrides)
    for site, values in (settings.at or {}).items():
        before = overrides.get(site, SiteOverride()).parameters
        overrides[site] = SiteOverride(parameters={**before, **values})
    version = settings.version or held.application.version
    after = held.model_copy(
        update={
            "application": ApplicationRef(id=held.application.id, version=version),
            "targets": targets.model_copy(
                update={"sites": tuple(sorted(sites)), "without": tuple(sorted(without))}
            ),
            "parameters": {**held.parameters, **(settings.parameters or {})},
            "overrides": overrides,
        }
    )
    if after == held:
        raise Usage(f"nothing to change in {name}", help="margo set --help")
    return _write(after, f"Change {name}")


def undeploy(main: Main, name: str) -> Edit:
    """An intent removed; its sites then get remove records."""
    intent_of(main, name)
    return Edit({layout.intent_path(name): None}, f"Undeploy {name}")


def rollback(main: Main, name: str, earlier: Sequence[Intent], to: str | None) -> Edit:
    """An intent as it was before its last change, or when it last had the version `to`.

    `earlier` holds its past contents, newest first.
    """
    held = main.intents.get(name)
    for past in earlier:
        if past != held and to in {None, past.application.version}:
            return _write(past, f"Roll {name} back to {past.application.version}")
    wanted = "an earlier state" if to is None else f"the version {to}"
    raise Invalid(f"{name} never had {wanted}", help=f"git log -- {layout.intent_path(name)}")


def intent_of(main: Main, name: str) -> Intent:
    """The intent of that name, else `Invalid`."""
    found = main.intents.get(name)
    if found is None:
        known = ", ".join(sorted(main.intents)) or "none"
        raise Invalid(f"there is no deployment {name}: there is {known}", help="margo status")
    return found


def checked(main: Main, intent: Intent) -> Main:
    """`main` as it would be with the intent; `Invalid` where profile or application do not fit."""
    found = main.applications.get((intent.application.id, intent.application.version))
    if found is not None:
        profile_of(found.description, intent)
    return Main(
        commit=main.commit,
        fleet=main.fleet,
        sites=main.sites,
        devices=main.devices,
        intents={**main.intents, intent.name: intent},
        applications=main.applications,
    )


def _write(intent: Intent, subject: str) -> Edit:
    trailer = f"Deployment: {intent.name}"
    return Edit({layout.intent_path(intent.name): own.write(intent)}, f"{subject}\n\n{trailer}\n")
