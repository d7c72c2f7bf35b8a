"""What a device offers to workloads (DeviceCapabilitiesManifest)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from margo_gitops.model.application import Hardware, ProfileType
from margo_gitops.model.base import DeviceId, Extensions, Frozen


class Processor(Frozen):
    """One processor: decimal cores, architecture, and dialect A's frequency as it was written."""

    cores: Decimal | None = None
    architecture: str | None = None
    frequency: str | None = None


class Part(Hardware):
    """A peripheral or interface of a device; dialect A gives it a name and free `details`.

    `type` is empty where dialect A leaves it out.
    """

    name: str | None = None
    details: dict[str, Any] = {}


class DeviceCapabilities(Frozen):
    """A device's own words: memory and storage in bytes, architectures in Margo's spelling.

    `cores` is the total. `cpus` is each processor where total and architectures do not say it all,
    else empty. `roles` are the words of dialects A and B, in their own spelling.

    `properties` is the wire object in dialect D's shape, whatever dialect was read: eligibility
    rules address it by JSON Pointer. `runtimes` and `otel_collector` are None or empty for a device
    that hosts no workloads. `api_version` and `unknown` are as in `ApplicationDescription`.
    """

    api_version: str | None = None
    id: DeviceId
    vendor: str
    model_number: str
    serial_number: str
    roles: tuple[str, ...] = ()
    cores: Decimal | None = None
    architectures: tuple[str, ...] = ()
    cpus: tuple[Processor, ...] = ()
    memory: int | None = None
    storage: int | None = None
    peripherals: tuple[Part, ...] = ()
    interfaces: tuple[Part, ...] = ()
    deployment_types: frozenset[ProfileType] = frozenset()
    runtimes: tuple[str, ...] = ()
    otel_collector: bool | None = None
    labels: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    extensions: Extensions = {}
    unknown: dict[str, Any] = {}

    @property
    def processors(self) -> tuple[Processor, ...]:
        """Each processor; without `cpus`, all cores stand with the first architecture."""
        return self.cpus or processors_of(self.cores, self.architectures)


def processors_of(cores: Decimal | None, architectures: tuple[str, ...]) -> tuple[Processor, ...]:
    """What a total and a list of architectures say of the processors, and no more."""
    first, *others = architectures or (None,)
    if cores is None and first is None:
        return ()
    return (
        Processor(cores=cores, architecture=first),
        *(Processor(architecture=other) for other in others),
    )
