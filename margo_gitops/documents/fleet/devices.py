"""Rules of the Device Store: one device, one id, and parents before their children."""

from __future__ import annotations

from collections.abc import Iterator

from margo_gitops.documents.fleet.breach import IDENTITY, Breach, breach
from margo_gitops.documents.fleet.intents import DANGLING_SITE
from margo_gitops.documents.fleet.places import FILE_NAME
from margo_gitops.documents.fleet.survey import Survey
from margo_gitops.documents.rule import Rule
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.fleet import Device, Site

DUPLICATE_DEVICE = Rule(
    id="duplicate-device",
    asks="Each Margo device id is in the Device Store once.",
    why="Two hosts that report under one id overwrite each other's state.",
    cure="Give one of them its own deviceId.",
)
PARENT_DEVICE = Rule(
    id="parent-device",
    asks="The parent of a child device is a device of the fleet, or the site itself.",
    why=(
        "A gateway MUST be reported before its children, else the answer is 404 (specification,"
        " device capabilities); here the site is the gateway of its nodes."
    ),
    cure="Add the gateway first, or begin the deviceId with the site's name.",
)
CAPABILITIES_ID = Rule(
    id="capabilities-id",
    asks="A capabilities file is of the device that it stands beside.",
    why="What is placed on a node is decided by what it offers: another's offer places wrongly.",
    cure="Write the device's deviceId as properties.id, or move the file to its device.",
)
CAPABILITIES_DEVICE = Rule(
    id="capabilities-device",
    asks="A capabilities file stands beside its device's own file.",
    why="Without <node>.yaml there is no such node, and its capabilities are never used.",
    cure="margo device add SITE NODE, or remove the file.",
    severity="warning",
)
RULES = (DUPLICATE_DEVICE, PARENT_DEVICE, CAPABILITIES_ID, CAPABILITIES_DEVICE)


def devices(found: Survey) -> Iterator[Breach]:
    """What sites, devices and capabilities break of each other."""
    for path, site in found.of(Site):
        if path != f"sites/{site.id}.yaml":
            text = f"found the id {site.id!r}, expected that of the file"
            yield breach(path, FILE_NAME, IDENTITY, text)
    known = list(found.of(Device))
    first: dict[str, str] = {}
    for path, device in known:
        yield from _named(found, path, device)
        if device.device_id in first:
            text = f"found {device.device_id!r}, which {first[device.device_id]} has already"
            yield breach(path, DUPLICATE_DEVICE, ("deviceId",), text)
        first.setdefault(device.device_id, path)
    for path, device in known:
        parent = device.device_id.rpartition("/")[0]
        if parent and parent not in first and parent not in found.sites:
            text = f"found {device.device_id!r}, but its parent {parent!r} is no device here"
            yield breach(path, PARENT_DEVICE, ("deviceId",), text)
    yield from _capabilities(found)


def _named(found: Survey, path: str, device: Device) -> Iterator[Breach]:
    _, site, file = path.split("/")
    if device.id != file.removesuffix(".yaml"):
        text = f"found the id {device.id!r}, expected that of the file"
        yield breach(path, FILE_NAME, IDENTITY, text)
    if device.site != site:
        text = f"found the site {device.site!r}, expected {site!r}, the folder's"
        yield breach(path, FILE_NAME, ("site",), text)
    elif site not in found.sites:
        text = f"found the site {site!r}, which is not in sites/"
        yield breach(path, DANGLING_SITE, ("site",), text)


def _capabilities(found: Survey) -> Iterator[Breach]:
    for path, offered in found.of(DeviceCapabilities):
        beside = f"{path.rpartition('.capabilities.')[0]}.yaml"
        if beside not in found.names:
            yield breach(path, CAPABILITIES_DEVICE, (), f"{beside} is missing")
        device = found.fact(beside, Device)
        if device is not None and offered.id != device.device_id:
            text = f"found the id {offered.id!r}, expected {device.device_id!r}, as {beside} has it"
            yield breach(path, CAPABILITIES_ID, ("properties", "id"), text)
