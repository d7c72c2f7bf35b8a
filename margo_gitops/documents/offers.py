"""What a device offers, in dialect D's shape: the shape that eligibility rules point into."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from margo_gitops.documents import needs
from margo_gitops.documents.parts import Known, Wire, given, rest
from margo_gitops.model.application import Hardware, ProfileType
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.quantity import quantity

_KNOWN: Known = dict.fromkeys(
    [
        *("id", "vendor", "modelNumber", "serialNumber", "cpus", "memory", "storage"),
        *("peripherals", "interfaces"),
        *("otelCollector", "supportedRuntimes", "supportedDeploymentTypes"),
    ]
)


def read(properties: Wire, extensions: Wire, labels: Wire | None = None) -> DeviceCapabilities:
    """Capabilities from D's `properties`; the model's `properties` are their strict form."""
    cpus: list[Wire] = properties.get("cpus", [])
    counted = [Decimal(str(cpu["cores"])) for cpu in cpus if "cores" in cpu]
    found = DeviceCapabilities(
        id=properties["id"],
        vendor=properties["vendor"],
        model_number=properties["modelNumber"],
        serial_number=properties["serialNumber"],
        cores=sum(counted, Decimal(0)) if counted else None,
        architectures=needs.architectures(c["architecture"] for c in cpus if "architecture" in c),
        memory=needs.room(properties.get("memory")),
        storage=needs.room(properties.get("storage")),
        peripherals=needs.hardware(properties.get("peripherals", ())),
        interfaces=needs.hardware(properties.get("interfaces", ())),
        deployment_types=frozenset(properties.get("supportedDeploymentTypes", ())),
        runtimes=tuple(properties.get("supportedRuntimes", ())),
        otel_collector=properties.get("otelCollector"),
        labels=dict(labels or {}),
        properties=rest(properties, _KNOWN),
        extensions=dict(extensions),
    )
    return found.model_copy(update={"properties": write(found)})


def write(device: DeviceCapabilities) -> dict[str, Any]:
    """Dialect D's `properties`: strict spelling, then whatever else the device says of itself."""
    types = [kind.value for kind in ProfileType if kind in device.deployment_types]
    strict = given(
        id=device.id,
        vendor=device.vendor,
        modelNumber=device.model_number,
        serialNumber=device.serial_number,
        cpus=_processors(device) or None,
        memory=None if device.memory is None else quantity(device.memory),
        storage=None if device.storage is None else quantity(device.storage),
        peripherals=_hardware(device.peripherals),
        interfaces=_hardware(device.interfaces),
        otelCollector=bool(device.otel_collector) if types else device.otel_collector,
        supportedRuntimes=list(device.runtimes) or _runtimes(types) or None,
        supportedDeploymentTypes=types or None,
    )
    return {**strict, **rest(device.properties, _KNOWN)}


def _processors(device: DeviceCapabilities) -> list[dict[str, Any]]:
    """All cores stand with the first architecture: the model does not say which are whose."""
    total = needs.number(device.cores)
    first, *others = device.architectures or (None,)
    entries = [given(cores=total, architecture=first), *({"architecture": a} for a in others)]
    return [entry for entry in entries if entry]


def _runtimes(types: Iterable[str]) -> list[str]:
    """A host MUST name its runtimes: containers for helm and compose, else its own."""
    return sorted({"custom" if kind == "custom" else "oci" for kind in types}, reverse=True)


def _hardware(items: Iterable[Hardware]) -> list[dict[str, Any]]:
    return [given(type=h.type, manufacturer=h.manufacturer, model=h.model) for h in items]
