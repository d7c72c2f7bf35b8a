"""DeviceCapabilitiesManifest in each dialect (specification, device capabilities)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.shapes.fields import device_id, head
from margo_gitops.documents.shapes.hardware import MEMORY, OFFERED, STORAGE, devices
from margo_gitops.documents.shapes.words import (
    Fields,
    Shape,
    flag,
    has,
    integer,
    list_of,
    map_of,
    number,
    obj,
    text,
    when,
    word,
)

_ABOUT = "What a device offers to workloads."
_PROPERTIES = "The device and what it has."
_PROCESSOR = "The processor."
_ROLES = ("Standalone Cluster", "Cluster Leader", "Standalone Device", "Gateway")
_GIGABYTES = r"^[0-9]+(\.[0-9]+)? GB$"


def capabilities(dialect: Dialect) -> Shape:
    """The shape of a device's own words."""
    return _SHAPES[dialect]()


def _a() -> Shape:
    processor = obj(
        _PROCESSOR,
        must={"cores": integer("How many cores.", least=1)},
        may={
            "cpuArchitecture": text("The architecture, in free words."),
            "architecture": text("The architecture, in free words; the example's spelling."),
            "frequency": text("How fast it is, as 6.2 GHz."),
        },
    )
    resources = obj(
        "What workloads may use.",
        must={
            "cpus": list_of("The processors.", processor),
            "memory": _gigabytes("memory"),
            "storage": _gigabytes("storage"),
        },
    )
    role = word("One role.", *_ROLES[:3])
    properties = obj(
        _PROPERTIES,
        must={
            **_identity(),
            "roles": list_of("What the device can be.", role),
            "resources": resources,
        },
        may={
            "peripherals": list_of("Attached hardware.", _named_hardware()),
            "interfaces": list_of("Ways to communicate.", _named_hardware()),
        },
    )
    kinds = head("DeviceCapabilities", "DeviceCapability", version="device.margo/v1")
    return obj(_ABOUT, must={**kinds, "properties": properties})


def _gigabytes(what: str) -> Shape:
    about = f"How much {what} in GB: 64, or in words 64.0 GB."
    return {"description": about} | when(
        {"type": "string"}, text(about, pattern=_GIGABYTES), integer(about, least=0)
    )


def _named_hardware() -> Shape:
    return obj(
        "One piece of hardware.",
        may={
            "name": text("Its name."),
            "type": text("What it is, in free words."),
            "modelNumber": text("Its model."),
            "properties": obj("What else is to be said of it.", closed=False),
        },
    )


def _b() -> Shape:
    """Only a device that is no more than a gateway may leave its resources out."""
    resources: Fields = {"resources": _resources()}
    gateway = list_of("A gateway only.", word("Its role.", "Gateway"), least=1)
    roles = list_of("What the device can be.", word("One role.", *_ROLES))
    properties = when(
        has("roles", {"items": {"const": "Gateway"}, "minItems": 1}),
        obj(_PROPERTIES, must={**_identity(), "roles": gateway}, may=resources),
        obj(_PROPERTIES, must={**_identity(), "roles": roles, **resources}),
    )
    return obj(
        _ABOUT,
        must={
            **head("DeviceCapabilitiesManifest", version="device.margo.org/v1alpha1"),
            "properties": {"description": _PROPERTIES, **properties},
        },
    )


def _resources() -> Shape:
    architecture = word("Its architecture.", *OFFERED[Dialect.B])
    cores: Fields = {"cores": integer("How many cores, a whole number.", least=1)}
    several = list_of("The architectures that it runs.", architecture, least=1)
    one = when(
        has("architectures"),
        obj(_PROCESSOR, must={**cores, "architectures": several}),
        obj(_PROCESSOR, must={**cores, "architecture": architecture}),
    )
    cpu = when({"type": "array"}, list_of("The processors.", one, least=1), one)
    return obj(
        "What workloads may use.",
        must={
            "cpu": {"description": "The processor, or a list of them.", **cpu},
            **_room(),
            **devices(Dialect.B),
        },
    )


def _c2() -> Shape:
    properties = obj(
        _PROPERTIES,
        must=_identity(),
        may={
            "cpu": list_of("The processors.", _processor(Dialect.C2)),
            **_room(),
            **devices(Dialect.C2),
            **_hosting(runtimes=("oci",), types=("helm", "compose")),
        },
    )
    return obj(
        _ABOUT,
        must={
            **head("DeviceCapabilitiesManifest", version="device.margo.org/v1alpha1"),
            "properties": properties,
        },
    )


def _d() -> Shape:
    properties = obj(
        _PROPERTIES,
        must={**_identity(), "id": device_id("The device's id; gateway-1/edge-2 for a child.")},
        may={
            "cpus": list_of("The processors.", _processor(Dialect.D)),
            "memory": text("How much memory workloads may use, as 16Gi."),
            "storage": text("How much storage workloads may use, as 500Gi."),
            **devices(Dialect.D),
            **_hosting(runtimes=("oci", "custom"), types=("helm", "compose", "custom"), least=1),
        },
    )
    about = "The label's value: text, a number, true or false, or a list of texts or numbers."
    label = {
        "type": ["string", "number", "boolean", "array"],
        "description": about,
        "items": {"type": ["string", "number"]},
    }
    return obj(
        _ABOUT,
        must={"properties": properties},
        may={"labels": map_of("Labels that deployments select devices by.", label)},
        extensible=True,
    )


def _identity() -> Fields:
    return {
        "id": text("The device's id.", least=1),
        "vendor": text("Who made the device."),
        "modelNumber": text("Its model."),
        "serialNumber": text("Its serial number."),
    }


def _room() -> Fields:
    return {
        "memory": text("How much memory, as 59Gi; no space.", pattern=MEMORY),
        "storage": text("How much storage, as 1862Gi; no space.", pattern=STORAGE),
    }


def _processor(dialect: Dialect) -> Shape:
    return obj(
        _PROCESSOR,
        must={
            "cores": number("How many cores.", above=0),
            "architecture": word("Its architecture.", *OFFERED[dialect]),
        },
    )


def _hosting(*, runtimes: tuple[str, ...], types: tuple[str, ...], least: int = 0) -> Fields:
    """What only a device that hosts workloads says."""
    runtime, type_ = word("One runtime.", *runtimes), word("One type.", *types)
    return {
        "otelCollector": flag("Whether an OpenTelemetry collector runs; true on a host."),
        "supportedRuntimes": list_of("What runs workloads.", runtime, least=least),
        "supportedDeploymentTypes": list_of("The profile types it takes.", type_, least=least),
    }


_SHAPES: Mapping[Dialect, Callable[[], Shape]] = {
    Dialect.A: _a,
    Dialect.B: _b,
    Dialect.C2: _c2,
    Dialect.D: _d,
}
