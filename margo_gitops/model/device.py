"""What a device offers to workloads (DeviceCapabilitiesManifest)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from margo_gitops.model.application import Hardware, ProfileType
from margo_gitops.model.base import DeviceId, Extensions, Frozen


class DeviceCapabilities(Frozen):
    """A device's own words: memory and storage in bytes, architectures in Margo's spelling.

    `properties` is the wire object in dialect D's shape, whatever dialect was read: eligibility
    rules address it by JSON Pointer. `runtimes` and `otel_collector` are None or empty for a device
    that hosts no workloads.
    """

    id: DeviceId
    vendor: str
    model_number: str
    serial_number: str
    cores: Decimal | None = None
    architectures: tuple[str, ...] = ()
    memory: int | None = None
    storage: int | None = None
    peripherals: tuple[Hardware, ...] = ()
    interfaces: tuple[Hardware, ...] = ()
    deployment_types: frozenset[ProfileType] = frozenset()
    runtimes: tuple[str, ...] = ()
    otel_collector: bool | None = None
    labels: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    extensions: Extensions = {}
