"""What a device offers to workloads (DeviceCapabilitiesManifest)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from margo_gitops.model.application import Hardware, ProfileType
from margo_gitops.model.base import DeviceId, Frozen


class DeviceCapabilities(Frozen):
    """A device's own words: memory and storage in bytes, architectures in Margo's spelling.

    `properties` is the wire object, which eligibility rules address by JSON Pointer.
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
    labels: dict[str, Any] = {}
    properties: dict[str, Any] = {}
