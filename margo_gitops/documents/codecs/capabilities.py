"""DeviceCapabilitiesManifest, in every dialect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from margo_gitops.documents.codecs import table
from margo_gitops.documents.codecs.needs import architectures, cores, number, room
from margo_gitops.documents.codecs.table import Shape
from margo_gitops.documents.codecs.unknown import restored
from margo_gitops.documents.codecs.wire import Wire, extensions, found, given, placed
from margo_gitops.documents.dialects import Dialect
from margo_gitops.errors import Invalid
from margo_gitops.model.application import ProfileType
from margo_gitops.model.device import DeviceCapabilities, Part, Processor, processors_of
from margo_gitops.model.quantity import quantity

_GB = 10**9
_DECIMAL = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?GB")
_ROLES: Mapping[str, tuple[str, ProfileType | None]] = {
    "standalone cluster": ("Standalone Cluster", ProfileType.HELM),
    "cluster leader": ("Cluster Leader", ProfileType.HELM),
    "cluster lead": ("Cluster Leader", ProfileType.HELM),
    "standalone device": ("Standalone Device", ProfileType.COMPOSE),
    "gateway": ("Gateway", None),
}
_ROLE_OF: Mapping[frozenset[ProfileType], tuple[str, ...]] = {
    frozenset(): ("Gateway",),
    frozenset({ProfileType.COMPOSE}): ("Standalone Device",),
}
"""The roles that stand for deployment types exactly: two roles run helm, so none is said there."""


def read(data: Wire, dialect: Dialect) -> DeviceCapabilities:
    """The model of capabilities that their schema accepts; spellings become the strict ones."""
    shape: Shape = table.SHAPES[dialect]
    properties: Wire = data["properties"]
    sizes = found(properties, shape.room) or {}
    parts = found(properties, shape.hardware) or {}
    roles = () if shape.hosting else _roles(properties.get("roles", ()))
    types = {_ROLES[r.lower()][1] for r in roles if r.lower() in _ROLES} - {None}
    return completed(
        DeviceCapabilities(
            id=properties["id"],
            vendor=properties["vendor"],
            model_number=properties["modelNumber"],
            serial_number=properties["serialNumber"],
            roles=roles,
            memory=_read_room(sizes.get("memory")),
            storage=_read_room(sizes.get("storage")),
            peripherals=_read_parts(parts.get("peripherals", ())),
            interfaces=_read_parts(parts.get("interfaces", ())),
            deployment_types=properties.get("supportedDeploymentTypes", types),
            runtimes=tuple(properties.get("supportedRuntimes", ())),
            otel_collector=properties.get("otelCollector"),
            labels=data.get("labels") or {},
            extensions=extensions(data),
            **_read_processors(found(properties, shape.processors)),
        )
    )


def write(device: DeviceCapabilities, dialect: Dialect) -> dict[str, Any]:
    """The wire object without its head and unknown fields: whatever the dialect has a place for."""
    shape = table.SHAPES[dialect]
    return {
        "properties": _properties(device, shape),
        **given(labels=device.labels or None),
        **device.extensions,
    }


def completed(device: DeviceCapabilities) -> DeviceCapabilities:
    """The device with its `properties` in dialect D's shape, for eligibility rules to point into.

    Unknown fields of the device's own properties are there as well. A host of helm or compose that
    names no runtime runs OCI containers.
    """
    strict = _properties(device, table.SHAPES[Dialect.D])
    if device.deployment_types and not device.runtimes:
        kinds = {"custom" if kind == "custom" else "oci" for kind in device.deployment_types}
        strict["supportedRuntimes"] = sorted(kinds, reverse=True)
    whole = restored({"properties": strict}, device.unknown)
    return device.model_copy(update={"properties": whole["properties"]})


def _properties(device: DeviceCapabilities, shape: Shape) -> dict[str, Any]:
    types = [kind.value for kind in ProfileType if kind in device.deployment_types]
    write = _gigabytes if shape.decimal else quantity
    memory, storage = (
        None if size is None else write(size) for size in (device.memory, device.storage)
    )
    silent = not (device.processors or memory or storage or device.peripherals or device.interfaces)
    parts = () if silent and shape.hardware else ("peripherals", "interfaces")
    hosting: list[tuple[tuple[str, ...], Any]] = [
        (("otelCollector",), device.otel_collector),
        (("supportedRuntimes",), list(device.runtimes) or None),
        (("supportedDeploymentTypes",), types or None),
    ]
    return placed(
        [
            (("id",), device.id),
            (("vendor",), device.vendor),
            (("modelNumber",), device.model_number),
            (("serialNumber",), device.serial_number),
            (("roles",), None if shape.hosting else list(_roles_of(device)) or None),
            (shape.processors, _write_processors(device, shape)),
            ((*shape.room, "memory"), memory),
            ((*shape.room, "storage"), storage),
            *(
                ((*shape.hardware, name), _write_parts(getattr(device, name), shape))
                for name in parts
            ),
            *(hosting if shape.hosting else []),
        ]
    )


def _roles(words: Iterable[Any]) -> tuple[str, ...]:
    """Roles in the specification's spelling, whatever their case."""
    return tuple(_ROLES.get(str(word).lower(), (str(word), None))[0] for word in words)


def _roles_of(device: DeviceCapabilities) -> tuple[str, ...]:
    """The roles as they were said, else those that stand for what the device runs, and no other.

    What runs nothing and has no resources can only be a gateway.
    """
    resources = (*device.processors, device.memory, device.storage)
    if device.roles or (not device.deployment_types and any(r is not None for r in resources)):
        return device.roles
    return _ROLE_OF.get(device.deployment_types, ())


def _read_processors(found: Any) -> dict[str, Any]:
    """Total, architectures and processors of an object, or of the list that later texts write."""
    entries: list[Wire] = found if isinstance(found, list) else [] if found is None else [found]
    cpus = tuple(cpu for entry in entries for cpu in _entry(entry))
    counted = [cpu.cores for cpu in cpus if cpu.cores is not None]
    total = sum(counted, Decimal(0)) if counted else None
    words = architectures(cpu.architecture for cpu in cpus if cpu.architecture is not None)
    plain = cpus == processors_of(total, words)
    return {"cores": total, "architectures": words, "cpus": () if plain else cpus}


def _entry(data: Wire) -> tuple[Processor, ...]:
    """One `architecture` in the examples of 2025, a list in its model; A also has a longer name."""
    word = data.get("architecture", data.get("cpuArchitecture"))
    words = data.get("architectures", ()) if word is None else (word,)
    first, *others = architectures(words) or (None,)
    return (
        Processor(
            cores=cores(data.get("cores")), architecture=first, frequency=data.get("frequency")
        ),
        *(Processor(architecture=other) for other in others),
    )


def _write_processors(device: DeviceCapabilities, shape: Shape) -> Any:
    entries = [
        given(
            cores=number(cpu.cores),
            architecture=cpu.architecture,
            frequency=cpu.frequency if shape.decimal else None,
        )
        for cpu in device.processors
    ]
    if shape.processors != ("resources", "cpu") or not entries:
        return entries or None
    if device.cpus:
        return entries
    words = [cpu.architecture for cpu in device.processors]
    if len(words) == 1:
        return entries[0]
    return given(cores=number(device.cores), architectures=words)


def _read_parts(data: Iterable[Wire]) -> tuple[Part, ...]:
    return tuple(
        Part(
            type=part.get("type", ""),
            manufacturer=part.get("manufacturer"),
            model=part.get("model", part.get("modelNumber")),
            name=part.get("name"),
            details=part.get("properties", {}),
        )
        for part in data
    )


def _write_parts(parts: Iterable[Part], shape: Shape) -> list[dict[str, Any]]:
    if shape.decimal:
        return [
            given(
                name=p.name, type=p.type or None, modelNumber=p.model, properties=p.details or None
            )
            for p in parts
        ]
    return [given(type=p.type, manufacturer=p.manufacturer, model=p.model) for p in parts]


def _read_room(value: Any) -> int | None:
    """Bytes; dialect A counts in GB, as text or as a bare number."""
    if value is None:
        return None
    text = str(value) if isinstance(value, str) else f"{value} GB"
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return room(text)
    size = Decimal(match[1]) * _GB
    if size != size.to_integral_value():
        raise Invalid(f"found {text!r}, expected a whole number of bytes")
    return int(size)


def _gigabytes(size: int) -> str:
    amount = (Decimal(size) / _GB).normalize()
    return f"{amount:f} GB"
