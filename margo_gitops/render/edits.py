"""What a person's verb changes on `main`: an edit is a value, shown or committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from margo_gitops.documents import canonical, own
from margo_gitops.documents.edit import edit
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
from margo_gitops.model.suspension import Suspension
from margo_gitops.render.main import Main, profile_of, targeted
from margo_gitops.render.values import immutable_faults


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


def begin_epochs(main: Main, files: Mapping[str, bytes]) -> Edit:
    """A new history for each of these sites' branches; `files` has each site's own file.

    Every byte that does not say the epoch stays. Raises `Invalid` for a site that is not there.
    """
    changes = {}
    for id, data in files.items():
        site = main.sites.get(id)
        if site is None:
            raise Invalid(f"there is no site {id}", help="margo site list")
        after = site.model_copy(update={"epoch": site.epoch + 1})
        path = layout.site_path(id)
        changes[path] = edit(data, _wire(site), _wire(after), where=path)
    return Edit(changes, f"Begin a new epoch of {', '.join(sorted(files))}")


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


def lock_application(
    before: ApplicationLock, after: ApplicationLock, fetched: Mapping[str, bytes]
) -> Edit:
    """A lock with more names resolved, and what came by URL; `Invalid` where a pin would change."""
    for old, new in zip(before.components, after.components, strict=True):
        if old.artifact not in {None, new.artifact} or not set(old.images) <= set(new.images):
            raise Invalid(f"the lock of {before.application} {before.version} pins {old.component}")
    key = (after.application, after.version)
    folder = layout.app_folder(*key)
    changes: dict[str, bytes | None] = {f"{folder}/{path}": data for path, data in fetched.items()}
    changes[layout.lock_path(*key)] = canonical.dump(after)
    return Edit(changes, f"Lock {after.application} {after.version}")


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
    return _told(intent.name, own.write(intent), f"Deploy {what} as {intent.name}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What `margo set` was asked for; None and empty leave as it is."""

    version: str | None = None
    parameters: Mapping[str, ParameterValue] | None = None
    at: Mapping[str, Mapping[str, ParameterValue]] | None = None
    add_sites: Sequence[str] = ()
    drop_sites: Sequence[str] = ()


def change(main: Main, name: str, settings: Settings, *, file: bytes | None = None) -> Edit:
    """An intent changed, within the bytes of its file; without a `file`, one as `margo` writes it.

    Every byte that does not say what changes stays. Raises `Invalid` where there is no intent of
    that name, or its file cannot be changed in place; `Usage` where nothing would change.
    """
    held = intent_of(main, name)
    targets = held.targets
    sites = _listed(targets.sites, settings.add_sites, settings.drop_sites)
    without: tuple[str, ...] = ()
    if targets.selector is not None:
        without = _listed(targets.without, settings.drop_sites, settings.add_sites)
    overrides = dict(held.overrides)
    for site, values in (settings.at or {}).items():
        before = overrides.get(site, SiteOverride())
        overrides[site] = before.model_copy(update={"parameters": {**before.parameters, **values}})
    version = settings.version or held.application.version
    after = held.model_copy(
        update={
            "application": ApplicationRef(id=held.application.id, version=version),
            "targets": targets.model_copy(update={"sites": sites, "without": without}),
            "parameters": {**held.parameters, **(settings.parameters or {})},
            "overrides": overrides,
        }
    )
    return _changed(held, after, file, f"Change {name}")


def suspend(
    main: Main, name: str, suspension: Suspension, sites: Sequence[str], *, file: bytes | None
) -> Edit:
    """An intent that nodes leave as it is, everywhere or at these sites; errors as `change`."""
    held = intent_of(main, name)
    if strange := sorted(set(sites) - set(targeted(held, main.sites))):
        raise Invalid(f"{name} is not at {strange[0]}", help=f"margo status {strange[0]}")
    return _changed(held, _suspended(held, suspension, sites), file, f"Suspend {name}")


def resume(main: Main, name: str, sites: Sequence[str], *, file: bytes | None) -> Edit:
    """An intent that is acted on again, everywhere or at these sites; errors as `change`."""
    held = intent_of(main, name)
    if sites and held.suspended is not None:
        raise Usage(
            f"{name} is suspended everywhere, not at single sites", help=f"margo resume {name}"
        )
    every = sites or tuple(held.overrides)
    after = _suspended(held.model_copy(update={"suspended": None}), None, every)
    return _changed(held, after, file, f"Resume {name}")


def _suspended(held: Intent, suspension: Suspension | None, sites: Sequence[str]) -> Intent:
    if not sites:
        return held.model_copy(update={"suspended": suspension})
    overrides = dict(held.overrides)
    for site in sites:
        before = overrides.get(site, SiteOverride())
        overrides[site] = before.model_copy(update={"suspended": suspension})
    kept = {site: item for site, item in overrides.items() if item != SiteOverride()}
    return held.model_copy(update={"overrides": kept})


def _changed(held: Intent, after: Intent, file: bytes | None, subject: str) -> Edit:
    """The intent's file, changed where the intent is; `Usage` where it is not."""
    if after == held:
        raise Usage(
            f"{held.name} says all that already: nothing to change",
            help="margo render, if its sites do not have it yet; margo set --help",
        )
    path = layout.intent_path(held.name)
    data = own.write(held) if file is None else file
    return _told(held.name, edit(data, _wire(held), _wire(after), where=path), subject)


def undeploy(main: Main, name: str) -> Edit:
    """An intent removed; its sites then get remove records."""
    intent_of(main, name)
    return Edit({layout.intent_path(name): None}, f"Undeploy {name}")


def rollback(main: Main, name: str, earlier: Iterable[bytes], to: str | None) -> Edit:
    """An intent's file as it was before its last change, or when it last had the version `to`.

    `earlier` holds its past contents, newest first; what nobody can read among them is passed over.
    """
    held, path = main.intents.get(name), layout.intent_path(name)
    for data in earlier:
        past = _readable(data, path)
        if past is not None and past != held and to in {None, past.application.version}:
            return _told(name, data, f"Roll {name} back to {past.application.version}")
    wanted = "an earlier state" if to is None else f"the version {to}"
    raise Invalid(f"{name} never had {wanted}", help=f"git log -- {path}")


def intent_of(main: Main, name: str) -> Intent:
    """The intent of that name, else `Invalid`."""
    found = main.intents.get(name)
    if found is None:
        known = ", ".join(sorted(main.intents)) or "none"
        raise Invalid(f"there is no deployment {name}: there is {known}", help="margo status")
    return found


def checked(main: Main, intent: Intent) -> Main:
    """`main` as it would be with the intent.

    Raises `Invalid` where profile or application do not fit, or an immutable setting changes.
    """
    found = main.applications.get((intent.application.id, intent.application.version))
    if found is not None:
        profile_of(found.description, intent)
    after = replace(main, intents={**main.intents, intent.name: intent})
    if faults := immutable_faults(main, after, intent.name):
        application = intent.application
        raise Invalid(
            f"{intent.name}: {'; '.join(faults)}",
            help=f"margo deploy {application.id}@{application.version} --name ANOTHER … installs it"
            " anew beside this one",
        )
    return after


def _told(name: str, data: bytes, subject: str) -> Edit:
    """One intent's file, with the trailer that names it."""
    return Edit({layout.intent_path(name): data}, f"{subject}\n\nDeployment: {name}\n")


def _wire(document: Intent | Site) -> dict[str, Any]:
    return document.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _readable(data: bytes, path: str) -> Intent | None:
    try:
        return own.read(data, Intent, path)
    except Invalid:
        return None


def _listed(held: Sequence[str], more: Sequence[str], less: Sequence[str]) -> tuple[str, ...]:
    """In the order of the file, what is new at the end."""
    new = sorted(set(more) - set(held) - set(less))
    return (*(item for item in held if item not in less), *new)
