"""Reading `main` at one commit into values: the fleet, its stores and its intents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from margo_gitops.documents import canonical, margo, own
from margo_gitops.errors import Stalled
from margo_gitops.model import layout
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.fleet import Device, Fleet, Intent, Site
from margo_gitops.model.record import ApplicationLock, Record
from margo_gitops.model.report import SiteStatus
from margo_gitops.render.main import Application, Main
from margo_gitops.store.git import GitStore

_CAPABILITIES = ("capabilities.json", "capabilities.yaml")


def read_fleet(store: GitStore, commit: str) -> Fleet:
    """What `main` says of the fleet as a whole; `Stalled` where it is no fleet's."""
    data = store.read(commit, layout.FLEET)
    if data is None:
        raise Stalled(
            f"main at {commit[:12]} holds no fleet.yaml: this is no fleet repository",
            help="margo init DIR --open",
        )
    return own.read(data, Fleet, layout.FLEET)


def read_main(store: GitStore, commit: str) -> Main:
    """All of `main` that rendering needs. Raises `Invalid` with every finding of a bad document."""
    fleet = read_fleet(store, commit)
    devices: dict[str, list[Device]] = {}
    declared: dict[tuple[str, str], str] = {}
    for path, text in store.files(commit, "devices").items():
        site, _, name = path.removeprefix("devices/").partition("/")
        node, _, ending = name.partition(".")
        if ending in _CAPABILITIES:
            declared[site, node] = text.decode()
        elif ending == "yaml":
            device = own.read(text, Device, path)
            devices.setdefault(device.site, []).append(device)
    return Main(
        commit=commit,
        fleet=fleet,
        sites={
            site.id: site
            for path, text in _yaml(store, commit, "sites")
            for site in [own.read(text, Site, path)]
        },
        devices={site: tuple(found) for site, found in devices.items()},
        intents={
            intent.name: intent
            for path, text in _yaml(store, commit, "deployments")
            for intent in [own.read(text, Intent, path)]
        },
        applications=dict(_applications(store, commit)),
        declared=declared,
        voided=_voided(store, commit),
    )


def read_capabilities(store: GitStore, commit: str, site: str) -> Mapping[str, DeviceCapabilities]:
    """Node to what it offers: as its site last reported it, else as the Device Store has it."""
    found: dict[str, DeviceCapabilities] = {}
    for path, data in store.files(commit, f"devices/{site}").items():
        stem, _, rest = path.rpartition("/")[2].partition(".")
        if rest in _CAPABILITIES:
            found[stem], _ = margo.read_capabilities(data, path)
    tip = store.resolve(layout.status_ref(site))
    for path, data in ({} if tip is None else store.files(tip, "devices")).items():
        found[path.split("/")[1]], _ = margo.read_capabilities(data, f"status/{site}:{path}")
    return found


def site_status(store: GitStore, tip: str) -> SiteStatus | None:
    """What a site said at this commit of its status branch; `Refused` where it is no status."""
    data = store.read(tip, layout.SITE_STATUS)
    return None if data is None else canonical.load(data, SiteStatus, layout.SITE_STATUS)


def package(store: GitStore, commit: str, app: str, version: str) -> dict[str, bytes]:
    """The files of one application version, by their path in the package."""
    folder = layout.app_folder(app, version)
    files = store.files(commit, folder)
    return {path.removeprefix(folder + "/"): data for path, data in files.items()}


def _voided(store: GitStore, commit: str) -> dict[str, tuple[Record, ...]]:
    """Site to the records of closed proposals, one a line of the files below `trust/voided/`."""
    found: dict[str, tuple[Record, ...]] = {}
    for path, data in store.files(commit, layout.VOIDED).items():
        for line in data.splitlines():
            record = canonical.load(line, Record, path)
            found[record.site] = (*found.get(record.site, ()), record)
    return found


def _yaml(store: GitStore, commit: str, folder: str) -> Iterator[tuple[str, bytes]]:
    for path, data in store.files(commit, folder).items():
        if path.endswith(".yaml"):
            yield path, data


def _applications(store: GitStore, commit: str) -> Iterator[tuple[tuple[str, str], Application]]:
    for path, data in store.files(commit, "locks").items():
        lock = canonical.load(data, ApplicationLock, path)
        where = f"{layout.app_folder(lock.application, lock.version)}/margo.yaml"
        text = store.read(commit, where) or b""
        description, dialect = margo.read_description(text, where)
        yield (lock.application, lock.version), Application(description, dialect, lock)
